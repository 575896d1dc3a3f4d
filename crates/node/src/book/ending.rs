//! The end of a job in the book.

use agreement::{Event, Moment, ParticipantId, Receipt, Signed, receipt::Use};
use database::{Row, query};

use super::{Book, BookError, Made, post::post, waiting};

impl Book {
    /// Notes that a job has ended here, with receipts of how, and the result that it made. It is not admitted again. Receipts of a
    /// run go into the post for `others`, all in one transaction.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn ended(
        &self,
        job: &str,
        outcome: &str,
        receipts: (Vec<Receipt>, &[&ParticipantId]),
        made: Option<&Made>,
    ) -> Result<(), BookError> {
        self.database.in_time(self.end(job, outcome, receipts, made)).await
    }

    async fn end(
        &self,
        job: &str,
        outcome: &str,
        (receipts, others): (Vec<Receipt>, &[&ParticipantId]),
        made: Option<&Made>,
    ) -> Result<(), BookError> {
        let mut transaction = self.database.begin().await?;
        let row = query("UPDATE uses SET outcome = $2 WHERE job = $1 AND outcome = '' RETURNING agreement")
            .bind(job.to_owned())
            .bind(outcome.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(()) };
        if let Some(made) = made {
            Self::keep_result(&mut transaction, job, &row.try_get::<String, _>("agreement")?, made).await?;
        }
        waiting::forget(&mut transaction, job).await?;
        for receipt in receipts {
            let is_of_run = receipt.run.is_some();
            let signed = self.append(&mut transaction, receipt).await?.to_bytes()?;
            for other in others.iter().filter(|_| is_of_run) {
                post(&mut transaction, other, &signed).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Notes that a job which does not go on here is over, if it was admitted and nothing says so yet.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn given_up(&self, job: &str, outcome: &str, (cause, now): (&str, Moment)) -> Result<(), BookError> {
        let row = query("SELECT statement FROM uses WHERE job = $1 AND outcome = ''")
            .bind(job.to_owned())
            .fetch_optional(self.database.pool())
            .await?;
        let Some(row) = row else {
            query("DELETE FROM waiting WHERE job = $1 AND answer = ''")
                .bind(job.to_owned())
                .execute(self.database.pool())
                .await?;
            return Ok(());
        };
        let statement: String = row.try_get("statement")?;
        let signed_use: Signed<Use> =
            Signed::from_bytes(statement.as_bytes()).map_err(|error| BookError::Broken(error.to_string()))?;
        let cause = Some(agreement::printable(cause, 512)).filter(|cause| !cause.is_empty());
        let receipt = Receipt {
            agreement: Some(signed_use.statement().agreement),
            job: Some(job.to_owned()),
            use_number: Some(signed_use.statement().number),
            cause,
            ..Receipt::of(Event::Failed, now)
        };
        self.ended(job, outcome, (vec![receipt], &[]), None).await
    }
}
