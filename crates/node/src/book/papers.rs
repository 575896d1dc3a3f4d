//! Agreements and what was signed about them.

use agreement::{
    Act, Agreement, Digest, IdentityPublicKey, Life, Moment, ParticipantId, Receipt, Statement,
    acts::{Change, Consent, Rejection},
};
use database::{Row, Transaction, query};

use super::{
    Book, BookError,
    post::{self, Post, is_handed_on, way_of},
    stored,
};

/// The most agreements that a node keeps to which its own participant has not consented: anybody who is pinned can ask for some.
const OPEN_REQUESTS: i64 = 1000;
/// How long a request counts as open, in milliseconds.
const OPEN_FOR_MS: i64 = 60 * 86_400_000;
/// Above all numbers of standing statements, times the kinds of them.
const FOR_EVER: u64 = 1 << 60;

const REJECTED: &str = "this participant has rejected it";

/// An agreement with all that this node holds about it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name.
    pub digest: Digest,
    /// Its terms.
    pub agreement: Agreement,
    /// What was signed about it, by those whose word counts.
    pub acts: Vec<Act>,
    /// When this node first heard of it, in milliseconds since the Unix epoch.
    pub received_ms: i64,
}

/// Writes a statement down, unless one that counts as much is there. Gives what was there of its kind from its signer.
async fn insert(
    transaction: &mut Transaction,
    (act, digest): (&Act, &Digest),
    now_ms: i64,
) -> Result<(News, Option<String>), BookError> {
    // The row that admissions write first: one that did not see this statement is done, and its job can be stopped.
    query(super::COUNTER).bind(digest.to_string()).fetch_one(&mut **transaction).await?;
    let signer = act.signer();
    let earlier = said(transaction, digest, act.kind(), signer).await?;
    let kept = query(
        "INSERT INTO acts (agreement, kind, signer, identity, rank, body, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (agreement, kind, signer, identity) DO UPDATE SET rank = excluded.rank, body = excluded.body, \
         received_ms = excluded.received_ms WHERE excluded.rank > acts.rank",
    )
    .bind(digest.to_string())
    .bind(act.kind())
    .bind(signer.0.to_string())
    .bind(signer.1.to_string())
    .bind(rank(act))
    .bind(text(act.to_bytes()?)?)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    Ok((if kept.rows_affected() > 0 { News::New } else { News::Known }, earlier))
}

/// The statement of a kind that is kept of a signer about an agreement.
async fn said(
    transaction: &mut Transaction,
    digest: &Digest,
    kind: &str,
    (signer, identity): (&ParticipantId, &IdentityPublicKey),
) -> Result<Option<String>, BookError> {
    let row = query("SELECT body FROM acts WHERE agreement = $1 AND kind = $2 AND signer = $3 AND identity = $4")
        .bind(digest.to_string())
        .bind(kind.to_owned())
        .bind(signer.to_string())
        .bind(identity.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.map(|row| row.try_get("body")).transpose()?)
}

/// What a statement changed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It was not known, or counts more than the one before.
    New,
    /// Nothing.
    Known,
}

impl Book {
    /// Keeps a statement about an agreement, whoever brought it. A request brings the agreement with it; any other is only
    /// taken for an agreement that is known. What a supervisor holds goes into the post for the other parties.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if its signer has no say; [`BookError::NotNow`] if its key is not pinned here, or its agreement is
    /// not known yet.
    pub async fn keep(&self, act: &Act, now_ms: i64) -> Result<News, BookError> {
        let kept = async {
            let (digest, terms) = self.may_take(act, now_ms).await?;
            let mut transaction = self.database.begin().await?;
            let (news, earlier) = insert(&mut transaction, (act, &digest), now_ms).await?;
            if news == News::New {
                post::superseded(&mut transaction, earlier.as_deref()).await?;
                if is_handed_on(act, &terms) {
                    self.post_to_others(&mut transaction, (act.to_bytes()?, way_of(act)), &terms).await?;
                }
            }
            transaction.commit().await?;
            Ok(news)
        };
        self.database.in_time(kept).await
    }

    /// Keeps a statement of this participant's own, puts it into the post for the other parties, and writes a receipt of it: all or
    /// nothing. If what was signed before counts as much, that is brought to them again, which may never have reached them.
    ///
    /// # Errors
    /// As [`Self::keep`], and [`BookError::NotTaken`] for a consent to what was rejected, or the other way round.
    pub async fn publish(&self, act: &Act, receipt: Receipt, now_ms: i64) -> Result<News, BookError> {
        let published = async {
            let (digest, terms) = self.may_take(act, now_ms).await?;
            let mut transaction = self.database.begin().await?;
            let (news, earlier) = insert(&mut transaction, (act, &digest), now_ms).await?;
            self.not_the_contrary(&mut transaction, act, &digest).await?;
            let statement = match (news, earlier) {
                (News::Known, Some(earlier)) => earlier.into_bytes(),
                (_, earlier) => {
                    post::superseded(&mut transaction, earlier.as_deref()).await?;
                    act.to_bytes()?
                }
            };
            self.post_to_others(&mut transaction, (statement, way_of(act)), &terms).await?;
            if news == News::New {
                self.append(&mut transaction, receipt).await?;
            }
            transaction.commit().await?;
            Ok(news)
        };
        self.database.in_time(published).await
    }

    /// Of a consent and a rejection of this participant's there is one, whoever decides at the same time.
    async fn not_the_contrary(
        &self,
        transaction: &mut Transaction,
        act: &Act,
        digest: &Digest,
    ) -> Result<(), BookError> {
        let (contrary, problem) = match act {
            Act::Consent(_) => (Rejection::KIND, REJECTED),
            Act::Rejection(_) => (Consent::KIND, "this participant has signed it: revoke it"),
            _ => return Ok(()),
        };
        match said(transaction, digest, contrary, act.signer()).await? {
            Some(_) => Err(BookError::NotTaken(problem.to_owned())),
            None => Ok(()),
        }
    }

    /// Whether this participant's people may approve an agreement still, as part of a transaction that others wait for. One that is
    /// signed is brought to the other parties again.
    pub(super) async fn may_approve(
        &self,
        transaction: &mut Transaction,
        digest: &Digest,
    ) -> Result<Result<(), BookError>, BookError> {
        query(super::COUNTER).bind(digest.to_string()).fetch_one(&mut **transaction).await?;
        let me = (&self.me, &self.identity());
        if said(transaction, digest, Rejection::KIND, me).await?.is_some() {
            return Ok(Err(BookError::NotTaken(REJECTED.to_owned())));
        }
        let Some(consent) = said(transaction, digest, Consent::KIND, me).await? else { return Ok(Ok(())) };
        if let Some(terms) = self.agreement(digest).await? {
            self.post_to_others(transaction, (consent.into_bytes(), Post::IfRoom), &terms).await?;
        }
        Ok(Err(BookError::NotTaken("this participant has signed it already".to_owned())))
    }

    /// Whether a statement may be taken in; gives the agreement that it is about. That of a request is kept.
    async fn may_take(&self, act: &Act, now_ms: i64) -> Result<(Digest, Agreement), BookError> {
        let digest = act.agreement()?;
        let (signer, pinned) = (act.signer(), self.pinned());
        if !pinned.is_participant(signer) && !pinned.is_supervisor(signer) {
            let (who, identity) = signer;
            let problem = format!("{identity} is not pinned here for {who}");
            // One that was replaced never comes back; another one an operator may accept.
            let was_pinned = pinned.was_participant(signer) || pinned.was_supervisor(signer);
            return Err(if was_pinned { BookError::NotTaken(problem) } else { BookError::NotNow(problem) });
        }
        let known = match act {
            Act::Request(request) => request.statement().agreement.clone(),
            // Statements of several parties come in any order.
            _ => self
                .agreement(&digest)
                .await?
                .ok_or_else(|| BookError::NotNow(format!("there is no agreement {digest} here")))?,
        };
        let is_party = known.party_of(signer.0).is_some_and(|party| party.identity == *signer.1);
        let may_hold = matches!(act, Act::Standing(_)) && pinned.is_supervisor(signer);
        if !is_party && !may_hold {
            return Err(BookError::NotTaken(format!("{} has no say in agreement {}", signer.0, digest.short())));
        }
        if matches!(act, Act::Request(_)) {
            self.keep_agreement((&known, &digest), signer.0, now_ms).await?;
        }
        Ok((digest, known))
    }

    /// Keeps the text of an agreement in which this node's participant has a part, as `by` asks for it.
    async fn keep_agreement(
        &self,
        (agreement, digest): (&Agreement, &Digest),
        by: &ParticipantId,
        now_ms: i64,
    ) -> Result<(), BookError> {
        if agreement.party_of(&self.me).is_none() {
            return Err(BookError::NotTaken(format!("{} is no party to agreement {}", self.me, digest.short())));
        }
        let known = query("SELECT COUNT(*) FROM agreements WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_one(self.database.pool())
            .await?;
        if known.try_get::<i64, _>(0)? > 0 {
            return Ok(());
        }
        if *by != self.me && self.open_requests(now_ms).await? >= OPEN_REQUESTS {
            return Err(BookError::NotNow("too many requests wait for an answer here".to_owned()));
        }
        let bytes = agreement.to_bytes().map_err(|error| BookError::NotTaken(error.to_string()))?;
        query(
            "INSERT INTO agreements (digest, name, body, received_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (digest) DO NOTHING",
        )
        .bind(digest.to_string())
        .bind(agreement.name.clone())
        .bind(text(bytes)?)
        .bind(now_ms)
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// Agreements of the last two months that this participant has neither consented to nor rejected.
    async fn open_requests(&self, now_ms: i64) -> Result<i64, BookError> {
        let open = query(
            "SELECT COUNT(*) FROM agreements WHERE received_ms > $2 AND NOT EXISTS \
             (SELECT 1 FROM acts WHERE acts.agreement = agreements.digest AND acts.kind IN ('consent', 'rejection') \
             AND acts.signer = $1)",
        )
        .bind(self.me.to_string())
        .bind(now_ms.saturating_sub(OPEN_FOR_MS))
        .fetch_one(self.database.pool())
        .await?;
        Ok(open.try_get(0)?)
    }

    /// The terms of an agreement, if this node has them.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn agreement(&self, digest: &Digest) -> Result<Option<Agreement>, BookError> {
        let row = query("SELECT body FROM agreements WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        row.map(|row| read_agreement(&row.try_get::<String, _>("body")?)).transpose()
    }

    /// An agreement with all that is known about it.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn known(&self, digest: &Digest) -> Result<Option<Known>, BookError> {
        let row = query("SELECT body, received_ms FROM agreements WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let agreement = read_agreement(&row.try_get::<String, _>("body")?)?;
        let rows = query(ACTS).bind(digest.to_string()).fetch_all(self.database.pool()).await?;
        let acts = rows.iter().map(read_act).collect::<Result<_, _>>()?;
        Ok(Some(Known { digest: *digest, agreement, acts, received_ms: row.try_get("received_ms")? }))
    }

    /// Agreements whose digest begins with these digits, two at most.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn beginning_with(&self, digits: &str) -> Result<Vec<Known>, BookError> {
        // Digits are below g: what begins with them lies between.
        let rows = query("SELECT digest FROM agreements WHERE digest >= $1 AND digest < $2 ORDER BY digest LIMIT 2")
            .bind(digits.to_owned())
            .bind(format!("{digits}g"))
            .fetch_all(self.database.pool())
            .await?;
        self.all(&rows).await
    }

    /// The newest agreements, at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn agreements(&self, most: u32) -> Result<Vec<Known>, BookError> {
        let rows = query("SELECT digest FROM agreements ORDER BY received_ms DESC, digest LIMIT $1")
            .bind(i64::from(most))
            .fetch_all(self.database.pool())
            .await?;
        self.all(&rows).await
    }

    async fn all(&self, rows: &[database::AnyRow]) -> Result<Vec<Known>, BookError> {
        let mut all = Vec::new();
        for row in rows {
            let digest: String = row.try_get("digest")?;
            let digest = digest.parse().map_err(|_| BookError::Broken(digest))?;
            all.extend(self.known(&digest).await?);
        }
        Ok(all)
    }

    /// Runs of an agreement that were admitted here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn runs(&self, digest: &Digest) -> Result<u64, BookError> {
        let row = query("SELECT runs FROM counters WHERE agreement = $1")
            .bind(digest.to_string())
            .fetch_optional(self.database.pool())
            .await?;
        row.map_or(Ok(0), |row| super::number(row.try_get("runs")?))
    }

    /// The number of this signer's next standing statement about an agreement.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn next_standing(&self, digest: &Digest, signer: &ParticipantId) -> Result<u64, BookError> {
        let known = self.known(digest).await?;
        let acts = known.map(|known| known.acts).unwrap_or_default();
        let own = acts.iter().filter(|act| act.signer().0 == signer).map(Act::number);
        Ok(own.max().unwrap_or(0).saturating_add(1))
    }
}

impl Known {
    /// Where it is in its life at `now`, after `used` runs here.
    #[must_use]
    pub fn state(&self, book: &Book, used: u64, now: Moment) -> (Life, agreement::AgreementState) {
        let life = Life::of(&self.agreement, &self.digest, &self.acts, &book.pinned());
        // There is no ledger yet: what is agreed is effective.
        let state = life.state(&self.agreement, used, now, true);
        (life, state)
    }
}

/// All statements about one agreement.
pub(super) const ACTS: &str = "SELECT body FROM acts WHERE agreement = $1 ORDER BY received_ms, kind, signer";

pub(super) fn read_agreement(body: &str) -> Result<Agreement, BookError> {
    Agreement::from_bytes(body.as_bytes()).map_err(|error| BookError::Broken(error.to_string()))
}

pub(super) fn read_act(row: &database::AnyRow) -> Result<Act, BookError> {
    let body: String = row.try_get("body")?;
    Act::from_bytes(body.as_bytes()).map_err(|error| BookError::Broken(error.to_string()))
}

/// Canonical JSON is UTF-8.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, BookError> {
    String::from_utf8(bytes).map_err(|error| BookError::Broken(error.to_string()))
}

/// Which of two statements of one kind and signer counts: of standing ones a revocation, then the higher number, then the
/// stricter; of others the first.
fn rank(act: &Act) -> i64 {
    let Act::Standing(standing) = act else { return 0 };
    let standing = standing.statement();
    let number = standing.number.saturating_mul(4);
    stored(match standing.change {
        Change::Resumption => number,
        Change::Suspension => number.saturating_add(1),
        Change::Revocation => number.saturating_add(FOR_EVER),
    })
}
