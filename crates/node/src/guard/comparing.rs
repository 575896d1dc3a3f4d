//! One pass over an input: its tags are made part by part, counted against those of earlier inputs, and written down.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use records::{
    CanonicalKey,
    commitment::{PARTS, part_of},
};
use ring::digest::{Context, SHA256};

use super::{
    Check, InputMark, KeyParts,
    error::GuardError,
    index::Entry,
    sealed::Sealing,
    stretches::{Stretches, Writing, seal_stretch},
    tags::{Tag, Tagging},
};
use crate::space::Space;

/// Parts that a thread takes before what they brought is written.
const PARTS_AT_A_TIME: usize = 4;

/// An earlier input that is compared with.
pub(super) struct Earlier {
    pub(super) entry: Entry,
    file: Stretches,
    /// Keys that were found in one of the two inputs alone. It ends where they are enough to tell them apart.
    differing: AtomicU64,
}

impl Earlier {
    pub(super) fn new(entry: Entry, file: Stretches) -> Self {
        Self { entry, file, differing: AtomicU64::new(0) }
    }

    /// Whether an input of `count` keys differs by `bound` keys for their number alone.
    fn is_apart(&self, count: u64, bound: u64) -> bool {
        self.entry.count.abs_diff(count) >= bound
    }

    /// Keys that are in one of the two alone; exact where they are fewer than the bound.
    pub(super) fn differing(&self) -> u64 {
        self.differing.load(Ordering::Relaxed)
    }
}

/// A pass.
pub(super) struct Pass<'a> {
    pub(super) tagging: &'a Tagging,
    pub(super) earlier: &'a [Earlier],
    /// From so many keys on nothing more is counted.
    pub(super) bound: u64,
    pub(super) check: Check<'a>,
}

/// Memory that one part after the other is worked on in.
#[derive(Default)]
struct Scratch {
    keys: Vec<CanonicalKey>,
    tags: Vec<Tag>,
    block: Vec<u8>,
}

/// What became of a part.
struct Done {
    tags: u64,
    digest: [u8; 32],
    /// Empty where nothing is written.
    sealed: Vec<u8>,
}

impl Pass<'_> {
    /// Reads an input of `count` keys, and gives its mark. Works in the rayon pool that it is called in.
    pub(super) fn run(
        &self,
        parts: &dyn KeyParts,
        count: u64,
        space: &Space,
        writing: &mut Writing,
    ) -> Result<InputMark, GuardError> {
        // Bytes that were read, keys, tags, and those sealed.
        let at_a_time =
            space.at_a_time(parts.largest().saturating_mul(4), PARTS_AT_A_TIME * rayon::current_num_threads());
        // Where their numbers alone tell them apart, nothing is read.
        for earlier in self.earlier.iter().filter(|earlier| earlier.is_apart(count, self.bound)) {
            earlier.differing.store(earlier.entry.count.abs_diff(count), Ordering::Relaxed);
        }
        let (mut counted, mut mark) = (0_u64, Context::new(&SHA256));
        mark.update(&self.tagging.check);
        for first in (0..PARTS).step_by(at_a_time) {
            let range = first..PARTS.min(first + at_a_time);
            let work = |scratch: &mut Scratch, part| self.work(parts, part, writing.sealing(), scratch);
            let done = range.into_par_iter().map_init(Scratch::default, work).collect::<Result<Vec<_>, _>>()?;
            for Done { tags, digest, sealed } in done {
                counted = counted.saturating_add(tags);
                mark.update(&digest);
                writing.put(tags, &sealed)?;
            }
        }
        if counted != count {
            return Err(GuardError::Fault("a set has another number of keys than it says"));
        }
        Ok(InputMark(mark.finish().as_ref().first_chunk().copied().unwrap_or_default()))
    }

    fn work(
        &self,
        parts: &dyn KeyParts,
        part: usize,
        sealing: &Sealing,
        Scratch { keys, tags, block }: &mut Scratch,
    ) -> Result<Done, GuardError> {
        (self.check)()?;
        keys.clear();
        parts.read(part, keys)?;
        // A key in two parts would be counted twice, or missed.
        if !keys.iter().all(|key| part_of(key) == part) {
            return Err(GuardError::Fault("a key is not in its part"));
        }
        self.tagging.tags(keys, tags);
        for earlier in self.earlier {
            (self.check)()?;
            self.compare(earlier, part, tags, block)?;
        }
        let mut sealed = Vec::new();
        seal_stretch(sealing, part, tags, &mut sealed)?;
        let digest = digest_of(tags);
        Ok(Done { tags: tags.len() as u64, digest, sealed })
    }

    /// Counts in one part.
    fn compare(&self, earlier: &Earlier, part: usize, tags: &[Tag], block: &mut Vec<u8>) -> Result<(), GuardError> {
        if earlier.differing() >= self.bound {
            return Ok(());
        }
        let mut merge = Merge::new(tags);
        earlier.file.read(part, block, |theirs| {
            let found = merge.take(theirs);
            let before = earlier.differing.fetch_add(found, Ordering::Relaxed);
            before.saturating_add(found) < self.bound
        })?;
        // Where it ended early, it is enough already.
        earlier.differing.fetch_add(merge.rest(), Ordering::Relaxed);
        Ok(())
    }
}

/// A walk through two ascending lists that counts what is in one of them alone.
struct Merge<'a> {
    own: &'a [Tag],
}

impl<'a> Merge<'a> {
    fn new(own: &'a [Tag]) -> Self {
        Self { own }
    }

    /// Goes on through the other list: how many of both, as far as it goes, are in one alone.
    fn take(&mut self, theirs: &[[u8; 16]]) -> u64 {
        let mut alone = 0;
        for theirs in theirs {
            let theirs = Tag::from_be_bytes(*theirs);
            let mut is_here = false;
            while let Some((own, rest)) = self.own.split_first().filter(|(own, _)| **own <= theirs) {
                self.own = rest;
                is_here = *own == theirs;
                alone += u64::from(!is_here);
            }
            alone += u64::from(!is_here);
        }
        alone
    }

    /// How many are left, once the other list has ended.
    fn rest(&self) -> u64 {
        self.own.len() as u64
    }
}

/// A digest of the tags of a part.
fn digest_of(tags: &[Tag]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut bytes = [0; 16 * 64];
    for tags in tags.chunks(64) {
        let filled = bytes.as_chunks_mut::<16>().0;
        filled.iter_mut().zip(tags).for_each(|(to, tag)| *to = tag.to_be_bytes());
        context.update(bytes.get(..16 * tags.len()).unwrap_or_default());
    }
    context.finish().as_ref().first_chunk().copied().unwrap_or_default()
}
