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

    /// Checks that a key of this kind can stand in that many columns.
    ///
    /// # Errors
    /// [`KeyError::Count`] unless there is one for each type.
    pub fn admits(&self, columns: usize) -> Result<(), KeyError> {
        let types = self.types.len();
        if columns == types { Ok(()) } else { Err(KeyError::Count { columns, types }) }
    }

    /// The key of `record`, whose key stands in `columns`; nothing where one is empty or missing, or
    /// where there are not as many columns as types.
    #[must_use]
    pub fn key(&self, record: &Record, columns: &[usize]) -> Option<CanonicalKey> {
        if columns.len() != self.types.len() {
            return None;
        }
        let mut hash = Sha256::new_with_prefix(&self.prefix);
        for &column in columns {
            let value = record.field(column).filter(|value| !value.is_empty())?;
            if columns.len() > 1 {
                hash.update(u32::try_from(value.len()).ok()?.to_be_bytes());
            }
            hash.update(value);
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().map(CanonicalKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[&[u8]]) -> Record {
        let mut record = Record::default();
        fields.iter().for_each(|field| record.push_field(field));
        record
    }

    fn spec(columns: usize) -> KeySpec {
        KeySpec::new(&vec![KeyType::Raw; columns]).unwrap()
    }

    /// The first half of the SHA-256 of `bytes`.
    fn half_digest(bytes: &[u8]) -> CanonicalKey {
        CanonicalKey(Sha256::digest(bytes)[..16].try_into().unwrap())
    }

    #[test]
    fn the_bytes_of_a_key_are_pinned() {
        let one = spec(1).key(&record(&[b"31019919850101001X"]), &[0]).unwrap();
        assert_eq!(one, half_digest(b"v1|raw|31019919850101001X"));
        assert_eq!(hex::encode(one.0), "1e52134cd87a34453cc243def7eea521");
        let two = spec(2).key(&record(&[b"x", b"ab", b"c"]), &[1, 2]).unwrap();
        assert_eq!(two, half_digest(b"v1|raw+raw|\0\0\0\x02ab\0\0\0\x01c"));
    }

    #[test]
    fn values_do_not_run_into_each_other() {
        let (spec, columns) = (spec(2), [0, 1]);
        assert_ne!(spec.key(&record(&[b"ab", b"c"]), &columns), spec.key(&record(&[b"a", b"bc"]), &columns));
    }

    #[test]
    fn values_are_taken_as_they_are() {
        let spec = spec(1);
        let plain = spec.key(&record(&[b"7"]), &[0]);
        for other in [b" 7".as_slice(), b"7 ", b"07", b"7\0", "７".as_bytes(), b"\xff7"] {
            assert!(spec.key(&record(&[other]), &[0]).is_some_and(|key| Some(key) != plain));
        }
    }

    #[test]
    fn an_empty_or_missing_value_makes_no_key() {
        assert_eq!(spec(1).key(&record(&[b""]), &[0]), None);
        assert_eq!(spec(1).key(&record(&[b"a"]), &[1]), None);
        assert_eq!(spec(2).key(&record(&[b"a", b""]), &[0, 1]), None);
    }

    #[test]
    fn columns_and_types_must_pair_up() {
        assert_eq!(KeySpec::new(&[]), Err(KeyError::NoColumn));
        assert_eq!(spec(2).admits(2), Ok(()));
        assert_eq!(spec(2).admits(1), Err(KeyError::Count { columns: 1, types: 2 }));
        assert_eq!(spec(2).key(&record(&[b"a", b"b"]), &[0]), None);
        assert_eq!(spec(1).key(&record(&[b"a", b"b"]), &[0, 1]), None);
    }

    #[test]
    fn key_types_are_read_by_name() {
        assert_eq!("raw".parse(), Ok(KeyType::Raw));
        assert_eq!(KeyType::Raw.to_string(), "raw");
        for planned in PLANNED {
            assert_eq!(planned.parse::<KeyType>(), Err(KeyError::NotBuilt(planned.to_owned())));
        }
        assert_eq!("Raw".parse::<KeyType>(), Err(KeyError::Unknown("Raw".to_owned())));
    }

    #[test]
    fn a_printed_key_shows_nothing() {
        assert_eq!(format!("{:?}", CanonicalKey([7; 16])), "CanonicalKey(..)");
    }
}
