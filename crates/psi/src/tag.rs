//! Tags and claim tokens, on the wire and in memory.
//!
//! In memory a tag is a number, the first byte on the wire the most significant, so that the order of
//! numbers is the order of bytes.

use crate::party::{Header, MessageKind};

/// Longest tag, in bytes.
pub(crate) const MAX_TAG_BYTES: u8 = 16;

/// Bytes of a tag: 1 to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagWidth(u8);

impl TagWidth {
    /// Claim tokens have the width that tags can have at most.
    pub(crate) const CLAIM: Self = Self(MAX_TAG_BYTES);

    /// A width of `bytes`, if tags can have it.
    pub(crate) fn new(bytes: u8) -> Option<Self> {
        (1..=MAX_TAG_BYTES).contains(&bytes).then_some(Self(bytes))
    }

    /// As lengths have it.
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.0)
    }

    /// As headers have it.
    pub(crate) fn on_wire(self) -> u32 {
        u32::from(self.0)
    }

    /// The tag that `bytes` begin with.
    pub(crate) fn read(self, bytes: &[u8]) -> u128 {
        bytes.iter().take(self.bytes()).fold(0, |tag, byte| tag << 8 | u128::from(*byte))
    }

    /// `tags` as they stand on the wire.
    pub(crate) fn write(self, tags: &[u128]) -> Vec<u8> {
        let skipped = usize::from(MAX_TAG_BYTES) - self.bytes();
        let mut out = Vec::with_capacity(tags.len() * self.bytes());
        tags.iter().for_each(|tag| out.extend(tag.to_be_bytes().into_iter().skip(skipped)));
        out
    }
}

/// Sorted tags on their way out.
pub(crate) struct SortedTags {
    tags: Vec<u128>,
    width: TagWidth,
    sent: usize,
}

impl SortedTags {
    /// A message of `tags`, which are sorted.
    pub(crate) fn new(tags: Vec<u128>, width: TagWidth) -> Self {
        Self { tags, width, sent: 0 }
    }

    /// The header of the message.
    pub(crate) fn header(&self, kind: MessageKind) -> Header {
        Header { kind, width: self.width.on_wire(), count: self.tags.len() as u64 }
    }

    /// The next tags, at most `most`.
    pub(crate) fn produce(&mut self, most: usize) -> Vec<u8> {
        let due = self.tags.get(self.sent..).unwrap_or_default();
        let due = due.get(..most).unwrap_or(due);
        self.sent += due.len();
        self.width.write(due)
    }

    /// Whether all of them are out.
    pub(crate) fn are_out(&self) -> bool {
        self.sent == self.tags.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cut_and_written_back() {
        let bytes: Vec<u8> = (1..=16).collect();
        for width in (1..=16).filter_map(TagWidth::new) {
            let tag = width.read(&bytes);
            assert_eq!(width.write(&[tag, 0]), [&bytes[..width.bytes()], &vec![0; width.bytes()]].concat());
        }
        assert_eq!([0, 17, 255].map(TagWidth::new), [None; 3]);
    }

    #[test]
    fn order_of_numbers_is_order_of_bytes() {
        let width = TagWidth::new(3).unwrap();
        assert!(width.read(&[0, 255, 255]) < width.read(&[1, 0, 0]));
    }
}
