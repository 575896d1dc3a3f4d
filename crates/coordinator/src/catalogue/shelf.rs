//! Entries as they are kept: every version that was published, what was withdrawn, and which stand in the catalogue now.
//!
//! Whoever writes takes the next number first, so one does at a time and reads what the one before it left.

use agreement::{
    ParticipantId, Signed,
    catalogue::{Entry, Withdrawal},
    printable,
};
use database::{AnyRow, Database, Row, SqlError, Transaction, query};

use crate::store::now_ms;

mod search;

pub use search::{Found, Query, Summary, Words};

/// Versions that one participant may have in all.
const MOST_OF_ONE: i64 = 20_000;
/// Bytes of an abstract that a search shows.
const BEGINNING: usize = 512;

/// Why the shelf did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] SqlError),
    /// What stands in the database cannot be read.
    #[error("the database holds an entry that cannot be read: {0}")]
    Broken(String),
    /// There is no such entry.
    #[error("there is no such entry in the catalogue")]
    Unknown,
    /// Something else was published under this version.
    #[error("version {version} of {dataset:?} was published with other words; publish them as a version of their own")]
    Differs {
        /// The dataset.
        dataset: String,
        /// Its version.
        version: u32,
    },
    /// A later version was published already.
    #[error("version {newest} of {dataset:?} was published already, and versions only grow")]
    Older {
        /// The dataset.
        dataset: String,
        /// Its newest version.
        newest: u32,
    },
    /// It was withdrawn already.
    #[error("version {version} of {dataset:?} was withdrawn; what is published anew is a version of its own")]
    Withdrawn {
        /// The dataset.
        dataset: String,
        /// The version.
        version: u32,
    },
    /// A withdrawal that is of no newest version.
    #[error("the newest version of {dataset:?} is {newest}, and a withdrawal names the newest")]
    NotNewest {
        /// The dataset.
        dataset: String,
        /// Its newest version.
        newest: u32,
    },
    /// A participant has published too much.
    #[error("a participant can have {MOST_OF_ONE} versions of datasets in the catalogue, and has them")]
    Full,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The signed entry.
    pub envelope: Vec<u8>,
    /// The signed withdrawal that ended it.
    pub withdrawal: Option<Vec<u8>>,
    /// Whether it is the version that is published now.
    pub published: bool,
    /// The newest version of the dataset.
    pub newest: u32,
    /// When it came.
    pub taken_ms: i64,
}

/// The entries of a coordinator.
#[derive(Clone, Debug)]
pub struct Shelf(Database);

impl Shelf {
    /// The shelf in a database that has the coordinator's layout.
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    /// Keeps an entry, whose signer the caller has found to be right, as the published version of its dataset. Whether it was
    /// there already.
    ///
    /// # Errors
    /// [`ShelfError`]; the shelf is then as it was.
    pub async fn publish(&self, entry: &Signed<Entry>) -> Result<bool, ShelfError> {
        self.0.in_time(self.publish_whole(entry)).await
    }

    async fn publish_whole(&self, signed: &Signed<Entry>) -> Result<bool, ShelfError> {
        let (who, entry) = (signed.signer().as_str(), signed.statement());
        let (dataset, version) = (entry.dataset.name.as_str(), entry.dataset.version);
        let digest = signed.digest().map_err(|error| ShelfError::Broken(error.to_string()))?.to_string();
        let mut transaction = self.0.begin().await?;
        let number = next_number(&mut transaction).await?;
        if let Some(newest) = newest(&mut transaction, who, dataset).await? {
            let Place { version: known, digest: said, published } = newest;
            if known == version && said == digest {
                transaction.rollback().await?;
                let dataset = dataset.to_owned();
                return if published { Ok(true) } else { Err(ShelfError::Withdrawn { dataset, version }) };
            }
            let dataset = dataset.to_owned();
            if known == version {
                return Err(ShelfError::Differs { dataset, version });
            }
            if known > version {
                return Err(ShelfError::Older { dataset, newest: known });
            }
        }
        let counted = query("SELECT COUNT(*) FROM entries WHERE participant = $1").bind(who);
        if counted.fetch_one(&mut *transaction).await?.try_get::<i64, _>(0)? >= MOST_OF_ONE {
            return Err(ShelfError::Full);
        }
        end_publication(&mut transaction, who, dataset).await?;
        insert(&mut transaction, signed, (number, &digest)).await?;
        transaction.commit().await?;
        Ok(false)
    }

    /// Keeps a withdrawal, whose signer the caller has found to be right. One that is known already changes nothing.
    ///
    /// # Errors
    /// [`ShelfError`]; the shelf is then as it was.
    pub async fn withdraw(&self, withdrawal: &Signed<Withdrawal>) -> Result<(), ShelfError> {
        self.0.in_time(self.withdraw_whole(withdrawal)).await
    }

    async fn withdraw_whole(&self, signed: &Signed<Withdrawal>) -> Result<(), ShelfError> {
        let (who, dataset) = (signed.signer().as_str(), &signed.statement().dataset);
        let mut transaction = self.0.begin().await?;
        next_number(&mut transaction).await?;
        let newest = newest(&mut transaction, who, &dataset.name).await?.ok_or(ShelfError::Unknown)?;
        if newest.version != dataset.version {
            return Err(ShelfError::NotNewest { dataset: dataset.name.clone(), newest: newest.version });
        }
        if !newest.published {
            transaction.rollback().await?;
            return Ok(());
        }
        end_publication(&mut transaction, who, &dataset.name).await?;
        query(
            "INSERT INTO withdrawals (participant, dataset, version, envelope, taken_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(who)
        .bind(&dataset.name)
        .bind(i64::from(dataset.version))
        .bind(text_of(signed.to_bytes())?)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// One version of a dataset, or the newest.
    ///
    /// # Errors
    /// [`ShelfError::Unknown`] if there is none.
    pub async fn get(
        &self,
        participant: &ParticipantId,
        dataset: &str,
        version: Option<u32>,
    ) -> Result<Kept, ShelfError> {
        self.0.in_time(self.get_whole(participant, dataset, version)).await
    }

    async fn get_whole(
        &self,
        participant: &ParticipantId,
        dataset: &str,
        version: Option<u32>,
    ) -> Result<Kept, ShelfError> {
        // PostgreSQL keeps no zero byte, and takes none in a parameter.
        if dataset.contains('\0') {
            return Err(ShelfError::Unknown);
        }
        let row = query(
            "SELECT envelope, version, published, taken_ms, (SELECT MAX(version) FROM entries WHERE participant = $1 AND \
             dataset = $2) AS newest FROM entries WHERE participant = $1 AND dataset = $2 AND (version = $3 OR $3 = 0) \
             ORDER BY version DESC LIMIT 1",
        )
        .bind(participant.as_str())
        .bind(dataset)
        .bind(version.map_or(0, i64::from))
        .fetch_optional(self.0.pool())
        .await?
        .ok_or(ShelfError::Unknown)?;
        let withdrawal = query(
            "SELECT envelope FROM withdrawals WHERE participant = $1 AND dataset = $2 AND version >= $3 \
             ORDER BY version LIMIT 1",
        )
        .bind(participant.as_str())
        .bind(dataset)
        .bind(row.try_get::<i64, _>("version")?)
        .fetch_optional(self.0.pool())
        .await?;
        Ok(Kept {
            envelope: row.try_get::<String, _>("envelope")?.into_bytes(),
            withdrawal: withdrawal.map(|row| row.try_get::<String, _>(0)).transpose()?.map(String::into_bytes),
            published: row.try_get::<i64, _>("published")? == 1,
            newest: number_of(&row, "newest")?,
            taken_ms: row.try_get("taken_ms")?,
        })
    }
}

/// Where the newest version of a dataset stands.
struct Place {
    version: u32,
    digest: String,
    published: bool,
}

/// Lets one transaction write at a time.
async fn next_number(transaction: &mut Transaction) -> Result<i64, SqlError> {
    query("UPDATE counters SET last = last + 1 WHERE name = 'entries' RETURNING last")
        .fetch_one(&mut **transaction)
        .await?
        .try_get(0)
}

async fn newest(transaction: &mut Transaction, who: &str, dataset: &str) -> Result<Option<Place>, ShelfError> {
    let found = query(
        "SELECT version, digest, published FROM entries WHERE participant = $1 AND dataset = $2 \
         ORDER BY version DESC LIMIT 1",
    )
    .bind(who)
    .bind(dataset)
    .fetch_optional(&mut **transaction)
    .await?;
    let place = |row: AnyRow| {
        let published = row.try_get::<i64, _>("published")? == 1;
        Ok(Place { version: number_of(&row, "version")?, digest: row.try_get("digest")?, published })
    };
    found.map(place).transpose()
}

/// No version of the dataset is published any more.
async fn end_publication(transaction: &mut Transaction, who: &str, dataset: &str) -> Result<(), SqlError> {
    query("UPDATE entries SET published = 0 WHERE participant = $1 AND dataset = $2 AND published = 1")
        .bind(who)
        .bind(dataset)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

async fn insert(
    transaction: &mut Transaction,
    signed: &Signed<Entry>,
    (number, digest): (i64, &str),
) -> Result<(), ShelfError> {
    let entry = signed.statement();
    let types: Vec<&str> = entry.keys.iter().map(|key| key.key_type.name()).collect();
    query(
        "INSERT INTO entries (participant, dataset, version, number, digest, envelope, published, name, code, domain, \
         sharing, department, abstract, key_types, words, taken_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(signed.signer().as_str())
    .bind(&entry.dataset.name)
    .bind(i64::from(entry.dataset.version))
    .bind(number)
    .bind(digest)
    .bind(text_of(signed.to_bytes())?)
    .bind(&entry.name)
    .bind(&entry.code)
    .bind(entry.domain.name())
    .bind(entry.sharing.sharing_type.name())
    .bind(&entry.provider.department)
    .bind(printable(&entry.summary, BEGINNING))
    .bind(format!(" {} ", types.join(" ")))
    .bind(words_of(entry))
    .bind(now_ms())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// What words are looked for in. Databases differ in what they take for capitals, so there are none.
fn words_of(entry: &Entry) -> String {
    let texts = [&entry.name, &entry.code, &entry.dataset.name, &entry.provider.department, &entry.summary];
    let items = entry.items.iter().map(|item| &item.name);
    let all: Vec<&str> = texts.into_iter().chain(items).map(String::as_str).collect();
    all.join("\n").to_lowercase()
}

fn text_of(bytes: Result<Vec<u8>, agreement::StatementError>) -> Result<String, ShelfError> {
    let bytes = bytes.map_err(|error| ShelfError::Broken(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| ShelfError::Broken(error.to_string()))
}

fn number_of(row: &AnyRow, column: &str) -> Result<u32, ShelfError> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number).map_err(|error| ShelfError::Broken(error.to_string()))
}
