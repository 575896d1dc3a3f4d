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
//! the caller takes a fresh [`RowSeed`]. A peer who knows both learns that the set has no solution under the first.
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

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_avx512.rs"]
mod avx512;
mod decoder;
mod elimination;
mod encode;
mod hashing;
mod keys;
mod layout;
mod record;
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

/// Evaluates an expression with a constant for a [`Layout`]: how many times 512 bits a band and a
/// value take ([`record`]). That many columns also hold a few bands whose starts are near each other.
macro_rules! for_width {
    ($layout:expr, $registers:ident => $body:expr) => {
        if $layout.band() <= 64 * $crate::okvs::record::Record::<1>::BAND {
            const $registers: usize = 1;
            $body
        } else {
            const $registers: usize = 2;
            $body
        }
    };
}
use for_width;
