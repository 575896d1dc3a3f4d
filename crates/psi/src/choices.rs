//! Choice bits of a receiver of oblivious transfers.

use subtle::Choice;
use zeroize::Zeroizing;

/// Secret bits, eight to a byte, the least significant first. They are overwritten when dropped.
///
/// The unused bits of the last byte are zero.
pub struct Choices {
    bytes: Zeroizing<Vec<u8>>,
    len: usize,
}

impl Choices {
    /// 128 bits of each of `blocks`, the least significant first.
    #[must_use]
    pub fn from_blocks(blocks: &[u128]) -> Self {
        // With the length known, no copy is left behind by a buffer that grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(16 * blocks.len()));
        blocks.iter().for_each(|block| bytes.extend_from_slice(&block.to_le_bytes()));
        Self { len: 8 * bytes.len(), bytes }
    }

    /// The `len` bits that `bits` begins with, and zeros if it has fewer.
    #[must_use]
    pub fn collect(bits: impl IntoIterator<Item = bool>, len: usize) -> Self {
        let mut bytes = Zeroizing::new(vec![0; len.div_ceil(8)]);
        let mut bits = bits.into_iter().take(len);
        for byte in bytes.iter_mut() {
            *byte = bits.by_ref().take(8).zip(0u32..).fold(0, |byte, (bit, place)| byte | u8::from(bit) << place);
        }
        Self { bytes, len }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bits in order, for code whose time must not depend on them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Choice> {
        let bits = self.bytes.iter().flat_map(|byte| (0u32..8).map(move |place| Choice::from(byte >> place & 1)));
        bits.take(self.len)
    }

    /// The bits as they are kept: one byte for eight, the last one filled up with zeros.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(choices: &Choices) -> Vec<bool> {
        choices.iter().map(bool::from).collect()
    }

    #[test]
    fn bits_come_back_in_order() {
        let pattern = |i: usize| i.is_multiple_of(3) || i.is_power_of_two();
        for len in [0, 1, 7, 8, 9, 128, 131] {
            let expected: Vec<bool> = (0..len).map(pattern).collect();
            let choices = Choices::collect((0..).map(pattern), len);
            assert_eq!((choices.len(), choices.is_empty()), (len, len == 0));
            assert_eq!(bits(&choices), expected);
            assert_eq!(choices.as_bytes().len(), len.div_ceil(8));
        }
        assert_eq!(Choices::collect([true; 20], 10).as_bytes(), [0xff, 0b11]);
        assert_eq!(Choices::collect([true; 3], 10).as_bytes(), [0b111, 0]);
    }

    #[test]
    fn blocks_are_little_endian() {
        let choices = Choices::from_blocks(&[1, 1 << 127]);
        let set: Vec<usize> = bits(&choices).iter().enumerate().filter(|(_, bit)| **bit).map(|(i, _)| i).collect();
        assert_eq!((choices.len(), set), (256, vec![0, 255]));
    }
}
