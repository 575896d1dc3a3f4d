//! From rows in echelon form to the vector, last column first.

use super::avx512::{Avx512, Window};
use super::elimination::Segment;
use super::record::Record;
use super::value::Value;

/// The vector from the column on at which the next segments end, as far as a band reaches.
pub(super) enum Substitution<V> {
    Portable(Vec<V>),
    Sliced(Avx512, Window),
}

impl<V: Value> Substitution<V> {
    /// At the end of the vector, with bands of `band` columns.
    pub(super) fn new(kernels: Option<Avx512>, band: usize) -> Self {
        match kernels {
            Some(kernels) => Self::Sliced(kernels, Window::new(band)),
            None => Self::Portable(Vec::new()),
        }
    }

    /// Finds the part of `vector` at the columns of `segments`, the last of which ends where the part
    /// begins that was found before.
    pub(super) fn run<const R: usize>(&mut self, segments: &[Segment<R>], vector: &mut [V]) {
        for segment in segments.iter().rev() {
            let vector = vector.get_mut(segment.columns()).unwrap_or_default();
            match self {
                Self::Portable(following) => substitute(segment.pivots(), following, vector),
                Self::Sliced(kernels, window) => kernels.substitute(segment.pivots(), window, vector),
            }
        }
    }
}

/// Finds `vector` column by column, with `following` behind it.
fn substitute<V: Value, const R: usize>(pivots: &[Record<R>], following: &mut Vec<V>, vector: &mut [V]) {
    let mut known = vec![V::default(); pivots.len()];
    known.append(following);
    for (column, pivot) in pivots.iter().enumerate().rev() {
        let Some(known) = known.get_mut(column..) else { continue };
        // This column is 0 still, so that the row has nothing to add for it.
        let element = pivot.value::<V>() ^ dot(pivot.band(), known);
        if let Some(first) = known.first_mut() {
            *first = element;
        }
    }
    vector.iter_mut().zip(&known).for_each(|(to, from)| *to = *from);
    known.truncate(64 * Record::<R>::BAND);
    *following = known;
}

/// The sum of those elements of `vector` whose bit in `band` is set.
pub(super) fn dot<V: Value>(band: &[u64], vector: &[V]) -> V {
    let mut sum = V::default();
    for (word, elements) in band.iter().zip(vector.chunks(64)).filter(|(word, _)| **word != 0) {
        for (bit, element) in elements.iter().enumerate() {
            sum ^= element.masked(word >> bit);
        }
    }
    sum
}
