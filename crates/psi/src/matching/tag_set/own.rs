//! One's own tags, to be met with those of the peer.

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
    ///
    /// Both lists are walked once, side by side, from where `tags` begin.
    pub fn meet(&self, tags: &[u128], found: &mut Vec<u32>) -> usize {
        let Some(first) = tags.first() else { return 0 };
        let start = self.sorted.tags.partition_point(|own| own < first);
        let mut own = self.sorted.tags.iter().zip(&self.sorted.with).skip(start).peekable();
        let mut met = 0;
        for tag in tags {
            while own.next_if(|(own, _)| *own < tag).is_some() {}
            met += usize::from(own.peek().is_some_and(|(own, _)| *own == tag));
            while let Some((_, index)) = own.next_if(|(own, _)| *own == tag) {
                found.push(*index);
            }
        }
        met
    }
}

#[cfg(test)]
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
