//! From a key to the start of its band, the bits of it and a value: AES under fixed keys that follow
//! from the seed of the store.

use sha2::{Digest, Sha512};

use super::layout::{Layout, MAX_BAND};
use super::value::Value;
use crate::Item;
use crate::fixed_key::FixedKey;

/// Rows that are hashed at a time.
pub(super) const BATCH: usize = 64;

/// Words of the widest band.
const MAX_WORDS: usize = MAX_BAND / 64;

/// What makes the rows of a store: drawn afresh when the set is fixed, and told to the peer with the
/// vector.
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
    /// 128 columns of the band each.
    bands: Vec<FixedKey>,
    /// Columns at which a band may start.
    starts: u64,
    /// Bits of the band that there are, word by word.
    mask: [u64; MAX_WORDS],
}

impl Hashes {
    pub(super) fn new(layout: Layout, seed: &RowSeed) -> Self {
        let bands = (2u8..).take(layout.band().div_ceil(128)).map(|index| seed.permutation(index)).collect();
        let mut mask = [0; MAX_WORDS];
        let mut left = layout.band();
        for word in &mut mask {
            *word = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
            left = left.saturating_sub(64);
        }
        let (start, value) = (seed.permutation(0), seed.permutation(1));
        Self { start, value, bands, starts: layout.starts() as u64, mask }
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
            blocks.iter_mut().zip(keys).for_each(|(block, key)| *block = *key);
            self.value.permute(&mut blocks);
            values.iter_mut().zip(blocks).for_each(|(value, block)| *value = V::from_words(block_words(block)));
        }
    }

    /// The band of each of `keys`, up to [`BATCH`] of them, into `bands`. Words beyond the band
    /// are 0.
    pub(super) fn bands<const W: usize>(&self, keys: &[u128], bands: &mut [[u64; W]; BATCH]) {
        let mut blocks = [0; BATCH];
        for (pair, permutation) in self.bands.iter().enumerate() {
            blocks.iter_mut().zip(keys).for_each(|(block, key)| *block = *key);
            if let Some(blocks) = blocks.get_mut(..keys.len()) {
                permutation.permute(blocks);
            }
            for (band, block) in bands.iter_mut().zip(blocks) {
                let words = band.iter_mut().skip(2 * pair).zip(block_words(block));
                words.zip(self.mask.iter().skip(2 * pair)).for_each(|((to, word), mask)| *to = word & mask);
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
            let (mut start, mut value, mut band) = ([0], [0u128], [[0; 5]; BATCH]);
            hashes.starts(&items[i..=i], &mut start);
            hashes.values(&keys[i..=i], &mut value);
            assert_eq!((start[0], value[0] as u64), (starts[i], values[i]));
            let mut bands = [[0; 5]; BATCH];
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
            let (mut values, mut bands) = ([0u128; 2], [[0; 8]; BATCH]);
            hashes.values(&keys, &mut values);
            hashes.bands(&keys, &mut bands);
            seen.extend(values.iter().flat_map(|value| block_words(*value)));
            seen.extend(bands[..2].as_flattened());
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
        let mut bands = [[0; 4]; BATCH];
        hashes.bands(&(0..64).collect::<Vec<_>>(), &mut bands);
        let [all, upper, ..] = bands.iter().fold([0; 4], |all, band| [0, 1, 2, 3].map(|word| all[word] | band[word]));
        assert_eq!((all, upper), (u64::MAX, 63));
        assert!(bands.iter().all(|band| band[2..] == [0, 0]));
    }
}
