//! The sums of seven places.

use rayon::prelude::*;

use super::coefficients::key;
use crate::fixed_key::FixedKey;
use crate::gf::{Element, high, low};

/// Places that are added to each output.
pub const TAPS: usize = 7;

/// Of these one lies in each quarter; the others lie anywhere.
const QUARTERS: usize = 4;

/// Places that are handled at a time. Of the expander they are drawn together: eight for each tap, one tap after
/// the other.
pub const GROUP: usize = 8;

/// Places of a group.
pub const GROUP_TAPS: usize = TAPS * GROUP;

/// Blocks that they are drawn from, four to a block.
const GROUP_BLOCKS: usize = GROUP_TAPS / 4;

/// Groups that are drawn at a time.
const BATCH: usize = 16;

/// Outputs that one thread takes at a time.
const TASK: usize = 1 << 13;

/// What each tap chooses from: the first place, and how many there are.
pub type Ranges = [(u32, u32); TAPS];

/// A symbol that can be added up from places of a vector.
pub trait Taps: Element {
    /// Adds the places of `parity` that `draws` stand for to the outputs of their groups.
    fn add_taps(parity: &[Self], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[Self; GROUP]]);
}

impl Taps for u64 {
    fn add_taps(parity: &[Self], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[Self; GROUP]]) {
        #[cfg(target_arch = "x86_64")]
        if super::expand_x86::add64(parity, ranges, draws, groups) {
            return;
        }
        portable(parity, ranges, draws, groups);
    }
}

impl Taps for u128 {
    fn add_taps(parity: &[Self], ranges: &Ranges, draws: &[[u32; GROUP_TAPS]], groups: &mut [[Self; GROUP]]) {
        #[cfg(target_arch = "x86_64")]
        if super::expand_x86::add128(parity, ranges, draws, groups) {
            return;
        }
        portable(parity, ranges, draws, groups);
    }
}

/// Where the sums are taken from.
pub(super) struct Expander {
    key: FixedKey,
    ranges: Ranges,
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
    pub(super) fn add<S: Taps>(&self, parity: &[S], first: usize, left: &mut [S]) {
        // Groups begin at multiples of eight; the first and the last may be outputs of others in part.
        let before = first % GROUP;
        let head = left.len().min((GROUP - before) % GROUP);
        let (head, rest) = left.split_at_mut(head);
        self.add_part(parity, first / GROUP, before, head);
        let first = first.div_ceil(GROUP);
        rest.par_chunks_mut(TASK).with_max_len(1).enumerate().for_each(|(task, left)| {
            let (groups, tail) = left.as_chunks_mut::<GROUP>();
            let first = first + task * (TASK / GROUP);
            let mut draws = [[0; GROUP_TAPS]; BATCH];
            for (batch, groups) in groups.chunks_mut(BATCH).enumerate() {
                self.draw(first + batch * BATCH, &mut draws);
                S::add_taps(parity, &self.ranges, &draws, groups);
            }
            self.add_part(parity, first + groups.len(), 0, tail);
        });
    }

    /// Adds to `part`, which begins with the output `before` of the group.
    fn add_part<S: Taps>(&self, parity: &[S], group: usize, before: usize, part: &mut [S]) {
        if part.is_empty() {
            return;
        }
        let (mut draws, mut sums) = ([[0; GROUP_TAPS]; 1], [[S::default(); GROUP]; 1]);
        self.draw(group, &mut draws);
        S::add_taps(parity, &self.ranges, &draws, &mut sums);
        part.iter_mut().zip(sums.as_flattened().iter().skip(before)).for_each(|(output, sum)| *output ^= *sum);
    }

    /// The draws of the groups from the one at `first` on.
    fn draw(&self, first: usize, draws: &mut [[u32; GROUP_TAPS]]) {
        let mut blocks = [0; GROUP_BLOCKS * BATCH];
        let blocks = blocks.get_mut(..GROUP_BLOCKS * draws.len()).unwrap_or_default();
        let counter = (first * GROUP_BLOCKS) as u128;
        blocks.iter_mut().zip(counter..).for_each(|(block, counter)| *block = counter);
        self.key.permute(blocks);
        let (fours, _) = draws.as_flattened_mut().as_chunks_mut::<4>();
        fours.iter_mut().zip(blocks.iter()).for_each(|(four, block)| *four = quarters(*block));
    }
}

/// A block as four numbers.
fn quarters(block: u128) -> [u32; 4] {
    let [a, b] = [low(block), high(block)];
    #[expect(clippy::cast_possible_truncation, reason = "it is the low half that is wanted")]
    [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32]
}

/// The place that a draw stands for.
fn place(draw: u32, (start, length): (u32, u32)) -> u32 {
    start.saturating_add(((u64::from(draw) * u64::from(length)) >> 32) as u32)
}

/// Adds the places of `parity` that `draws` stand for to the outputs of their groups.
pub(super) fn portable<S: Element>(
    parity: &[S],
    ranges: &Ranges,
    draws: &[[u32; GROUP_TAPS]],
    groups: &mut [[S; GROUP]],
) {
    for (group, draws) in groups.iter_mut().zip(draws) {
        for (draws, range) in draws.as_chunks::<GROUP>().0.iter().zip(ranges) {
            for (output, draw) in group.iter_mut().zip(draws) {
                *output ^= parity.get(place(*draw, *range) as usize).copied().unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn taps_lie_where_they_should_and_everywhere() {
        let expander = Expander::new(&[3; 16], 800);
        let mut seen = [[0u32; 4]; TAPS];
        let mut draws = [[0; GROUP_TAPS]; 1];
        for group in 0..500 {
            expander.draw(group, &mut draws);
            for (tap, draws) in draws[0].chunks(GROUP).enumerate() {
                draws.iter().for_each(|draw| seen[tap][place(*draw, expander.ranges[tap]) as usize / 200] += 1);
            }
        }
        for (tap, quarters) in seen.iter().enumerate() {
            if tap < QUARTERS {
                assert_eq!(quarters[tap], 4000);
            } else {
                assert!(quarters.iter().all(|count| (850..1150).contains(count)), "{quarters:?}");
            }
        }
        assert_eq!((place(0, (5, 10)), place(u32::MAX, (5, 10))), (5, 14));
    }

    fn both_ways<S: Taps>(parity: &[S], draws: &[[u32; GROUP_TAPS]], groups: Vec<[S; GROUP]>) {
        let ranges = Expander::new(&[0; 16], parity.len()).ranges;
        let (mut fast, mut slow) = (groups.clone(), groups);
        S::add_taps(parity, &ranges, draws, &mut fast);
        portable(parity, &ranges, draws, &mut slow);
        assert!(fast == slow);
    }

    #[test]
    fn ranges_that_are_empty_or_reach_beyond_read_nothing_beyond() {
        for range in [(0, 0), (64, 0), (65, 1), (0, 65), (u32::MAX, u32::MAX)] {
            let mut groups = [[7u64; GROUP]];
            u64::add_taps(&[0; 64], &[range; TAPS], &[[u32::MAX; GROUP_TAPS]], &mut groups);
            assert_eq!(groups, [[7; GROUP]], "{range:?}");
            u64::add_taps(&[], &[range; TAPS], &[[0; GROUP_TAPS]], &mut groups);
            assert_eq!(groups, [[7; GROUP]], "{range:?}");
        }
    }

    proptest! {
        #[test]
        fn kernels_give_what_the_portable_form_gives(
            parity in proptest::collection::vec(any::<u128>(), 64..200),
            seed: u8,
            groups in proptest::collection::vec(any::<[u128; GROUP]>(), 0..20),
        ) {
            let mut draws = vec![[0; GROUP_TAPS]; 16];
            Expander::new(&[seed; 16], parity.len()).draw(7, &mut draws);
            // The ends of the ranges too.
            draws[0] = [u32::MAX; GROUP_TAPS];
            let low: Vec<u64> = parity.iter().map(|symbol| low(*symbol)).collect();
            both_ways(&low, &draws, groups.iter().map(|group| group.map(crate::gf::low)).collect());
            both_ways(&parity, &draws, groups);
        }
    }
}
