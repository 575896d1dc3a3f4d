//! F at a party's own items, once the vector is known: sums over rows, and what is derived from them.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::PsiError;
use crate::okvs::{Decoder, Layout, Rows};
use crate::oprf::{Derive, Derived, Outputs, Places};

/// Rows that one step decodes, for each thread: a few milliseconds.
const STEP_PER_THREAD: usize = 1 << 16;

/// Rows that one thread takes at a time.
const TASK: usize = 1 << 13;

/// Changes the sums of a range of rows into values that both sides have alike.
pub(super) trait Adjust: Send + Sync + 'static {
    /// `sums` are those of the rows from the one at `first` on.
    fn adjust(&self, rows: &Rows, first: usize, sums: &mut [u128]);
}

/// A vector that grows, and the rows that it has been evaluated at.
pub(super) struct Evaluation<D: Derive, A> {
    rows: Arc<Rows>,
    decoder: Decoder<u128>,
    derive: Arc<D>,
    adjust: A,
    derived: Vec<D::Derived>,
}

impl<D: Derive, A: Adjust> Evaluation<D, A> {
    pub(super) fn new(layout: Layout, rows: Arc<Rows>, derive: Arc<D>, adjust: A) -> Self {
        let derived = Vec::with_capacity(rows.len());
        Self { decoder: Decoder::new(layout), rows, derive, adjust, derived }
    }

    /// Columns of the vector so far.
    pub(super) fn columns(&self) -> usize {
        self.decoder.columns()
    }

    /// Takes the next columns.
    pub(super) fn push(&mut self, columns: &[u128]) -> Result<(), PsiError> {
        self.decoder.push(columns)
    }

    /// Evaluates the next rows, as far as the vector reaches; whether there were any.
    pub(super) fn step(&mut self) -> Result<bool, PsiError> {
        let first = self.derived.len();
        let reach = self.rows.decodable(self.decoder.columns());
        let end = reach.min(first.saturating_add(STEP_PER_THREAD * rayon::current_num_threads()));
        if end <= first {
            return Ok(false);
        }
        let tasks: Vec<_> = (first..end).step_by(TASK).map(|start| start..end.min(start + TASK)).collect();
        let parts: Vec<_> =
            tasks.into_par_iter().with_max_len(1).map(|rows| self.evaluate(rows)).collect::<Result<_, PsiError>>()?;
        parts.into_iter().for_each(|part| self.derived.extend(part));
        Ok(true)
    }

    /// What is derived at the rows of `range`.
    fn evaluate(&self, range: Range<usize>) -> Result<Vec<D::Derived>, PsiError> {
        let mut values = Zeroizing::new(self.decoder.decode(&self.rows, range.clone())?);
        self.adjust.adjust(&self.rows, range.start, &mut values);
        let items = self.rows.items(range);
        Ok(self.derive.derive(Outputs::Unhashed { values: &values, items: &items }))
    }

    /// Evaluates what is left.
    pub(super) fn finish(mut self) -> Result<Derived<D::Derived>, PsiError> {
        while self.step()? {}
        if self.derived.len() != self.rows.len() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Derived { values: self.derived, places: Places::Permuted(self.rows.order().to_vec()) })
    }
}
