//! Decoding: the sum of a vector over each row, while the vector comes in.

use std::ops::Range;

use rayon::prelude::*;
use zeroize::Zeroize;

use super::avx512::{Avx512, Plane};
use super::for_width;
use super::hashing::BATCH;
use super::layout::Layout;
use super::record::Record;
use super::rows::Rows;
use super::substitution::dot;
use super::value::Value;
use crate::PsiError;

/// Rows that one thread takes at a time.
const CHUNK: usize = 1 << 12;

/// A vector, as far as it is known.
pub struct Decoder<V: Value> {
    layout: Layout,
    columns: usize,
    vector: Vector<V>,
}

/// How a vector is stored.
enum Vector<V> {
    Plain(Vec<V>),
    Sliced {
        kernels: Avx512,
        /// Whole groups of eight columns, and the last one, which may lack some.
        planes: Vec<Plane>,
        /// The elements of the last group, if it lacks some.
        last: Vec<V>,
    },
}

impl<V: Value> Decoder<V> {
    /// For a vector of the form `layout`, of which nothing is known yet.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        match Avx512::detect() {
            Some(kernels) => Self::sliced(layout, kernels),
            None => Self::plain(layout),
        }
    }

    /// With columns one after the other.
    pub(super) fn plain(layout: Layout) -> Self {
        Self { layout, columns: 0, vector: Vector::Plain(Vec::with_capacity(layout.columns())) }
    }

    /// With groups of columns, bit by bit.
    pub(super) fn sliced(layout: Layout, kernels: Avx512) -> Self {
        let planes = Vec::with_capacity(layout.columns() / 8 * V::WORDS);
        Self { layout, columns: 0, vector: Vector::Sliced { kernels, planes, last: Vec::with_capacity(8) } }
    }

    /// Columns that are known.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Takes the elements of the next columns, as many as there are.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if these are more columns than the layout has. They are not taken.
    pub fn push(&mut self, elements: &[V]) -> Result<(), PsiError> {
        if elements.len() > self.layout.columns() - self.columns {
            return Err(PsiError::Peer("more columns than its key-value store has"));
        }
        self.columns += elements.len();
        match &mut self.vector {
            Vector::Plain(vector) => vector.extend_from_slice(elements),
            Vector::Sliced { kernels, planes, last } => push_sliced(*kernels, planes, last, elements),
        }
        Ok(())
    }

    /// The sum of the vector over each row of `range`, by row.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the rows are of another layout, if there are none so far, or if they
    /// are not all [`decodable`](Rows::decodable) yet.
    pub fn decode(&self, rows: &Rows, range: Range<usize>) -> Result<Vec<V>, PsiError> {
        if rows.layout() != self.layout {
            return Err(PsiError::Usage("the rows are not of the form of the vector"));
        }
        if range.end > rows.decodable(self.columns) || range.start > range.end {
            return Err(PsiError::Usage("the vector does not reach to the last of the rows"));
        }
        let mut sums = vec![V::default(); range.len()];
        for_width!(self.layout, R => {
            sums.par_chunks_mut(CHUNK).enumerate().for_each(|(number, sums)| {
                self.decode_chunk::<R>(rows, range.start + number * CHUNK, sums);
            });
        });
        Ok(sums)
    }

    /// Decodes the rows from number `first` on.
    fn decode_chunk<const R: usize>(&self, rows: &Rows, mut first: usize, sums: &mut [V]) {
        let mut records = [Record::<R>::ZERO; BATCH];
        for sums in sums.chunks_mut(BATCH) {
            let range = first..first + sums.len();
            first = range.end;
            let starts = rows.starts().get(range.clone()).unwrap_or_default();
            rows.records(range, &mut records);
            match &self.vector {
                Vector::Plain(vector) => {
                    for ((sum, start), record) in sums.iter_mut().zip(starts).zip(&records) {
                        *sum = dot(record.band(), vector.get(*start as usize..).unwrap_or_default());
                    }
                }
                Vector::Sliced { kernels, planes, .. } => {
                    kernels.decode(planes, self.layout.band(), starts, &records, sums);
                }
            }
        }
    }
}

impl<V: Value> Drop for Decoder<V> {
    /// With the vector whoever holds it can evaluate every row.
    fn drop(&mut self) {
        match &mut self.vector {
            Vector::Plain(vector) => vector.zeroize(),
            Vector::Sliced { planes, last, .. } => {
                planes.iter_mut().for_each(Plane::erase);
                last.zeroize();
            }
        }
    }
}

/// Appends `elements` to `planes`, the last group of which is there for `last` if this has any.
fn push_sliced<V: Value>(kernels: Avx512, planes: &mut Vec<Plane>, last: &mut Vec<V>, elements: &[V]) {
    let (head, rest) = elements.split_at_checked((8 - last.len()) % 8).unwrap_or((elements, &[]));
    if !last.is_empty() {
        planes.truncate(planes.len() - V::WORDS);
        last.extend_from_slice(head);
        kernels.slice(last, planes);
    }
    if last.len() == 8 {
        last.clear();
    }
    let (groups, tail) = rest.as_chunks::<8>();
    kernels.slice(groups.as_flattened(), planes);
    if !tail.is_empty() {
        kernels.slice(tail, planes);
        last.extend_from_slice(tail);
    }
}
