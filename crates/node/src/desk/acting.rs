//! What this participant's own people decide, signed in its name.

use agreement::{
    Act, Agreement, Digest, Event, Receipt, Statement,
    acts::{Change, Consent, Offer, Rejection, Request, Standing},
};

use super::Papers;
use crate::{book::BookError, clock::now};

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
        self.publish(&act).await?;
        self.note(Event::Requested, digest, person, None).await?;
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
        let cause = needs_reason.then(|| reason.to_owned());
        match choice {
            Choice::Approve => return self.approve(digest, person).await,
            Choice::Offer => {
                self.within_catalogue(&self.terms(&digest).await?)?;
                self.publish(&self.sign(Offer { agreement, at }, Act::Offer)?).await?;
            }
            Choice::Reject => {
                let rejection = Rejection { agreement, at, reason: reason.to_owned() };
                self.publish(&self.sign(rejection, Act::Rejection)?).await?;
            }
            Choice::Stand(change) => {
                let number = self.book.next_standing(&digest, self.book.participant()).await?;
                let standing = Standing { agreement, at, change, number, reason: reason.to_owned() };
                self.publish(&self.sign(standing, Act::Standing)?).await?;
            }
        }
        let event = match choice {
            Choice::Offer => Event::Offered,
            Choice::Approve => Event::Approved,
            Choice::Reject => Event::Rejected,
            Choice::Stand(Change::Suspension) => Event::Suspended,
            Choice::Stand(Change::Resumption) => Event::Resumed,
            Choice::Stand(Change::Revocation) => Event::Revoked,
        };
        self.note(event, digest, person, cause).await
    }

    /// Notes a person's approval; with that of the last who is needed this participant consents.
    async fn approve(&self, digest: Digest, person: Option<String>) -> Result<(), BookError> {
        let person = person.ok_or_else(|| BookError::NotTaken("only a person approves".to_owned()))?;
        self.within_catalogue(&self.terms(&digest).await?)?;
        let at = now()?;
        let approvers = self.book.approve(&format!("agreement:{digest}"), &person, at).await?;
        self.note(Event::Approved, digest, Some(person), None).await?;
        if approvers.len() < self.approvers {
            return Ok(());
        }
        let consent = Consent { agreement: digest, at, approvers };
        self.publish(&self.sign(consent, Act::Consent)?).await?;
        self.note(Event::Consented, digest, None, None).await
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

    async fn note(
        &self,
        event: Event,
        digest: Digest,
        person: Option<String>,
        cause: Option<String>,
    ) -> Result<(), BookError> {
        let receipt = Receipt { agreement: Some(digest), person, cause, ..Receipt::of(event, now()?) };
        self.book.receipt(receipt).await.map(drop)
    }
}
