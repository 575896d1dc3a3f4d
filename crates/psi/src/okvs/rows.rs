//! The rows of a set of keys.

use std::ops::Range;

use rayon::prelude::*;

use super::hashing::{Hashes, RowSeed};
use super::keys::DistinctItems;
use super::layout::Layout;
use super::record::Record;
use super::sorting;
use super::value::Value;
use crate::{Item, PsiError};

/// Rows that one thread takes at a time.
const CHUNK: usize = 1 << 12;

/// The rows of a set of keys under one seed, in the order of their starts. All that is by row below
/// is in this order, [`Rows::order`].
///
/// Of each row there are the key, the start and the caller's place, 24 bytes; its band is hashed anew
/// wherever it is needed, which is faster than to store it.
pub struct Rows {
    layout: Layout,
    hashes: Hashes,
    keys: Vec<u128>,
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Rows {
    /// The rows of `items` in the store of the form `layout` under `seed`. The items need not be
    /// those that the layout was made for, or as many.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are 2^32 items or more.
    pub fn new(layout: Layout, seed: &RowSeed, items: DistinctItems<'_>) -> Result<Self, PsiError> {
        if u32::try_from(items.as_slice().len()).is_err() {
            return Err(PsiError::Usage("too many keys for one key-value store"));
        }
        let hashes = Hashes::new(layout, seed);
        let sorted = sorting::by_start(items.as_slice(), &hashes, layout.starts());
        Ok(Self { layout, hashes, keys: sorted.keys, starts: sorted.starts, order: sorted.order })
    }

    /// Rows, that is, items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The form of the store.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// By row: where its item stood among those that the rows were made of.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// By row: a pseudorandom value of its item under the seed, independent of the row.
    #[must_use]
    pub fn values<V: Value>(&self) -> Vec<V> {
        self.values_of(0..self.len())
    }

    /// The values of the rows at `range`, as [`values`](Self::values) gives them.
    #[must_use]
    pub fn values_of<V: Value>(&self, range: Range<usize>) -> Vec<V> {
        let keys = self.keys.get(range).unwrap_or_default();
        let mut values = vec![V::default(); keys.len()];
        let chunks = values.par_chunks_mut(CHUNK).zip(keys.par_chunks(CHUNK));
        chunks.for_each(|(values, keys)| self.hashes.values(keys, values));
        values
    }

    /// The items of the rows at `range`.
    #[must_use]
    pub fn items(&self, range: Range<usize>) -> Vec<Item> {
        let keys = self.keys.get(range).unwrap_or_default();
        keys.iter().map(|key| Item::from(key.to_le_bytes())).collect()
    }

    /// How many rows, from the first on, have their whole band in the first `columns` columns.
    #[must_use]
    pub fn decodable(&self, columns: usize) -> usize {
        match columns.checked_sub(self.layout.band()) {
            Some(last) => self.starts.partition_point(|start| *start as usize <= last),
            None => 0,
        }
    }

    /// How many rows start before a column.
    pub(super) fn starting_before(&self, column: usize) -> usize {
        self.starts.partition_point(|start| (*start as usize) < column)
    }

    /// By row: the column at which its band starts.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The bands of the rows of `range`, up to [`BATCH`](super::hashing::BATCH) of them, into
    /// `records` that are 0 where they have no band.
    pub(super) fn records<const R: usize>(&self, range: Range<usize>, records: &mut [Record<R>]) {
        self.hashes.bands(self.keys.get(range).unwrap_or_default(), records);
    }
}
