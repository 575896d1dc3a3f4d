//! What the sender computes by itself: its trees, its part of the products, the rows of its items.

use std::ops::Range;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use super::VoleField;
use super::plan::{Plan, row_seed};
use crate::item::PaddedItems;
use crate::lpn_code::noise::Shape;
use crate::okvs::{DistinctItems, Layout, Rows};
use crate::pprf::{self, Forest};
use crate::subfield_vole::{self, Stretch};
use crate::{PsiError, Seed};

/// Leaves that one step grows, for each thread: a few milliseconds.
const LEAVES_PER_THREAD: usize = 1 << 20;

/// Outputs of the code that one step computes, for each thread.
const OUTPUTS_PER_THREAD: usize = 1 << 17;

/// All that does not wait for the receiver.
pub(super) struct Own<B: VoleField> {
    session_id: [u8; 32],
    layout: Layout,
    noise: Shape,
    items: PaddedItems,
    forest: Forest,
    trees: pprf::Sender,
    /// v_B, as far as it is grown.
    leaves: Vec<u128>,
    grown: usize,
    sums: Zeroizing<Vec<u128>>,
    /// v_B and then B.
    products: Option<Stretch<B, u128>>,
    rows: Option<Arc<Rows>>,
}

impl<B: VoleField> Own<B> {
    pub(super) fn new(session_id: [u8; 32], plan: Plan, seed: &Seed, items: PaddedItems) -> Result<Self, PsiError> {
        let forest = subfield_vole::forest(&session_id, plan.noise)?;
        Ok(Self {
            session_id,
            layout: plan.layout,
            noise: plan.noise,
            items,
            trees: pprf::Sender::new(forest.clone(), &session_id, seed),
            leaves: Vec::new(),
            grown: 0,
            sums: Zeroizing::new(Vec::with_capacity(forest.trees() * forest.sums())),
            forest,
            products: None,
            rows: None,
        })
    }

    pub(super) fn forest(&self) -> &Forest {
        &self.forest
    }

    /// One step; whether there was one to do. Trees come first, since the receiver waits for them.
    pub(super) fn step(&mut self) -> Result<bool, PsiError> {
        match &mut self.products {
            None => self.grow()?,
            Some(_) if self.rows.is_none() => self.hash(0)?,
            Some(products) => {
                let missing = self.layout.columns().saturating_sub(products.expanded());
                products.next(missing.min(OUTPUTS_PER_THREAD * rayon::current_num_threads()))?;
                return Ok(missing > 0);
            }
        }
        Ok(true)
    }

    fn grow(&mut self) -> Result<(), PsiError> {
        let most = (LEAVES_PER_THREAD * rayon::current_num_threads() / self.forest.leaves()).max(1);
        let end = self.forest.trees().min(self.grown + most);
        if self.leaves.is_empty() {
            // Zeros from the system, which are touched first by the threads that grow the trees.
            self.leaves = vec![0; self.forest.trees() * self.forest.leaves()];
        }
        let places = self.grown * self.forest.leaves()..end * self.forest.leaves();
        let sums = self.trees.expand(self.grown, self.leaves.get_mut(places).unwrap_or_default())?;
        self.sums.extend_from_slice(&sums);
        self.grown = end;
        if self.grown == self.forest.trees() {
            let code = subfield_vole::code(&self.session_id, self.noise)?;
            self.products = Some(Stretch::new(code, std::mem::take(&mut self.leaves))?);
        }
        Ok(())
    }

    fn hash(&mut self, attempt: u32) -> Result<(), PsiError> {
        let items = self.items.all();
        let (layout, seed, products) = (self.layout, row_seed(&self.session_id, attempt), &mut self.products);
        let (rows, mixed) = rayon::join(
            || Rows::new(layout, &seed, DistinctItems::of_padded(&items)),
            || products.as_mut().map_or(Ok(()), Stretch::accumulate),
        );
        mixed?;
        self.rows = Some(Arc::new(rows?));
        Ok(())
    }

    /// Trees that are grown.
    pub(super) fn grown(&self) -> usize {
        self.grown
    }

    /// The message elements of the trees at `trees`, all of which are grown.
    pub(super) fn elements(
        &self,
        trees: Range<usize>,
        keys: &[[u128; 2]],
        shares: &[u128],
    ) -> Result<Vec<u8>, PsiError> {
        let sums = self.sums.get(trees.start * self.forest.sums()..trees.end * self.forest.sums());
        self.trees.elements(sums.unwrap_or_default(), keys, shares)
    }

    /// The rows under the seed that the receiver chose: nearly always the first.
    pub(super) fn rows_of(&mut self, attempt: u32) -> Result<Arc<Rows>, PsiError> {
        while attempt == 0 && self.rows.is_none() {
            self.step()?;
        }
        if attempt > 0 {
            self.hash(attempt)?;
        }
        self.rows.clone().ok_or(PsiError::CUT_SHORT)
    }

    /// B at `places`, to be changed in its place.
    pub(super) fn products(&mut self, places: Range<usize>) -> Result<&mut [u128], PsiError> {
        while self.products.is_none() {
            self.step()?;
        }
        let products = self.products.as_mut().ok_or(PsiError::CUT_SHORT)?;
        if products.expanded() < places.end {
            products.next(places.end - products.expanded())?;
        }
        Ok(products.outputs_mut(places))
    }
}

impl<B: VoleField> Drop for Own<B> {
    fn drop(&mut self) {
        self.leaves.zeroize();
    }
}
