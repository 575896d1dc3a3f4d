//! How much noise the code takes, and for which sizes that has been worked out.
//!
//! # The attack that decides
//! Outputs of a code with constant expander weight and a short accumulator have *structured low-weight checks*.
//! Cut e_P into its t/2 blocks of regular noise and choose t/4 intervals, one across the boundary of each pair
//! of neighbouring blocks, which together cover the fraction y of e_P. Of the m outputs m·y^7 have all their
//! places inside the intervals. Combine them so that what they add up to beyond an interval is nothing: the
//! state that leaves an interval has 25 symbols in each of two passes, so 50 linear conditions for each
//! interval, 12.5·t in all. If more outputs than that are inside, some combination is a check that touches
//! e_P inside the intervals alone (and e_L in few places). It meets no noise with probability (1 − y)^(t/2), and
//! then shows that the outputs are not random. So with y = (12.5·t/m)^(1/7) the attack needs (1 − y)^(−t/2)
//! codes, or choices of intervals, and we ask for 2^128 at least ([`attack_bits`]). What the linear algebra of
//! each trial costs is not counted.
//!
//! One interval for a pair is the attacker's best choice: with intervals for fewer pairs, or two for each, y^7
//! and the exponent trade against each other to its disadvantage. Noise values are uniform and not zero over B,
//! and mixing leaves no functional over F₂ that cancels some, so a check that meets noise fails but with
//! probability 1/|B|, and the bound is (1 − y) to a power, not (1 − 2y). Decoding by information sets costs
//! 2^t at rate ½ for noise that is not regular, and little less for regular noise; it never decides here.
//!
//! The argument is an estimate, not a proof. Hence the margin of [`TABLE`] over what 128 bits would take.

use crate::PsiError;
use crate::lpn_code::TAPS;

/// What an attack must cost at the least, as a power of two.
pub const REQUIRED_BITS: f64 = 128.0;

/// Outputs up to which the noise of this many symbols is used.
///
/// Rows stand for 2^16, 2^18, 2^20, 2^22 and 2^24 items, each with the columns of the widest key-value store
/// that such a job may have. A multiple of 16, so that blocks fill the vector whatever their length.
pub const TABLE: [(usize, usize); 5] =
    [(rows(16), 224), (rows(18), 288), (rows(20), 352), (rows(22), 432), (rows(24), 528)];

/// The outputs that jobs of 2^`log` items may need: 1.1·2^`log`, a band of up to 1024, and whole blocks.
const fn rows(log: u32) -> usize {
    (1 << log) / 10 * 11 + 2048
}

/// The fewest outputs that are computed, however few are asked for: attacks on tiny codes have not been looked
/// into, and this many take a millisecond.
pub const FEWEST_OUTPUTS: usize = 1 << 14;

/// Cost of the attack above, as a power of two, on a code of `outputs` with noise of weight `noise`.
#[must_use]
pub fn attack_bits(noise: usize, outputs: usize) -> f64 {
    let (t, m) = (noise as f64, outputs as f64);
    let covered = (12.5 * t / m).powf(1.0 / TAPS as f64);
    if covered >= 1.0 { f64::INFINITY } else { -t / 2.0 * (1.0 - covered).log2() }
}

/// Blocks of noise and what they fill. There are none but those that [`TABLE`] has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    blocks: usize,
    block_len: usize,
}

impl Shape {
    /// For a code that gives at least `outputs`.
    ///
    /// # Errors
    /// [`PsiError::TooLarge`] if [`TABLE`] has no row for so many: such jobs must be split.
    pub fn for_outputs(outputs: usize) -> Result<Self, PsiError> {
        let outputs = outputs.max(FEWEST_OUTPUTS);
        let row = TABLE.iter().find(|(most, _)| outputs <= *most);
        let (_, blocks) =
            *row.ok_or(PsiError::TooLarge("no noise weight has been worked out for a vector of this length"))?;
        Ok(Self { blocks, block_len: (2 * outputs).div_ceil(blocks) })
    }

    /// A shape that no table vouches for.
    #[cfg(test)]
    pub(crate) fn insecure(blocks: usize, block_len: usize) -> Self {
        Self { blocks, block_len }
    }

    /// t: noisy symbols, one in each block.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// s: symbols of a block.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// m: outputs of the code, at least as many as asked for.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.blocks * self.block_len / 2
    }

    /// d: levels of a binary tree over a block.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.block_len.next_power_of_two().trailing_zeros() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_costs_an_attacker_enough() {
        for (most, noise) in TABLE {
            // The largest code of the row costs least; blocks may round it up.
            let bits = attack_bits(noise, most + noise);
            assert!(bits >= REQUIRED_BITS, "{noise} at {most}: {bits}");
            assert_eq!(noise % 16, 0);
        }
        assert!(TABLE.array_windows().all(|[(m1, t1), (m2, t2)]| m1 < m2 && t1 < t2));
    }

    #[test]
    fn the_estimate_at_sizes_that_were_worked_out() {
        let outputs = |log: u32| (1usize << log) / 10 * 11 + 255;
        // With t = 256 the attack is within reach for large sets: found by running it.
        for (log, bits) in [(20, 104.0), (24, 64.0)] {
            let estimate = attack_bits(256, outputs(log));
            assert!((estimate - bits).abs() < 1.0, "{log}: {estimate}");
        }
        for (log, noise) in [(16, 224), (18, 288), (20, 352), (22, 432), (24, 528)] {
            let estimate = attack_bits(noise, outputs(log));
            assert!((147.5..162.0).contains(&estimate), "{log}: {estimate}");
        }
        assert!(attack_bits(224, 2000).is_infinite());
    }

    #[test]
    fn blocks_fill_the_vector_and_the_table_ends() {
        for outputs in [0, 1, 100, 1 << 14, 72_345, 72_346, 1_153_690, 18_456_496] {
            let shape = Shape::for_outputs(outputs).unwrap();
            assert!(shape.outputs() >= outputs && shape.outputs() < outputs.max(FEWEST_OUTPUTS) + shape.blocks);
            assert_eq!(2 * shape.outputs(), shape.blocks * shape.block_len);
            assert!(shape.outputs().is_multiple_of(8));
            assert!(1 << shape.depth() >= shape.block_len && 1 << shape.depth() < 2 * shape.block_len);
        }
        assert_eq!(Shape::for_outputs(1_153_690).unwrap().blocks, 352);
        assert_eq!(Shape::for_outputs(18_456_496).unwrap().blocks, 528);
        assert!(matches!(Shape::for_outputs(30_000_000), Err(PsiError::TooLarge(_))));
    }
}
