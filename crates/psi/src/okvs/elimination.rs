//! Gaussian elimination of the rows that start in one segment of the columns.

use std::ops::Range;

use super::avx512::Avx512;
use super::hashing::BATCH;
use super::record::{Dependent, Pivots, Record};
use super::rows::Rows;
use super::value::Value;

/// Parts of a segment that the kernel takes in turns, so that one row need not wait for another.
pub(super) const LANES: usize = 4;

/// Columns from `first` on, and the rows that lead at them.
pub(super) struct Segment<const R: usize> {
    first: usize,
    width: usize,
    /// From the first column on; with room for a band beyond the last one, which rows of this segment
    /// may get to.
    pivots: Pivots<R>,
}

impl<const R: usize> Segment<R> {
    /// A segment that is yet to be filled.
    pub(super) fn new() -> Self {
        Self { first: 0, width: 0, pivots: Pivots { rows: Vec::new(), beyond: Vec::new() } }
    }

    /// Makes this the segment of `width` columns from `first` on, with the rows that start in it.
    pub(super) fn eliminate<V: Value>(
        &mut self,
        first: usize,
        width: usize,
        rows: &Rows,
        values: &[V],
        kernels: Option<Avx512>,
    ) -> Result<(), Dependent> {
        (self.first, self.width) = (first, width);
        self.pivots.reset(width + rows.layout().band());
        let range = rows.starting_before(first)..rows.starting_before(first + width);
        match kernels {
            Some(kernels) => {
                let part = |lane| range.start + range.len() * lane / LANES;
                let mut queues =
                    std::array::from_fn(|lane| Queue::new(rows, values, first, part(lane)..part(lane + 1)));
                kernels.eliminate(&mut self.pivots, &mut queues)
            }
            None => Queue::new(rows, values, first, range).insert_all(&mut self.pivots),
        }
    }

    /// Moves what the segment before this has beyond its end here.
    pub(super) fn take_over(&mut self, left: &mut Self) -> Result<(), Dependent> {
        let beyond = left.pivots.rows.get_mut(left.width..).unwrap_or_default();
        for (column, row) in beyond.iter_mut().enumerate().filter(|(_, row)| row.front() != 0) {
            self.pivots.insert(column, *row)?;
            *row = Record::ZERO;
        }
        left.pivots.beyond.drain(..).try_for_each(|(lead, row)| self.pivots.insert(lead - left.width, row))
    }

    /// Whether a row leads beyond the end.
    pub(super) fn overflows(&self) -> bool {
        let beyond = self.pivots.rows.get(self.width..).unwrap_or_default();
        !self.pivots.beyond.is_empty() || beyond.iter().any(|row| row.front() != 0)
    }

    /// The columns of the segment.
    pub(super) fn columns(&self) -> Range<usize> {
        self.first..self.first + self.width
    }

    /// The rows that lead at each column.
    pub(super) fn pivots(&self) -> &[Record<R>] {
        self.pivots.rows.get(..self.width).unwrap_or_default()
    }
}

/// Rows on their way into a segment, some of them hashed ahead.
pub(super) struct Queue<'a, V, const R: usize> {
    rows: &'a Rows,
    values: &'a [V],
    /// The first column of the segment.
    first: usize,
    /// Rows that are yet to be hashed.
    later: Range<usize>,
    /// Rows that are hashed, with their values. Some at the front are done.
    records: Vec<Record<R>>,
    done: usize,
}

/// Some rows: their records, and at which columns their bands start.
pub(super) struct Ahead<'a, const R: usize> {
    pub(super) records: &'a [Record<R>],
    pub(super) starts: &'a [u32],
    /// The first column of the segment. It is counted from there.
    pub(super) first: usize,
}

impl<'a, V: Value, const R: usize> Queue<'a, V, R> {
    fn new(rows: &'a Rows, values: &'a [V], first: usize, range: Range<usize>) -> Self {
        Self { rows, values, first, later: range, records: Vec::with_capacity(2 * BATCH), done: 0 }
    }

    /// The next rows: [`BATCH`] at least, as long as there are so many.
    pub(super) fn ahead(&mut self) -> Ahead<'_, R> {
        if self.records.len() - self.done < BATCH && !self.later.is_empty() {
            self.hash_some();
        }
        let records = self.records.get(self.done..).unwrap_or_default();
        let starts = self.rows.starts().get(self.later.start - records.len()..self.later.start).unwrap_or_default();
        Ahead { records, starts, first: self.first }
    }

    fn hash_some(&mut self) {
        self.records.drain(..self.done);
        self.done = 0;
        let next = self.later.start..self.later.end.min(self.later.start + BATCH);
        self.later.start = next.end;
        let kept = self.records.len();
        self.records.resize(kept + next.len(), Record::ZERO);
        let records = self.records.get_mut(kept..).unwrap_or_default();
        self.rows.records(next.clone(), records);
        let values = self.values.get(next).unwrap_or_default();
        records.iter_mut().zip(values).for_each(|(record, value)| record.set_value(*value));
    }

    /// Leaves out the next `count` rows, which are ahead.
    pub(super) fn skip(&mut self, count: usize) {
        self.done += count;
    }

    /// Inserts all rows that are left.
    pub(super) fn insert_all(&mut self, pivots: &mut Pivots<R>) -> Result<(), Dependent> {
        loop {
            let ahead = self.ahead();
            for (record, start) in ahead.records.iter().zip(ahead.starts) {
                pivots.insert(*start as usize - ahead.first, *record)?;
            }
            match ahead.records.len() {
                0 => return Ok(()),
                inserted => self.skip(inserted),
            }
        }
    }
}
