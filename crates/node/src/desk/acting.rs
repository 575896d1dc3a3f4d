//! What this participant's own people decide, signed in its name.

use agreement::{
    Act, Agreement, Digest, Event, Receipt, Statement,
    acts::{Change, Consent, Offer, Rejection, Request, Standing},
};

use super::Papers;
use crate::{
    book::{BookError, News},
    clock::now,
};

/// What a person decides of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This participant would enter it.
    Offer,
    /// This person approves it.
    Approve,
    /// This participant does not enter it.
    Reject,
    /// Its standing changes.
    Stand(Change),
}

impl Papers {
    /// Signs a request for an agreement.
    pub(crate) async fn request(&self, agreement: Agreement, person: Option<String>) -> Result<Digest, BookError> {
        let digest = agreement.digest().map_err(|error| BookError::NotTaken(error.to_string()))?;
        self.within_catalogue(&agreement)?;
        let act = self.sign(Request { agreement, at: now()? }, |signed| Act::Request(Box::new(signed)))?;
        self.publish(&act, receipt(Event::Requested, digest, (person, None))?).await?;
        Ok(digest)
    }

    /// Does what a person decides.
    pub(crate) async fn decide(
        &self,
        digest: Digest,
        choice: Choice,
        (person, reason): (Option<String>, &str),
    ) -> Result<(), BookError> {
        let (agreement, at) = (digest, now()?);
        let needs_reason = !matches!(choice, Choice::Offer | Choice::Approve);
        if needs_reason && reason.trim().is_empty() {
            return Err(BookError::NotTaken("a reason is missing".to_owned()));
        }
        let act = match choice {
            Choice::Approve => return self.approve(digest, person).await,
            Choice::Offer => {
                self.within_catalogue(&self.terms(&digest).await?)?;
                self.sign(Offer { agreement, at }, Act::Offer)?
            }
            Choice::Reject => self.sign(Rejection { agreement, at, reason: reason.to_owned() }, Act::Rejection)?,
            Choice::Stand(change) => {
                let number = self.book.next_standing(&digest, self.book.participant()).await?;
                let standing = Standing { agreement, at, change, number, reason: reason.to_owned() };
                self.sign(standing, Act::Standing)?
            }
        };
        let event = match choice {
            Choice::Offer => Event::Offered,
            Choice::Approve => Event::Approved,
            Choice::Reject => Event::Rejected,
            Choice::Stand(Change::Suspension) => Event::Suspended,
            Choice::Stand(Change::Resumption) => Event::Resumed,
            Choice::Stand(Change::Revocation) => Event::Revoked,
        };
        let cause = needs_reason.then(|| reason.to_owned());
        match self.publish(&act, receipt(event, digest, (person, cause))?).await? {
            // What was signed meanwhile has another reason, or is the contrary.
            News::Known if needs_reason => {
                Err(BookError::NotTaken("this participant has said so before: see how the agreement stands".to_owned()))
            }
            News::New | News::Known => Ok(()),
        }
    }

    /// Notes a person's approval; with that of the last who is needed this participant consents.
    async fn approve(&self, digest: Digest, person: Option<String>) -> Result<(), BookError> {
        let person = person.ok_or_else(|| BookError::NotTaken("only a person approves".to_owned()))?;
        self.within_catalogue(&self.terms(&digest).await?)?;
        let at = now()?;
        let approvers = self.book.approve_agreement(&digest, &person, at).await?;
        if approvers.len() < self.approvers {
            return Ok(());
        }
        let consent = Consent { agreement: digest, at, approvers };
        self.publish(&self.sign(consent, Act::Consent)?, receipt(Event::Consented, digest, (None, None))?)
            .await
            .map(drop)
    }

    async fn terms(&self, digest: &Digest) -> Result<Agreement, BookError> {
        let terms = self.book.agreement(digest).await?;
        terms.ok_or_else(|| BookError::NotTaken(format!("there is no agreement {digest} here")))
    }

    fn sign<T: Statement>(
        &self,
        statement: T,
        act: impl FnOnce(agreement::Signed<T>) -> Act,
    ) -> Result<Act, BookError> {
        Ok(act(self.book.sign(statement)?))
    }
}

/// A receipt of what a person did about an agreement.
fn receipt(
    event: Event,
    digest: Digest,
    (person, cause): (Option<String>, Option<String>),
) -> Result<Receipt, BookError> {
    Ok(Receipt { agreement: Some(digest), person, cause, ..Receipt::of(event, now()?) })
}
