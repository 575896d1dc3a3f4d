//! Results in the book: made with the end of their jobs, taken out, and deleted.

use agreement::{Digest, Event, Moment, Receipt, receipt::Export};
use database::{Row, Transaction, query};

use super::{Book, BookError, number, stored};

/// A statement that reads what [`Held`] has.
macro_rules! held {
    ($rest:literal) => {
        concat!(
            "SELECT job, agreement, row_count, byte_count, made_s, due_s, state, exports, cause, person FROM results ",
            $rest
        )
    };
}

/// A result that a run made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Records; 0 where it is a number alone.
    pub rows: u64,
    /// Bytes before it was sealed.
    pub bytes: u64,
    /// When.
    pub at: Moment,
    /// When it is no longer kept.
    pub due: Moment,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It is there.
    Kept,
    /// Its key is about to be destroyed.
    Deleting,
    /// Its key is destroyed.
    Deleted,
}

const KEEPINGS: [(Keeping, &str); 3] =
    [(Keeping::Kept, "kept"), (Keeping::Deleting, "deleting"), (Keeping::Deleted, "deleted")];

impl Keeping {
    fn read(text: &str) -> Result<Self, BookError> {
        let found = KEEPINGS.iter().find(|(_, name)| *name == text);
        found.map(|(keeping, _)| *keeping).ok_or_else(|| BookError::Broken(format!("a result that is {text:?}")))
    }
}

/// A result that this node has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of which job.
    pub job: String,
    /// Under which agreement.
    pub agreement: Digest,
    /// How large it is, and until when it is kept.
    pub made: Made,
    /// Whether it is there.
    pub keeping: Keeping,
    /// How often it was taken out.
    pub exports: u64,
    /// Why it was deleted.
    pub cause: String,
    /// Who had it deleted, if it was a person.
    pub person: Option<String>,
}

impl Held {
    /// Whether it should be gone at `now`, and is not.
    #[must_use]
    pub fn is_overdue(&self, now: Moment) -> bool {
        match self.keeping {
            Keeping::Kept => now >= self.made.due,
            Keeping::Deleting => true,
            Keeping::Deleted => false,
        }
    }

    fn read(row: &database::AnyRow) -> Result<Self, BookError> {
        let (agreement, person): (String, String) = (row.try_get("agreement")?, row.try_get("person")?);
        Ok(Self {
            job: row.try_get("job")?,
            agreement: agreement.parse().map_err(|_| BookError::Broken(agreement))?,
            made: Made {
                rows: number(row.try_get("row_count")?)?,
                bytes: number(row.try_get("byte_count")?)?,
                at: Moment::from_seconds(row.try_get("made_s")?)?,
                due: Moment::from_seconds(row.try_get("due_s")?)?,
            },
            keeping: Keeping::read(&row.try_get::<String, _>("state")?)?,
            exports: number(row.try_get("exports")?)?,
            cause: row.try_get("cause")?,
            person: Some(person).filter(|person| !person.is_empty()),
        })
    }
}

/// What the book says of a job that a file of the folder of results is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobOf {
    /// It knows no such job.
    Unknown,
    /// It has not ended here.
    Open,
    /// It has ended so, and made no result.
    Ended(String),
    /// It made a result.
    Result(Keeping),
}

impl Book {
    /// Notes the result of a job that ends.
    pub(super) async fn keep_result(
        transaction: &mut Transaction,
        job: &str,
        agreement: &str,
        made: &Made,
    ) -> Result<(), BookError> {
        query(
            "INSERT INTO results (job, agreement, row_count, byte_count, made_s, due_s, state, exports, cause, person) \
             VALUES ($1, $2, $3, $4, $5, $6, 'kept', 0, '', '')",
        )
        .bind(job.to_owned())
        .bind(agreement.to_owned())
        .bind(stored(made.rows))
        .bind(stored(made.bytes))
        .bind(made.at.seconds())
        .bind(made.due.seconds())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// The result of a job.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn result(&self, job: &str) -> Result<Option<Held>, BookError> {
        let row = query(held!("WHERE job = $1")).bind(job.to_owned()).fetch_optional(self.database.pool()).await?;
        row.as_ref().map(Held::read).transpose()
    }

    /// The newest results, at most `most`.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn results(&self, most: u32) -> Result<Vec<Held>, BookError> {
        let rows = query(held!("ORDER BY made_s DESC, job LIMIT $1"))
            .bind(i64::from(most))
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(Held::read).collect()
    }

    /// Results that should be gone at `now` and are not, at most `most`, the longest overdue first.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn overdue(&self, now: Moment, most: u32) -> Result<Vec<Held>, BookError> {
        let rows =
            query(held!("WHERE state = 'deleting' OR (state = 'kept' AND due_s <= $1) ORDER BY due_s, job LIMIT $2"))
                .bind(now.seconds())
                .bind(i64::from(most))
                .fetch_all(self.database.pool())
                .await?;
        rows.iter().map(Held::read).collect()
    }

    /// Notes that a result is taken out, with a receipt. Nothing of it may leave before.
    ///
    /// # Errors
    /// [`BookError::NotTaken`] if it is not there any more; [`BookError::Statement`] if the receipt cannot be.
    pub async fn exported(
        &self,
        job: &str,
        export: Export,
        (person, now): (Option<String>, Moment),
    ) -> Result<(), BookError> {
        self.database.in_time(self.note_export(job, export, (person, now))).await
    }

    async fn note_export(
        &self,
        job: &str,
        export: Export,
        (person, now): (Option<String>, Moment),
    ) -> Result<(), BookError> {
        let mut transaction = self.database.begin().await?;
        let row = query(
            "UPDATE results SET exports = exports + 1 WHERE job = $1 AND state = 'kept' AND due_s > $2 \
             RETURNING agreement",
        )
        .bind(job.to_owned())
        .bind(now.seconds())
        .fetch_optional(&mut *transaction)
        .await?;
        let gone = || BookError::NotTaken(format!("the result of job {job} is not kept any more"));
        let agreement = digest(&row.ok_or_else(gone)?)?;
        let receipt = Receipt {
            agreement: Some(agreement),
            job: Some(job.to_owned()),
            person,
            export: Some(export),
            ..Receipt::of(Event::Exported, now)
        };
        self.append(&mut transaction, receipt).await?;
        Ok(transaction.commit().await?)
    }

    /// Notes that a result is about to be deleted, and why. From here on it is not taken out. Whether it was kept.
    ///
    /// # Errors
    /// [`BookError`].
    pub(crate) async fn deleting(&self, job: &str, cause: &str, person: Option<&str>) -> Result<bool, BookError> {
        let changed =
            query("UPDATE results SET state = 'deleting', cause = $2, person = $3 WHERE job = $1 AND state = 'kept'")
                .bind(job.to_owned())
                .bind(cause.to_owned())
                .bind(person.unwrap_or_default().to_owned())
                .execute(self.database.pool())
                .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Notes that the key of a result is destroyed, with a receipt that says why.
    ///
    /// # Errors
    /// [`BookError`].
    pub(crate) async fn deleted(&self, job: &str, now: Moment) -> Result<(), BookError> {
        self.database.in_time(self.note_deletion(job, now)).await
    }

    async fn note_deletion(&self, job: &str, now: Moment) -> Result<(), BookError> {
        let mut transaction = self.database.begin().await?;
        let row = query(
            "UPDATE results SET state = 'deleted' WHERE job = $1 AND state = 'deleting' \
             RETURNING agreement, cause, person",
        )
        .bind(job.to_owned())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(()) };
        let said = |column| row.try_get::<String, _>(column).map(|said| Some(said).filter(|said| !said.is_empty()));
        let receipt = Receipt {
            agreement: Some(digest(&row)?),
            job: Some(job.to_owned()),
            cause: said("cause")?,
            person: said("person")?,
            ..Receipt::of(Event::Deleted, now)
        };
        self.append(&mut transaction, receipt).await?;
        Ok(transaction.commit().await?)
    }

    /// What the book says of the job that a file is named after, all read at once.
    ///
    /// # Errors
    /// [`BookError`].
    pub(crate) async fn job_of(&self, job: &str) -> Result<JobOf, BookError> {
        let row = query(
            "SELECT uses.outcome AS outcome, COALESCE(results.state, '') AS state FROM uses \
             LEFT JOIN results ON results.job = uses.job WHERE uses.job = $1",
        )
        .bind(job.to_owned())
        .fetch_optional(self.database.pool())
        .await?;
        let Some(row) = row else { return Ok(JobOf::Unknown) };
        let (outcome, state): (String, String) = (row.try_get("outcome")?, row.try_get("state")?);
        Ok(match (outcome.as_str(), state.as_str()) {
            ("", "") => JobOf::Open,
            (_, "") => JobOf::Ended(outcome),
            (_, state) => JobOf::Result(Keeping::read(state)?),
        })
    }
}

fn digest(row: &database::AnyRow) -> Result<Digest, BookError> {
    let agreement: String = row.try_get("agreement")?;
    agreement.parse().map_err(|_| BookError::Broken(agreement))
}
