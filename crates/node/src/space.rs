//! What a run may take of the machine: memory, room on disk, bins at once.

use std::path::PathBuf;

use psi::bins::BIN_ITEMS;

/// Bytes of memory that an item takes while its bin is matched, about.
const BYTES_OF_AN_ITEM: u64 = 256;

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

    /// How many items a bin is to have, about.
    #[must_use]
    pub fn wanted_bin_items(&self) -> u64 {
        self.bin_items.unwrap_or_else(|| {
            let share = self.memory / u64::from(self.in_flight.max(1));
            (share / BYTES_OF_AN_ITEM).clamp(1, BIN_ITEMS)
        })
    }

    /// Bytes that wait in memory, at the most, before they go to disk.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(self.memory / 2).unwrap_or(usize::MAX)
    }
}
