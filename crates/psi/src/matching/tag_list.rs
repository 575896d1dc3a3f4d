//! The sender's list of tags, as modes membership and both have it: made, and read.

use std::ops::Range;

use rayon::slice::ParallelSliceMut;

use crate::party::{Count, Expected, Header, MessageKind};
use crate::randomness::Randomness;
use crate::sorted::{Ascending, Lookup};
use crate::tag::{MAX_TAG_BYTES, TagWidth};
use crate::{Parameters, PsiError, Seed};

/// The sender's tags: sorted, all different, as many as its padded size.
pub(super) struct TagList {
    tags: Vec<u128>,
    width: TagWidth,
    count: u64,
    /// For tags in the place of repeated ones.
    spare: Randomness,
}

impl TagList {
    /// An empty list, until it is [arranged](Self::arrange).
    pub(super) fn new(parameters: &Parameters, width: TagWidth, seed: &Seed) -> Self {
        let spare = Randomness::new(seed, &parameters.session_id, "spare tags");
        Self { tags: Vec::new(), width, count: parameters.sizes.sender, spare }
    }

    pub(super) fn header(&self) -> Header {
        Header { kind: MessageKind::Tags, width: self.width.on_wire(), count: self.count }
    }

    /// Takes the tags of all items and sorts them.
    ///
    /// Where two items have the same tag, it stands once and a random one is put in, so that a list
    /// has the public length and no repeats, whichever the items. This loses no match.
    pub(super) fn arrange(&mut self, mut tags: Vec<u128>) -> Result<(), PsiError> {
        let length = tags.len();
        let mut stream = self.spare.stream(0);
        // Once is nearly always enough: a random tag is taken with probability length / 2^(8 width).
        for _ in 0..64 {
            tags.par_sort_unstable();
            tags.dedup();
            let missing = length - tags.len();
            if missing == 0 {
                self.tags = tags;
                return Ok(());
            }
            tags.extend((0..missing).map(|_| self.width.read(&stream.next::<{ MAX_TAG_BYTES as usize }>())));
        }
        Err(PsiError::Usage("tags are too short for so many items"))
    }

    /// The tags at the places `range`, as they stand on the wire.
    pub(super) fn rows(&self, range: Range<usize>) -> Vec<u8> {
        self.width.write(self.tags.get(range).unwrap_or_default())
    }
}

/// The receiver's walk along that list.
pub(super) struct TagWalk {
    own: Lookup<u128, u32>,
    order: Ascending<u128>,
    width: TagWidth,
    count: u64,
    matched: Vec<u32>,
}

impl TagWalk {
    /// Looks for `own`, which are in the order of the items, among `count` tags.
    pub(super) fn new(own: impl Iterator<Item = u128>, width: TagWidth, count: u64) -> Self {
        let own = Lookup::new(own.zip(0..).collect());
        Self { own, order: Ascending::new(), width, count, matched: Vec::new() }
    }

    pub(super) fn expected(&self) -> Expected {
        Expected { kind: MessageKind::Tags, width: self.width.on_wire(), count: Count::Exactly(self.count) }
    }

    pub(super) fn read(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        for row in rows.chunks_exact(self.width.bytes()) {
            let tag = self.width.read(row);
            self.order.admit(tag)?;
            self.matched.extend(self.own.under(tag).iter().map(|(_, index)| *index));
        }
        Ok(())
    }

    /// Indices of the items that were found, ascending.
    pub(super) fn matched(mut self) -> Vec<u32> {
        self.matched.sort_unstable();
        self.matched
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{ErrorBudget, Sizes};

    fn list(width: u8, sender: u64) -> TagList {
        let sizes = Sizes { receiver: 1, sender };
        let parameters = Parameters { session_id: [1; 32], sizes, budget: ErrorBudget::new(40).unwrap() };
        TagList::new(&parameters, TagWidth::new(width).unwrap(), &Seed::new([2; 32]))
    }

    #[test]
    fn repeated_tags_stand_once_and_the_length_stays() {
        let mut list = list(2, 200);
        // Of each tag two.
        list.arrange((0..200).map(|n| 300 * (n / 2)).collect()).unwrap();
        let rows = list.rows(0..200);
        let tags: BTreeSet<_> = rows.chunks(2).collect();
        assert_eq!(tags.len(), 200);
        assert!(rows.chunks(2).is_sorted());
        assert!((0..100u16).all(|n| tags.contains((300 * n).to_be_bytes().as_slice())));
    }

    #[test]
    fn tags_that_cannot_all_differ_are_an_error() {
        assert!(matches!(list(1, 257).arrange(vec![0; 257]), Err(PsiError::Usage(_))));
    }

    #[test]
    fn own_items_with_one_tag_are_all_found() {
        let mut walk = TagWalk::new([5, 7, 5, 9].into_iter(), TagWidth::new(1).unwrap(), 3);
        walk.read(&[4, 5]).unwrap();
        walk.read(&[9]).unwrap();
        assert_eq!(walk.matched(), [0, 2, 3]);
    }
}
