//! Keys: which columns identify a record, under which types, and the bytes that are matched.
//!
//! The canonical key of one value is `v1|<type>|<value>`; of several values `v1|<type>+<type>…|` and then
//! each behind its length (four bytes, big-endian). Sixteen bytes of its SHA-256 enter the protocols.
//!
//! A value stands in one column, but for an e-bill, which may stand in three. The key is the same.

use std::fmt;

use sha2::{Digest, Sha256, block_api::compress256};

use crate::{
    record::Record,
    standard::{self, DATA_STANDARD, Flaw, KeyType, Reason, Settings, Value, Warnings},
};

/// Why a key cannot be made of these types and columns.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Types and columns do not pair up.
    #[error("{columns} key columns need as many key types, not {types} (an ebill may stand in three columns)")]
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

/// The types of a key, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    types: Vec<KeyType>,
    prefix: Vec<u8>,
    settings: Settings,
}

/// Sixteen bytes of the SHA-256 of a canonical key: what enters a protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalKey(pub [u8; 16]);

impl fmt::Debug for CanonicalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CanonicalKey(..)")
    }
}

/// The key of a record, and what is odd about the values that it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed {
    /// The key.
    pub key: CanonicalKey,
    /// What is odd about any of the values.
    pub warnings: Warnings,
}

/// Why a record has no key, and is not matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unkeyed {
    /// A key column is empty, blank or not there.
    Missing,
    /// A value is not what its type says.
    Refused(Refusal),
}

/// Which value is refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Refusal {
    /// The place of the column among the key columns, from 0.
    pub column: usize,
    /// What is wrong with its value.
    pub reason: Reason,
}

impl KeySpec {
    /// A key of these types.
    ///
    /// # Errors
    /// [`KeyError::NoColumn`] without any.
    pub fn new(types: &[KeyType]) -> Result<Self, KeyError> {
        if types.is_empty() {
            return Err(KeyError::NoColumn);
        }
        let names: Vec<&str> = types.iter().map(|key_type| key_type.name()).collect();
        let prefix = format!("{DATA_STANDARD}|{}|", names.join("+")).into_bytes();
        Ok(Self { types: types.to_vec(), prefix, settings: Settings::default() })
    }

    /// The same key, of data of which more is known.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The types, in order.
    #[must_use]
    pub fn types(&self) -> &[KeyType] {
        &self.types
    }

    /// Checks that a key of this kind can stand in that many columns: one for each type, or one for each
    /// and three for every e-bill.
    ///
    /// # Errors
    /// [`KeyError::Count`] for any other number.
    pub fn admits(&self, columns: usize) -> Result<(), KeyError> {
        let types = self.types.len();
        let admitted = columns == types || columns == self.columns_in_parts();
        if admitted { Ok(()) } else { Err(KeyError::Count { columns, types }) }
    }

    /// The columns of a key whose e-bills stand in three each.
    fn columns_in_parts(&self) -> usize {
        self.types.iter().map(|key_type| if *key_type == KeyType::Ebill { 3 } else { 1 }).sum()
    }

    /// The key of `record`, whose key stands in `columns`.
    ///
    /// # Errors
    /// [`Unkeyed::Missing`] where any value is empty or missing, or where the columns are not as many as
    /// [`admits`](Self::admits) takes; [`Unkeyed::Refused`] with the first value that is not what its type
    /// says.
    pub fn key(&self, record: &Record, columns: &[usize]) -> Result<Keyed, Unkeyed> {
        let mut warnings = Warnings::NONE;
        if let ([key_type], [column]) = (self.types.as_slice(), columns) {
            let value = record.field(*column).ok_or(Unkeyed::Missing)?;
            let value = key_type.canonical(value, &self.settings, &mut warnings).map_err(|flaw| unkeyed(flaw, 0))?;
            let key = digest(&self.prefix, value.as_bytes());
            return Ok(Keyed { key, warnings });
        }
        let key = self.key_of_several(record, columns, &mut warnings).map_err(|unkeyed| {
            // A row without one of its values counts as that, whatever the others are.
            if self.is_any_missing(record, columns) { Unkeyed::Missing } else { unkeyed }
        })?;
        Ok(Keyed { key, warnings })
    }

    fn key_of_several(
        &self,
        record: &Record,
        columns: &[usize],
        warnings: &mut Warnings,
    ) -> Result<CanonicalKey, Unkeyed> {
        self.admits(columns.len()).map_err(|_| Unkeyed::Missing)?;
        let in_parts = columns.len() != self.types.len();
        let mut hash = Sha256::new_with_prefix(&self.prefix);
        let mut rest = columns;
        for key_type in &self.types {
            let place = columns.len() - rest.len();
            let value;
            (value, rest) = match (key_type, rest) {
                (KeyType::Ebill, [code, number, check, rest @ ..]) if in_parts => {
                    (bill_of_columns(record, [*code, *number, *check], place, warnings)?, rest)
                }
                (_, [column, rest @ ..]) => {
                    let value = record.field(*column).ok_or(Unkeyed::Missing)?;
                    let value = key_type.canonical(value, &self.settings, warnings);
                    (value.map_err(|flaw| unkeyed(flaw, place))?, rest)
                }
                (_, []) => return Err(Unkeyed::Missing),
            };
            let value = value.as_bytes();
            if self.types.len() > 1 {
                let length = u32::try_from(value.len())
                    .map_err(|_| Unkeyed::Refused(Refusal { column: place, reason: Reason::WrongLength }))?;
                hash.update(length.to_be_bytes());
            }
            hash.update(value);
        }
        Ok(first_half(hash.finalize().into()))
    }

    /// Whether any of the values is not there.
    fn is_any_missing(&self, record: &Record, columns: &[usize]) -> bool {
        // Blank counts as missing for all types but one, which is never beside its own parts.
        let in_parts = columns.len() != self.types.len();
        let types = self.types.iter().flat_map(|key_type| {
            std::iter::repeat_n(*key_type, if in_parts && *key_type == KeyType::Ebill { 3 } else { 1 })
        });
        columns
            .iter()
            .zip(types)
            .any(|(&column, key_type)| record.field(column).is_none_or(|value| key_type.is_missing(value)))
    }
}

/// The bill of which code, number and check stand in `columns`, the first of which is the key's column
/// number `place`.
fn bill_of_columns(
    record: &Record,
    columns: [usize; 3],
    place: usize,
    warnings: &mut Warnings,
) -> Result<Value<'static>, Unkeyed> {
    let mut parts: [&[u8]; 3] = [&[]; 3];
    for (part, column) in parts.iter_mut().zip(columns) {
        *part = record.field(column).filter(|value| !KeyType::Ebill.is_missing(value)).ok_or(Unkeyed::Missing)?;
    }
    standard::bill_of_parts(parts, warnings)
        .map_err(|(part, reason)| Unkeyed::Refused(Refusal { column: place + part, reason }))
}

fn unkeyed(flaw: Flaw, column: usize) -> Unkeyed {
    match flaw {
        Flaw::Missing => Unkeyed::Missing,
        Flaw::Refused(reason) => Unkeyed::Refused(Refusal { column, reason }),
    }
}

/// The key of the bytes of both parts.
fn digest(prefix: &[u8], value: &[u8]) -> CanonicalKey {
    match one_block(prefix, value) {
        Some(block) => {
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            let mut key = [0; 16];
            key.as_chunks_mut::<4>().0.iter_mut().zip(state).for_each(|(to, word)| *to = word.to_be_bytes());
            CanonicalKey(key)
        }
        None => first_half(Sha256::new_with_prefix(prefix).chain_update(value).finalize().into()),
    }
}

/// The state that SHA-256 begins with (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The only block of SHA-256 over both parts, if they fit into one: padding and length as FIPS 180-4,
/// section 5.1.1.
fn one_block(prefix: &[u8], value: &[u8]) -> Option<[u8; 64]> {
    let length = prefix.len() + value.len();
    let bits = u8::try_from(length).ok().filter(|length| *length < 56).map(|length| u16::from(length) * 8)?;
    let mut block = [0; 64];
    let (to_prefix, rest) = block.split_at_mut_checked(prefix.len())?;
    let (to_value, rest) = rest.split_at_mut_checked(value.len())?;
    to_prefix.copy_from_slice(prefix);
    to_value.copy_from_slice(value);
    *rest.first_mut()? = 0x80;
    *rest.last_chunk_mut()? = bits.to_be_bytes();
    Some(block)
}

fn first_half(digest: [u8; 32]) -> CanonicalKey {
    CanonicalKey(digest.first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
