//! The sender's set, as it arrives.

use rayon::prelude::*;

use super::{OwnTags, Shape, TAGS_PER_ELEMENT, WORD_BYTES, mask};
use crate::PsiError;

/// Elements that one thread reads at a time.
const PER_TASK: usize = 64;

const NO_SET: PsiError = PsiError::Peer("high bits that belong to no set of so many tags");
const DISORDER: PsiError = PsiError::Peer("a sorted list out of order, or with a repeated element");
const LONGER: PsiError = PsiError::Peer("a longer set of tags than agreed");
const UNFINISHED: PsiError = PsiError::Peer("a shorter set of tags than agreed");
const NOT_ZERO: PsiError = PsiError::Peer("a set of tags that does not end in zeros");

/// Reads a set: all high bits first, then the low ones.
pub struct TagReader {
    shape: Shape,
    highs: Vec<u64>,
    /// Ones in `highs`.
    ones: usize,
    /// Where the first one of each element of low bits is in `highs`.
    starts: Vec<u64>,
    /// Elements of low bits that were read.
    read: usize,
    last: Option<u128>,
}

impl TagReader {
    /// A reader of a set of `shape`. It holds no more than has arrived.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self { shape, highs: Vec::new(), ones: 0, starts: Vec::new(), read: 0, last: None }
    }

    /// Its shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Takes the next words of the message of high bits.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if they are not those of a set.
    pub fn highs(&mut self, words: &[u8]) -> Result<(), PsiError> {
        let (words, rest) = words.as_chunks::<WORD_BYTES>();
        if !rest.is_empty() || (self.highs.len() + words.len()) as u64 > self.shape.highs().count {
            return Err(LONGER);
        }
        words.iter().try_for_each(|word| self.word(u64::from_le_bytes(*word)))?;
        if self.highs.len() as u64 == self.shape.highs().count { self.check_highs() } else { Ok(()) }
    }

    /// Takes the next word of the high bits.
    fn word(&mut self, word: u64) -> Result<(), PsiError> {
        // An element starts in every 64th one: one of a word at most.
        let before = self.ones;
        let due = self.starts.len() * TAGS_PER_ELEMENT;
        self.ones += word.count_ones() as usize;
        if due < self.ones && self.ones <= self.shape.count {
            let first = (before..due).fold(word, |word, _| word & word.wrapping_sub(1));
            self.starts.push(64 * self.highs.len() as u64 + u64::from(first.trailing_zeros()));
        }
        self.highs.push(word);
        if self.ones <= self.shape.count { Ok(()) } else { Err(NO_SET) }
    }

    /// Checks the high bits as a whole.
    fn check_highs(&self) -> Result<(), PsiError> {
        let Some(last) = self.highs.last() else { return Ok(()) };
        // As many ones as tags leave 2^h zeros, if there are none of them after the last zero.
        let used = (self.shape.high_len() - 1) % 64;
        if self.ones == self.shape.count && last >> used == 0 { Ok(()) } else { Err(NO_SET) }
    }

    /// Takes the next elements of the message of low bits; gives the indices of those of `own` that they meet,
    /// each once, in the order of the tags. Uses the rayon pool that it is called in.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if they are not those of a set, or high bits are missing.
    pub fn lows(&mut self, elements: &[u8], own: &OwnTags) -> Result<Vec<u32>, PsiError> {
        let header = self.shape.lows();
        let width = header.width as usize;
        let count = elements.len() / width;
        if !elements.len().is_multiple_of(width) || (self.read + count) as u64 > header.count {
            return Err(LONGER);
        }
        if self.highs.len() as u64 != self.shape.highs().count {
            return Err(UNFINISHED);
        }
        let tasks: Vec<_> = elements.chunks(PER_TASK * width).zip((self.read..).step_by(PER_TASK)).collect();
        let stretches: Vec<_> =
            tasks.par_iter().map(|(elements, first)| self.stretch(*first, elements, own)).collect::<Result<_, _>>()?;
        self.read += count;
        self.string(stretches)
    }

    /// Ends the reading; gives what is met among tags that have no low bits, which had no message.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if not all of the set was there.
    pub fn finish(mut self, own: &OwnTags) -> Result<Vec<u32>, PsiError> {
        if self.highs.len() as u64 != self.shape.highs().count || self.read as u64 != self.shape.lows().count {
            return Err(UNFINISHED);
        }
        if self.shape.low_bits() > 0 {
            return Ok(Vec::new());
        }
        let stretch = self.stretch(0, &[], own)?;
        self.string(vec![stretch])
    }

    /// Reads `elements`, the first of which is number `first`; all tags, where elements are empty.
    fn stretch(&self, first: usize, elements: &[u8], own: &OwnTags) -> Result<Stretch, PsiError> {
        let bits = self.shape.low_bits();
        let mut highs = Ones::from(&self.highs, self.starts.get(first).copied().unwrap_or(0), TAGS_PER_ELEMENT * first);
        let mut left = self.shape.count.saturating_sub(TAGS_PER_ELEMENT * first);
        let mut lows = elements.chunks_exact(self.shape.lows().width as usize);
        let mut out = Stretch { first: None, last: None, found: Vec::new() };
        let mut tags = Vec::with_capacity(TAGS_PER_ELEMENT * PER_TASK);
        while left > 0 {
            let element = match lows.next() {
                Some(element) => element,
                None if bits == 0 => &[],
                None => break,
            };
            let count = left.min(TAGS_PER_ELEMENT);
            read_element(element, bits, count, &mut highs, &mut tags)?;
            left -= count;
        }
        if !tags.array_windows().all(|[a, b]| a < b) {
            return Err(DISORDER);
        }
        own.meet(&tags, &mut out.found);
        (out.first, out.last) = (tags.first().copied(), tags.last().copied());
        Ok(out)
    }

    /// Strings stretches together, which must ascend too.
    fn string(&mut self, stretches: Vec<Stretch>) -> Result<Vec<u32>, PsiError> {
        let mut found = Vec::with_capacity(stretches.iter().map(|stretch| stretch.found.len()).sum());
        for stretch in stretches {
            if self.last.zip(stretch.first).is_some_and(|(last, first)| last >= first) {
                return Err(DISORDER);
            }
            self.last = stretch.last.or(self.last);
            found.extend(stretch.found);
        }
        Ok(found)
    }
}

/// What was read of some tags that follow each other.
struct Stretch {
    first: Option<u128>,
    last: Option<u128>,
    found: Vec<u32>,
}

/// Adds the `count` tags of an element to `tags`, and checks that nothing is behind them.
fn read_element(
    element: &[u8],
    bits: u32,
    count: usize,
    highs: &mut Ones<'_>,
    tags: &mut Vec<u128>,
) -> Result<(), PsiError> {
    let (words, _) = element.as_chunks::<WORD_BYTES>();
    let (width, mask) = (bits as usize, mask(bits));
    let mut read = [0; TAGS_PER_ELEMENT];
    for (place, start) in read.iter_mut().take(count).zip((0..).step_by(width.max(1))) {
        let mut low = u128::from(window(words, start));
        if bits > 64 {
            low |= u128::from(window(words, start + 64)) << 64;
        }
        let high = u128::from(highs.next().ok_or(NO_SET)?);
        *place = low & mask | high.checked_shl(bits).unwrap_or(0);
    }
    tags.extend(read.iter().take(count));
    let behind = (count * width..64 * words.len()).step_by(64);
    if behind.map(|start| window(words, start)).all(|word| word == 0) { Ok(()) } else { Err(NOT_ZERO) }
}

/// The 64 bits from bit `start` on; zeros where there are no more.
fn window(words: &[[u8; WORD_BYTES]], start: usize) -> u64 {
    let word = |index| words.get(index).map_or(0, |word| u64::from_le_bytes(*word));
    let (index, offset) = (start / 64, start % 64);
    word(index) >> offset | word(index + 1) << 1 << (63 - offset)
}

/// High bits of one tag after another.
struct Ones<'a> {
    /// What is left of the word that it is in.
    word: u64,
    /// The words after it.
    words: std::slice::Iter<'a, u64>,
    /// The position of the word's first bit, less the number of the next tag.
    offset: u64,
}

impl<'a> Ones<'a> {
    /// From the one at bit `position` on, which is that of tag `number`.
    fn from(highs: &'a [u64], position: u64, number: usize) -> Self {
        let index = usize::try_from(position / 64).unwrap_or(usize::MAX);
        let mut words = highs.get(index..).unwrap_or_default().iter();
        let word = words.next().copied().unwrap_or(0) & (u64::MAX << (position % 64));
        Self { word, words, offset: (position - position % 64).wrapping_sub(number as u64) }
    }
}

impl Iterator for Ones<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        while self.word == 0 {
            self.word = *self.words.next()?;
            self.offset = self.offset.wrapping_add(64);
        }
        let high = self.offset.wrapping_add(u64::from(self.word.trailing_zeros()));
        self.word &= self.word - 1;
        self.offset = self.offset.wrapping_sub(1);
        Some(high)
    }
}
