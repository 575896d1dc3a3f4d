//! What a run may take of the machine: memory, room on disk, bins at once.

use std::path::PathBuf;

use psi::bins::BIN_ITEMS;

/// Bytes of memory that an item takes while its bin is matched, about.
const BYTES_OF_AN_ITEM: u64 = 256;

/// Times that a label is in memory while its bin is matched, at the most: padded, sealed, and as it is kept.
const COPIES_OF_A_LABEL: u64 = 4;

/// What is sorted in one piece however small the memory is to be.
const LEAST_PIECE: u64 = 64 << 20;

/// The room that a run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// The folder of temporary files. They have no names, and are sealed under a key that only the process has.
    pub folder: PathBuf,
    /// Bytes of memory for preparing a set and for bins that are matched. What does not fit goes to disk.
    pub memory: u64,
    /// Bins that are matched at a time.
    pub in_flight: u32,
    /// How many items a bin is to have, about; nothing for what is best, as far as `memory` allows.
    pub bin_items: Option<u64>,
}

impl Default for Space {
    /// A gibibyte, two bins at a time, and the system's folder for temporary files.
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), memory: 1 << 30, in_flight: 2, bin_items: None }
    }
}

impl Space {
    /// All in one piece, however large it is: for measurements.
    #[must_use]
    pub fn in_one_piece() -> Self {
        Self { in_flight: 1, bin_items: Some(u64::MAX), ..Self::default() }
    }

    /// How many items a bin is to have, about, where each has a padded label of `label_size` bytes.
    #[must_use]
    pub fn wanted_bin_items(&self, label_size: u32) -> u64 {
        self.bin_items.unwrap_or_else(|| {
            let share = self.memory / u64::from(self.in_flight.max(1));
            let bytes = BYTES_OF_AN_ITEM + COPIES_OF_A_LABEL * u64::from(label_size);
            (share / bytes).clamp(1, BIN_ITEMS)
        })
    }

    /// The most bytes of keys, and of what is beside them, that are sorted in one piece.
    pub(crate) fn piece(&self) -> u64 {
        (self.memory / 2).max(LEAST_PIECE)
    }

    /// Pieces that are worked on at a time, each of which takes so many bytes: one at least, and `most` at the most.
    pub(crate) fn at_a_time(&self, bytes: u64, most: usize) -> usize {
        let pieces = (self.memory / 4).checked_div(bytes).unwrap_or(u64::MAX);
        usize::try_from(pieces).unwrap_or(usize::MAX).clamp(1, most.max(1))
    }

    /// Bytes that wait in memory, at the most, before they go to disk.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(self.memory / 2).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_as_large_as_the_memory_allows() {
        let items = |memory, in_flight, label| Space { memory, in_flight, ..Space::default() }.wanted_bin_items(label);
        assert_eq!(items(1 << 30, 2, 0), BIN_ITEMS);
        assert_eq!(items(1 << 28, 2, 0), 1 << 19);
        assert_eq!(items(1 << 30, 2, 4096), (1 << 29) / (256 + 4 * 4096));
        assert_eq!(items(0, 64, 16), 1);
        let space = Space { memory: 1 << 20, ..Space::default() };
        assert_eq!([1 << 30, 1 << 16, 0].map(|bytes| space.at_a_time(bytes, 8)), [1, 4, 8]);
        assert_eq!(Space::in_one_piece().wanted_bin_items(4096), u64::MAX);
    }
}
