//! One's own tags, to be met with those of the peer.

use std::array;

use super::order::{Sorted, sort};
use crate::PsiError;

/// One's own tags, sorted, each with an index.
pub struct OwnTags {
    sorted: Sorted<u32>,
}

impl OwnTags {
    /// The tags, of `bits` bits, and indices that `entry` makes of `derived`, given the place of each; of
    /// some it may make none. Uses the rayon pool that it is called in.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are 2^32 or more.
    pub fn new<T: Sync>(
        bits: u32,
        derived: &[T],
        entry: impl Fn(usize, &T) -> Option<(u128, u32)> + Sync,
    ) -> Result<Self, PsiError> {
        Ok(Self { sorted: sort(bits, derived, entry)? })
    }

    /// Adds to `found` the indices of all that `tags` meet, which ascend; gives how many of `tags` meet any.
    pub fn meet(&self, tags: &[u128], found: &mut Vec<u32>) -> usize {
        let mut lanes: [_; LANES] = {
            let mut stretches = tags.chunks(tags.len().div_ceil(LANES).max(1));
            array::from_fn(|_| Lane::new(&self.sorted, stretches.next().unwrap_or_default()))
        };
        // Steps of a lane depend on each other, those of two lanes do not.
        while lanes.iter().all(Lane::has_more) {
            lanes.iter_mut().for_each(Lane::step);
        }
        let mut met = 0;
        for mut lane in lanes {
            while lane.has_more() {
                lane.step();
            }
            met += lane.met;
            found.extend_from_slice(lane.found.get(..lane.count).unwrap_or_default());
        }
        met
    }
}

/// Stretches of tags that are walked along at a time.
const LANES: usize = 4;

/// Tags of the peer beside the own ones from where they begin, both ascending. What a step does depends on no
/// branch: which of the two lists goes on next cannot be foretold.
struct Lane<'a> {
    theirs: &'a [u128],
    own: &'a [u128],
    indices: &'a [u32],
    /// Indices found; from `count` on they mean nothing.
    found: Vec<u32>,
    count: usize,
    /// Tags of the peer that are met.
    met: usize,
    /// Whether the last step met the first of `theirs`.
    again: bool,
}

impl<'a> Lane<'a> {
    fn new(sorted: &'a Sorted<u32>, theirs: &'a [u128]) -> Self {
        let range = match (theirs.first(), theirs.last()) {
            (Some(first), Some(last)) => {
                let start = sorted.tags.partition_point(|own| own < first);
                let ahead = sorted.tags.get(start..).unwrap_or_default();
                start..start + ahead.partition_point(|own| own <= last)
            }
            _ => 0..0,
        };
        let own = sorted.tags.get(range.clone()).unwrap_or_default();
        let indices = sorted.with.get(range).unwrap_or_default();
        Self { theirs, own, indices, found: vec![0; own.len()], count: 0, met: 0, again: false }
    }

    fn has_more(&self) -> bool {
        !self.theirs.is_empty() && !self.own.is_empty()
    }

    /// Goes on by one in one of the lists: in the own one when both are alike, since it can have the tag again.
    #[inline(always)]
    fn step(&mut self) {
        let ([their, ..], [own, ..], [index, ..]) = (self.theirs, self.own, self.indices) else { return };
        let (is_met, own_goes) = (own == their, own <= their);
        if let Some(place) = self.found.get_mut(self.count) {
            *place = *index;
        }
        self.count += usize::from(is_met);
        self.met += usize::from(is_met & !self.again);
        self.again = is_met;
        self.theirs = self.theirs.get(usize::from(!own_goes)..).unwrap_or_default();
        self.own = self.own.get(usize::from(own_goes)..).unwrap_or_default();
        self.indices = self.indices.get(usize::from(own_goes)..).unwrap_or_default();
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use super::*;

    #[test]
    fn all_own_entries_of_a_tag_are_found() {
        let own = OwnTags::new(8, &[5u8, 7, 5, 9, 6], |i, tag| (i != 4).then_some((u128::from(*tag), i as u32)));
        let own = own.unwrap();
        let met = |tags: &[u128]| {
            let mut found = vec![77];
            (own.meet(tags, &mut found), found)
        };
        assert_eq!(met(&[]), (0, vec![77]));
        assert_eq!(met(&[4, 5, 9]), (2, vec![77, 0, 2, 3]));
        assert_eq!(met(&[6, 7, 200]), (1, vec![77, 1]));
        assert_eq!(met(&[10]), (0, vec![77]));
    }
}
