//! Encoding: the vector of which each row gives its value.
//!
//! Columns are cut into segments, by size alone. Each takes the rows that start in it, in parallel.
//! A row that is reduced until it leads beyond its segment waits, and is inserted when all segments
//! are done. Which columns are led in the end does not depend on the order, nor does the vector: it
//! is 0 at all others.

use rayon::prelude::*;

use super::elimination::{Dependent, Pivots, Row};
use super::rows::Rows;
use super::substitution;
use super::value::Value;
use super::{EncodeError, for_words};

/// Columns of a segment.
const SEGMENT: usize = 1 << 16;

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
        for_words!(self.layout(), W, Z => {
            let (bands, mut vector) = eliminate::<V, W>(self, values, SEGMENT).map_err(|Dependent| EncodeError::Unsolvable)?;
            substitution::substitute::<V, W, Z>(&bands, &mut vector);
            Ok(vector)
        })
    }
}

/// Bands and values of the rows in echelon form, by column.
type Echelon<V, const W: usize> = (Vec<[u64; W]>, Vec<V>);

/// Brings the rows into echelon form.
pub(super) fn eliminate<V: Value, const W: usize>(
    rows: &Rows,
    values: &[V],
    segment: usize,
) -> Result<Echelon<V, W>, Dependent> {
    let columns = rows.layout().columns();
    let (mut bands, mut vector) = (vec![[0; W]; columns], vec![V::default(); columns]);
    let segments = bands.par_chunks_mut(segment).zip(vector.par_chunks_mut(segment)).enumerate();
    let waiting: Vec<Vec<Row<V, W>>> = segments
        .map(|(number, (bands, vector))| {
            eliminate_segment(rows, values, Pivots { first: number * segment, bands, values: vector })
        })
        .collect::<Result<_, _>>()?;
    let mut all = Pivots { first: 0, bands: &mut bands, values: &mut vector };
    for row in waiting.into_iter().flatten() {
        // A row that is not 0 leads at a column of its band, and all of these are here.
        all.insert(row)?;
    }
    Ok((bands, vector))
}

/// Inserts the rows that start in a segment, and gives those back that lead beyond it.
fn eliminate_segment<V: Value, const W: usize>(
    rows: &Rows,
    values: &[V],
    mut pivots: Pivots<'_, V, W>,
) -> Result<Vec<Row<V, W>>, Dependent> {
    let end = pivots.first + pivots.bands.len();
    let place = |column| rows.starts().partition_point(|start| (*start as usize) < column);
    let range = place(pivots.first)..place(end);
    let values = values.get(range.clone()).unwrap_or_default();
    let mut waiting = Vec::new();
    rows.for_bands(range, |within, starts, bands| {
        let values = values.get(within).unwrap_or_default();
        for ((start, band), value) in starts.iter().zip(bands).zip(values) {
            waiting.extend(pivots.insert(Row::new(*start as usize, *band, *value)?)?);
        }
        Ok(())
    })?;
    Ok(waiting)
}
