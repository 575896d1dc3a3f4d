//! A pass over a source: rows are read by this thread, their keys are made in the compute pool by the batch,
//! and entries go into buckets by the first byte of the key, in the order of the rows.

use std::{collections::VecDeque, mem, sync::Arc};

use records::{
    CanonicalKey, KeySpec, KeyType, Record, RecordError, RecordSource, Refusal, Tally, Unkeyed,
    commitment::{PARTS, part_of},
    label_list,
};
use session::ComputePool;

use super::{
    dates::{DateColumn, Dates},
    entries::{MOST_ROWS, WITH_ROW, WITHOUT_LABEL, write_label, write_row},
};
use crate::{buckets::Buckets, error::RunError};

/// Rows of a batch, and bytes of them, at the most.
const BATCH_ROWS: usize = 1 << 12;
const BATCH_BYTES: usize = 1 << 20;

/// Where the key and the labels stand in a source.
pub(crate) struct Columns {
    pub(crate) key: KeySpec,
    pub(crate) key_columns: Vec<usize>,
    /// The columns of the labels, and the most bytes of a row's label list; nothing where labels do not travel.
    pub(crate) labels: Option<(Vec<usize>, usize)>,
    /// A column whose dates are looked at.
    pub(crate) dates: Option<DateColumn>,
}

/// What a pass over a source found.
#[derive(Default)]
pub(crate) struct Pass {
    pub(crate) tally: Tally,
    /// Of the column whose dates are looked at.
    pub(crate) dates: Dates,
}

/// Is told of each row that is refused, in their order: its number, counted from 1, the row, and why.
pub(crate) type OnRefused<'a> = dyn FnMut(u64, &Record, Refusal) -> Result<(), RecordError> + 'a;

/// Who wants to know of a pass while it goes on.
#[derive(Default)]
pub(crate) struct Watchers<'a> {
    pub(crate) refused: Option<&'a mut OnRefused<'a>>,
    /// Is told how many rows have been read, from time to time.
    pub(crate) rows: Option<&'a dyn Fn(u64)>,
}

/// Reads `source` to its end. Refused rows are told to those of `watchers` who want them.
///
/// # Errors
/// [`RunError::Records`] of the source, of a watcher, or for a label that is too long; [`RunError::Own`] if
/// buckets take no more.
pub(crate) fn read_all(
    source: &mut dyn RecordSource,
    columns: &Arc<Columns>,
    buckets: &mut Buckets,
    pool: &ComputePool,
    mut watchers: Watchers<'_>,
) -> Result<Pass, RunError> {
    if columns.key.types().iter().any(|kind| *kind != KeyType::Raw) {
        source.require_text();
    }
    let (mut pass, mut rows) = (Pass::default(), 0);
    let wanted = watchers.refused.is_some();
    let mut under_way = VecDeque::new();
    let mut spare = Vec::new();
    let ahead = 2 * pool.threads();
    let mut done = false;
    while !done || !under_way.is_empty() {
        if !done {
            let mut batch = Batch { first: rows, ..spare.pop().unwrap_or_default() };
            done = batch.fill(source)?;
            rows += batch.used as u64;
            if rows > MOST_ROWS {
                return Err(RunError::Data(format!("a dataset has at most {MOST_ROWS} rows")));
            }
            let columns = Arc::clone(columns);
            under_way.push_back(pool.begin(move || batch.keyed(&columns, wanted)));
        }
        if done || under_way.len() > ahead {
            let Some(pending) = under_way.pop_front() else { break };
            let keyed = pending.wait().map_err(|error| RunError::Own(error.to_string()))?;
            if let Some(on_refused) = &mut watchers.refused {
                keyed.tell_refused(*on_refused)?;
            }
            if let Some(on_rows) = watchers.rows {
                on_rows(rows);
            }
            spare.push(collect(keyed, source, buckets, &mut pass)?);
        }
    }
    Ok(pass)
}

/// Takes what became of a batch, and gives its memory back.
fn collect(
    mut keyed: Keyed,
    source: &dyn RecordSource,
    buckets: &mut Buckets,
    pass: &mut Pass,
) -> Result<Batch, RunError> {
    pass.tally.merge(&keyed.tally);
    pass.dates.merge(&keyed.dates);
    if let Some((row, problem)) = keyed.problem {
        let place = format!("{}, row {row}", source.place());
        return Err(RecordError::Malformed { place, problem }.into());
    }
    let mut rest = keyed.bytes.as_slice();
    for (part, length) in keyed.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
        let (bytes, after) = rest.split_at_checked(*length).unwrap_or_default();
        buckets.put(part, bytes)?;
        rest = after;
    }
    keyed.batch.scratch.bytes = keyed.bytes;
    Ok(keyed.batch)
}

/// Rows in memory that is used again and again.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    used: usize,
    /// The number of the first row.
    first: u64,
    /// For the next batch to write into.
    scratch: Scratch,
}

/// Memory of a batch that is done.
#[derive(Default)]
struct Scratch {
    entries: Vec<(CanonicalKey, u32, u32)>,
    labels: Vec<u8>,
    bytes: Vec<u8>,
}

/// What became of a batch.
struct Keyed {
    batch: Batch,
    /// Entries, part by part.
    bytes: Vec<u8>,
    /// Bytes of each part.
    lengths: Vec<usize>,
    tally: Tally,
    dates: Dates,
    /// The places of refused rows among its rows; none where nobody wants them.
    refused: Vec<(usize, Refusal)>,
    /// The first row that is in the way of everything, counted from 1, and what is wrong with it.
    problem: Option<(u64, String)>,
}

impl Batch {
    /// Reads rows; whether the source is at its end.
    fn fill(&mut self, source: &mut dyn RecordSource) -> Result<bool, RecordError> {
        (self.used, self.records) = (0, mem::take(&mut self.records));
        let mut bytes = 0;
        while self.used < BATCH_ROWS && bytes < BATCH_BYTES {
            if self.records.len() == self.used {
                self.records.push(Record::default());
            }
            let Some(record) = self.records.get_mut(self.used) else { break };
            if !source.read(record)? {
                return Ok(true);
            }
            bytes += record.raw().len();
            self.used += 1;
        }
        Ok(false)
    }

    fn keyed(mut self, columns: &Columns, wants_refused: bool) -> Keyed {
        let (mut tally, mut problem) = (Tally::default(), None);
        let (mut dates, mut refused) = (Dates::default(), Vec::new());
        let Scratch { mut entries, mut labels, mut bytes } = mem::take(&mut self.scratch);
        entries.clear();
        labels.clear();
        for (number, record) in self.records.iter().take(self.used).enumerate() {
            let keyed = columns.key.key(record, &columns.key_columns);
            tally.count(&keyed);
            if let Some(column) = &columns.dates {
                dates.count(column, record);
            }
            if let (true, Err(Unkeyed::Refused(refusal))) = (wants_refused, keyed) {
                refused.push((number, refusal));
            }
            let Ok(records::Keyed { key, .. }) = keyed else { continue };
            let before = labels.len();
            if let Err(what) = columns.label(record, &mut labels) {
                problem = problem.or(Some((self.first + number as u64 + 1, what)));
            }
            entries.push((key, place(number), place(labels.len() - before)));
        }
        let beside = columns.labels.is_some().then_some(labels.as_slice());
        let lengths = deal(&entries, self.first, beside, &mut bytes);
        self.scratch = Scratch { entries, labels, bytes: Vec::new() };
        Keyed { batch: self, bytes, lengths, tally, dates, refused, problem }
    }
}

impl Keyed {
    fn tell_refused(&self, on_refused: &mut OnRefused<'_>) -> Result<(), RecordError> {
        self.refused.iter().try_for_each(|(number, refusal)| {
            let Some(record) = self.batch.records.get(*number) else { return Ok(()) };
            on_refused(self.batch.first + *number as u64 + 1, record, *refusal)
        })
    }
}

/// A batch has fewer rows and bytes of labels than 2^32.
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Columns {
    /// Appends the label list of a row, if labels travel.
    fn label(&self, record: &Record, labels: &mut Vec<u8>) -> Result<(), String> {
        let Some((columns, longest)) = &self.labels else { return Ok(()) };
        let before = labels.len();
        label_list::encode(record, columns, labels).map_err(|error| error.to_string())?;
        let length = labels.len() - before;
        if length > *longest {
            labels.truncate(before);
            return Err(format!("the labels have {length} bytes, framing included; at most {longest} fit"));
        }
        Ok(())
    }
}

/// Writes `entries` into `bytes` part by part, and says how many bytes each part has. Of each there are the key, the
/// number within the batch that begins with row `first`, and how many bytes of `labels` are its own.
fn deal(entries: &[(CanonicalKey, u32, u32)], first: u64, labels: Option<&[u8]>, bytes: &mut Vec<u8>) -> Vec<usize> {
    let size = |length: u32| labels.map_or(WITH_ROW, |_| WITHOUT_LABEL + length as usize);
    let mut lengths = vec![0; PARTS];
    for (key, _, length) in entries {
        if let Some(part) = lengths.get_mut(part_of(key)) {
            *part += size(*length);
        }
    }
    // Where each part goes on.
    let mut places = Vec::with_capacity(PARTS);
    let total = lengths.iter().fold(0, |place, length| {
        places.push(place);
        place + length
    });
    bytes.clear();
    bytes.resize(total, 0);
    let mut rest = labels.unwrap_or_default();
    for (key, number, length) in entries {
        let (label, after) = rest.split_at_checked(*length as usize).unwrap_or_default();
        rest = after;
        let Some(place) = places.get_mut(part_of(key)) else { continue };
        let size = size(*length);
        let Some(entry) = bytes.get_mut(*place..*place + size) else { continue };
        *place += size;
        match labels {
            Some(_) => write_label(entry, key, label),
            None => write_row(entry, key, first + u64::from(*number)),
        }
    }
    lengths
}
