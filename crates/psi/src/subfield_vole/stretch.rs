//! A vector on its way through the code, in steps.

use std::ops::Range;

use zeroize::Zeroize;

use crate::PsiError;
use crate::lpn_code::{LpnCode, Mixes, Taps};

/// 2m symbols, of which the first m become the outputs.
pub struct Stretch<B: Mixes<S>, S: Taps> {
    code: LpnCode<B>,
    vector: Vec<S>,
    accumulated: bool,
    expanded: usize,
}

impl<B: Mixes<S>, S: Taps> Stretch<B, S> {
    /// Begins with `vector`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if it does not fit the code.
    pub fn new(code: LpnCode<B>, vector: Vec<S>) -> Result<Self, PsiError> {
        if vector.len() != 2 * code.outputs() {
            return Err(PsiError::Usage("a vector does not fit the code"));
        }
        Ok(Self { code, vector, accumulated: false, expanded: 0 })
    }

    /// Outputs so far.
    #[must_use]
    pub fn expanded(&self) -> usize {
        self.expanded
    }

    /// Whether the passes are still to be done.
    #[must_use]
    pub fn awaits_passes(&self) -> bool {
        !self.accumulated
    }

    /// Does the passes, which go place by place and so take one thread, if they have not been done.
    ///
    /// # Errors
    /// [`PsiError::Usage`]: none in fact.
    pub fn accumulate(&mut self) -> Result<(), PsiError> {
        let (_, parity) = self.vector.split_at_mut(self.code.outputs());
        if !self.accumulated {
            self.code.accumulate(parity)?;
            self.accumulated = true;
        }
        Ok(())
    }

    /// Computes the next outputs, at most `most`, and gives them; the first call does the passes too. Uses the
    /// rayon pool that it is called in. Nothing more comes once all m are out.
    ///
    /// # Errors
    /// [`PsiError::Usage`]: none in fact.
    pub fn next(&mut self, most: usize) -> Result<&[S], PsiError> {
        self.accumulate()?;
        let (left, parity) = self.vector.split_at_mut(self.code.outputs());
        let places = self.expanded..self.code.outputs().min(self.expanded.saturating_add(most));
        let due = left.get_mut(places.clone()).unwrap_or_default();
        self.code.expand(parity, places.clone(), due)?;
        self.expanded = places.end;
        Ok(due)
    }

    /// The outputs at `places`, as far as they have been computed.
    #[must_use]
    pub fn outputs(&self, places: Range<usize>) -> &[S] {
        self.vector.get(places.start..places.end.min(self.expanded)).unwrap_or_default()
    }
}

impl<B: Mixes<S>, S: Taps> Stretch<B, S> {
    /// The same, to be changed in their place: they are of no further use here.
    pub(crate) fn outputs_mut(&mut self, places: Range<usize>) -> &mut [S] {
        self.vector.get_mut(places.start..places.end.min(self.expanded)).unwrap_or_default()
    }
}

impl<B: Mixes<S>, S: Taps> Drop for Stretch<B, S> {
    fn drop(&mut self) {
        self.vector.zeroize();
    }
}
