//! What a node keeps of agreements: their texts, what was signed about them, what was used, what approvers were asked, results, its
//! receipts and those of peers, identities that took the place of others, and statements that wait for peers. It decides, by the
//! rule of [`agreement::admission`], which jobs this node takes part in (docs/AGREEMENTS.md).
//!
//! Every admission of an agreement first writes that agreement's row of `counters`, and every receipt first writes the one row
//! of `chain`, always in this order. So on both kinds of database one is at it at a time, and reads what the last one left.

mod admitting;
mod approvals;
mod ending;
mod keeping;
mod meter;
mod pages;
mod papers;
mod peers;
mod post;
mod receipts;
mod results;
mod succession;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fmt,
    sync::{Arc, RwLock},
};

use agreement::{
    IdentityPublicKey, ParticipantId, Pinned, Signed, Signer, Statement, StatementError, moment::MomentError,
};
use database::{AnyRow, Database, DatabaseError, Location, Migration, Row, SqlError};

pub(crate) use self::results::JobOf;
pub use self::{
    admitting::{Admission, JobRequest, Ruling},
    approvals::{Answer, Asked, Asking, Question, Waiting},
    ending::{Ended, UseRecord},
    meter::{Meter, MeteredUse},
    pages::{Entry, Kept, Page, Removed, Wanted},
    papers::{Known, News},
    results::{Held, Keeping, Made},
};

/// The tables of a book, step by step: for programs that look into one beside its node.
pub const LAYOUT: &[Migration] = &[
    (1, "book", include_str!("../../migrations/0001_book.sql")),
    (2, "receipts that are kept", include_str!("../../migrations/0002_receipts.sql")),
    (3, "results", include_str!("../../migrations/0003_results.sql")),
    (4, "succession", include_str!("../../migrations/0004_succession.sql")),
    (5, "waiting", include_str!("../../migrations/0005_waiting.sql")),
    (6, "what is held to", include_str!("../../migrations/0006_held.sql")),
];

/// Writes and reads the row of an agreement's counters, which puts all that concerns its uses in order.
const COUNTER: &str = "INSERT INTO counters (agreement, runs, day, today, last_s) VALUES ($1, 0, '', 0, -1) \
                       ON CONFLICT (agreement) DO UPDATE SET runs = counters.runs RETURNING runs, day, today, last_s";

/// Why the book did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A statement of SQL failed.
    #[error("the database failed: {0}")]
    Sql(#[from] SqlError),
    /// What stands in the database cannot be read.
    #[error("the database holds what cannot be read: {0}")]
    Broken(String),
    /// This node could not sign.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// This machine's clock is not of this age.
    #[error("this machine's clock is wrong: {0}")]
    Clock(#[from] MomentError),
    /// What somebody sent cannot be taken.
    #[error("{0}")]
    NotTaken(String),
    /// It cannot be taken now, and may be later.
    #[error("{0}")]
    NotNow(String),
}

/// A node's book. Clones are the same book.
#[derive(Clone)]
pub struct Book {
    database: Database,
    me: ParticipantId,
    signer: Arc<dyn Signer>,
    /// What is read once for a decision is one value, whatever is accepted meanwhile.
    pinned: Arc<RwLock<Arc<Pinned>>>,
}

impl Book {
    /// Opens the book of `me`, which signs with `signer` and has pinned these identities besides its own, or those that took
    /// their places.
    ///
    /// # Errors
    /// [`BookError::Database`], or [`BookError::Broken`].
    pub async fn open(
        location: &Location,
        me: ParticipantId,
        signer: Arc<dyn Signer>,
        mut pinned: Pinned,
    ) -> Result<Self, BookError> {
        let database = Database::open(location, LAYOUT).await?;
        succession::follow(&database, &mut pinned).await?;
        pinned.participants.insert(me.clone(), signer.identity());
        Ok(Self { database, me, signer, pinned: Arc::new(RwLock::new(Arc::new(pinned))) })
    }

    /// Who keeps it.
    #[must_use]
    pub fn participant(&self) -> &ParticipantId {
        &self.me
    }

    /// The identity that it signs with.
    #[must_use]
    pub fn identity(&self) -> IdentityPublicKey {
        self.signer.identity()
    }

    /// Signs a statement as this node's participant.
    ///
    /// # Errors
    /// [`BookError::Statement`].
    pub fn sign<T: Statement>(&self, statement: T) -> Result<Signed<T>, BookError> {
        Ok(Signed::sign(statement, &self.me, &*self.signer)?)
    }

    /// Closes it after what is under way.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("me", &self.me).field("database", &self.database).finish_non_exhaustive()
    }
}

/// A number of ours as the database keeps it. All are at most 2^53 − 1.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A signed statement of the database.
fn signed<T: Statement>(row: &AnyRow, column: &str) -> Result<Signed<T>, BookError> {
    parsed(&row.try_get::<String, _>(column)?)
}

fn parsed<T: Statement>(stored: &str) -> Result<Signed<T>, BookError> {
    Signed::from_bytes(stored.as_bytes()).map_err(|error| BookError::Broken(error.to_string()))
}

/// A number of the database as ours.
fn number(stored: i64) -> Result<u64, BookError> {
    u64::try_from(stored).map_err(|_| BookError::Broken(format!("the number {stored}")))
}
