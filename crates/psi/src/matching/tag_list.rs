//! The sender's list of tags, sorted and of public length.

use std::ops::Range;

use rayon::slice::ParallelSliceMut;

use crate::PsiError;
use crate::randomness::Randomness;
use crate::tag::{number, write};

/// Sorted tags, all different.
#[derive(Default)]
pub(super) struct TagList {
    tags: Vec<u128>,
}

impl TagList {
    /// Sorts `tags`, which are `width` bytes wide.
    ///
    /// Where two items have the same tag, it stands once and a random one is put in, so that a list
    /// has the public length and no repeats, whichever the items. This loses no match.
    pub(super) fn new(mut tags: Vec<u128>, width: usize, randomness: &Randomness) -> Result<Self, PsiError> {
        let length = tags.len();
        let mut stream = randomness.stream(0);
        // A few rounds are ample: a random tag is taken with probability length / 2^(8 width).
        for _ in 0..64 {
            tags.par_sort_unstable();
            tags.dedup();
            if tags.len() == length {
                return Ok(Self { tags });
            }
            let random = || number(stream.next::<16>().get(..width).unwrap_or_default());
            let missing = length - tags.len();
            tags.extend(std::iter::repeat_with(random).take(missing));
        }
        Err(PsiError::Usage("tags are too short for so many items"))
    }

    /// The tags at the places `range`, `width` bytes each.
    pub(super) fn rows(&self, range: Range<usize>, width: usize) -> Vec<u8> {
        let mut rows = Vec::with_capacity(range.len() * width);
        self.tags.get(range).unwrap_or_default().iter().for_each(|tag| write(*tag, width, &mut rows));
        rows
    }
}
