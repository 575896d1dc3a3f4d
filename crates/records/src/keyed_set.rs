//! The distinct keys of a source: what a party enters into a run.
//!
//! One pass over the source. Keys come out sorted, so that their order says nothing of the order of
//! the rows. A plain set needs 16 bytes for each row that has a key; a labelled one 28 more and the
//! bytes of the labels.

use std::fmt;

use crate::{
    key::{CanonicalKey, KeySpec, KeyType},
    label_list,
    record::{Record, RecordError, RecordSource},
};

/// The most rows with a key that a set is made of: rows and items are numbered in four bytes.
pub const MAX_ROWS: usize = u32::MAX as usize;

/// What a pass over a source counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All rows.
    pub rows: u64,
    /// Rows whose key is empty or missing in at least one column. They are not matched.
    pub missing_keys: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// Of those, rows whose labels are not those of the first row with the key.
    pub label_conflicts: u64,
}

/// Where a key stands in a source, and under which types.
#[derive(Clone, Copy, Debug)]
pub struct KeyColumns<'a> {
    spec: &'a KeySpec,
    columns: &'a [usize],
}

impl<'a> KeyColumns<'a> {
    /// A key of the types of `spec` that stands in `columns`.
    ///
    /// # Errors
    /// [`crate::KeyError::Count`] unless there are as many columns as types.
    pub fn new(spec: &'a KeySpec, columns: &'a [usize]) -> Result<Self, crate::KeyError> {
        spec.admits(columns.len())?;
        Ok(Self { spec, columns })
    }

    /// Asks `source` for text, if a type is more than bytes.
    fn require(&self, source: &mut dyn RecordSource) {
        if self.spec.types().iter().any(|kind| *kind != KeyType::Raw) {
            source.require_text();
        }
    }

    /// The key of `record`; nothing where a value is empty or missing.
    #[must_use]
    pub fn key(&self, record: &Record) -> Option<CanonicalKey> {
        self.spec.key(record, self.columns)
    }
}

/// The distinct keys of a source, ascending.
pub struct KeyedSet {
    keys: Vec<CanonicalKey>,
    counts: RowCounts,
}

impl KeyedSet {
    /// Reads `source` to its end.
    ///
    /// # Errors
    /// [`RecordError`] of the source, or if it has more than [`MAX_ROWS`] rows with a key.
    pub fn collect(source: &mut dyn RecordSource, key: KeyColumns<'_>) -> Result<Self, RecordError> {
        Self::collect_at_most(source, key, MAX_ROWS)
    }

    fn collect_at_most(source: &mut dyn RecordSource, key: KeyColumns<'_>, most: usize) -> Result<Self, RecordError> {
        let mut keys = Vec::new();
        let mut counts = RowCounts::default();
        let mut record = Record::default();
        key.require(source);
        while source.read(&mut record)? {
            counts.rows += 1;
            match key.key(&record) {
                None => counts.missing_keys += 1,
                Some(_) if keys.len() >= most => return Err(too_many(source, most)),
                Some(key) => keys.push(key),
            }
        }
        let rows = keys.len();
        keys.sort_unstable();
        keys.dedup();
        counts.duplicate_rows = (rows - keys.len()) as u64;
        keys.shrink_to_fit();
        Ok(Self { keys, counts })
    }

    /// The keys, ascending.
    #[must_use]
    pub fn keys(&self) -> &[CanonicalKey] {
        &self.keys
    }

    /// The keys, ascending, without the counts.
    #[must_use]
    pub fn into_keys(self) -> Vec<CanonicalKey> {
        self.keys
    }

    /// What the pass counted.
    #[must_use]
    pub fn counts(&self) -> RowCounts {
        self.counts
    }

    /// Where `key` stands in [`keys`](Self::keys), if it is one of them. For a second pass over the
    /// source, which delivers the rows whose keys matched.
    #[must_use]
    pub fn position(&self, key: &CanonicalKey) -> Option<usize> {
        self.keys.binary_search(key).ok()
    }
}

/// The distinct keys of a source, ascending, each with the label list of the first row that has it.
pub struct LabelledSet {
    set: KeyedSet,
    /// For each key, where its labels are in `labels`.
    spans: Vec<(u64, u32)>,
    labels: Vec<u8>,
}

/// A row that has a key, with its number among those, from 0.
struct Row {
    key: CanonicalKey,
    number: u32,
}

impl LabelledSet {
    /// Reads `source` to its end, with the values of `label_columns` as [`label_list`]s.
    ///
    /// # Errors
    /// [`RecordError`] of the source, if it has more than [`MAX_ROWS`] rows with a key, or if a
    /// label list has more than `longest` bytes.
    pub fn collect(
        source: &mut dyn RecordSource,
        key: KeyColumns<'_>,
        label_columns: &[usize],
        longest: usize,
    ) -> Result<Self, RecordError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut ends: Vec<u64> = Vec::new();
        let mut labels = Vec::new();
        let mut counts = RowCounts::default();
        let mut record = Record::default();
        key.require(source);
        while source.read(&mut record)? {
            counts.rows += 1;
            let Some(key) = key.key(&record) else {
                counts.missing_keys += 1;
                continue;
            };
            let number = u32::try_from(rows.len()).map_err(|_| too_many(source, MAX_ROWS))?;
            let before = labels.len();
            label_list::encode(&record, label_columns, &mut labels)
                .map_err(|error| bad_row(source, counts.rows, error.to_string()))?;
            let length = labels.len() - before;
            if length > longest {
                let problem = format!("the labels have {length} bytes, framing included; at most {longest} fit");
                return Err(bad_row(source, counts.rows, problem));
            }
            rows.push(Row { key, number });
            ends.push(labels.len() as u64);
        }
        Ok(Self::first_of_each_key(rows, &ends, labels, counts))
    }

    /// Keeps the first row of each key, and counts the others.
    fn first_of_each_key(mut rows: Vec<Row>, ends: &[u64], labels: Vec<u8>, mut counts: RowCounts) -> Self {
        let span = |number: u32| {
            let index = number as usize;
            let start = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
            let end = ends.get(index).copied().unwrap_or(start);
            (start, u32::try_from(end - start).unwrap_or(u32::MAX))
        };
        rows.sort_unstable_by_key(|row| (row.key, row.number));
        let before = rows.len();
        rows.dedup_by(|row, first| {
            let same = row.key == first.key;
            if same && slice(&labels, span(row.number)) != slice(&labels, span(first.number)) {
                counts.label_conflicts += 1;
            }
            same
        });
        counts.duplicate_rows = (before - rows.len()) as u64;
        let spans = rows.iter().map(|row| span(row.number)).collect();
        let keys = rows.iter().map(|row| row.key).collect();
        Self { set: KeyedSet { keys, counts }, spans, labels }
    }

    /// The keys and what the pass counted.
    #[must_use]
    pub fn set(&self) -> &KeyedSet {
        &self.set
    }

    /// The keys, ascending, without their labels.
    #[must_use]
    pub fn into_keys(self) -> Vec<CanonicalKey> {
        self.set.keys
    }

    /// The label list of key `index`, or nothing if there are not so many keys.
    #[must_use]
    pub fn label(&self, index: usize) -> Option<&[u8]> {
        slice(&self.labels, *self.spans.get(index)?)
    }

    /// The label lists, in the order of the keys.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.spans.iter().map(|&span| slice(&self.labels, span).unwrap_or_default())
    }

    /// The bytes of the longest label list; 0 without keys.
    #[must_use]
    pub fn longest_label(&self) -> usize {
        self.spans.iter().map(|&(_, length)| length as usize).max().unwrap_or(0)
    }
}

// What is printed ends up in logs: neither keys nor labels.
impl fmt::Debug for KeyedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedSet").field("keys", &self.keys.len()).field("counts", &self.counts).finish()
    }
}

impl fmt::Debug for LabelledSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelledSet").field("set", &self.set).field("label_bytes", &self.labels.len()).finish()
    }
}

fn slice(labels: &[u8], (start, length): (u64, u32)) -> Option<&[u8]> {
    let start = usize::try_from(start).ok()?;
    labels.get(start..)?.get(..length as usize)
}

fn too_many(source: &dyn RecordSource, most: usize) -> RecordError {
    RecordError::Malformed {
        place: source.place().to_owned(),
        problem: format!("there are more than {most} rows with a key; split the data"),
    }
}

/// A row is named by its number: a source without lines has that as well.
fn bad_row(source: &dyn RecordSource, row: u64, problem: String) -> RecordError {
    RecordError::Malformed { place: format!("{}, row {row}", source.place()), problem }
}

#[cfg(test)]
#[path = "keyed_set_tests.rs"]
mod tests;
