//! A set of tags on the wire: sorted, all different, and compressed (Elias–Fano).
//!
//! Elias, "Efficient storage and retrieval by content and address of static files", JACM 1974; Fano,
//! MIT Project MAC memo 61, 1971. Each of n tags of τ bits is split into its h high bits and the others,
//! and a set is two messages:
//!
//! | message | what it holds | element |
//! |---|---|---|
//! | `TagHighs` | for each of the 2^h values of the high bits, in order: a one for each tag that has it, then a zero | a word of 64 bits, 8 bytes |
//! | `TagLows` | the τ-h low bits of each tag, in order | 64 tags, 8·(τ-h) bytes |
//!
//! Bits follow each other from the least significant of the first byte on, in both messages, and a tag's
//! low bits from the least significant on. What is left of the last element is zero. h minimises
//! n·(τ-h) + n + 2^h, the bits of both, and follows from n and τ: it is the least h with 2^h ≥ n. That is
//! about τ - log2(n) + 2 bits a tag. Golomb codes take as many, but their length tells of the tags; this
//! length is a function of n and τ alone.
//!
//! A set says nothing of the order in which its owner holds the items. A reader checks that both
//! messages are what some set of n tags is written as, and no set is written in two ways.

mod encode;
mod order;
mod own;
mod read;
#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests;

pub use encode::TagSet;
pub(super) use order::sort;
pub use own::OwnTags;
pub use read::TagReader;

use crate::PsiError;
use crate::party::{Header, MessageKind};

/// Tags of one element of `TagLows`.
pub(super) const TAGS_PER_ELEMENT: usize = 64;

/// Bytes of one element of `TagHighs`.
const WORD_BYTES: usize = 8;

/// Most high bits of a tag.
const MOST_HIGH_BITS: u32 = 32;

/// What a set looks like: a function of the number of its tags and their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    count: usize,
    tag_bits: u32,
    high_bits: u32,
}

impl Shape {
    /// The shape of `count` tags of `tag_bits` bits.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless tags have 1 to 128 bits, and are fewer than 2^32.
    pub fn new(count: usize, tag_bits: u32) -> Result<Self, PsiError> {
        if !(1..=128).contains(&tag_bits) || u32::try_from(count).is_err() {
            return Err(PsiError::Usage("a set is of fewer than 2^32 tags of 1 to 128 bits"));
        }
        // One more high bit takes a bit from each tag and adds as many zeros as there are: as long as
        // these are fewer, it is a gain.
        let gainful = |high_bits: &u32| 1u64 << high_bits < count as u64;
        let high_bits = (0..MOST_HIGH_BITS.min(tag_bits)).find(|bits| !gainful(bits));
        Ok(Self { count, tag_bits, high_bits: high_bits.unwrap_or(MOST_HIGH_BITS.min(tag_bits)) })
    }

    /// Tags of the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bits of a tag.
    #[must_use]
    pub fn tag_bits(&self) -> u32 {
        self.tag_bits
    }

    /// The header of the message of high bits.
    #[must_use]
    pub fn highs(&self) -> Header {
        let count = if self.count == 0 { 0 } else { self.high_len().div_ceil(64) };
        Header { kind: MessageKind::TagHighs, width: 8, count }
    }

    /// The header of the message of low bits. Where tags have none, it has no elements.
    #[must_use]
    pub fn lows(&self) -> Header {
        let (kind, low_bits) = (MessageKind::TagLows, self.low_bits());
        match self.count {
            count if low_bits > 0 => {
                Header { kind, width: 8 * low_bits, count: count.div_ceil(TAGS_PER_ELEMENT) as u64 }
            }
            _ => Header { kind, width: 8, count: 0 },
        }
    }

    /// Bits of the message of high bits.
    fn high_len(&self) -> u64 {
        (self.count as u64).saturating_add(1 << self.high_bits)
    }

    /// Bits of a tag that the second message has.
    fn low_bits(&self) -> u32 {
        self.tag_bits.saturating_sub(self.high_bits)
    }
}

/// The lowest `bits` bits.
fn mask(bits: u32) -> u128 {
    1u128.checked_shl(bits).map_or(u128::MAX, |bit| bit - 1)
}
