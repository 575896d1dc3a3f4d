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

/// How many entries with neighbouring keys are sorted at a time, about, and the most such shares.
const SHARE: usize = 128;
const MOST_SHARES: usize = 1 << 12;

/// What stands beside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The number of its row.
    Row,
    /// The label list of its row.
    Label,
}

/// A key, and where in the source or among the bytes the rest is.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
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
    let order = Order::of(bytes, beside).ok_or_else(cut_off)?;
    if order.is_sorted {
        // As they are after the first time.
        entries.clear();
        entries.reserve_exact(order.count);
        return each(bytes, beside, |entry| entries.push(entry)).ok_or_else(cut_off);
    }
    // All of them are written over.
    entries.resize(order.count, Entry::default());
    let shares = Shares::of(&order);
    shares.place(bytes, beside, entries).ok_or_else(cut_off)?;
    entries
        .chunk_by_mut(|one, other| shares.of_entry(one) == shares.of_entry(other))
        .for_each(<[Entry]>::sort_unstable);
    Ok(())
}

/// What is known of entries before they are sorted.
struct Order {
    count: usize,
    is_sorted: bool,
    /// The least and the greatest first half of a key.
    least: u64,
    greatest: u64,
}

impl Order {
    fn of(bytes: &[u8], beside: Beside) -> Option<Self> {
        let mut order = Self { count: 0, is_sorted: true, least: u64::MAX, greatest: 0 };
        let mut last = Entry::default();
        each(bytes, beside, |entry| {
            let [high, _] = entry.key;
            order.count += 1;
            order.is_sorted &= last <= entry;
            (order.least, order.greatest) = (order.least.min(high), order.greatest.max(high));
            last = entry;
        })?;
        Some(order)
    }
}

/// Entries whose keys begin alike. Keys are evenly spread, so that each share fits into a processor's nearest cache; where they
/// are not, sorting takes longer.
struct Shares {
    least: u64,
    shift: u32,
    count: usize,
}

impl Shares {
    fn of(order: &Order) -> Self {
        let count = (order.count / SHARE).clamp(1, MOST_SHARES);
        let span = (order.greatest - order.least.min(order.greatest)) / count as u64;
        // The least power of two by which the span comes to no more shares than that.
        let shift = (u64::BITS - span.leading_zeros()).min(u64::BITS - 1);
        Self { least: order.least, shift, count }
    }

    fn of_entry(&self, entry: &Entry) -> usize {
        let [high, _] = entry.key;
        usize::try_from((high - self.least.min(high)) >> self.shift).unwrap_or(usize::MAX).min(self.count - 1)
    }

    /// Writes the entries in `bytes` into as many `entries`, share by share.
    fn place(&self, bytes: &[u8], beside: Beside, entries: &mut [Entry]) -> Option<()> {
        let mut next = vec![0_usize; self.count];
        each(bytes, beside, |entry| {
            if let Some(count) = next.get_mut(self.of_entry(&entry)) {
                *count += 1;
            }
        })?;
        let mut end = 0;
        for count in &mut next {
            (*count, end) = (end, end + *count);
        }
        each(bytes, beside, |entry| {
            let Some(next) = next.get_mut(self.of_entry(&entry)) else { return };
            if let Some(place) = entries.get_mut(*next) {
                *place = entry;
            }
            *next += 1;
        })
    }
}

/// Appends the keys of the entries in `bytes`, one for each, in their order.
///
/// # Errors
/// As [`sorted`].
pub(crate) fn keys_of(bytes: &[u8], beside: Beside, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
    each(bytes, beside, |entry| keys.push(entry.key())).ok_or_else(cut_off)
}

fn cut_off() -> RunError {
    RunError::Own("a fault in this program: an entry is cut off".to_owned())
}

/// Calls `take` with each entry in `bytes`; nothing if they are not entries.
fn each(bytes: &[u8], beside: Beside, take: impl FnMut(Entry)) -> Option<()> {
    match beside {
        Beside::Row => rows(bytes, take),
        Beside::Label => labels(bytes, take),
    }
}

fn rows(bytes: &[u8], take: impl FnMut(Entry)) -> Option<()> {
    let (entries, rest) = bytes.as_chunks::<WITH_ROW>();
    let entry = |entry: &[u8; WITH_ROW]| {
        let (words, number) = entry.as_chunks::<8>();
        let [high, low] = words else { return Entry::default() };
        let mut row = [0; 8];
        row.iter_mut().zip(number).for_each(|(to, byte)| *to = *byte);
        Entry { key: [u64::from_be_bytes(*high), u64::from_be_bytes(*low)], rest: u64::from_le_bytes(row) }
    };
    rest.is_empty().then(|| entries.iter().map(entry).for_each(take))
}

fn labels(bytes: &[u8], mut take: impl FnMut(Entry)) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len() + KEY;
        let (key, after) = rest.split_first_chunk::<KEY>()?;
        let (high, low) = key.split_first_chunk::<8>()?;
        let low = low.first_chunk::<8>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
        take(Entry { key: [u64::from_be_bytes(*high), u64::from_be_bytes(*low)], rest: at as u64 });
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
        let many = 400 * SHARE as u64;
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

    #[test]
    fn many_labels_come_sorted_and_of_one_key_in_their_order() {
        // Each key four times, in hundreds of shares.
        let keys = 200 * SHARE as u64;
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for turn in 0..4_u64 {
            for number in 0..keys {
                let key = u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * 0xdead_beef_0000_0001;
                let label = (turn * keys + number).to_le_bytes();
                push_label(&mut bytes, &CanonicalKey(key.to_be_bytes()), &label);
                expected.push((key, label));
            }
        }
        expected.sort_by_key(|(key, _)| *key);
        let found = sorted(&bytes, Beside::Label).unwrap();
        let found = found.iter().map(|entry| (u128::from_be_bytes(entry.key().0), label(entry, &bytes)));
        assert!(found.eq(expected.iter().map(|(key, label)| (*key, &label[..]))));
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
