//! Encoding: the vector of which each row gives its value.
//!
//! Columns are cut into segments, and each takes the rows that start in it. The few that get reduced
//! until they lead beyond its end are inserted into the next one afterwards. Segments come by the
//! batch, the last batch first: while the vector is found for one, an earlier one is brought into
//! echelon form, so that three of them are all that is in memory. The cuts depend on sizes alone, and
//! the vector not even on them: it is 0 where no row leads, and which columns these are does not
//! depend on the order of the rows.

use std::mem;

use rayon::prelude::*;

use super::avx512::Avx512;
use super::elimination::Segment;
use super::record::Dependent;
use super::rows::Rows;
use super::substitution::Substitution;
use super::value::Value;
use super::{EncodeError, for_width};

/// Columns of a segment.
const SEGMENT: usize = 1 << 13;

/// Most batches, about.
const BATCHES: usize = 64;

/// Fewest segments of a batch, so that threads which share it are done at nearly the same time.
const BATCH_SEGMENTS: usize = 8;

impl Rows {
    /// The vector that decodes to `values`, by row, [`Layout::columns`](super::Layout::columns) long.
    /// Columns that the rows leave free are 0, so that it must be hidden from whoever may not learn
    /// about the keys.
    ///
    /// # Errors
    /// [`EncodeError::Unsolvable`] with the probability of
    /// [`Shape::failure_bits`](super::Shape::failure_bits): try again with a fresh seed.
    /// [`EncodeError::Values`] unless there is one value for each row.
    pub fn encode<V: Value>(&self, values: &[V]) -> Result<Vec<V>, EncodeError> {
        if values.len() != self.len() {
            return Err(EncodeError::Values);
        }
        let batch = batch_columns(self.layout().columns(), self.len()).div_ceil(SEGMENT);
        // Within the pool as a whole: a batch at a time would have to get in and out again.
        let vector = rayon::scope(
            |_| for_width!(self.layout(), R => solve::<V, R>(self, values, SEGMENT, batch, Avx512::detect())),
        );
        vector.map_err(|Dependent| EncodeError::Unsolvable)
    }
}

/// Columns of a batch, so many that hardly a row gets across one: rows inserted late fill the next
/// columns that are free, and t columns have none with a probability of about exp(−ε²t/2).
fn batch_columns(columns: usize, rows: usize) -> usize {
    let columns_per_free = columns / columns.saturating_sub(rows).max(1);
    let across = columns_per_free.saturating_mul(columns_per_free).saturating_mul(64);
    across.max(columns / BATCHES).max(BATCH_SEGMENTS * SEGMENT).min(columns)
}

/// Solves for the vector, with `batch` segments of `width` columns at a time. If a row gets across a
/// batch after all, then with all of them at once.
pub(super) fn solve<V: Value, const R: usize>(
    rows: &Rows,
    values: &[V],
    width: usize,
    batch: usize,
    kernels: Option<Avx512>,
) -> Result<Vec<V>, Dependent> {
    match solve_batches::<V, R>(rows, values, width, batch, kernels)? {
        Some(vector) => Ok(vector),
        None => solve_batches::<V, R>(rows, values, width, usize::MAX, kernels)?.ok_or(Dependent),
    }
}

/// The same, but gives up if a row gets across a batch.
fn solve_batches<V: Value, const R: usize>(
    rows: &Rows,
    values: &[V],
    width: usize,
    batch: usize,
    kernels: Option<Avx512>,
) -> Result<Option<Vec<V>>, Dependent> {
    let columns = rows.layout().columns();
    let mut vector = vec![V::default(); columns];
    let mut substitution = Substitution::new(kernels, rows.layout().band());
    let segments = columns.div_ceil(width);
    // The batch for which the vector can be found, that which lacks the rows from the one before it,
    // and one that is done.
    let (mut complete, mut waiting, mut done) = (Vec::new(), Vec::new(), Vec::new());
    for first in (0..segments).step_by(batch).rev() {
        let mut current: Vec<Segment<R>> = mem::take(&mut done);
        current.resize_with(batch.min(segments - first), Segment::new);
        let eliminate = || {
            current.par_iter_mut().with_max_len(1).enumerate().try_for_each(|(number, segment)| {
                let start = (first + number) * width;
                segment.eliminate(start, width.min(columns - start), rows, values, kernels)
            })?;
            join(&mut current)
        };
        let (eliminated, ()) = rayon::join(eliminate, || substitution.run(&complete, &mut vector));
        eliminated?;
        done = mem::replace(&mut complete, mem::replace(&mut waiting, current));
        if let (Some(left), Some(right)) = (waiting.last_mut(), complete.first_mut()) {
            right.take_over(left)?;
        }
        join(&mut complete)?;
        if complete.last().is_some_and(Segment::overflows) {
            return Ok(None);
        }
    }
    substitution.run(&complete, &mut vector);
    substitution.run(&waiting, &mut vector);
    Ok(Some(vector))
}

/// Gives each segment the rows that lead beyond the one before it.
fn join<const R: usize>(segments: &mut [Segment<R>]) -> Result<(), Dependent> {
    let mut left: Option<&mut Segment<R>> = None;
    for segment in segments {
        if let Some(left) = left {
            segment.take_over(left)?;
        }
        left = Some(segment);
    }
    Ok(())
}
