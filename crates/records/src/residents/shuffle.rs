//! A keyed shuffle of the numbers below a bound, without a table: distinct numbers go to distinct
//! numbers, however many there are.

/// A permutation of `0..size`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shuffle {
    size: u64,
    /// Bits of either half of the Feistel network's block.
    half: u32,
    keys: [u64; 4],
}

impl Shuffle {
    /// The shuffle of `0..size` under `key`.
    pub(super) fn new(size: u64, key: &[u8; 32]) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        let mut keys = [0; 4];
        for (word, bytes) in keys.iter_mut().zip(key.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { size, half: bits.div_ceil(2).max(1), keys }
    }

    /// Where `index` goes; `index` is below the size.
    pub(super) fn at(&self, index: u64) -> u64 {
        debug_assert!(index < self.size);
        // The network permutes a power of two that is less than four times the size. Following its
        // cycle from within the bound comes back within the bound, after a few steps at most.
        let mut at = self.network(index);
        while at >= self.size && at != index {
            at = self.network(at);
        }
        at
    }

    fn network(&self, block: u64) -> u64 {
        let mask = (1_u64 << self.half) - 1;
        let (mut left, mut right) = (block >> self.half, block & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        (left << self.half) | right
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_met_once() {
        for size in (1..70).chain([255, 256, 257, 4096, 10_007]) {
            let shuffle = Shuffle::new(size, &[7; 32]);
            let mut images: Vec<u64> = (0..size).map(|index| shuffle.at(index)).collect();
            images.sort_unstable();
            assert!(images.into_iter().eq(0..size), "{size}");
        }
    }

    #[test]
    fn another_key_shuffles_otherwise() {
        let image = |key: u8| (0..100).map(|index| Shuffle::new(100, &[key; 32]).at(index)).collect::<Vec<_>>();
        assert_ne!(image(1), image(2));
        assert_ne!(image(1), (0..100).collect::<Vec<_>>());
    }
}
