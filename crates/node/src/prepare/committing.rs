//! From entries in buckets to what is committed to: parts are sorted one by one, repeats counted, leaves hashed.

use std::collections::BTreeMap;

use psi::Item;
use rayon::prelude::*;
use records::{
    CanonicalKey, RowCounts,
    commitment::{PARTS, Part, Parts},
};
use zeroize::Zeroizing;

use super::entries::{self, Beside, Entry};
use crate::{buckets::Buckets, error::RunError, space::Space};

/// How many times the mean a part may have where keys are dealt evenly.
const EVEN: u64 = 2;

/// Parts that a thread sorts before what is to stay in memory is put back.
const PARTS_AT_A_TIME: usize = 4;

/// What the entries of a party are.
pub(crate) struct Committed {
    /// The commitment to the distinct keys.
    pub(crate) root: [u8; 32],
    /// How many there are.
    pub(crate) items: u64,
    /// Bytes of the longest label list that counts.
    pub(crate) longest_label: usize,
}

/// What a part turned out to be.
struct Examined {
    part: Part,
    duplicates: u64,
    conflicts: u64,
    longest_label: usize,
    /// Its bytes, sorted, if they are to be kept in memory.
    sorted: Option<Vec<u8>>,
}

/// Commits to the distinct keys in `buckets`, one for each part, and counts the rows that do not count. For the
/// compute pool: each of its threads works on one part at a time. Parts that are in memory already are sorted
/// there.
///
/// # Errors
/// [`RunError::Own`] if entries cannot be read back.
pub(crate) fn commit(
    buckets: &mut Buckets,
    beside: Beside,
    secret: &Zeroizing<[u8; 32]>,
    counts: &mut RowCounts,
    space: &Space,
) -> Result<Committed, RunError> {
    let (mut parts, mut longest_label) = (Parts::default(), 0);
    let in_memory = buckets.in_memory();
    // Bytes, entries and keys of a part, and what of it is kept.
    let at_a_time = space.at_a_time(4 * buckets.largest(), PARTS_AT_A_TIME * rayon::current_num_threads());
    for first in (0..PARTS).step_by(at_a_time) {
        let examined: Vec<(usize, Examined)> = {
            let (range, buckets) = (first..PARTS.min(first + at_a_time), &*buckets);
            let examine = |scratch: &mut Scratch, part| {
                buckets.read_into(part, &mut scratch.bytes)?;
                Ok((part, examine(scratch, beside, secret, in_memory)?))
            };
            range.into_par_iter().map_init(Scratch::default, examine).collect::<Result<_, RunError>>()?
        };
        for (index, examined) in examined {
            counts.duplicate_rows += examined.duplicates;
            counts.label_conflicts += examined.conflicts;
            longest_label = longest_label.max(examined.longest_label);
            parts.set(index, examined.part);
            if let Some(sorted) = examined.sorted {
                buckets.clear(index);
                buckets.give(index, sorted)?;
            }
        }
    }
    Ok(Committed { root: parts.root(), items: parts.count(), longest_label })
}

/// Makes sure that every part can be sorted.
///
/// # Errors
/// [`RunError::Data`] if one cannot.
pub(crate) fn check_parts(buckets: &Buckets, space: &Space) -> Result<(), RunError> {
    if buckets.largest() <= space.piece() {
        return Ok(());
    }
    let what = if buckets.largest() > EVEN * buckets.mean() {
        "one key stands in more rows than the memory limit allows: give more memory, or leave out rows with a \
         placeholder for a key"
    } else {
        "the memory limit is too low for a set of this size: give more memory"
    };
    Err(RunError::Data(what.to_owned()))
}

/// Counts the distinct keys in `buckets`, whose entries have a row's number, without committing to them. For the
/// compute pool.
///
/// # Errors
/// As [`commit`].
pub(crate) fn count_distinct(buckets: &Buckets) -> Result<u64, RunError> {
    let distinct = |part| {
        let entries = entries::sorted(&buckets.read(part)?, Beside::Row)?;
        Ok(entries.chunk_by(Entry::is_of).count() as u64)
    };
    (0..PARTS).into_par_iter().map(distinct).sum()
}

/// Memory that one part after the other is worked on in.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    keys: Vec<CanonicalKey>,
}

fn examine(
    Scratch { bytes, entries, keys }: &mut Scratch,
    beside: Beside,
    secret: &Zeroizing<[u8; 32]>,
    keep: bool,
) -> Result<Examined, RunError> {
    entries::sort_into(bytes, beside, entries)?;
    keys.clear();
    let (mut conflicts, mut longest_label) = (0, 0);
    for same in entries.chunk_by(Entry::is_of) {
        let Some((first, others)) = same.split_first() else { continue };
        keys.push(first.key());
        if beside == Beside::Label {
            let label = entries::label(first, bytes);
            longest_label = longest_label.max(label.len());
            conflicts += others.iter().filter(|other| entries::label(other, bytes) != label).count() as u64;
        }
    }
    let duplicates = (entries.len() - keys.len()) as u64;
    let sorted = keep.then(|| entries::arranged(entries, bytes, beside));
    Ok(Examined { part: Part::new(keys, secret), duplicates, conflicts, longest_label, sorted })
}

/// Commits to keys that no rows belong to; they are distinct.
pub(crate) fn commit_items(items: &[Item], secret: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    let mut parts: BTreeMap<u8, Vec<CanonicalKey>> = BTreeMap::new();
    for item in items {
        let [first, ..] = *item.as_bytes();
        parts.entry(first).or_default().push(CanonicalKey(*item.as_bytes()));
    }
    let committed: Vec<_> = parts.into_par_iter().map(|(first, keys)| (first, Part::new(&keys, secret))).collect();
    let mut all = Parts::default();
    committed.into_iter().for_each(|(first, part)| all.set(first.into(), part));
    all.root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::Spill;

    #[test]
    fn a_key_of_too_many_rows_is_named_before_memory_is_taken_for_it() {
        let space = Space { memory: 0, ..Space::default() };
        let mut buckets = Buckets::new(PARTS, space.held(), Spill::new(&space.folder));
        let rows = vec![7; 21 << 20];
        (0..3).for_each(|_| buckets.put(7, &rows).unwrap());
        check_parts(&buckets, &space).unwrap();
        buckets.put(7, &rows).unwrap();
        let error = check_parts(&buckets, &space).unwrap_err();
        assert!(matches!(&error, RunError::Data(what) if what.contains("placeholder")), "{error}");
        check_parts(&buckets, &Space::default()).unwrap();
        // Where all parts are as large, no key is to blame.
        let mut even = Buckets::new(2, space.held(), Spill::new(&space.folder));
        (0..8).for_each(|turn| even.put(turn % 2, &rows).unwrap());
        let error = check_parts(&even, &space).unwrap_err();
        assert!(matches!(&error, RunError::Data(what) if what.contains("set of this size")), "{error}");
    }
}
