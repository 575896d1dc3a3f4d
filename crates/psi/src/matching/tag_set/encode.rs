//! The sender's set, on its way out.

use std::ops::Range;

use rayon::prelude::*;

use super::order::sort;
use super::{Shape, TAGS_PER_ELEMENT, WORD_BYTES, mask};
use crate::PsiError;

/// Elements that one thread writes at a time.
const PER_TASK: usize = 64;

/// A set of tags, sorted.
pub struct TagSet {
    shape: Shape,
    tags: Vec<u128>,
}

impl TagSet {
    /// The set of the tags that `tag` finds in `derived`, as many as the shape has. Uses the rayon pool that
    /// it is called in.
    ///
    /// A tag that comes twice stands once, and one that `spare` gives is put in, so that a set has the
    /// public size whichever the items. This loses no match. `spare` gives random 128 bits.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are not as many, or tags are too short for so many.
    pub fn new<T: Sync>(
        shape: Shape,
        derived: &[T],
        tag: impl Fn(&T) -> u128 + Sync,
        mut spare: impl FnMut() -> u128,
    ) -> Result<Self, PsiError> {
        if derived.len() != shape.count {
            return Err(PsiError::Usage("a set has another number of tags than its shape"));
        }
        let mut tags = sort(shape.tag_bits, derived, |_, value| Some((tag(value), ())))?.tags;
        // Once is nearly always enough: a random tag is taken with probability count / 2^bits.
        for _ in 0..64 {
            if tags.array_windows().all(|[a, b]| a < b) {
                return Ok(Self { shape, tags });
            }
            tags.dedup();
            let missing = shape.count.saturating_sub(tags.len());
            tags.extend((0..missing).map(|_| spare() >> (128 - shape.tag_bits)));
            tags.par_sort_unstable();
        }
        Err(PsiError::Usage("tags are too short for so many items"))
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The words `range` of the message of high bits, as far as there are any.
    #[must_use]
    pub fn highs(&self, range: Range<usize>) -> Vec<u8> {
        in_tasks(range, self.shape.highs().count, WORD_BYTES, |range, out| {
            let (first, mut words) = (64 * range.start as u64, vec![0u64; range.len()]);
            // The position of a tag's one grows from tag to tag: so many zeros and ones are before it.
            for position in self.positions_from(first) {
                let Some(word) = words.get_mut(usize::try_from((position - first) / 64).unwrap_or(usize::MAX)) else {
                    break;
                };
                *word |= 1 << (position % 64);
            }
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
        })
    }

    /// The elements `range` of the message of low bits, as far as there are any.
    #[must_use]
    pub fn lows(&self, range: Range<usize>) -> Vec<u8> {
        let header = self.shape.lows();
        let (bits, width) = (self.shape.low_bits(), header.width as usize);
        in_tasks(range, header.count, width, |range, out| {
            let tags = self.tags.get(TAGS_PER_ELEMENT * range.start..).unwrap_or_default();
            for tags in tags.chunks(TAGS_PER_ELEMENT).take(range.len()) {
                let end = out.len() + width;
                pack(tags, bits, out);
                out.resize(end, 0);
            }
        })
    }

    /// Where the ones of the message of high bits are, from bit `first` on.
    fn positions_from(&self, first: u64) -> impl Iterator<Item = u64> {
        let low_bits = self.shape.low_bits();
        // At most 32 bits are left; where none is, all are shifted out.
        let high = move |tag: u128| u64::try_from(tag.checked_shr(low_bits).unwrap_or(0)).unwrap_or(u64::MAX);
        let before = {
            let (mut low, mut up) = (0, self.tags.len());
            while low < up {
                let middle = low.midpoint(up);
                let position = self.tags.get(middle).map_or(u64::MAX, |tag| high(*tag).saturating_add(middle as u64));
                if position < first { low = middle + 1 } else { up = middle }
            }
            low
        };
        let tags = self.tags.get(before..).unwrap_or_default();
        (before as u64..).zip(tags).map(move |(i, tag)| high(*tag).saturating_add(i))
    }
}

/// What `write` writes of the elements `range`, of which there are `count`, of `width` bytes each, in parallel.
fn in_tasks(
    range: Range<usize>,
    count: u64,
    width: usize,
    write: impl Fn(Range<usize>, &mut Vec<u8>) + Sync,
) -> Vec<u8> {
    let end = range.end.min(usize::try_from(count).unwrap_or(usize::MAX));
    let starts: Vec<_> = (range.start..end).step_by(PER_TASK).collect();
    let task = |start: &usize| {
        let range = *start..end.min(start + PER_TASK);
        let mut out = Vec::with_capacity(width * range.len());
        write(range, &mut out);
        out
    };
    match starts.as_slice() {
        [start] => task(start),
        starts => starts.par_iter().map(task).collect::<Vec<_>>().concat(),
    }
}

/// The last `bits` bits of each of `tags`, one after the other.
fn pack(tags: &[u128], bits: u32, out: &mut Vec<u8>) {
    let (low, high) = (bits.min(64), bits.saturating_sub(64));
    let mut writer = BitWriter { pending: 0, filled: 0, out };
    for tag in tags {
        writer.put(tag & mask(low), low);
        if high > 0 {
            writer.put((tag >> 64) & mask(high), high);
        }
    }
    if writer.filled > 0 {
        writer.word();
    }
}

/// Writes bits in words of 64.
struct BitWriter<'a> {
    /// Bits that are not yet written: fewer than 64 between two calls.
    pending: u128,
    filled: u32,
    out: &'a mut Vec<u8>,
}

impl BitWriter<'_> {
    /// Adds `value`, which is of `bits` bits, at most 64.
    fn put(&mut self, value: u128, bits: u32) {
        self.pending |= value << self.filled;
        self.filled += bits;
        if self.filled >= 64 {
            self.word();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is written")]
    fn word(&mut self) {
        self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
        self.pending >>= 64;
        self.filled = self.filled.saturating_sub(64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_tag_that_comes_twice_stands_once_and_the_length_stays() {
        let shape = Shape::new(200, 16).unwrap();
        let twice: Vec<u128> = (0..200).map(|n| 300 * (n / 2)).collect();
        // Half of these are taken.
        let mut spare = (0..).map(|n| (300 * (n / 2) + n % 2) << 112 | 0xff);
        let set = TagSet::new(shape, &twice, |tag| *tag, || spare.next().unwrap()).unwrap();
        assert!(set.tags.is_sorted() && set.tags.iter().collect::<BTreeSet<_>>().len() == 200);
        assert!((0..100).all(|n| set.tags.binary_search(&(300 * n)).is_ok()));
    }

    #[test]
    fn tags_that_cannot_all_differ_are_an_error() {
        let new = |count: usize| {
            let mut spare = (0u128..).map(|n| n << 120);
            TagSet::new(Shape::new(count, 8).unwrap(), &vec![5; count], |tag| *tag, || spare.next().unwrap())
        };
        assert!(new(256).is_ok());
        assert!(matches!(new(257), Err(PsiError::Usage(_))));
        let stuck = TagSet::new(Shape::new(3, 8).unwrap(), &[5; 3], |tag| *tag, || 0);
        assert!(matches!(stuck, Err(PsiError::Usage(_))));
        assert!(matches!(TagSet::new(Shape::new(3, 8).unwrap(), &[5; 2], |tag| *tag, || 0), Err(PsiError::Usage(_))));
    }
}
