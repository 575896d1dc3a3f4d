//! What a node or a coordinator keeps: in SQLite, or in PostgreSQL where its configuration says so. One
//! SQL text serves both.
//!
//! So that it can, statements keep to what both have:
//!
//! - columns are `TEXT` and `BIGINT`; digests are hex, messages hex or JSON. A truth is 0 or 1, a time is
//!   milliseconds since the Unix epoch;
//! - parameters are `$1`, `$2`, …;
//! - `COUNT` gives a `BIGINT` on both, a `SUM` of `BIGINT`s does not; no `rowid`, no `FOR UPDATE`;
//! - PostgreSQL keeps no zero byte in a `TEXT`.
//!
//! **A transaction's first statement writes the row that puts it in order with others.** SQLite lets one
//! writer in at a time from the beginning of its transaction. PostgreSQL reads what was committed when a
//! statement began, and a row that was written belongs to its writer until the end: whoever writes the same row
//! first waits, and then reads what the other left. `UPDATE … RETURNING` writes a row and reads it in one go.

#![warn(missing_docs)]

mod connect;
mod error;
mod layout;
mod location;

use std::{fmt, time::Duration};

use tokio::time::timeout;

pub use sqlx::{AnyPool, Error as SqlError, Row, any::AnyRow, query};

pub use self::{
    error::DatabaseError,
    location::{Location, LocationError, Server},
};

/// A step of the layout: its number, what it is for, and its statements. The numbers grow. A step that has
/// been released is never changed; a new one follows it.
pub type Migration = (i64, &'static str, &'static str);

/// A transaction. What is not committed when it is dropped did not happen.
pub type Transaction = sqlx::Transaction<'static, sqlx::Any>;

/// How long one piece of work may take. Each statement has a bound of its own; this one is for a server that
/// vanished with its network, and tells nobody.
const WORK: Duration = Duration::from_secs(90);
/// The same for laying out, where a step may rewrite much, and another process may be at it.
const LAYING_OUT: Duration = Duration::from_secs(1200);
/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(30);

/// A database that has the layout of this version.
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    begin: &'static str,
    location: Location,
}

impl Database {
    /// Opens a database and makes those of `migrations` that it has not had. A file is made if it is not
    /// there, for its owner alone; a database of a server is not. Several processes may do so at once.
    ///
    /// # Errors
    /// [`DatabaseError`] if it cannot be reached, or is not of this version or an earlier one of this program.
    pub async fn open(location: &Location, migrations: &[Migration]) -> Result<Self, DatabaseError> {
        let unusable = |cause| DatabaseError::Unusable { place: location.clone(), cause };
        let pool = connect::connect(location).await.map_err(unusable)?;
        let begin = match location {
            // A transaction that first reads and then writes may find that it has read what is no longer so.
            Location::Memory | Location::File(_) => "BEGIN IMMEDIATE",
            Location::Postgres(_) => "BEGIN",
        };
        let laying_out = timeout(LAYING_OUT, layout::lay_out(&pool, begin, location, migrations)).await;
        match laying_out.unwrap_or_else(|_| Err(unusable(connect::late("it was not laid out", LAYING_OUT)))) {
            Ok(()) => Ok(Self { pool, begin, location: location.clone() }),
            Err(error) => {
                close(&pool).await;
                Err(error)
            }
        }
    }

    /// Its connections, for statements that need no transaction.
    #[must_use]
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that writes. Its first statement is to write the row that puts it in order with
    /// others.
    ///
    /// # Errors
    /// [`SqlError`] if no connection comes free, or the lock of an SQLite file does not within ten seconds.
    pub async fn begin(&self) -> Result<Transaction, SqlError> {
        self.pool.begin_with(self.begin).await
    }

    /// Awaits `work`, ninety seconds at most. What it had begun then has or has not happened: nobody
    /// knows.
    ///
    /// # Errors
    /// Those of `work`, and [`SqlError::Io`] with [`std::io::ErrorKind::TimedOut`].
    pub async fn in_time<T, E: From<SqlError>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let done = timeout(WORK, work).await;
        done.unwrap_or_else(|_| Err(connect::late("the database did not answer", WORK).into()))
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Closes it after what is under way, for which it waits half a minute.
    pub async fn close(&self) {
        close(&self.pool).await;
    }
}

async fn close(pool: &AnyPool) {
    // What a server that vanished does not take leave of is closed with the process.
    drop(timeout(CLOSING, pool.close()).await);
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.location)
    }
}
