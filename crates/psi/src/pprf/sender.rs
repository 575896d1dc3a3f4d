//! The sender: grows whole trees.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::Forest;
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// The sender, which holds all leaves.
pub struct Sender {
    forest: Forest,
    roots: Randomness,
    /// Both keys of each transfer.
    keys: Zeroizing<Vec<[u128; 2]>>,
}

impl Sender {
    /// The sender of `forest`, whose roots follow from `seed` and the session id, with both keys of
    /// each of [`Forest::transfers`] transfers.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there is another number of keys.
    pub fn new(
        forest: Forest,
        session_id: &[u8; 32],
        seed: &Seed,
        keys: Zeroizing<Vec<[u128; 2]>>,
    ) -> Result<Self, PsiError> {
        if keys.len() != forest.transfers() {
            return Err(PsiError::Usage("another number of keys than the trees have levels"));
        }
        Ok(Self { forest, roots: Randomness::new(seed, session_id, "pprf roots"), keys })
    }

    /// Writes the leaves of the trees from the one at `first` on to `leaves`, tree by tree, and gives
    /// their message elements. There is a tree for each of `values`, its b_i.
    ///
    /// Any run of trees may be asked for, in any order: each tree is always the same. With the same
    /// `values` its element is too; to send a tree with two values would give away their difference.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are not so many trees, or `leaves` has not room for just theirs.
    pub fn expand(&self, first: usize, values: &[u128], leaves: &mut [u128]) -> Result<Vec<u8>, PsiError> {
        self.forest.check_run(first, values.len(), leaves)?;
        let mut elements = vec![0; values.len() * self.forest.element_bytes()];
        leaves
            .par_chunks_exact_mut(self.forest.leaves())
            .zip(elements.par_chunks_exact_mut(self.forest.element_bytes()))
            .zip(values)
            .enumerate()
            .for_each(|(i, ((leaves, element), value))| self.expand_tree(first + i, *value, leaves, element));
        Ok(elements)
    }

    fn expand_tree(&self, tree: usize, value: u128, leaves: &mut [u128], element: &mut [u8]) {
        if let Some(root) = leaves.first_mut() {
            *root = u128::from_le_bytes(self.roots.stream(tree as u64).next());
        }
        let keys = self.keys.iter().skip(tree * self.forest.depth());
        let (blocks, _) = element.as_chunks_mut::<16>();
        let mut blocks = blocks.iter_mut();
        for ((width, next_width), keys) in self.forest.levels().zip(keys) {
            let level = leaves.get_mut(..next_width).unwrap_or_default();
            let sums = self.forest.grow(level, width);
            for ((sum, key), block) in sums.iter().zip(keys).zip(blocks.by_ref()) {
                *block = (sum ^ key).to_le_bytes();
            }
        }
        let sum = self.forest.leaf.feed_forward_in_place(leaves);
        if let Some(block) = blocks.next() {
            *block = (value ^ sum).to_le_bytes();
        }
    }
}
