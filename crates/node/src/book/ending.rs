//! The end of a job in the book.

use agreement::{Digest, Event, Life, Moment, ParticipantId, Receipt, Signed, receipt::Use};
use database::{Row, Transaction, query};

use super::{
    Book, BookError, Made, approvals, number, papers,
    post::{Post, post},
    receipts::cause_of,
    signed,
};

/// The outcome of a job that was done.
pub(super) const SUCCEEDED: &str = "Succeeded";

/// Whether an end was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was.
    Now,
    /// The job had ended here before, or was never admitted: nothing changed.
    Before,
    /// The agreement does not stand any more, for this reason: nothing changed.
    Held(String),
}

/// A use of an agreement, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseRecord {
    /// The job that it was.
    pub job: String,
    /// Its number.
    pub number: u64,
    /// How the job ended here; empty as long as it has not.
    pub outcome: String,
}

impl Book {
    /// Notes that a job has ended here, with receipts of how, and the result that it made. It is not admitted again. Those of
    /// how a run ended go into the post for `others`, all in one transaction. A success is none under an agreement that is held meanwhile.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn ended(
        &self,
        job: &str,
        outcome: &str,
        receipts: (Vec<Receipt>, &[&ParticipantId]),
        made: Option<&Made>,
    ) -> Result<Ended, BookError> {
        self.database.in_time(self.end(job, outcome, receipts, made)).await
    }

    async fn end(
        &self,
        job: &str,
        outcome: &str,
        (receipts, others): (Vec<Receipt>, &[&ParticipantId]),
        made: Option<&Made>,
    ) -> Result<Ended, BookError> {
        let mut transaction = self.database.begin().await?;
        let row = query("SELECT agreement FROM uses WHERE job = $1")
            .bind(job.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(Ended::Before) };
        let agreement: String = row.try_get("agreement")?;
        if outcome == SUCCEEDED
            && let Some(reason) = self.held(&mut transaction, &agreement).await?
        {
            return Ok(Ended::Held(reason));
        }
        let ended = query("UPDATE uses SET outcome = $2 WHERE job = $1 AND outcome = ''")
            .bind(job.to_owned())
            .bind(outcome.to_owned())
            .execute(&mut *transaction)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(Ended::Before);
        }
        if let Some(made) = made {
            Self::keep_result(&mut transaction, job, &agreement, made).await?;
        }
        approvals::forget(&mut transaction, job).await?;
        for receipt in receipts {
            let is_for_others = receipt.event.ends_a_run();
            let signed = self.append(&mut transaction, receipt).await?.to_bytes()?;
            for other in others.iter().filter(|_| is_for_others) {
                post(&mut transaction, other, &signed, Post::IfRoom).await?;
            }
        }
        transaction.commit().await?;
        Ok(Ended::Now)
    }

    /// Why nothing is delivered under an agreement, if somebody holds it. Whoever says so from now on comes after this
    /// transaction.
    async fn held(&self, transaction: &mut Transaction, agreement: &str) -> Result<Option<String>, BookError> {
        query(super::COUNTER).bind(agreement.to_owned()).fetch_one(&mut **transaction).await?;
        let digest: Digest = agreement.parse().map_err(|_| BookError::Broken(agreement.to_owned()))?;
        let row = query("SELECT body FROM agreements WHERE digest = $1")
            .bind(agreement.to_owned())
            .fetch_optional(&mut **transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let terms = papers::read_agreement(&row.try_get::<String, _>("body")?)?;
        let rows = query(papers::ACTS).bind(agreement.to_owned()).fetch_all(&mut **transaction).await?;
        let acts = rows.iter().map(papers::read_act).collect::<Result<Vec<_>, _>>()?;
        Ok(Life::of(&terms, &digest, &acts, &self.pinned()).held_because())
    }

    /// Notes that a job which does not go on here is over, if it was admitted and nothing says so yet.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn given_up(&self, job: &str, outcome: &str, because: (&str, Moment)) -> Result<(), BookError> {
        self.database.in_time(self.give_up(job, outcome, because)).await
    }

    async fn give_up(&self, job: &str, outcome: &str, (cause, now): (&str, Moment)) -> Result<(), BookError> {
        let row = query("SELECT statement FROM uses WHERE job = $1 AND outcome = ''")
            .bind(job.to_owned())
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else {
            let mut transaction = self.database.begin().await?;
            approvals::forget_open(&mut transaction, job).await?;
            return Ok(transaction.commit().await?);
        };
        let signed_use: Signed<Use> = signed(&row, "statement")?;
        let cause = cause_of(cause);
        let receipt = Receipt {
            agreement: Some(signed_use.statement().agreement),
            job: Some(job.to_owned()),
            use_number: Some(signed_use.statement().number),
            cause,
            ..Receipt::of(Event::Failed, now)
        };
        let met = self.met(job).await?;
        let others: Vec<&ParticipantId> = met.iter().collect();
        self.end(job, outcome, (vec![receipt], &others), None).await?;
        self.compare_all(job, now).await.map(drop)
    }

    /// The peers that showed their uses of a job: they know of it.
    async fn met(&self, job: &str) -> Result<Vec<ParticipantId>, BookError> {
        let rows = query("SELECT peer FROM peer_uses WHERE job = $1")
            .bind(job.to_owned())
            .fetch_all(self.database.pool())
            .await?;
        let read = |row: &database::AnyRow| {
            let peer: String = row.try_get("peer")?;
            peer.parse().map_err(|_| BookError::Broken(peer.clone()))
        };
        rows.iter().map(read).collect()
    }

    /// Why a job ended here without a result, as its receipt says.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn cause_of(&self, job: &str) -> Result<Option<String>, BookError> {
        let receipts = self.receipts_of(job).await?;
        let failure = receipts
            .iter()
            .map(Signed::statement)
            .find(|receipt| matches!(receipt.event, Event::Failed | Event::Withheld));
        Ok(failure.and_then(|receipt| receipt.cause.clone()))
    }

    /// Jobs that were admitted and have not ended here, the oldest first, at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn open_uses(&self, most: u32) -> Result<Vec<String>, BookError> {
        let rows = query("SELECT job FROM uses WHERE outcome = '' ORDER BY at_s, job LIMIT $1")
            .bind(i64::from(most))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("job")?)).collect()
    }

    /// Agreements under which a job was admitted and has not ended here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn agreements_in_use(&self) -> Result<Vec<Digest>, BookError> {
        let rows =
            query("SELECT DISTINCT agreement FROM uses WHERE outcome = ''").fetch_all(self.database.pool()).await?;
        let read = |row: &database::AnyRow| {
            let digest: String = row.try_get("agreement")?;
            digest.parse().map_err(|_| BookError::Broken(digest.clone()))
        };
        rows.iter().map(read).collect()
    }

    /// Jobs under an agreement that were admitted and have not ended here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn open_jobs(&self, digest: &Digest) -> Result<Vec<String>, BookError> {
        let rows = query("SELECT job FROM uses WHERE agreement = $1 AND outcome = ''")
            .bind(digest.to_string())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("job")?)).collect()
    }

    /// The uses of an agreement, in the order of their numbers.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn uses(&self, digest: &Digest) -> Result<Vec<UseRecord>, BookError> {
        let rows = query("SELECT job, number, outcome FROM uses WHERE agreement = $1 ORDER BY number")
            .bind(digest.to_string())
            .fetch_all(self.database.pool())
            .await?;
        let read = |row: &database::AnyRow| {
            let number = number(row.try_get("number")?)?;
            Ok(UseRecord { job: row.try_get("job")?, number, outcome: row.try_get("outcome")? })
        };
        rows.iter().map(read).collect()
    }
}
