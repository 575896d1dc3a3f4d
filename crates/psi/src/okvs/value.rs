//! What a key-value store holds: 64 or 128 bits to a column.

use std::fmt::Debug;
use std::ops::{BitXor, BitXorAssign};

use zeroize::Zeroize;

/// A value of a store, and an element of its vector: a vector over GF(2).
pub trait Value:
    Copy + Default + Debug + Eq + BitXor<Output = Self> + BitXorAssign + Send + Sync + Zeroize + sealed::Words + 'static
{
}

impl Value for u64 {}
impl Value for u128 {}

pub(super) mod sealed {
    /// A value as words of 64 bits, the least first. A word that it has not is 0.
    pub trait Words: Sized {
        /// Words that it has: 1 or 2.
        const WORDS: usize;

        /// Its words.
        fn words(self) -> [u64; 2];

        /// The value of `words`; a word that it has not is left out.
        fn from_words(words: [u64; 2]) -> Self;

        /// The value if the lowest bit of `bit` is 1, and 0 otherwise, in the same time.
        fn masked(self, bit: u64) -> Self;
    }

    impl Words for u64 {
        const WORDS: usize = 1;

        #[inline]
        fn words(self) -> [u64; 2] {
            [self, 0]
        }

        #[inline]
        fn from_words([low, _]: [u64; 2]) -> Self {
            low
        }

        #[inline]
        fn masked(self, bit: u64) -> Self {
            self & (bit & 1).wrapping_neg()
        }
    }

    impl Words for u128 {
        const WORDS: usize = 2;

        #[inline]
        #[allow(clippy::cast_possible_truncation)]
        fn words(self) -> [u64; 2] {
            [self as u64, (self >> 64) as u64]
        }

        #[inline]
        fn from_words([low, high]: [u64; 2]) -> Self {
            Self::from(low) | Self::from(high) << 64
        }

        #[inline]
        fn masked(self, bit: u64) -> Self {
            self & Self::from(bit & 1).wrapping_neg()
        }
    }
}
