//! What a pass multiplies with: drawn from the seed, group by group.

use std::marker::PhantomData;

use sha2::{Digest, Sha512};

use crate::fixed_key::FixedKey;
use crate::gf::{Element, Field, high, low};

/// A key for `purpose` from the public seed.
pub(super) fn key(seed: &[u8; 16], purpose: &[u8]) -> FixedKey {
    let digest =
        Sha512::new().chain_update(b"yuandang lpn code v1").chain_update(seed).chain_update(purpose).finalize();
    let mut key = [0; 16];
    key.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    FixedKey::new(&key)
}

/// Eight by eight bits that act on a group: bit k of row i is the coefficient of symbol k in the new symbol i.
/// Row i is byte 7 − i of the number, as the instruction for such products has it.
#[derive(Clone, Copy)]
pub struct Matrix(pub(super) u64);

impl Matrix {
    const IDENTITY: u64 = 0x0102_0408_1020_4080;
    /// The places before the diagonal.
    const BELOW: u64 = 0x0001_0307_0f1f_3f7f;
    /// The diagonal and the places after it.
    const ABOVE: u64 = !Self::BELOW;

    pub(super) fn row(self, index: usize) -> u8 {
        self.0.to_be_bytes().get(index).copied().unwrap_or_default()
    }
}

/// What one group is computed with.
#[derive(Clone, Copy)]
pub struct GroupCoefficients<E> {
    /// g_i of the eight places, none of them zero.
    pub(super) mixers: [E; 8],
    /// Acts on the sum of all that reaches the group: one on the diagonal, random before it.
    pub(super) inside: Matrix,
    /// Act on the groups one, two and three before; the last only as far as the window reaches.
    pub(super) before: [Matrix; 3],
}

/// Groups whose coefficients are drawn at a time.
pub(super) const BATCH: usize = 64;

/// The coefficients of one pass.
pub(super) struct Coefficients<B> {
    key: FixedKey,
    mixing: bool,
    field: PhantomData<B>,
}

impl<B: Field> Coefficients<B> {
    /// Blocks that a group takes: two for its matrices, the others for its mixers.
    const BLOCKS: usize = 2 + B::Element::BYTES / 2;

    pub(super) fn new(seed: &[u8; 16], pass: u8, mixing: bool) -> Self {
        Self { key: key(seed, &[b'p', pass]), mixing, field: PhantomData }
    }

    /// The coefficients of [`BATCH`] groups from the one at `first` on.
    pub(super) fn batch(&self, first: usize, into: &mut Vec<GroupCoefficients<B::Element>>) {
        let start = (first * Self::BLOCKS) as u128;
        let mut blocks: Vec<u128> = (start..start + (BATCH * Self::BLOCKS) as u128).collect();
        self.key.permute(&mut blocks);
        into.clear();
        into.extend(blocks.chunks_exact(Self::BLOCKS).map(|blocks| self.group(blocks)));
    }

    fn group(&self, blocks: &[u128]) -> GroupCoefficients<B::Element> {
        let (matrices, mixers) = blocks.split_at(2);
        let [a, b] = [0, 1].map(|index| matrices.get(index).copied().unwrap_or_default());
        let mut group = GroupCoefficients {
            mixers: [B::ONE; 8],
            inside: Matrix(low(a) & Matrix::BELOW | Matrix::IDENTITY),
            before: [Matrix(high(a)), Matrix(low(b)), Matrix(high(b) & Matrix::ABOVE)],
        };
        if self.mixing {
            let drawn = mixers.iter().flat_map(|block| B::Element::cut(*block));
            // Zero, which would forget what came before, comes up once in 2^64 draws.
            let not_zero = drawn.map(|mixer| if mixer == B::Element::default() { B::ONE } else { mixer });
            group.mixers.iter_mut().zip(not_zero).for_each(|(to, from)| *to = from);
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gf::{Gf64, Gf128};

    fn batch<B: Field>(mixing: bool, first: usize) -> Vec<GroupCoefficients<B::Element>> {
        let mut batch = Vec::new();
        Coefficients::<B>::new(&[1; 16], 0, mixing).batch(first, &mut batch);
        batch
    }

    #[test]
    fn matrices_have_their_shape() {
        for group in batch::<Gf64>(true, 0) {
            for row in 0..8 {
                let (inside, last) = (group.inside.row(row), group.before[2].row(row));
                assert_eq!(inside >> row, 1, "one on the diagonal and nothing behind it");
                assert_eq!(last & ((1 << row) - 1), 0, "nothing before the diagonal");
            }
        }
    }

    #[test]
    fn coefficients_are_those_of_the_place_and_half_of_the_bits_are_set() {
        let (from_start, later) = (batch::<Gf128>(true, 0), batch::<Gf128>(true, 1));
        assert_eq!(from_start[1].mixers, later[0].mixers);
        let ones: u32 = from_start.iter().map(|group| group.before[0].0.count_ones()).sum();
        assert!((1900..2200).contains(&ones), "{ones} of 4096");
        assert!(batch::<Gf64>(false, 0).iter().all(|group| group.mixers == [1; 8]));
    }
}
