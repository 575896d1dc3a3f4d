//! The sender's set of tags, as modes membership and both have it: on its way out, and met by one's own.

use std::ops::Range;

use super::tag_set::{OwnTags, Shape, TagReader, TagSet};
use crate::party::{Count, Expected, Header, MessageKind};
use crate::randomness::Randomness;
use crate::{Parameters, PsiError, Seed};

/// Tags that one step handles, roughly.
const TAGS_PER_STEP: usize = 1 << 16;

/// The sender's tags.
pub(super) struct TagList {
    shape: Shape,
    /// Once they are [arranged](Self::arrange).
    set: Option<TagSet>,
    /// For tags in the place of repeated ones.
    spare: Randomness,
}

impl TagList {
    /// A list of tags of `bits` bits, as many as the sender's padded size.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are 2^32 or more.
    pub(super) fn new(parameters: &Parameters, bits: u32, seed: &Seed) -> Result<Self, PsiError> {
        let spare = Randomness::new(seed, &parameters.session_id, "spare tags");
        Ok(Self { shape: Shape::new(parameters.sizes.sender_len()?, bits)?, set: None, spare })
    }

    pub(super) fn headers(&self) -> Vec<Header> {
        vec![self.shape.highs(), self.shape.lows()]
    }

    /// Elements of a message of `kind` to give at a time.
    pub(super) fn step(kind: MessageKind) -> usize {
        match kind {
            // A word has the high bits of 21 to 32 tags.
            MessageKind::TagHighs => TAGS_PER_STEP / 16,
            _ => TAGS_PER_STEP / 64,
        }
    }

    /// Takes the tags that `tag` finds in what was derived.
    pub(super) fn arrange<T: Sync>(&mut self, derived: &[T], tag: impl Fn(&T) -> u128 + Sync) -> Result<(), PsiError> {
        let mut stream = self.spare.stream(0);
        self.set = Some(TagSet::new(self.shape, derived, tag, || u128::from_be_bytes(stream.next()))?);
        Ok(())
    }

    /// Elements of the message of `kind`.
    pub(super) fn rows(&self, kind: MessageKind, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        match (&self.set, kind) {
            (Some(set), MessageKind::TagHighs) => Ok(set.highs(range)),
            (Some(set), MessageKind::TagLows) => Ok(set.lows(range)),
            _ => Err(PsiError::Usage("a list that is not there is not sent")),
        }
    }
}

/// The receiver's walk along that set.
pub(super) struct TagWalk {
    reader: TagReader,
    own: Option<OwnTags>,
    /// Indices of own tags that are in the set.
    found: Vec<u32>,
}

impl TagWalk {
    /// A walk along a set of tags of `bits` bits, as many as the sender's padded size.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are 2^32 or more.
    pub(super) fn new(parameters: &Parameters, bits: u32) -> Result<Self, PsiError> {
        let shape = Shape::new(parameters.sizes.sender_len()?, bits)?;
        Ok(Self { reader: TagReader::new(shape), own: None, found: Vec::new() })
    }

    pub(super) fn expected(&self) -> Vec<Expected> {
        let shape = self.reader.shape();
        let exactly =
            |header: Header| Expected { kind: header.kind, width: header.width, count: Count::Exactly(header.count) };
        vec![exactly(shape.highs()), exactly(shape.lows())]
    }

    /// High bits are kept, and not compared with anything.
    pub(super) fn reads_early(kind: MessageKind) -> bool {
        kind == MessageKind::TagHighs
    }

    /// Takes the own tags that `entry` makes of what was derived, with an index for each.
    pub(super) fn arrange<T: Sync>(
        &mut self,
        derived: &[T],
        entry: impl Fn(usize, &T) -> Option<(u128, u32)> + Sync,
    ) -> Result<(), PsiError> {
        self.own = Some(OwnTags::new(self.reader.shape().tag_bits(), derived, entry)?);
        Ok(())
    }

    pub(super) fn read(&mut self, kind: MessageKind, elements: &[u8]) -> Result<(), PsiError> {
        match (&self.own, kind) {
            (_, MessageKind::TagHighs) => self.reader.highs(elements),
            (Some(own), MessageKind::TagLows) => {
                self.found.extend(self.reader.lows(elements, own)?);
                Ok(())
            }
            _ => Err(PsiError::Usage("a list is not read before there is one's own")),
        }
    }

    /// Indices that were found, in no order that means anything.
    pub(super) fn found(self) -> Result<Vec<u32>, PsiError> {
        let (own, mut found) = (self.own.ok_or(PsiError::CUT_SHORT)?, self.found);
        found.extend(self.reader.finish(&own)?);
        Ok(found)
    }
}

/// `places`, each below `end` and standing once, in their order.
pub(super) fn ascending(places: impl Iterator<Item = u32>, end: usize) -> Vec<u32> {
    let mut bitmap = vec![0u64; end.div_ceil(64)];
    let mut count = 0;
    for place in places {
        if let Some(word) = bitmap.get_mut(place as usize / 64) {
            *word |= 1 << (place % 64);
            count += 1;
        }
    }
    let mut out = Vec::with_capacity(count);
    for (first, mut word) in (0u32..).step_by(64).zip(bitmap) {
        while word != 0 {
            out.push(first + word.trailing_zeros());
            word &= word - 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_ascend() {
        assert_eq!(ascending([].into_iter(), 0), []);
        assert_eq!(ascending([199, 3, 64, 0, 63].into_iter(), 200), [0, 3, 63, 64, 199]);
        assert_eq!(ascending((0..1000).rev(), 1000), (0..1000).collect::<Vec<_>>());
    }
}
