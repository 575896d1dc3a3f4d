//! An input, as the guard reads it: the keys of one part after the other.

use records::{CanonicalKey, commitment::PARTS};

use crate::{
    error::RunError,
    prepare::{Set, keys_of},
};

/// A set of keys in parts, by the first byte of a key. Parts are read by several threads at once.
pub trait KeyParts: Sync {
    /// Bytes that reading the largest part takes, about.
    fn largest(&self) -> u64;

    /// Appends the keys of a part, in any order. A key may come more than once.
    ///
    /// # Errors
    /// [`RunError`] if they cannot be read.
    fn read(&self, part: usize, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError>;
}

impl KeyParts for Set {
    fn largest(&self) -> u64 {
        match self {
            // They are evenly spread, and in memory anyway.
            Self::Items(items) => (size_of_val(&**items) / PARTS) as u64,
            Self::Entries(buckets, _) => buckets.largest(),
        }
    }

    fn read(&self, part: usize, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
        match self {
            Self::Items(items) => {
                let first = |part: usize| items.partition_point(|item| usize::from(item.as_bytes()[0]) < part);
                let items = items.get(first(part)..first(part.saturating_add(1))).unwrap_or_default();
                keys.extend(items.iter().map(|item| CanonicalKey(*item.as_bytes())));
                Ok(())
            }
            Self::Entries(buckets, beside) => keys_of(&buckets.read(part)?, *beside, keys),
        }
    }
}
