//! Pages of the chain, as the service of receipts shows it: the bytes that were signed, which whoever asked verifies.

use agreement::{Digest, Event, Moment};
use database::{AnyRow, Row, query};

use super::{Book, BookError, number, stored};

/// Bytes of receipts after which a page ends early.
const PAGE_BYTES: usize = 4 << 20;
/// The most peers' receipts of one job.
const PEERS: i64 = 16;
/// The most receipts of a job that are shown at once.
const OF_A_JOB: i64 = 500;

/// Which receipts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The number that the page begins with; 0 for the newest, or upward for the oldest.
    pub from: u64,
    /// Toward higher numbers.
    pub upward: bool,
    /// The most that are wanted.
    pub most: u32,
    /// Of this job alone.
    pub job: Option<String>,
    /// Under this agreement alone.
    pub agreement: Option<Digest>,
    /// Of this event alone.
    pub event: Option<Event>,
}

/// A receipt of this node with those of its peers that belong to it: after one that ends a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The receipt, in canonical JSON.
    pub receipt: String,
    /// The peers' ones.
    pub peers: Vec<String>,
}

/// From where to where the chain goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The last receipt that was removed, if one was.
    pub removed: Option<Removed>,
    /// The number of the last one there is; 0 if there was none yet.
    pub last: u64,
}

/// A receipt that was removed after its years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its number.
    pub number: u64,
    /// Its digest, which the one after it names.
    pub digest: Digest,
    /// When it was signed.
    pub at: Moment,
}

/// A part of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What is on it.
    pub entries: Vec<Entry>,
    /// The number that the next page begins with, if there is one.
    pub next: Option<u64>,
    /// The chain.
    pub kept: Kept,
}

/// One statement for each way to look: by the index that finds the fewest. $1 is the number, $2 the job, $3 the agreement, $4 the
/// event, $5 how many.
macro_rules! select {
    ($narrow:literal, $beyond:literal, $order:literal) => {
        concat!(
            "SELECT number, event, job, body FROM receipts WHERE ",
            $narrow,
            " number ",
            $beyond,
            " $1 AND ($2 = '' OR job = $2) AND ($3 = '' OR agreement = $3) AND ($4 = '' OR event = $4) \
             ORDER BY number ",
            $order,
            " LIMIT $5"
        )
    };
}

impl Wanted {
    fn statement(&self) -> &'static str {
        match (&self.job, self.agreement, self.event, self.upward) {
            (Some(_), _, _, true) => select!("job = $2 AND", ">=", "ASC"),
            (Some(_), _, _, false) => select!("job = $2 AND", "<=", "DESC"),
            (None, Some(_), _, true) => select!("agreement = $3 AND", ">=", "ASC"),
            (None, Some(_), _, false) => select!("agreement = $3 AND", "<=", "DESC"),
            (None, None, Some(_), true) => select!("event = $4 AND", ">=", "ASC"),
            (None, None, Some(_), false) => select!("event = $4 AND", "<=", "DESC"),
            (None, None, None, true) => select!("", ">=", "ASC"),
            (None, None, None, false) => select!("", "<=", "DESC"),
        }
    }
}

impl Book {
    /// A page of the chain.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn page(&self, wanted: &Wanted) -> Result<Page, BookError> {
        let read = async {
            loop {
                // What is removed while a page is read would look like a gap; that happens once a day.
                let kept = self.kept().await?;
                let page = self.read_page(wanted, kept.clone()).await?;
                if self.kept().await?.removed == kept.removed {
                    return Ok(page);
                }
            }
        };
        self.database.in_time(read).await
    }

    async fn read_page(&self, wanted: &Wanted, kept: Kept) -> Result<Page, BookError> {
        let from = if wanted.from == 0 && !wanted.upward { i64::MAX } else { stored(wanted.from) };
        let rows = query(wanted.statement())
            .bind(from)
            .bind(wanted.job.clone().unwrap_or_default())
            .bind(wanted.agreement.map(|digest| digest.to_string()).unwrap_or_default())
            .bind(wanted.event.map(|event| event.to_string()).unwrap_or_default())
            .bind(i64::from(wanted.most).saturating_add(1))
            .fetch_all(self.database.pool())
            .await?;
        let (mut entries, mut bytes) = (Vec::new(), 0_usize);
        for row in &rows {
            if entries.len() >= wanted.most as usize || bytes >= PAGE_BYTES {
                let next = Some(number(row.try_get("number")?)?);
                return Ok(Page { entries, next, kept });
            }
            let entry = self.entry(row).await?;
            bytes = entry.peers.iter().fold(bytes, |sum, peer| sum.saturating_add(peer.len()));
            bytes = bytes.saturating_add(entry.receipt.len());
            entries.push(entry);
        }
        Ok(Page { entries, next: None, kept })
    }

    async fn entry(&self, row: &AnyRow) -> Result<Entry, BookError> {
        let event: String = row.try_get("event")?;
        let ends = [Event::Succeeded, Event::Failed].iter().any(|end| end.to_string() == event);
        let peers = if ends { self.peers_bodies(&row.try_get::<String, _>("job")?).await? } else { Vec::new() };
        Ok(Entry { receipt: row.try_get("body")?, peers })
    }

    async fn peers_bodies(&self, job: &str) -> Result<Vec<String>, BookError> {
        let rows = query("SELECT body FROM peer_receipts WHERE job = $1 ORDER BY signer LIMIT $2")
            .bind(job.to_owned())
            .bind(PEERS)
            .fetch_all(self.database.pool())
            .await?;
        rows.iter().map(|row| Ok(row.try_get("body")?)).collect()
    }

    /// All receipts of a job, this node's in order and its peers', as they were signed.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn job_receipts(&self, job: &str) -> Result<(Vec<String>, Vec<String>), BookError> {
        let read = async {
            let rows = query("SELECT body FROM receipts WHERE job = $1 ORDER BY number LIMIT $2")
                .bind(job.to_owned())
                .bind(OF_A_JOB)
                .fetch_all(self.database.pool())
                .await?;
            let own = rows.iter().map(|row| Ok(row.try_get("body")?)).collect::<Result<_, BookError>>()?;
            Ok((own, self.peers_bodies(job).await?))
        };
        self.database.in_time(read).await
    }

    /// From where to where the chain goes.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn kept(&self) -> Result<Kept, BookError> {
        let row =
            query("SELECT number, digest, at_s FROM removed WHERE place = 1").fetch_one(self.database.pool()).await?;
        let chain = query("SELECT number FROM chain WHERE place = 1").fetch_one(self.database.pool()).await?;
        let last = number(chain.try_get("number")?)?;
        let removed = match number(row.try_get("number")?)? {
            0 => None,
            number => {
                let digest: String = row.try_get("digest")?;
                let digest = digest.parse().map_err(|_| BookError::Broken(digest))?;
                Some(Removed { number, digest, at: Moment::from_seconds(row.try_get("at_s")?)? })
            }
        };
        Ok(Kept { removed, last })
    }
}
