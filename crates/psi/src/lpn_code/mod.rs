//! The code that stretches a short noise vector: expand-convolute, rate ½, with field mixing.
//!
//! # The map
//! A vector e of 2m symbols is cut into halves e_L and e_P. Two passes run over e_P (`accumulate`), and then
//! each place i of e_L gets the sum of seven places of e_P (`expand`). The result is e_L. In one pass, with g_i
//! and r_{i,k} drawn afresh for each place, from i = 0 on:
//! ```text
//! e_P[i]  :=  g_i · (e_P[i] + e_P[i − 25])  +  Σ_{k=1..24} r_{i,k} · e_P[i − k]
//! ```
//! where what lies before the beginning counts as zero, and the pass goes on for 32 places beyond the end, at
//! the beginning again, so that the last places reach as many others as the first. Of the seven places one
//! lies in each quarter of e_P and three anywhere.
//!
//! Inside a group of eight places the coefficients are drawn as those of the solved system, which has the
//! same distribution: a triangular matrix with ones on its diagonal, and its inverse, are equally likely.
//!
//! | paper | here |
//! |---|---|
//! | expander weight 7, regular part 4 | [`TAPS`], `QUARTERS` |
//! | window 24 | `r`, 192 bits for each group of eight places |
//! | field mixing (`mulConst` in libOTe's code, a constant there) | g_i, drawn for each place, not zero |
//! | m, outputs | [`LpnCode::outputs`] |
//!
//! Sources: Raghuraman, Rindal, Tanguy, *Expand-Convolute Codes for Pseudorandom Correlation Generators from
//! LPN*, CRYPTO 2023; the second pass and the mixing are additions of its implementers and ours.
//!
//! # What it is good for
//! That H·e looks uniform over B when e has few nonzero symbols, at random places, is an assumption: LPN over
//! B for this code, with regular noise. It is heuristic. [`noise`] says how much noise it takes against the
//! attacks that are known. Without mixing the code is a binary one, and worthless for symbols of as many bits
//! as there are noisy places: F₂-linear functions of the symbols cancel the noise (`splitting_tests`).

mod accumulate;
#[cfg(target_arch = "x86_64")]
mod accumulate_x86;
mod coefficients;
mod expand;
#[cfg(target_arch = "x86_64")]
mod expand_x86;
pub mod noise;
#[cfg(test)]
mod splitting_tests;

pub use accumulate::{CodeField, Mixes, State};
use coefficients::Coefficients;
pub use coefficients::{GroupCoefficients, Matrix};
pub use expand::{GROUP, GROUP_TAPS, Ranges, TAPS, Taps};

use std::marker::PhantomData;
use std::ops::Range;

use crate::PsiError;
use crate::gf::{Element, Field};

/// The fewest outputs of a code: its state must fit.
pub const MIN_OUTPUTS: usize = 64;

/// The code for one seed, over B, from 2·`outputs` symbols to `outputs`.
#[derive(Clone)]
pub struct LpnCode<B> {
    seed: [u8; 16],
    outputs: usize,
    mixing: bool,
    field: PhantomData<B>,
}

impl<B: Field> LpnCode<B> {
    /// The code of `seed`, which is public and fixed before any noise is drawn.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless `outputs` is a multiple of [`GROUP`], from [`MIN_OUTPUTS`] to 2^31.
    pub fn new(seed: [u8; 16], outputs: usize) -> Result<Self, PsiError> {
        if !outputs.is_multiple_of(GROUP) || !(MIN_OUTPUTS..=1 << 31).contains(&outputs) {
            return Err(PsiError::Usage("a code cannot have so many outputs"));
        }
        Ok(Self { seed, outputs, mixing: true, field: PhantomData })
    }

    /// The same without mixing: insecure, and there to show it.
    #[cfg(test)]
    fn without_mixing(mut self) -> Self {
        self.mixing = false;
        self
    }

    /// m: how many symbols come out, and half of how many go in.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Both passes over e_P, in place. S is B itself, or F, on which B acts plane by plane.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if `parity` does not have [`outputs`](Self::outputs) symbols.
    pub fn accumulate<S: Element>(&self, parity: &mut [S]) -> Result<(), PsiError>
    where
        B: Mixes<S>,
    {
        if parity.len() != self.outputs {
            return Err(PsiError::Usage("a vector does not fit the code"));
        }
        for pass in 0..2 {
            accumulate::pass::<B, S>(&Coefficients::<B>::new(&self.seed, pass, self.mixing), parity);
        }
        Ok(())
    }

    /// Adds to `left`, which is the part of e_L at `places`, the sums of seven places of e_P each, after
    /// [`accumulate`](Self::accumulate). Uses the rayon pool that it is called in.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the lengths do not fit.
    pub fn expand<S: Taps>(&self, parity: &[S], places: Range<usize>, left: &mut [S]) -> Result<(), PsiError> {
        if parity.len() != self.outputs || places.len() != left.len() || places.end > self.outputs {
            return Err(PsiError::Usage("a vector does not fit the code"));
        }
        expand::Expander::new(&self.seed, self.outputs).add(parity, places.start, left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gf::{Gf64, Gf128, high, join, low};

    fn random<S: Element>(seed: u8, count: usize) -> Vec<S> {
        let key = crate::fixed_key::FixedKey::new(&[seed; 16]);
        let mut blocks: Vec<u128> = (0..count as u128).collect();
        key.permute(&mut blocks);
        blocks.into_iter().map(S::truncate).collect()
    }

    fn compress<B: Mixes<S>, S: Taps>(code: &LpnCode<B>, vector: &[S]) -> Vec<S> {
        let (left, parity) = vector.split_at(code.outputs());
        let (mut left, mut parity) = (left.to_vec(), parity.to_vec());
        code.accumulate(&mut parity).unwrap();
        code.expand(&parity, 0..code.outputs(), &mut left).unwrap();
        left
    }

    #[test]
    fn the_map_is_linear_over_b_and_plane_by_plane() {
        let code = LpnCode::<Gf64>::new([1; 16], 1096).unwrap();
        let (a, b) = (random::<u64>(1, 2192), random::<u64>(2, 2192));
        let (delta, factor) = (0x1234_5678_9abc_def0_0fed_cba9_8765_4321, 0xdead_beef_1234_5678);
        let combined: Vec<_> = a.iter().zip(&b).map(|(a, b)| Gf64::mul(factor, *a) ^ b).collect();
        let (image_a, image_b) = (compress(&code, &a), compress(&code, &b));
        let expected: Vec<_> = image_a.iter().zip(&image_b).map(|(a, b)| Gf64::mul(factor, *a) ^ b).collect();
        assert_eq!(compress(&code, &combined), expected);

        // On F the map is the same on each plane, and so commutes with Δ.
        let joined: Vec<_> = a.iter().zip(&b).map(|(a, b)| join(*a, *b)).collect();
        let expected: Vec<_> = image_a.iter().zip(&image_b).map(|(a, b)| join(*a, *b)).collect();
        assert_eq!(compress(&code, &joined), expected);
        let scaled: Vec<_> = a.iter().map(|a| Gf64::scale(delta, *a)).collect();
        let expected: Vec<_> = image_a.iter().map(|a| Gf64::scale(delta, *a)).collect();
        assert_eq!(compress(&code, &scaled), expected);

        let code = LpnCode::<Gf128>::new([1; 16], 1096).unwrap();
        let a = random::<u128>(3, 2192);
        let scaled: Vec<_> = a.iter().map(|a| Gf128::scale(delta, *a)).collect();
        let expected: Vec<_> = compress(&code, &a).iter().map(|a| Gf128::scale(delta, *a)).collect();
        assert_eq!(compress(&code, &scaled), expected);
    }

    #[test]
    fn every_place_of_the_parity_reaches_outputs_and_the_passes_lose_nothing() {
        let code = LpnCode::<Gf64>::new([7; 16], 512).unwrap();
        for place in [0, 1, 7, 8, 100, 479, 480, 510, 511] {
            let mut parity = vec![0u64; 512];
            parity[place] = 1;
            code.accumulate(&mut parity).unwrap();
            assert!(parity.iter().filter(|symbol| **symbol != 0).count() > 250, "{place}");
        }
    }

    #[test]
    fn parts_of_an_expansion_string_together_on_any_number_of_threads() {
        let code = LpnCode::<Gf64>::new([9; 16], 20_000).unwrap();
        let (parity, left) = (random::<u128>(1, 20_000), random::<u128>(2, 20_000));
        let mut whole = left.clone();
        code.expand(&parity, 0..20_000, &mut whole).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for cut in [0, 1, 9_999, 20_000] {
            let (mut parts, (before, after)) = (left.clone(), (0..cut, cut..20_000));
            pool.install(|| {
                let (first, second) = parts.split_at_mut(cut);
                code.expand(&parity, before, first).unwrap();
                code.expand(&parity, after, second).unwrap();
            });
            assert!(parts == whole);
        }
    }

    #[test]
    fn bytes_are_pinned() {
        let code = LpnCode::<Gf64>::new([5; 16], 64).unwrap();
        let (image, planes) = (compress(&code, &random::<u64>(1, 128)), compress(&code, &random::<u128>(1, 128)));
        assert_eq!(image, planes.iter().map(|symbol| low(*symbol)).collect::<Vec<_>>());
        assert_eq!(image[..2], PINNED_64);
        let image = compress(&LpnCode::<Gf128>::new([5; 16], 64).unwrap(), &random::<u128>(1, 128));
        assert_eq!((low(image[0]), high(image[0])), PINNED_128);
    }

    const PINNED_64: [u64; 2] = [902_083_165_880_229_234, 4_958_465_229_460_983_445];
    const PINNED_128: (u64, u64) = (2_119_691_021_672_639_110, 3_127_361_615_138_314_038);

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for outputs in [0, 8, 63, 65, (1 << 31) + 8] {
            assert!(LpnCode::<Gf64>::new([0; 16], outputs).is_err(), "{outputs}");
        }
        let code = LpnCode::<Gf64>::new([0; 16], 64).unwrap();
        assert!(code.accumulate(&mut [0u64; 65]).is_err());
        assert!(code.expand(&[0u64; 63], 0..1, &mut [0]).is_err());
        assert!(code.expand(&[0u64; 64], 0..2, &mut [0]).is_err());
        assert!(code.expand(&[0u64; 64], 64..65, &mut [0]).is_err());
    }
}
