//! The sums of seven places.

use rayon::prelude::*;

use super::coefficients::key;
use crate::fixed_key::FixedKey;
use crate::gf::{Element, high, low};

/// Places that are added to each output.
pub const TAPS: usize = 7;

/// Of these one lies in each quarter; the others lie anywhere.
const QUARTERS: usize = 4;

/// Outputs whose places are drawn at a time.
const BATCH: usize = 128;

/// Outputs that one thread takes at a time.
const TASK: usize = 1 << 13;

/// Where the sums are taken from.
pub(super) struct Expander {
    key: FixedKey,
    /// First place and length of what each tap chooses from.
    ranges: [(u32, u32); TAPS],
}

impl Expander {
    pub(super) fn new(seed: &[u8; 16], outputs: usize) -> Self {
        let outputs = u32::try_from(outputs).unwrap_or(u32::MAX);
        let quarter = outputs / 4;
        let mut ranges = [(0, outputs); TAPS];
        ranges.iter_mut().take(QUARTERS).zip(0..).for_each(|(range, index)| *range = (quarter * index, quarter));
        Self { key: key(seed, b"e"), ranges }
    }

    /// Adds its sum to each of `left`, the first of which is output number `first`.
    pub(super) fn add<S: Element>(&self, parity: &[S], first: usize, left: &mut [S]) {
        left.par_chunks_mut(TASK).enumerate().for_each(|(task, left)| {
            let mut draws = [0u128; 2 * BATCH];
            for (batch, left) in left.chunks_mut(BATCH).enumerate() {
                // Two blocks for each output: eight numbers of 32 bits, of which seven are used.
                let counter = 2 * (first + task * TASK + batch * BATCH) as u128;
                draws.iter_mut().zip(counter..).for_each(|(draw, counter)| *draw = counter);
                self.key.permute(&mut draws);
                let places = draws.as_chunks::<2>().0.iter().map(|blocks| self.places(blocks));
                for (sum, places) in left.iter_mut().zip(places) {
                    *sum =
                        places.iter().filter_map(|place| parity.get(*place as usize)).fold(*sum, |sum, tap| sum ^ *tap);
                }
            }
        });
    }

    fn places(&self, blocks: &[u128; 2]) -> [u32; TAPS] {
        let draws = blocks.iter().flat_map(|block| quarters(*block));
        let mut places = [0; TAPS];
        for ((place, draw), (start, length)) in places.iter_mut().zip(draws).zip(self.ranges) {
            *place = start + scaled(draw, length);
        }
        places
    }
}

/// A block as four numbers.
fn quarters(block: u128) -> [u32; 4] {
    let [a, b] = [low(block), high(block)];
    #[expect(clippy::cast_possible_truncation, reason = "it is the low half that is wanted")]
    [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32]
}

/// A number below `length` from a random one.
fn scaled(draw: u32, length: u32) -> u32 {
    ((u64::from(draw) * u64::from(length)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_lie_where_they_should_and_everywhere() {
        let expander = Expander::new(&[3; 16], 800);
        let mut seen = [[0u32; 4]; TAPS];
        for index in 0..4000u128 {
            let mut blocks = [2 * index, 2 * index + 1];
            expander.key.permute(&mut blocks);
            for (tap, place) in expander.places(&blocks).into_iter().enumerate() {
                seen[tap][place as usize / 200] += 1;
            }
        }
        for (tap, quarters) in seen.iter().enumerate() {
            if tap < QUARTERS {
                assert_eq!(quarters[tap], 4000);
            } else {
                assert!(quarters.iter().all(|count| (850..1150).contains(count)), "{quarters:?}");
            }
        }
    }
}
