//! Which bins of a job are finished.

use psi::bins::MOST_BINS;

/// A mark for each bin that is finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BinMarks(Vec<u8>);

impl BinMarks {
    /// Reads marks as they travel. Those beyond the most bins are dropped.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let most = MOST_BINS.div_ceil(8) as usize;
        Self(bytes.get(..most).unwrap_or(bytes).to_vec())
    }

    /// A bit for each bin, the least significant of the first byte first.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// Marks a bin.
    pub(crate) fn mark(&mut self, bin: u32) {
        let place = (bin / 8) as usize;
        if bin >= MOST_BINS {
            return;
        }
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(byte) = self.0.get_mut(place) {
            *byte |= 1 << (bin % 8);
        }
    }

    /// Whether a bin is marked.
    pub(crate) fn has(&self, bin: u32) -> bool {
        self.0.get((bin / 8) as usize).is_some_and(|byte| byte >> (bin % 8) & 1 == 1)
    }

    /// The bins that are marked in both.
    pub(crate) fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one & other).collect())
    }

    /// How many are marked.
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_travel_as_bits() {
        let mut marks = BinMarks::default();
        [0, 9, 15].into_iter().for_each(|bin| marks.mark(bin));
        assert_eq!((marks.to_bytes(), marks.count()), (vec![0x01, 0x82], 3));
        assert_eq!(BinMarks::from_bytes(&[0x01, 0x82]), marks);
        assert!(marks.has(9) && !marks.has(10) && !marks.has(5000));
        let mut other = BinMarks::default();
        [1, 9].into_iter().for_each(|bin| other.mark(bin));
        let both = marks.both(&other);
        assert!((0..MOST_BINS + 100).filter(|bin| both.has(*bin)).eq([9]));
    }

    #[test]
    fn marks_of_a_peer_do_not_grow_without_bound() {
        assert_eq!(BinMarks::from_bytes(&[0xff; 10_000]).count(), MOST_BINS);
        let mut marks = BinMarks::default();
        marks.mark(u32::MAX);
        assert_eq!(marks, BinMarks::default());
    }
}
