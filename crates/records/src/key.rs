//! Keys: which columns identify a record, under which data standard, and the bytes that are matched.
//!
//! The canonical key of one column is `v1|<type>|<value>`; of several columns
//! `v1|<type>+<type>…|` and then each value behind its length (four bytes, big-endian). Sixteen
//! bytes of its SHA-256 enter the protocols. Until the data standard is built the one type is
//! `raw`: the bytes of the column as they are.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::record::Record;

/// The version of the data standard, as runs state it.
pub const DATA_STANDARD: &str = "v1";

/// What a key column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Bytes as they are.
    Raw,
}

/// Key types that the data standard names and this version does not have yet.
const PLANNED: [&str; 9] =
    ["resident-id", "uscc", "organisation-code", "ebill", "birth-certificate", "mobile", "name", "date", "region"];

/// Why a key is not usable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// A type of the data standard that is not built.
    #[error("key type {0:?} is not built yet; this version has: raw")]
    NotBuilt(String),
    /// No such type.
    #[error("there is no key type {0:?}; this version has: raw")]
    Unknown(String),
    /// Types and columns do not pair up.
    #[error("{columns} key columns need as many key types, not {types}")]
    Count {
        /// Columns named.
        columns: usize,
        /// Types named.
        types: usize,
    },
    /// There is no key column.
    #[error("a key needs at least one column")]
    NoColumn,
}

impl FromStr for KeyType {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text {
            "raw" => Ok(Self::Raw),
            planned if PLANNED.contains(&planned) => Err(KeyError::NotBuilt(text.to_owned())),
            _ => Err(KeyError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
        })
    }
}

/// The columns of a key with the type of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    types: Vec<KeyType>,
    prefix: Vec<u8>,
}

/// Sixteen bytes of the SHA-256 of a canonical key: what enters a protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalKey(pub [u8; 16]);

impl fmt::Debug for CanonicalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalKey(..)")
    }
}

impl KeySpec {
    /// A key of as many columns as there are types.
    ///
    /// # Errors
    /// [`KeyError::NoColumn`] without any.
    pub fn new(types: &[KeyType]) -> Result<Self, KeyError> {
        if types.is_empty() {
            return Err(KeyError::NoColumn);
        }
        let names: Vec<String> = types.iter().map(ToString::to_string).collect();
        let prefix = format!("{DATA_STANDARD}|{}|", names.join("+")).into_bytes();
        Ok(Self { types: types.to_vec(), prefix })
    }

    /// The types, one for each column.
    #[must_use]
    pub fn types(&self) -> &[KeyType] {
        &self.types
    }

    /// The key of `record`, whose key stands in `columns`; nothing where one is empty or missing.
    #[must_use]
    pub fn key(&self, record: &Record, columns: &[usize]) -> Option<CanonicalKey> {
        let mut hash = Sha256::new_with_prefix(&self.prefix);
        for &column in columns {
            let value = record.field(column).filter(|value| !value.is_empty())?;
            if columns.len() > 1 {
                hash.update(u32::try_from(value.len()).ok()?.to_be_bytes());
            }
            hash.update(value);
        }
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Some(CanonicalKey(key))
    }
}
