//! Tags and claim tokens of values that are no hashes, from AES under fixed keys.
//!
//! For a value u and its item x, with s = π_0(u):
//! ```text
//! block_j = π_(j+1)(s ⊕ x) ⊕ s
//! ```
//! This is TMMO of Guo, Katz, Wang and Yu, "Efficient and Secure Multiparty Computation from Fixed-Key
//! Block Ciphers" (IEEE S&P 2020; Section 7.4 of the full version, IACR ePrint 2019/074), with the item as
//! the tweak, and with permutations of their own where the paper has one twice: a value has several
//! blocks here. With π_j as random permutations it is correlation robust under tweaks: blocks look random
//! even of values that differ by products with one secret. The tweak gives each item a function of its own, so
//! that many items are no easier a target than one.
//!
//! π_j is AES-128 under the first 16 bytes of SHA-512(context ‖ mode ‖ session id ‖ "permutation" ‖ j).

use std::array;

use zeroize::Zeroizing;

use super::derivation::Expansion;
use crate::Item;
use crate::fixed_key::FixedKey;

/// Values that go through the ciphers at a time.
const BATCH: usize = 256;

/// π_0, and the permutations of `N` blocks.
pub(super) struct Permutations<const N: usize> {
    inner: FixedKey,
    outer: [FixedKey; N],
}

impl<const N: usize> Permutations<N> {
    /// Those of the mode and session of `expansion`.
    pub(super) fn new(expansion: &Expansion) -> Self {
        let mut indices = 0u8..;
        let mut next = || {
            let mut input = *b"permutation\0";
            input.iter_mut().rev().zip(indices.next()).for_each(|(last, index)| *last = index);
            let fields = expansion.expand(&input);
            FixedKey::new(fields.first_chunk().unwrap_or(&[0; 16]))
        };
        Self { inner: next(), outer: array::from_fn(|_| next()) }
    }

    /// What `make` makes of the blocks of each value at its item.
    pub(super) fn derive<T>(&self, values: &[u128], items: &[Item], make: impl Fn([u128; N]) -> T) -> Vec<T> {
        let mut out = Vec::with_capacity(values.len());
        let mut inner = Zeroizing::new([0; BATCH]);
        let mut blocks = Zeroizing::new([[0; BATCH]; N]);
        for (values, items) in values.chunks(BATCH).zip(items.chunks(BATCH)) {
            let Some(inner) = inner.get_mut(..values.len()) else { continue };
            inner.copy_from_slice(values);
            self.inner.permute(inner);
            for (blocks, permutation) in blocks.iter_mut().zip(&self.outer) {
                let Some(blocks) = blocks.get_mut(..values.len()) else { continue };
                let tweaked = inner.iter().zip(items).map(|(s, item)| s ^ u128::from_le_bytes(*item.as_bytes()));
                blocks.iter_mut().zip(tweaked).for_each(|(block, tweaked)| *block = tweaked);
                permutation.permute(blocks);
                blocks.iter_mut().zip(inner.iter()).for_each(|(block, s)| *block ^= s);
            }
            let mut columns = blocks.each_ref().map(|blocks| blocks.iter());
            out.extend(
                items.iter().map(|_| make(columns.each_mut().map(|column| column.next().copied().unwrap_or(0)))),
            );
        }
        out
    }
}
