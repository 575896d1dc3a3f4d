//! Jobs on disk: their specification, their state, and every change of it.
//!
//! SQLite through sqlx. Each change of state is one transaction that holds the rule of a job's life.

use std::{
    path::Path,
    str::FromStr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agreement::{JobSpec, JobState, ParticipantId};
use prost::Message;
use sqlx::{
    Row, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::time::sleep;
use wire::proto;

/// The first layout of the tables.
const JOBS: &str = include_str!("../migrations/0001_jobs.sql");

/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// SQLITE_BUSY.
const LOCKED: &str = "5";

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The database has another layout than this version knows.
    #[error("the database cannot be brought to this version's layout: {0}")]
    Migration(#[from] MigrateError),
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
pub struct Store(SqlitePool);

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings it to this version's layout.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let pool = connect(path).await?;
        let kind = MigrationType::Simple;
        let first = Migration::new(1, "jobs".into(), kind, sqlx::SqlStr::from_static(JOBS), false);
        let migrator = Migrator::with_migrations(vec![first]);
        match migrator.run(&pool).await {
            // Another process may have made the tables since this one looked: then they are there now.
            Err(MigrateError::ExecuteMigration(..)) => migrator.run(&pool).await?,
            done => done?,
        }
        Ok(Self(pool))
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
        let now = now_ms();
        let mut transaction = self.0.begin().await?;
        sqlx::query(
            "INSERT INTO jobs (id, spec, state, cause, submitted_by, created_ms, updated_ms) \
             VALUES ($1, $2, $3, '', $4, $5, $5)",
        )
        .bind(id)
        .bind(proto::JobSpec::from(spec.clone()).encode_to_vec())
        .bind(JobState::Pending.to_string())
        .bind(submitted_by.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        for party in &spec.parties {
            sqlx::query("INSERT INTO job_parties (job_id, participant) VALUES ($1, $2)")
                .bind(id)
                .bind(party.participant.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        event(&mut transaction, id, now, JobState::Pending, "").await?;
        Ok(transaction.commit().await?)
    }

    /// The job of this id.
    ///
    /// # Errors
    /// [`StoreError::NoJob`] if there is none.
    pub async fn get(&self, id: &str) -> Result<StoredJob, StoreError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id).fetch_optional(&self.0).await?;
        row.as_ref().map_or_else(|| Err(StoreError::NoJob(id.to_owned())), read)
    }

    /// The newest jobs in which `participant` takes part, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of_participant(&self, participant: &ParticipantId, most: u32) -> Result<Vec<StoredJob>, StoreError> {
        let rows = sqlx::query(
            "SELECT jobs.* FROM jobs JOIN job_parties ON job_parties.job_id = jobs.id \
             WHERE job_parties.participant = $1 ORDER BY jobs.rowid DESC LIMIT $2",
        )
        .bind(participant.as_str())
        .bind(i64::from(most))
        .fetch_all(&self.0)
        .await?;
        rows.iter().map(read).collect()
    }

    /// All jobs in a state, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn in_state(&self, state: JobState) -> Result<Vec<StoredJob>, StoreError> {
        let rows = sqlx::query("SELECT * FROM jobs WHERE state = $1 ORDER BY rowid")
            .bind(state.to_string())
            .fetch_all(&self.0)
            .await?;
        rows.iter().map(read).collect()
    }

    /// How many jobs have not ended: all, and those that `by` submitted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_jobs(&self, by: &ParticipantId) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*), COALESCE(SUM(submitted_by = $1), 0) FROM jobs \
             WHERE state NOT IN ('Succeeded', 'Failed', 'Cancelled', 'Rejected', 'TimedOut')",
        )
        .bind(by.as_str())
        .fetch_one(&self.0)
        .await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Brings a job into another state, if its life allows it.
    ///
    /// # Errors
    /// [`StoreError::Transition`] if not; the job is then as it was.
    pub async fn change(&self, id: &str, to: JobState, cause: &str) -> Result<StoredJob, StoreError> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
        let mut job = row.as_ref().map_or_else(|| Err(StoreError::NoJob(id.to_owned())), read)?;
        if !job.state.may_become(to) {
            return Err(StoreError::Transition { from: job.state, to });
        }
        let now = now_ms();
        sqlx::query("UPDATE jobs SET state = $2, cause = $3, updated_ms = $4 WHERE id = $1")
            .bind(id)
            .bind(to.to_string())
            .bind(cause)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        event(&mut transaction, id, now, to, cause).await?;
        transaction.commit().await?;
        (job.state, job.cause, job.updated_ms) = (to, cause.to_owned(), now);
        Ok(job)
    }

    /// The states that a job has been in, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self, id: &str) -> Result<Vec<JobState>, StoreError> {
        let rows = sqlx::query("SELECT state FROM job_events WHERE job_id = $1 ORDER BY rowid")
            .bind(id)
            .fetch_all(&self.0)
            .await?;
        rows.iter().map(|row| state(&row.try_get::<String, _>(0)?)).collect()
    }
}

/// Connects to the database. Two that make the same file at once lock each other out for a moment, in
/// which SQLite itself does not wait.
async fn connect(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new().max_connections(4).acquire_timeout(BUSY + Duration::from_secs(5));
    let began = Instant::now();
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCKED) && began.elapsed() < BUSY => {
                sleep(Duration::from_millis(20)).await;
            }
            connected => return connected,
        }
    }
}

async fn event(
    transaction: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    id: &str,
    now: i64,
    state: JobState,
    cause: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO job_events (job_id, at_ms, state, cause) VALUES ($1, $2, $3, $4)")
        .bind(id)
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

fn read(row: &SqliteRow) -> Result<StoredJob, StoreError> {
    let spec: Vec<u8> = row.try_get("spec")?;
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
