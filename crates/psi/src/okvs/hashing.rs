//! From a key to the start of its band, the bits of it and a value: AES under fixed keys that follow
//! from the seed of the store.

use sha2::{Digest, Sha512};

use super::layout::Layout;
use super::record::Record;
use super::value::Value;
use crate::Item;
use crate::fixed_key::FixedKey;

/// Rows that are hashed at a time.
pub(super) const BATCH: usize = 64;

/// What makes the rows of a store: not known before the set is fixed, and known to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSeed([u8; 16]);

impl RowSeed {
    /// The bytes of the seed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The permutation number `index`.
    fn permutation(&self, index: u8) -> FixedKey {
        let digest = Sha512::new().chain_update(b"yuandang psi okvs v1").chain_update(self.0).chain_update([index]);
        let mut key = [0; 16];
        key.iter_mut().zip(digest.finalize().iter()).for_each(|(to, from)| *to = *from);
        FixedKey::new(&key)
    }
}

impl From<[u8; 16]> for RowSeed {
    fn from(seed: [u8; 16]) -> Self {
        Self(seed)
    }
}

/// The functions of one seed. Each takes a permutation of its own, as a function of the key that
/// nobody tells from a random one before the seed is out.
#[derive(Clone)]
pub(super) struct Hashes {
    start: FixedKey,
    value: FixedKey,
    /// For 128 columns of the band each, and which of these there are.
    bands: Vec<(FixedKey, u128)>,
    /// Columns at which a band may start.
    starts: u64,
}

impl Hashes {
    pub(super) fn new(layout: Layout, seed: &RowSeed) -> Self {
        let mask = |columns: usize| if columns >= 128 { u128::MAX } else { (1 << columns) - 1 };
        let columns = (0..layout.band()).step_by(128).map(|first| mask(layout.band() - first));
        let bands = columns.zip(2..).map(|(mask, index)| (seed.permutation(index), mask)).collect();
        let (start, value) = (seed.permutation(0), seed.permutation(1));
        Self { start, value, bands, starts: layout.starts() as u64 }
    }

    /// The start of the band of each of `items`, into `starts`.
    pub(super) fn starts(&self, items: &[Item], starts: &mut [u32]) {
        let mut blocks = [0; BATCH];
        for (items, starts) in items.chunks(BATCH).zip(starts.chunks_mut(BATCH)) {
            blocks.iter_mut().zip(items).for_each(|(block, item)| *block = u128::from_le_bytes(*item.as_bytes()));
            self.start.permute(&mut blocks);
            starts.iter_mut().zip(blocks).for_each(|(start, block)| *start = self.start_of(block));
        }
    }

    /// The upper half of a block as a fraction of 2^64, times the number of starts.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn start_of(&self, block: u128) -> u32 {
        // Below the number of starts, which is below 2^32.
        (((block >> 64) * u128::from(self.starts)) >> 64) as u32
    }

    /// The value of each of `keys`, into `values`.
    pub(super) fn values<V: Value>(&self, keys: &[u128], values: &mut [V]) {
        let mut blocks = [0; BATCH];
        for (keys, values) in keys.chunks(BATCH).zip(values.chunks_mut(BATCH)) {
            self.value.permute_into(keys, &mut blocks);
            values.iter_mut().zip(blocks).for_each(|(value, block)| *value = V::from_words(block_words(block)));
        }
    }

    /// The band of each of `keys`, up to [`BATCH`] of them, into `records`. Words beyond the band
    /// stay what they are.
    pub(super) fn bands<const R: usize>(&self, keys: &[u128], records: &mut [Record<R>]) {
        let mut blocks = [0; BATCH];
        for (pair, (permutation, mask)) in self.bands.iter().enumerate() {
            permutation.permute_into(keys, &mut blocks);
            for (record, block) in records.iter_mut().zip(blocks) {
                if let Some(words) = record.band_pairs().get_mut(pair) {
                    *words = block_words(block & mask);
                }
            }
        }
    }
}

/// The halves of a block, the lower one first.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn block_words(block: u128) -> [u64; 2] {
    [block as u64, (block >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::okvs::{Expansion, Shape};

    fn hashes(keys: usize, band: usize, seed: u8) -> Hashes {
        let layout = Layout::new(keys, Shape::narrow(Expansion::Percent10, band)).unwrap();
        Hashes::new(layout, &RowSeed::from([seed; 16]))
    }

    #[test]
    fn a_hash_of_many_is_the_hash_of_each() {
        let hashes = hashes(1000, 320, 1);
        let items: Vec<Item> = (0..100u128).map(|item| Item::from(item.to_le_bytes())).collect();
        let keys: Vec<u128> = (0..100).collect();
        let (mut starts, mut values) = ([0; 100], [0u64; 100]);
        hashes.starts(&items, &mut starts);
        hashes.values(&keys, &mut values);
        for i in 0..100 {
            let (mut start, mut value, mut band) = ([0], [0u128], [Record::<1>::ZERO; BATCH]);
            hashes.starts(&items[i..=i], &mut start);
            hashes.values(&keys[i..=i], &mut value);
            assert_eq!((start[0], block_words(value[0])[0]), (starts[i], values[i]));
            let mut bands = [Record::<1>::ZERO; BATCH];
            hashes.bands(&keys[i / 64 * 64..(i / 64 * 64 + 64).min(100)], &mut bands);
            hashes.bands(&keys[i..=i], &mut band);
            assert_eq!(bands[i % 64], band[0]);
        }
    }

    #[test]
    fn seeds_and_uses_are_apart() {
        let keys = [1, 2];
        let mut seen = Vec::new();
        for seed in [1, 2] {
            let hashes = hashes(1000, 512, seed);
            let (mut values, mut bands) = ([0u128; 2], [Record::<2>::ZERO; BATCH]);
            hashes.values(&keys, &mut values);
            hashes.bands(&keys, &mut bands);
            seen.extend(values.iter().flat_map(|value| block_words(*value)));
            seen.extend(bands[..2].iter().flat_map(|record| &record.band()[..8]));
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn starts_are_uniform_over_all_columns_that_there_are() {
        let hashes = hashes(10, 64, 3);
        let items: Vec<Item> = (0..17_000u128).map(|item| Item::from(item.to_le_bytes())).collect();
        let mut starts = vec![0; items.len()];
        hashes.starts(&items, &mut starts);
        assert_eq!(hashes.starts, 17);
        let mut counts = [0u32; 17];
        starts.iter().for_each(|start| counts[*start as usize] += 1);
        // χ² with 16 degrees of freedom stays below 39.3 but once in a thousand.
        let deviation: f64 = counts.iter().map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0).sum();
        assert!(deviation < 39.3, "{deviation}");
    }

    #[test]
    fn bands_end_where_they_should() {
        let hashes = hashes(1000, 70, 1);
        let mut records = [Record::<1>::ZERO; BATCH];
        hashes.bands(&(0..64).collect::<Vec<_>>(), &mut records);
        let mut all = [0; 8];
        for record in &records {
            all.iter_mut().zip(record.0.as_flattened()).for_each(|(all, word)| *all |= word);
        }
        assert_eq!(all, [u64::MAX, 63, 0, 0, 0, 0, 0, 0]);
    }
}
