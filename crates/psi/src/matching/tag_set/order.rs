//! Sorting tags: by their first bits into parts that fit a core's cache, then each part by its next
//! bits, and what that leaves by comparison.
//!
//! Tags are pseudorandom, so that parts are as large as each other and nearly nothing is left to
//! compare. Tags that are not, whoever made them so, cost a sort by comparison and no more.

use std::slice::IterMut;

use rayon::prelude::*;

use crate::PsiError;

/// Tags of a part, on average, as a binary logarithm: with what goes with them they fit the first caches.
const PART_BITS: u32 = 12;

/// Most parts, as a binary logarithm: so many places are written to at a time.
const MOST_PARTS: u32 = 10;

/// Most values of the bits that a part is sorted by, as a binary logarithm.
const MOST_BUCKETS: u32 = 13;

/// Most tags in a bucket that are sorted by insertion.
const MOST_INSERTED: u32 = 32;

/// Tags, sorted, and what goes with each. Equal tags stand in the order of what goes with them.
pub(in crate::matching) struct Sorted<V> {
    pub(in crate::matching) tags: Vec<u128>,
    pub(in crate::matching) with: Vec<V>,
}

/// What goes with a tag: an index, or nothing.
pub(in crate::matching) trait With: Copy + Default + Ord + Send + Sync {}

impl<V: Copy + Default + Ord + Send + Sync> With for V {}

/// Sorts what `entry` makes of the values of `source`, given the index of each: a tag of `bits` bits and
/// what goes with it, or nothing. Uses the rayon pool that it is called in.
///
/// # Errors
/// [`PsiError::Usage`] if there are 2^32 values or more.
pub(in crate::matching) fn sort<T: Sync, V: With>(
    bits: u32,
    source: &[T],
    entry: impl Fn(usize, &T) -> Option<(u128, V)> + Sync,
) -> Result<Sorted<V>, PsiError> {
    u32::try_from(source.len()).map_err(|_| PsiError::Usage("a set of 2^32 items or more must be split into bins"))?;
    let part_bits = source.len().max(1).ilog2().saturating_sub(PART_BITS).min(MOST_PARTS).min(bits);
    let shift = bits - part_bits;
    let stretch = source.len().div_ceil(rayon::current_num_threads()).max(1 << PART_BITS);
    let entries = |index: usize, values| {
        let entry = &entry;
        (index * stretch..).zip::<&[T]>(values).filter_map(move |(i, value)| entry(i, value))
    };
    // How many tags of each part there are in each stretch.
    let counted = source.par_chunks(stretch).enumerate().map(|(index, values)| {
        let mut counts = vec![0; 1 << part_bits];
        entries(index, values).for_each(|(tag, _)| count(&mut counts, tag, shift));
        counts
    });
    let counts: Vec<Vec<u32>> = counted.collect();
    let total = counts.iter().flatten().map(|count| *count as usize).sum();
    let mut out = Sorted { tags: vec![0; total], with: vec![V::default(); total] };
    let rooms = rooms(&counts, &mut out);
    source.par_chunks(stretch).enumerate().zip(rooms).for_each(|((index, values), mut rooms)| {
        entries(index, values).for_each(|(tag, with)| place(&mut rooms, tag, shift, with));
    });
    let lengths = (0..1 << part_bits).map(|part| counts.iter().filter_map(|counts| counts.get(part)).sum());
    cut(&mut out, lengths)
        .into_par_iter()
        .for_each_init(Vec::new, |scratch, (tags, with)| sort_part(shift, scratch, tags, with));
    Ok(out)
}

/// Cuts what is sorted into pieces of `lengths`.
fn cut<V>(out: &mut Sorted<V>, lengths: impl Iterator<Item = u32>) -> Vec<(&mut [u128], &mut [V])> {
    let (mut tags, mut with) = (out.tags.as_mut_slice(), out.with.as_mut_slice());
    let piece = |length| {
        let length = (length as usize).min(tags.len()).min(with.len());
        let (piece, left) = std::mem::take(&mut tags).split_at_mut_checked(length)?;
        let (piece_with, left_with) = std::mem::take(&mut with).split_at_mut_checked(length)?;
        (tags, with) = (left, left_with);
        Some((piece, piece_with))
    };
    lengths.map_while(piece).collect()
}

/// Room for the tags of one part and one stretch.
struct Room<'a, V> {
    tags: IterMut<'a, u128>,
    with: IterMut<'a, V>,
}

/// For each stretch a room for each part. Rooms of one part are beside each other.
fn rooms<'a, V>(counts: &[Vec<u32>], out: &'a mut Sorted<V>) -> Vec<Vec<Room<'a, V>>> {
    let parts = counts.first().map_or(0, Vec::len);
    let mut rooms: Vec<_> = counts.iter().map(|_| Vec::with_capacity(parts)).collect();
    let lengths = (0..parts).flat_map(|part| counts.iter().map(move |counts| counts.get(part).copied().unwrap_or(0)));
    let mut pieces = cut(out, lengths).into_iter();
    for _ in 0..parts {
        for (rooms, (tags, with)) in rooms.iter_mut().zip(&mut pieces) {
            rooms.push(Room { tags: tags.iter_mut(), with: with.iter_mut() });
        }
    }
    rooms
}

/// Puts a tag into the room of its part.
fn place<V>(rooms: &mut [Room<'_, V>], tag: u128, shift: u32, with: V) {
    let index = bucket(tag, shift, rooms.len());
    let Some(room) = rooms.get_mut(index) else { return };
    if let (Some(tag_place), Some(with_place)) = (room.tags.next(), room.with.next()) {
        (*tag_place, *with_place) = (tag, with);
    }
}

/// Sorts the tags of a part, which differ in their last `bits` bits alone.
fn sort_part<V: With>(bits: u32, scratch: &mut Vec<(u128, V)>, tags: &mut [u128], with: &mut [V]) {
    let bucket_bits = (usize::BITS - tags.len().leading_zeros()).min(MOST_BUCKETS).min(bits);
    let shift = bits - bucket_bits;
    let mut buckets = [0; 1 << MOST_BUCKETS];
    let Some(buckets) = buckets.get_mut(..1 << bucket_bits) else { return };
    scratch.clear();
    scratch.extend(tags.iter().copied().zip(with.iter().copied()));
    scratch.iter().for_each(|(tag, _)| count(buckets, *tag, shift));
    if buckets.iter().any(|count| *count > MOST_INSERTED) {
        scratch.sort_unstable();
        tags.iter_mut().zip(with).zip(scratch).for_each(|((tag, with), entry)| (*tag, *with) = *entry);
        return;
    }
    // From how many there are to where they start.
    buckets.iter_mut().fold(0, |start, bucket| start + std::mem::replace(bucket, start));
    for (tag, v) in scratch.iter() {
        let index = bucket(*tag, shift, buckets.len());
        let Some(next) = buckets.get_mut(index) else { continue };
        if let (Some(tag_place), Some(with_place)) = (tags.get_mut(*next as usize), with.get_mut(*next as usize)) {
            (*tag_place, *with_place) = (*tag, *v);
        }
        *next += 1;
    }
    sort_by_insertion(tags, with);
}

/// The bucket of a tag among a power of two of buckets.
fn bucket(tag: u128, shift: u32, buckets: usize) -> usize {
    // Where all bits are shifted out there is one bucket. Those that the cast cuts off are masked anyway.
    tag.checked_shr(shift).unwrap_or(0) as usize & (buckets - 1)
}

/// Counts a tag in its bucket.
fn count(buckets: &mut [u32], tag: u128, shift: u32) {
    let index = bucket(tag, shift, buckets.len());
    if let Some(count) = buckets.get_mut(index) {
        *count += 1;
    }
}

/// Sorts what is nearly sorted.
#[expect(clippy::indexing_slicing, reason = "i is below the length of both, which is the same, and j from 1 to i")]
fn sort_by_insertion<V: With>(tags: &mut [u128], with: &mut [V]) {
    let length = tags.len().min(with.len());
    let (tags, with) = (&mut tags[..length], &mut with[..length]);
    for i in 1..length {
        let entry = (tags[i], with[i]);
        let mut j = i;
        while j > 0 && (tags[j - 1], with[j - 1]) > entry {
            (tags[j], with[j]) = (tags[j - 1], with[j - 1]);
            j -= 1;
        }
        (tags[j], with[j]) = entry;
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Seed;
    use crate::randomness::Randomness;

    fn check(bits: u32, tags: &[u128]) {
        let sorted = sort(bits, tags, |i, tag| (i % 7 != 3).then_some((*tag, i as u32))).unwrap();
        let mut expected: Vec<_> = tags.iter().copied().zip(0..).filter(|(_, i)| i % 7 != 3).collect();
        expected.sort_unstable();
        assert!(sorted.tags.into_iter().zip(sorted.with).eq(expected));
    }

    /// Pseudorandom tags.
    fn tags(bits: u32, count: usize) -> Vec<u128> {
        let mut stream = Randomness::new(&Seed::new([1; 32]), &[2; 32], "tags").stream(0);
        (0..count).map(|_| u128::from_le_bytes(stream.next()) >> (128 - bits)).collect()
    }

    #[test]
    fn random_tags_are_sorted() {
        for count in [0, 1, 2, 100, 4095, 4096, 4097, 100_003] {
            for bits in [1, 7, 41, 81, 128] {
                check(bits, &tags(bits, count));
            }
        }
    }

    #[test]
    fn so_are_tags_that_are_not_random() {
        check(128, &[5; 20_000]);
        check(60, &(0..20_000).rev().collect::<Vec<_>>());
        check(128, &(0..20_000).map(|n| n * n).chain(0..20_000).collect::<Vec<_>>());
        check(12, &tags(12, 50_000));
    }

    #[test]
    fn threads_change_nothing() {
        let tags = tags(10, 30_000);
        let sorted = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sorted = pool.install(|| sort(10, &tags, |i, tag| Some((*tag, i as u32)))).unwrap();
            (sorted.tags, sorted.with)
        };
        assert!(sorted(1) == sorted(3));
    }

    proptest! {
        #[test]
        fn whatever_the_tags(bits in 1u32..=128, tags in prop::collection::vec(any::<u128>(), 0..300)) {
            check(bits, &tags.iter().map(|tag| tag >> (128 - bits)).collect::<Vec<_>>());
        }
    }
}
