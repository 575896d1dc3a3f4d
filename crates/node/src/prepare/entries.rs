//! A row's key on its way through buckets, with what is needed of the row later.
//!
//! | set | bytes of an entry |
//! |---|---|
//! | of a party that learns rows, or has nothing beside its keys | key (16), number of the row (5, little-endian) |
//! | of a labelled sender | key (16), length of the label list (2, little-endian), label list |

use psi::Item;
use records::CanonicalKey;

use crate::error::RunError;

/// Bytes of a key.
const KEY: usize = 16;
/// Bytes of a row's number, and the most rows that there can be.
const ROW: usize = 5;
pub(crate) const MOST_ROWS: u64 = 1 << (8 * ROW);
/// Bytes of an entry with a row's number.
pub(crate) const WITH_ROW: usize = KEY + ROW;
/// Bytes of an entry with a label list, but for the list.
pub(crate) const WITHOUT_LABEL: usize = KEY + 2;

/// Entries stand by their first two bytes before they are sorted, where there are more than so many.
const SHARES: usize = 1 << 16;
const WORTH_SHARING: usize = 1 << 14;

/// What stands beside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The number of its row.
    Row,
    /// The label list of its row.
    Label,
}

/// A key, and where in the source or among the bytes the rest is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    key: [u64; 2],
    /// The number of the row, or where the label's length stands.
    pub(crate) rest: u64,
}

impl Entry {
    /// The key.
    pub(crate) fn item(&self) -> Item {
        let [high, low] = self.key;
        let mut bytes = [0; KEY];
        for (to, from) in bytes.iter_mut().zip(high.to_be_bytes().into_iter().chain(low.to_be_bytes())) {
            *to = from;
        }
        Item::from(bytes)
    }

    /// The key, as records have it.
    pub(crate) fn key(&self) -> CanonicalKey {
        CanonicalKey(*self.item().as_bytes())
    }

    /// Its first two bytes.
    fn share(&self) -> usize {
        let [high, _] = self.key;
        usize::from((high >> 48) as u16)
    }

    /// Whether both have the same key.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

/// Appends an entry with a row's number.
pub(crate) fn push_row(bytes: &mut Vec<u8>, key: &CanonicalKey, row: u64) {
    let mut entry = [0; WITH_ROW];
    write_row(&mut entry, key, row);
    bytes.extend_from_slice(&entry);
}

/// Writes an entry with a row's number where it fits exactly.
pub(crate) fn write_row(entry: &mut [u8], key: &CanonicalKey, row: u64) {
    if let Some((to, rest)) = entry.split_first_chunk_mut::<KEY>() {
        *to = key.0;
        rest.iter_mut().zip(row.to_le_bytes()).for_each(|(to, byte)| *to = byte);
    }
}

/// Appends an entry with a label list, which has fewer than 2^16 bytes.
pub(crate) fn push_label(bytes: &mut Vec<u8>, key: &CanonicalKey, label: &[u8]) {
    let label = label.get(..u16::MAX as usize).unwrap_or(label);
    let before = bytes.len();
    bytes.resize(before + WITHOUT_LABEL + label.len(), 0);
    write_label(bytes.get_mut(before..).unwrap_or_default(), key, label);
}

/// Writes an entry with a label list, which has fewer than 2^16 bytes, where it fits exactly.
pub(crate) fn write_label(entry: &mut [u8], key: &CanonicalKey, label: &[u8]) {
    let Some((to, rest)) = entry.split_first_chunk_mut::<KEY>() else { return };
    let Some((length, list)) = rest.split_first_chunk_mut::<2>() else { return };
    *to = key.0;
    *length = u16::try_from(label.len()).unwrap_or(u16::MAX).to_le_bytes();
    list.copy_from_slice(label);
}

/// The entries in `bytes`, sorted by key; those of one key in the order in which they came.
///
/// # Errors
/// [`RunError::Own`] if the bytes are not entries.
pub(crate) fn sorted(bytes: &[u8], beside: Beside) -> Result<Vec<Entry>, RunError> {
    let mut entries = Vec::new();
    sort_into(bytes, beside, &mut entries)?;
    Ok(entries)
}

/// The same, into memory that is there already.
///
/// # Errors
/// As [`sorted`].
pub(crate) fn sort_into(bytes: &[u8], beside: Beside, entries: &mut Vec<Entry>) -> Result<(), RunError> {
    entries.clear();
    match beside {
        Beside::Row => rows(bytes, entries),
        Beside::Label => labels(bytes, entries),
    }
    .ok_or_else(|| RunError::Own("a fault in this program: an entry is cut off".to_owned()))?;
    // Where they are sorted already, as after the first time, this takes a pass.
    if entries.is_sorted() {
        return Ok(());
    }
    // Keys are evenly spread: once they stand by their first two bytes, each share fits into a cache.
    if entries.len() <= WORTH_SHARING {
        entries.sort_unstable();
        return Ok(());
    }
    by_share(entries);
    entries.chunk_by_mut(|one, other| one.share() == other.share()).for_each(<[Entry]>::sort_unstable);
    Ok(())
}

/// Brings entries into the order of their shares: each is swapped to where the next one of its share belongs (an
/// American flag sort).
fn by_share(entries: &mut [Entry]) {
    let mut next = vec![0_usize; SHARES];
    for entry in entries.iter() {
        if let Some(count) = next.get_mut(entry.share()) {
            *count += 1;
        }
    }
    let mut end = 0;
    let mut ends = Vec::with_capacity(SHARES);
    for count in &mut next {
        let first = end;
        end += *count;
        ends.push(end);
        *count = first;
    }
    for (share, end) in ends.into_iter().enumerate() {
        while let Some(at) = next.get(share).copied().filter(|at| *at < end) {
            let belongs = entries.get(at).map_or(share, Entry::share);
            let Some(place) = next.get_mut(belongs) else { break };
            entries.swap(at, *place);
            *place += 1;
        }
    }
}

/// Appends the keys of the entries in `bytes`, one for each, in their order.
///
/// # Errors
/// As [`sorted`].
pub(crate) fn keys_of(bytes: &[u8], beside: Beside, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
    let cut_off = || RunError::Own("a fault in this program: an entry is cut off".to_owned());
    match beside {
        Beside::Row => {
            let (entries, rest) = bytes.as_chunks::<WITH_ROW>();
            keys.extend(entries.iter().filter_map(|entry| entry.first_chunk()).map(|key| CanonicalKey(*key)));
            rest.is_empty().then_some(()).ok_or_else(cut_off)
        }
        Beside::Label => {
            let mut entries = Vec::new();
            labels(bytes, &mut entries).ok_or_else(cut_off)?;
            keys.extend(entries.iter().map(Entry::key));
            Ok(())
        }
    }
}

fn rows(bytes: &[u8], out: &mut Vec<Entry>) -> Option<()> {
    let (entries, rest) = bytes.as_chunks::<WITH_ROW>();
    let entry = |entry: &[u8; WITH_ROW]| {
        let (words, number) = entry.as_chunks::<8>();
        let [high, low] = words else { return Entry { key: [0; 2], rest: 0 } };
        let mut row = [0; 8];
        row.iter_mut().zip(number).for_each(|(to, byte)| *to = *byte);
        Entry { key: [u64::from_be_bytes(*high), u64::from_be_bytes(*low)], rest: u64::from_le_bytes(row) }
    };
    rest.is_empty().then(|| out.extend(entries.iter().map(entry)))
}

fn labels(bytes: &[u8], entries: &mut Vec<Entry>) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len() + KEY;
        let (key, after) = rest.split_first_chunk::<KEY>()?;
        let (high, low) = key.split_first_chunk::<8>()?;
        let low = low.first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
        entries.push(Entry { key: [u64::from_be_bytes(*high), u64::from_be_bytes(*low)], rest: at as u64 });
    }
    Some(())
}

/// The bytes of `entries`, which stand in `bytes` in another order.
pub(crate) fn arranged(entries: &[Entry], bytes: &[u8], beside: Beside) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for entry in entries {
        match beside {
            Beside::Row => push_row(&mut out, &entry.key(), entry.rest),
            Beside::Label => push_label(&mut out, &entry.key(), label(entry, bytes)),
        }
    }
    out
}

/// The label list of an entry among `bytes`.
pub(crate) fn label<'a>(entry: &Entry, bytes: &'a [u8]) -> &'a [u8] {
    let at = usize::try_from(entry.rest).unwrap_or(usize::MAX);
    let found = bytes.get(at..).and_then(|rest| {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        rest.get(..usize::from(u16::from_le_bytes(*length)))
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_entries_come_sorted_whatever_their_keys_are() {
        let many = 3 * WORTH_SHARING as u64;
        let key = |kind: u64, number: u64| match kind {
            // Of one part, of all parts, all alike, and in their order or against it.
            0 => (7 << 56) | (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8),
            1 => number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            2 => 7,
            3 => number << 40,
            _ => u64::MAX - (number << 40),
        };
        for kind in 0..5 {
            let mut bytes = Vec::new();
            for number in 0..many {
                let mut whole = [0; 16];
                whole[..8].copy_from_slice(&key(kind, number).to_be_bytes());
                push_row(&mut bytes, &CanonicalKey(whole), many - number);
            }
            let found = sorted(&bytes, Beside::Row).unwrap();
            assert!(found.is_sorted(), "kind {kind}");
            let rows: std::collections::BTreeSet<u64> = found.iter().map(|entry| entry.rest).collect();
            assert_eq!(rows.len() as u64, many, "kind {kind}");
        }
    }

    proptest! {
        #[test]
        fn rows_come_sorted_with_all_that_they_had(
            entries in prop::collection::vec((prop_oneof![Just([7u8; 16]), any::<[u8; 16]>()], 0..MOST_ROWS), 0..100)
        ) {
            let mut bytes = Vec::new();
            entries.iter().for_each(|(key, row)| push_row(&mut bytes, &CanonicalKey(*key), *row));
            let found = sorted(&bytes, Beside::Row).unwrap();
            let mut keys = Vec::new();
            keys_of(&bytes, Beside::Row, &mut keys).unwrap();
            prop_assert!(keys.iter().map(|key| key.0).eq(entries.iter().map(|(key, _)| *key)));
            prop_assert!(bytes.is_empty() || keys_of(&bytes[1..], Beside::Row, &mut keys).is_err());
            let mut expected = entries;
            expected.sort_unstable();
            prop_assert!(found.iter().map(|entry| (entry.key().0, entry.rest)).eq(expected));
            prop_assert_eq!(sorted(&arranged(&found, &bytes, Beside::Row), Beside::Row).unwrap() == found, true);
        }

        #[test]
        fn labels_come_sorted_and_of_one_key_in_their_order(
            entries in prop::collection::vec((0u8..4, prop::collection::vec(any::<u8>(), 0..20)), 0..60)
        ) {
            let mut bytes = Vec::new();
            entries.iter().for_each(|(key, label)| push_label(&mut bytes, &CanonicalKey([*key; 16]), label));
            let mut keys = Vec::new();
            keys_of(&bytes, Beside::Label, &mut keys).unwrap();
            prop_assert!(keys.iter().map(|key| key.0).eq(entries.iter().map(|(key, _)| [*key; 16])));
            let mut expected = entries;
            expected.sort_by_key(|(key, _)| *key);
            for _ in 0..2 {
                let found = sorted(&bytes, Beside::Label).unwrap();
                let got: Vec<_> = found.iter().map(|entry| (entry.key().0[0], label(entry, &bytes).to_vec())).collect();
                prop_assert_eq!(&got, &expected);
                bytes = arranged(&found, &bytes, Beside::Label);
            }
        }

        #[test]
        fn any_bytes_are_entries_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for beside in [Beside::Row, Beside::Label] {
                if let Ok(entries) = sorted(&bytes, beside) {
                    prop_assert_eq!(arranged(&entries, &bytes, beside).len(), bytes.len());
                }
            }
        }
    }
}
