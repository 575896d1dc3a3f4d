//! Keys in the order of their starts.
//!
//! Keys are cut into chunks, and each chunk is dealt into buckets of consecutive starts; then each
//! bucket collects its part of every chunk, in order. So every pass stays within the cache, and all
//! chunks, and all buckets, go in parallel. How many there are depends on sizes alone.

use std::mem;

use rayon::prelude::*;

use super::hashing::Hashes;
use crate::Item;

/// Fewest keys of a chunk.
const CHUNK: usize = 1 << 14;

/// Most chunks.
const CHUNKS: usize = 64;

/// Keys of a bucket, about.
const BUCKET: usize = 1 << 10;

/// Most buckets.
const BUCKETS: usize = 1 << 12;

/// Buckets that one thread fills at a time.
const BUCKETS_PER_TASK: usize = 16;

/// Keys by start, and those of one start in the order in which they came.
pub(super) struct Sorted {
    pub(super) keys: Vec<u128>,
    pub(super) starts: Vec<u32>,
    /// Where each key stood among the caller's.
    pub(super) order: Vec<u32>,
}

/// Sorts `items`, fewer than 2^32, whose bands start at one of `starts` columns.
pub(super) fn by_start(items: &[Item], hashes: &Hashes, starts: usize) -> Sorted {
    let most = (items.len() / BUCKET).clamp(1, BUCKETS);
    let last = starts.saturating_sub(1);
    let shift = (0..usize::BITS).find(|shift| last >> shift < most).unwrap_or(0);
    let buckets = (last >> shift) + 1;

    let chunk = items.len().div_ceil(CHUNKS).max(CHUNK);
    let chunks: Vec<Dealt> = items
        .par_chunks(chunk)
        .with_max_len(1)
        .enumerate()
        .map(|(number, items)| deal(items, number * chunk, hashes, shift, buckets))
        .collect();

    let len = items.len();
    let mut sorted = Sorted { keys: vec![0; len], starts: vec![0; len], order: vec![0; len] };
    let places = places(&mut sorted, &chunks, buckets);
    places.into_par_iter().with_max_len(BUCKETS_PER_TASK).enumerate().for_each_init(
        Vec::new,
        |counts, (bucket, place)| {
            let entries = || chunks.iter().flat_map(move |chunk| chunk.bucket(bucket));
            if place.keys.len() >= (1 << shift) / 8 {
                place.fill_by_counting(entries, bucket << shift, 1 << shift, counts);
            } else {
                place.fill_by_comparing(entries());
            }
        },
    );
    sorted
}

/// A key on its way.
#[derive(Clone, Copy, Default)]
struct Entry {
    key: [u8; 16],
    start: u32,
    index: u32,
}

/// A chunk, bucket by bucket.
struct Dealt {
    entries: Vec<Entry>,
    /// Where each bucket ends.
    ends: Vec<usize>,
}

impl Dealt {
    fn bucket(&self, bucket: usize) -> &[Entry] {
        let start = bucket.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(bucket).copied().unwrap_or(start);
        self.entries.get(start..end).unwrap_or_default()
    }
}

/// Hashes a chunk and deals it into buckets. Its first key is number `first` among the caller's.
#[allow(clippy::cast_possible_truncation)]
fn deal(items: &[Item], first: usize, hashes: &Hashes, shift: u32, buckets: usize) -> Dealt {
    let mut starts = vec![0; items.len()];
    hashes.starts(items, &mut starts);
    let mut ends = vec![0; buckets];
    for start in &starts {
        if let Some(count) = ends.get_mut(*start as usize >> shift) {
            *count += 1;
        }
    }
    counts_to_beginnings(&mut ends);
    let mut entries = vec![Entry::default(); items.len()];
    for ((item, start), index) in items.iter().zip(starts).zip(first..) {
        // The beginning of a bucket moves on with each key, up to its end.
        if let Some(next) = ends.get_mut(start as usize >> shift) {
            if let Some(entry) = entries.get_mut(*next) {
                // There are fewer than 2^32 keys.
                *entry = Entry { key: *item.as_bytes(), start, index: index as u32 };
            }
            *next += 1;
        }
    }
    Dealt { entries, ends }
}

/// Puts in the place of each count the sum of those before it.
fn counts_to_beginnings(counts: &mut [usize]) {
    let mut sum = 0;
    for count in counts {
        sum += mem::replace(count, sum);
    }
}

/// A part of [`Sorted`] that is still to be filled.
struct Place<'a> {
    keys: &'a mut [u128],
    starts: &'a mut [u32],
    order: &'a mut [u32],
}

/// The place of each bucket.
fn places<'a>(sorted: &'a mut Sorted, chunks: &[Dealt], buckets: usize) -> Vec<Place<'a>> {
    let (mut keys, mut starts, mut order) = (&mut *sorted.keys, &mut *sorted.starts, &mut *sorted.order);
    let mut places = Vec::with_capacity(buckets);
    for bucket in 0..buckets {
        let len = chunks.iter().map(|chunk| chunk.bucket(bucket).len()).sum();
        places.push(Place { keys: take(&mut keys, len), starts: take(&mut starts, len), order: take(&mut order, len) });
    }
    places
}

/// Takes the first `len` off `rest`, which has them.
fn take<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    rest.split_off_mut(..len).unwrap_or_default()
}

impl Place<'_> {
    /// Fills the place with `entries`, whose starts are from `first` on, `width` of them.
    fn fill_by_counting<'b, I: Iterator<Item = &'b Entry>>(
        mut self,
        entries: impl Fn() -> I,
        first: usize,
        width: usize,
        counts: &mut Vec<usize>,
    ) {
        counts.clear();
        counts.resize(width, 0);
        for entry in entries() {
            if let Some(count) = counts.get_mut((entry.start as usize).wrapping_sub(first)) {
                *count += 1;
            }
        }
        counts_to_beginnings(counts);
        for entry in entries() {
            if let Some(next) = counts.get_mut((entry.start as usize).wrapping_sub(first)) {
                self.put(*next, entry);
                *next += 1;
            }
        }
    }

    /// The same where starts are so many that it does not pay to count.
    fn fill_by_comparing<'b>(mut self, entries: impl Iterator<Item = &'b Entry>) {
        let mut entries: Vec<&Entry> = entries.collect();
        entries.sort_unstable_by_key(|entry| (entry.start, entry.index));
        entries.into_iter().enumerate().for_each(|(at, entry)| self.put(at, entry));
    }

    fn put(&mut self, at: usize, entry: &Entry) {
        let place = (self.keys.get_mut(at), self.starts.get_mut(at), self.order.get_mut(at));
        if let (Some(key), Some(start), Some(order)) = place {
            (*key, *start, *order) = (u128::from_le_bytes(entry.key), entry.start, entry.index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::okvs::{Expansion, Layout, RowSeed, Shape};

    /// Sorts `items` into the layout for `keys`, and compares with a sort of the whole.
    fn check(items: usize, keys: usize) {
        let layout = Layout::new(keys, Shape::new(Expansion::Percent10, 256).unwrap()).unwrap();
        let hashes = Hashes::new(layout, &RowSeed::from([5; 16]));
        let items: Vec<Item> = (0..items as u128).map(|item| Item::from((item * item).to_le_bytes())).collect();
        let mut starts = vec![0; items.len()];
        hashes.starts(&items, &mut starts);
        let mut expected: Vec<(u32, u32)> = starts.into_iter().zip(0..).collect();
        expected.sort_unstable();

        let sorted = by_start(&items, &hashes, layout.starts());
        let got: Vec<(u32, u32)> = sorted.starts.iter().copied().zip(sorted.order.iter().copied()).collect();
        assert!(got == expected, "{} items among {keys} keys", items.len());
        let keys = sorted.order.iter().map(|index| u128::from_le_bytes(*items[*index as usize].as_bytes()));
        assert!(keys.eq(sorted.keys));
    }

    #[test]
    fn keys_come_by_start_and_then_by_place() {
        // In balance, few keys in a long vector, and many in a short one.
        for (items, keys) in [(0, 0), (1, 1), (3, 1000), (5000, 5000), (100_003, 100_003), (40_000, 1 << 22)] {
            check(items, keys);
        }
        for (items, keys) in [(1, 1 << 20), (50_000, 10), (50_000, 0), (20_000, 1000)] {
            check(items, keys);
        }
    }
}
