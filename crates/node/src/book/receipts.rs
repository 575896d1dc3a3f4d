//! The chain of this node's receipts, and those of its peers.

use std::borrow::Cow;

use agreement::{Event, Moment, Receipt, Signed};
use database::{Row, Transaction, query};
use records::standard::without_resident_ids;

use super::{Book, BookError, number, papers::text, signed, stored};

/// Refusals of one day that get a receipt; a coordinator could have any number of jobs refused.
const REFUSALS_A_DAY: i64 = 10_000;
/// Bytes of a cause.
const CAUSE: usize = 512;

impl Book {
    /// Signs a receipt and makes it the last of the chain.
    ///
    /// # Errors
    /// [`BookError`]; then there is no receipt.
    pub async fn receipt(&self, receipt: Receipt) -> Result<Signed<Receipt>, BookError> {
        let sign = async {
            let mut transaction = self.database.begin().await?;
            let signed = self.append(&mut transaction, receipt).await?;
            transaction.commit().await?;
            Ok(signed)
        };
        self.database.in_time(sign).await
    }

    /// The same as part of a transaction, in which it is the last row that others wait for.
    pub(super) async fn append(
        &self,
        transaction: &mut Transaction,
        mut receipt: Receipt,
    ) -> Result<Signed<Receipt>, BookError> {
        let row = query("UPDATE chain SET number = number + 1 WHERE place = 1 RETURNING number, digest")
            .fetch_one(&mut **transaction)
            .await?;
        receipt.number = number(row.try_get("number")?)?;
        let previous: String = row.try_get("digest")?;
        receipt.previous = match previous.as_str() {
            "" => None,
            digest => Some(digest.parse().map_err(|_| BookError::Broken(previous.clone()))?),
        };
        hide_resident_ids(&mut receipt);
        let signed = Signed::sign(receipt, &self.me, &*self.signer)?;
        let digest = signed.digest()?.to_string();
        query("UPDATE chain SET digest = $1 WHERE place = 1").bind(digest.clone()).execute(&mut **transaction).await?;
        let receipt = signed.statement();
        query("INSERT INTO receipts (number, digest, event, agreement, job, at_s, body) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(stored(receipt.number))
            .bind(digest)
            .bind(receipt.event.to_string())
            .bind(receipt.agreement.map(|digest| digest.to_string()).unwrap_or_default())
            .bind(receipt.job.clone().unwrap_or_default())
            .bind(receipt.at.seconds())
            .bind(text(signed.to_bytes()?)?)
            .execute(&mut **transaction)
            .await?;
        Ok(signed)
    }

    /// Writes a receipt that a job was refused which was never admitted here.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn turned_away(&self, job: &str, cause: &str, now: Moment) -> Result<(), BookError> {
        let admitted = query("SELECT COUNT(*) FROM uses WHERE job = $1")
            .bind(job.to_owned())
            .fetch_one(self.database.pool())
            .await?;
        if admitted.try_get::<i64, _>(0)? > 0 {
            return Ok(());
        }
        let cause = cause_of(cause);
        self.refused(Receipt { job: Some(job.to_owned()), cause, ..Receipt::of(Event::Refused, now) }).await
    }

    /// A receipt that a job was refused: one for each job, and so many a day.
    pub(super) async fn refused(&self, receipt: Receipt) -> Result<(), BookError> {
        let job = receipt.job.clone().unwrap_or_default();
        let before = query("SELECT COUNT(*) FROM receipts WHERE job = $1 AND event = 'refused'")
            .bind(job.clone())
            .fetch_one(self.database.pool())
            .await?;
        let today = query("SELECT COUNT(*) FROM receipts WHERE event = 'refused' AND at_s > $1")
            .bind(receipt.at.seconds().saturating_sub(86_400))
            .fetch_one(self.database.pool())
            .await?;
        if before.try_get::<i64, _>(0)? > 0 {
            return Ok(());
        }
        if today.try_get::<i64, _>(0)? >= REFUSALS_A_DAY {
            tracing::error!(job, "a job was refused without a receipt: too many were refused today");
            return Ok(());
        }
        self.receipt(receipt).await.map(drop)
    }

    /// This node's receipts from number `from` on, in order, at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn receipts(&self, from: u64, most: u32) -> Result<Vec<Signed<Receipt>>, BookError> {
        let rows = query("SELECT body FROM receipts WHERE number >= $1 ORDER BY number LIMIT $2")
            .bind(stored(from))
            .bind(i64::from(most))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| signed(row, "body")).collect()
    }

    /// This node's receipts of a job, in order.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn receipts_of(&self, job: &str) -> Result<Vec<Signed<Receipt>>, BookError> {
        let rows = query("SELECT body FROM receipts WHERE job = $1 ORDER BY number")
            .bind(job.to_owned())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| signed(row, "body")).collect()
    }

    /// The transcript of a job that is done here, and whose result is where it belongs.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn transcript_of(&self, job: &str) -> Result<Option<[u8; 32]>, BookError> {
        let run = |receipt: &Signed<Receipt>| {
            let receipt = receipt.statement();
            receipt.run.as_ref().filter(|_| receipt.event == Event::Succeeded).map(|run| *run.transcript.as_bytes())
        };
        Ok(self.receipts_of(job).await?.iter().find_map(run))
    }

    /// Keeps a peer's receipt of a run that this node had a part in, and compares it with this node's own, if that is there.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if there was no such job with its signer's key.
    pub async fn compare(&self, theirs: &Signed<Receipt>, now: Moment) -> Result<Option<&'static str>, BookError> {
        let (digest, receipt) = (theirs.digest()?, theirs.statement());
        let job = receipt.job.clone().unwrap_or_default();
        // One for each job that was run with the peer, by the key with which it signed its use of it in the handshake: that was the
        // pinned one then, whatever took its place since.
        let identity = self.identity_in(&job, theirs.signer()).await?;
        if !receipt.event.ends_a_run() || identity != Some(*theirs.identity()) {
            return Err(BookError::NotTaken("the receipt is not of a run with this node".to_owned()));
        }
        query(
            "INSERT INTO peer_receipts (job, signer, digest, at_s, body) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (job, signer) DO NOTHING",
        )
        .bind(job.clone())
        .bind(theirs.signer().to_string())
        .bind(digest.to_string())
        .bind(receipt.at.seconds())
        .bind(text(theirs.to_bytes()?)?)
        .execute(self.database.pool())
        .await?;
        self.compare_all(&job, now).await
    }

    /// Compares this node's receipt of how a run ended with those of its peers, as far as both are there. A difference gets a receipt of
    /// its own, once.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn compare_all(&self, job: &str, now: Moment) -> Result<Option<&'static str>, BookError> {
        let own = self.receipts_of(job).await?;
        let Some(ours) = own.iter().map(Signed::statement).find(|receipt| receipt.event.ends_a_run()) else {
            return Ok(None);
        };
        for theirs in self.peer_receipts_of(job).await? {
            let Some(what) = ours.difference(theirs.statement()) else { continue };
            let finding = Receipt {
                agreement: ours.agreement,
                job: Some(job.to_owned()),
                cause: Some(format!("the receipt of {} differs from this node's in {what}", theirs.signer())),
                ..Receipt::of(Event::Disputed, now)
            };
            if !self.dispute(job, finding).await? {
                return Ok(None);
            }
            tracing::error!(job, peer = %theirs.signer(), what, "the receipts of both sides differ");
            return Ok(Some(what));
        }
        Ok(None)
    }

    /// Writes down that the receipts of a job differ, once. Whether it was the first time.
    async fn dispute(&self, job: &str, finding: Receipt) -> Result<bool, BookError> {
        let mut transaction = self.database.begin().await?;
        // The row that every receipt writes first: nobody else writes one now.
        query("UPDATE chain SET number = number WHERE place = 1").execute(&mut *transaction).await?;
        let known = query("SELECT COUNT(*) FROM receipts WHERE job = $1 AND event = 'disputed'")
            .bind(job.to_owned())
            .fetch_one(&mut *transaction)
            .await?;
        if known.try_get::<i64, _>(0)? > 0 {
            return Ok(false);
        }
        self.append(&mut transaction, finding).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Peers' receipts of a job.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn peer_receipts_of(&self, job: &str) -> Result<Vec<Signed<Receipt>>, BookError> {
        let rows = query("SELECT body FROM peer_receipts WHERE job = $1 ORDER BY at_s, digest")
            .bind(job.to_owned())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| signed(row, "body")).collect()
    }
}

/// A cause for a receipt, cut where no number is cut.
pub(super) fn cause_of(text: &str) -> Option<String> {
    Some(agreement::printable(&without_resident_ids(text), CAUSE)).filter(|cause| !cause.is_empty())
}

/// What others typed, or a program reported, may name a person.
fn hide_resident_ids(receipt: &mut Receipt) {
    let purpose = receipt.export.as_mut().map(|export| &mut export.purpose);
    for text in receipt.cause.iter_mut().chain(purpose) {
        if let Cow::Owned(hidden) = without_resident_ids(text) {
            *text = hidden;
        }
    }
}
