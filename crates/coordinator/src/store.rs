//! Jobs as they are kept: their specification, their state, and every change of it.
//!
//! Each change of state is one transaction that holds the rule of a job's life. It writes the job's row first,
//! so of several that would change one job each reads what the one before it left.

mod attempts;

use std::{
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use agreement::{JobSpec, JobState, ParticipantId};
use database::{AnyRow, Database, DatabaseError, Location, Migration, Row, SqlError, Transaction, query};
use prost::Message;
use wire::proto;

use crate::catalogue::shelf::Shelf;

/// The layouts of the tables, oldest first. One that was released is never changed.
const LAYOUTS: [Migration; 3] = [
    (1, "jobs", include_str!("../migrations/0001_jobs.sql")),
    (2, "catalogue", include_str!("../migrations/0002_catalogue.sql")),
    (3, "attempts", include_str!("../migrations/0003_attempts.sql")),
];

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] SqlError),
    /// The database cannot be reached, or is not one of this version.
    #[error(transparent)]
    Open(#[from] DatabaseError),
    /// There is no such job.
    #[error("there is no job {0}")]
    NoJob(String),
    /// A job may not go from its state to that one.
    #[error("a job that is {from} cannot become {to}")]
    Transition {
        /// The state it is in.
        from: JobState,
        /// The state that was wanted.
        to: JobState,
    },
    /// What stands in the database cannot be read.
    #[error("the database holds a job that cannot be read: {0}")]
    Broken(String),
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// Its id.
    pub id: String,
    /// What is asked for.
    pub spec: JobSpec,
    /// Where it is in its life.
    pub state: JobState,
    /// Why it ended as it did; empty after success.
    pub cause: String,
    /// Who submitted it.
    pub submitted_by: ParticipantId,
    /// When it was submitted, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When its state changed last.
    pub updated_ms: i64,
}

/// The jobs of a coordinator.
#[derive(Clone, Debug)]
pub struct Store(Database);

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Opens the database and brings it to this version's layout. A file is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        Ok(Self(Database::open(location, &LAYOUTS).await?))
    }

    /// The catalogue in the same database.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        Shelf::new(self.0.clone())
    }

    /// Closes the database after what is under way.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Keeps a new job as Pending.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert(&self, id: &str, spec: &JobSpec, submitted_by: &ParticipantId) -> Result<(), StoreError> {
        self.0.in_time(self.insert_whole(id, spec, submitted_by)).await
    }

    async fn insert_whole(&self, id: &str, spec: &JobSpec, submitted_by: &ParticipantId) -> Result<(), StoreError> {
        let now = now_ms();
        let mut transaction = self.0.begin().await?;
        let number = query("UPDATE counters SET last = last + 1 WHERE name = 'jobs' RETURNING last")
            .fetch_one(&mut *transaction)
            .await?;
        query(
            "INSERT INTO jobs (id, number, spec, state, cause, submitted_by, created_ms, updated_ms, events) \
             VALUES ($1, $2, $3, $4, '', $5, $6, $6, 1)",
        )
        .bind(id)
        .bind(number.try_get::<i64, _>(0)?)
        .bind(hex::encode(proto::JobSpec::from(spec.clone()).encode_to_vec()))
        .bind(JobState::Pending.to_string())
        .bind(submitted_by.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        for party in &spec.parties {
            query("INSERT INTO job_parties (job_id, participant) VALUES ($1, $2)")
                .bind(id)
                .bind(party.participant.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        event(&mut transaction, (id, 1), now, JobState::Pending, "").await?;
        Ok(transaction.commit().await?)
    }

    /// The job of this id.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if there is none.
    pub async fn get(&self, id: &str) -> Result<StoredJob, StoreError> {
        let found = query("SELECT * FROM jobs WHERE id = $1").bind(id).fetch_optional(self.0.pool());
        let row = self.0.in_time(found).await?;
        row.as_ref().map_or_else(|| Err(StoreError::NoJob(id.to_owned())), read)
    }

    /// The newest jobs in which `participant` takes part, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_participant(&self, participant: &ParticipantId, most: u32) -> Result<Vec<StoredJob>, StoreError> {
        let found = query(
            "SELECT jobs.* FROM jobs JOIN job_parties ON job_parties.job_id = jobs.id \
             WHERE job_parties.participant = $1 ORDER BY jobs.number DESC LIMIT $2",
        )
        .bind(participant.as_str())
        .bind(i64::from(most))
        .fetch_all(self.0.pool());
        self.0.in_time(found).await?.iter().map(read).collect()
    }

    /// All jobs in a state, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn in_state(&self, state: JobState) -> Result<Vec<StoredJob>, StoreError> {
        let found = query("SELECT * FROM jobs WHERE state = $1 ORDER BY number")
            .bind(state.to_string())
            .fetch_all(self.0.pool());
        self.0.in_time(found).await?.iter().map(read).collect()
    }

    /// How many jobs have not ended: all, and those that `by` submitted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_jobs(&self, by: &ParticipantId) -> Result<(i64, i64), StoreError> {
        let counted = query(
            "SELECT COUNT(*), COUNT(CASE WHEN submitted_by = $1 THEN 1 END) FROM jobs \
             WHERE state NOT IN ('Succeeded', 'Failed', 'Cancelled', 'Rejected', 'TimedOut')",
        )
        .bind(by.as_str())
        .fetch_one(self.0.pool());
        let row = self.0.in_time(counted).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Brings a job into another state, if its life allows it.
    ///
    /// # Errors
    /// [`StoreError::Transition`] if not; the job is then as it was.
    pub async fn change(&self, id: &str, to: JobState, cause: &str) -> Result<StoredJob, StoreError> {
        self.0.in_time(self.change_whole(id, to, cause)).await
    }

    async fn change_whole(&self, id: &str, to: JobState, cause: &str) -> Result<StoredJob, StoreError> {
        let mut transaction = self.0.begin().await?;
        let row = query("UPDATE jobs SET events = events + 1 WHERE id = $1 RETURNING *")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(|| StoreError::NoJob(id.to_owned()))?;
        let mut job = read(&row)?;
        if !job.state.may_become(to) {
            transaction.rollback().await?;
            return Err(StoreError::Transition { from: job.state, to });
        }
        let now = now_ms();
        query("UPDATE jobs SET state = $2, cause = $3, updated_ms = $4 WHERE id = $1")
            .bind(id)
            .bind(to.to_string())
            .bind(cause)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        event(&mut transaction, (id, row.try_get("events")?), now, to, cause).await?;
        transaction.commit().await?;
        (job.state, job.cause, job.updated_ms) = (to, cause.to_owned(), now);
        Ok(job)
    }

    /// The states that a job has been in, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self, id: &str) -> Result<Vec<JobState>, StoreError> {
        let found =
            query("SELECT state FROM job_events WHERE job_id = $1 ORDER BY number").bind(id).fetch_all(self.0.pool());
        self.0.in_time(found).await?.iter().map(|row| state(&row.try_get::<String, _>(0)?)).collect()
    }
}

/// Notes the event of a job that has this number.
async fn event(
    transaction: &mut Transaction,
    (id, number): (&str, i64),
    now: i64,
    state: JobState,
    cause: &str,
) -> Result<(), SqlError> {
    query("INSERT INTO job_events (job_id, number, at_ms, state, cause) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(number)
        .bind(now)
        .bind(state.to_string())
        .bind(cause)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

fn state(name: &str) -> Result<JobState, StoreError> {
    JobState::from_str(name).map_err(|error| StoreError::Broken(error.to_string()))
}

fn read(row: &AnyRow) -> Result<StoredJob, StoreError> {
    let spec = hex::decode(row.try_get::<&str, _>("spec")?).map_err(|error| StoreError::Broken(error.to_string()))?;
    let spec = proto::JobSpec::decode(spec.as_slice()).map_err(|error| StoreError::Broken(error.to_string()))?;
    let submitted_by: String = row.try_get("submitted_by")?;
    Ok(StoredJob {
        id: row.try_get("id")?,
        spec: spec.try_into().map_err(|error: wire::ConvertError| StoreError::Broken(error.to_string()))?,
        state: state(&row.try_get::<String, _>("state")?)?,
        cause: row.try_get("cause")?,
        submitted_by: submitted_by.parse().map_err(|_| StoreError::Broken(submitted_by))?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
