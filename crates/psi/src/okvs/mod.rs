//! Oblivious key-value store with random bands: a vector that gives a value for each of many keys
//! and, where the values are random, does not tell for which.
//!
//! Source: Bienstock, Patel, Seo, Yeo, *Near-Optimal Oblivious Key-Value Stores for Efficient PSI,
//! PSU and Volume-Hiding Multi-Maps* (USENIX Security 2023).
//!
//! Each key has a row: `w` random bits, its *band*, at a random *start* of `m` columns, and 0 at all
//! others. [`Rows::encode`] solves for the vector of `m` [`Value`]s whose sum over the row of each
//! key is the key's value; a [`Decoder`] sums any vector over any rows. `m` is little more than the
//! number of keys ([`Expansion`]), and `w` decides how often there is no solution ([`Shape`]); then
//! the caller takes a fresh [`RowSeed`], which tells the peer nothing.
//!
//! | step | how |
//! |---|---|
//! | [`Rows::new`] | hash the start of each key, sort by it |
//! | [`Rows::encode`] | Gaussian elimination by start, in which few earlier rows matter to a row, then substitution from the last column |
//! | [`Decoder::push`], [`Decoder::decode`] | sums over bands, in the order of their starts, as soon as the columns are there |
//!
//! **Leaks.** The seed and the layout tell nothing of the keys but their number. The vector tests any
//! key that is guessed, for whoever knows or can make its value; where that matters the protocol
//! hides the vector. Time and memory access of the holder depend on its keys.
//!
//! With AVX-512 and GFNI, sums run over vectors stored bit by bit: of eight columns at a time, one
//! instruction multiplies 8x8 bits of eight rows by 64 bits of each column. The results are the same
//! without.

mod avx512;
mod decoder;
mod elimination;
mod encode;
mod hashing;
mod keys;
mod layout;
mod rows;
mod sorting;
mod substitution;
mod value;

#[cfg(test)]
mod failure_tests;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use hashing::RowSeed;
pub use keys::DistinctItems;
pub use layout::{Expansion, Layout, MAX_BAND, Shape};
pub use rows::Rows;
pub use value::Value;

/// Why there is no vector.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncodeError {
    /// The rows depend on each other under this seed. Another may do.
    #[error("the rows of the keys are not independent under this seed")]
    Unsolvable,
    /// The caller gave more values or fewer than there are rows.
    #[error("a key-value store takes one value for each key")]
    Values,
}

/// Evaluates an expression with constants for a [`Layout`]: `$w` words that hold a band, and `$z`
/// times 512 columns that hold eight of them whose starts are near each other.
macro_rules! for_words {
    ($layout:expr, $w:ident, $z:ident => $body:expr) => {
        $crate::okvs::for_words!(@match $layout, $w, $z, $body, 0..=256 => (4, 1), 0..=320 => (5, 1),
            0..=512 => (8, 2), 0..=640 => (10, 2), _ => (16, 3))
    };
    (@match $layout:expr, $w:ident, $z:ident, $body:expr, $($band:pat => ($words:expr, $tiles:expr)),+) => {
        match $layout.band() {
            $($band => {
                const $w: usize = $words;
                const $z: usize = $tiles;
                $body
            })+
        }
    };
}
use for_words;
