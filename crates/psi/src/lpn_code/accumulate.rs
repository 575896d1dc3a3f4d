//! One pass of the accumulator, group by group, and its portable form.

use super::Taps;
use super::coefficients::{BATCH, Coefficients, GroupCoefficients, Matrix};
use crate::gf::{Element, Field, Gf64, Gf128, high, join, low};

/// Groups that a pass runs on beyond the end, at the beginning again: the reach of the last places.
const BEYOND: usize = 4;

/// The four groups before the one that is due, the last one first.
pub type State<S> = [[S; 8]; 4];

/// A field B whose code acts on symbols S: on B itself, or on F plane by plane.
pub trait Mixes<S: Element>: Field {
    /// The product of a symbol and an element of B.
    fn mix(symbol: S, mixer: Self::Element) -> S;

    /// Takes `groups` through a pass, after what `state` has.
    fn groups(groups: &mut [[S; 8]], coefficients: &[GroupCoefficients<Self::Element>], state: &mut State<S>) {
        portable::<Self, S>(groups, coefficients, state);
    }
}

/// A field that there is a code over.
pub trait CodeField: Field<Element: Taps> + Mixes<<Self as Field>::Element> + Mixes<u128> {}

impl CodeField for Gf64 {}
impl CodeField for Gf128 {}

impl Mixes<u64> for Gf64 {
    fn mix(symbol: u64, mixer: u64) -> u64 {
        Self::mul(symbol, mixer)
    }

    fn groups(groups: &mut [[u64; 8]], coefficients: &[GroupCoefficients<u64>], state: &mut State<u64>) {
        #[cfg(target_arch = "x86_64")]
        if super::accumulate_x86::elements64(groups, coefficients, state) {
            return;
        }
        portable::<Self, u64>(groups, coefficients, state);
    }
}

impl Mixes<u128> for Gf64 {
    fn mix(symbol: u128, mixer: u64) -> u128 {
        join(Self::mul(low(symbol), mixer), Self::mul(high(symbol), mixer))
    }

    fn groups(groups: &mut [[u128; 8]], coefficients: &[GroupCoefficients<u64>], state: &mut State<u128>) {
        #[cfg(target_arch = "x86_64")]
        if super::accumulate_x86::planes64(groups, coefficients, state) {
            return;
        }
        portable::<Self, u128>(groups, coefficients, state);
    }
}

impl Mixes<u128> for Gf128 {
    fn mix(symbol: u128, mixer: u128) -> u128 {
        Self::mul(symbol, mixer)
    }

    fn groups(groups: &mut [[u128; 8]], coefficients: &[GroupCoefficients<u128>], state: &mut State<u128>) {
        #[cfg(target_arch = "x86_64")]
        if super::accumulate_x86::elements128(groups, coefficients, state) {
            return;
        }
        portable::<Self, u128>(groups, coefficients, state);
    }
}

/// One pass over all of `parity`, whose length is a multiple of eight.
pub(super) fn pass<B: Mixes<S>, S: Element>(coefficients: &Coefficients<B>, parity: &mut [S]) {
    let (groups, _) = parity.as_chunks_mut::<8>();
    let mut state = [[S::default(); 8]; 4];
    let mut batch = Vec::with_capacity(BATCH);
    let mut first = 0;
    for groups in groups.chunks_mut(BATCH) {
        coefficients.batch(first, &mut batch);
        B::groups(groups, &batch, &mut state);
        first += BATCH;
    }
    coefficients.batch(first, &mut batch);
    if let Some(groups) = groups.get_mut(..BEYOND) {
        B::groups(groups, &batch, &mut state);
    }
}

/// What the definition says, symbol by symbol.
pub(super) fn portable<B: Mixes<S>, S: Element>(
    groups: &mut [[S; 8]],
    coefficients: &[GroupCoefficients<B::Element>],
    state: &mut State<S>,
) {
    for (group, coefficients) in groups.iter_mut().zip(coefficients) {
        let [_, _, third, fourth] = &*state;
        // The place 25 before the first of this group is the last of the fourth group before it.
        let before_25 = fourth.iter().skip(7).chain(third.iter());
        for ((symbol, before), mixer) in group.iter_mut().zip(before_25).zip(coefficients.mixers) {
            *symbol = B::mix(*symbol ^ *before, mixer);
        }
        for (matrix, before) in coefficients.before.iter().zip(&*state) {
            let reached = act(*matrix, before);
            group.iter_mut().zip(reached).for_each(|(symbol, sum)| *symbol ^= sum);
        }
        *group = act(coefficients.inside, group);
        state.rotate_right(1);
        if let Some(last) = state.first_mut() {
            *last = *group;
        }
    }
}

/// `matrix` times the symbols of a group.
fn act<S: Element>(matrix: Matrix, group: &[S; 8]) -> [S; 8] {
    let mut image = [S::default(); 8];
    for (index, sum) in image.iter_mut().enumerate() {
        let row = matrix.row(index);
        for (bit, symbol) in group.iter().enumerate() {
            if row >> bit & 1 == 1 {
                *sum ^= *symbol;
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both_ways<B: Mixes<S>, S: Element>(groups: Vec<[S; 8]>, before: State<S>) {
        let mut batch = Vec::new();
        Coefficients::<B>::new(&[4; 16], 1, true).batch(3, &mut batch);
        let (mut fast, mut slow) = (groups.clone(), groups);
        let (mut fast_state, mut slow_state) = (before, before);
        B::groups(&mut fast, &batch, &mut fast_state);
        portable::<B, S>(&mut slow, &batch, &mut slow_state);
        assert!(fast == slow && fast_state == slow_state);
    }

    proptest! {
        #[test]
        fn kernels_give_what_the_portable_form_gives(
            wide in proptest::collection::vec(any::<[u128; 8]>(), 0..40), state: [[u128; 8]; 4]
        ) {
            both_ways::<Gf64, u64>(wide.iter().map(|group| group.map(low)).collect(), state.map(|group| group.map(low)));
            both_ways::<Gf64, u128>(wide.clone(), state);
            both_ways::<Gf128, u128>(wide, state);
        }
    }

    /// The recurrence at the head of `lpn_code`, with coefficients read off the group's matrices one by one.
    #[test]
    fn a_pass_is_the_recurrence() {
        let outputs = 1024;
        let mut batch = Vec::new();
        let coefficients = Coefficients::<Gf64>::new(&[6; 16], 0, true);
        let mut parity: Vec<u64> = (1..=outputs as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let mut expected = parity.clone();
        pass::<Gf64, u64>(&coefficients, &mut parity);

        let mut done: Vec<u64> = Vec::new();
        for place in 0..outputs + 8 * BEYOND {
            if place % (8 * BATCH) == 0 {
                coefficients.batch(place / 8, &mut batch);
            }
            let group = &batch[place / 8 % BATCH];
            // What reaches a place of this group from before the group.
            let entering = |index: usize| {
                let place = place - place % 8 + index;
                let back = |distance: usize| place.checked_sub(distance).map_or(0, |earlier| done[earlier]);
                let before = if place < outputs { expected[place] } else { done[place - outputs] };
                let mut sum = Gf64::mul(before ^ back(25), group.mixers[index]);
                for (matrix, groups_back) in group.before.iter().zip(1..) {
                    for source in (0..8).filter(|source| matrix.row(index) >> source & 1 == 1) {
                        let distance = 8 * groups_back + index - source;
                        assert!((1..=24).contains(&distance), "outside the window");
                        sum ^= back(distance);
                    }
                }
                sum
            };
            let row = group.inside.row(place % 8);
            done.push((0..8).filter(|source| row >> source & 1 == 1).fold(0, |sum, source| sum ^ entering(source)));
        }
        for (place, value) in done.iter().enumerate() {
            expected[place % outputs] = *value;
        }
        assert!(parity == expected);
    }
}
