//! The sender: grows whole trees.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::Forest;
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// The sender, which holds all leaves. It grows its trees before it knows what to send of them.
pub struct Sender {
    forest: Forest,
    roots: Randomness,
}

impl Sender {
    /// The sender of `forest`, whose roots follow from `seed` and the session id.
    #[must_use]
    pub fn new(forest: Forest, session_id: &[u8; 32], seed: &Seed) -> Self {
        Self { forest, roots: Randomness::new(seed, session_id, "pprf roots") }
    }

    /// Writes the leaves of the trees from the one at `first` on to `leaves`, tree by tree, as many trees as
    /// there is room for, and gives their sums: of each tree, level by level, those of the left and of the
    /// right children, and last that of the leaves.
    ///
    /// Any run of trees may be asked for, in any order: each tree is always the same.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there are not so many trees, or `leaves` has not room for just theirs.
    pub fn expand(&self, first: usize, leaves: &mut [u128]) -> Result<Zeroizing<Vec<u128>>, PsiError> {
        let count = leaves.len() / self.forest.leaves();
        self.forest.check_run(first, count, leaves)?;
        let mut sums = Zeroizing::new(vec![0; count * self.forest.sums()]);
        leaves
            .par_chunks_exact_mut(self.forest.leaves())
            .zip(sums.par_chunks_exact_mut(self.forest.sums()))
            .enumerate()
            .for_each(|(i, (leaves, sums))| self.expand_tree(first + i, leaves, sums));
        Ok(sums)
    }

    fn expand_tree(&self, tree: usize, leaves: &mut [u128], sums: &mut [u128]) {
        let permutations = self.forest.permutations(tree);
        if let Some(root) = leaves.first_mut() {
            *root = u128::from_le_bytes(self.roots.stream(tree as u64).next());
        }
        let mut sums = sums.iter_mut();
        for (width, next_width) in self.forest.levels() {
            let level = leaves.get_mut(..next_width).unwrap_or_default();
            let grown = permutations.grow(level, width);
            sums.by_ref().zip(grown).for_each(|(to, sum)| *to = sum);
        }
        let all = permutations.leaf.feed_forward_in_place(leaves);
        sums.for_each(|to| *to = all);
    }

    /// The message elements of trees with these `sums`: `keys` are both keys of each of their transfers, and
    /// `values` their b_i.
    ///
    /// To send a tree with two values would give away their difference.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if they are not of as many trees.
    pub fn elements(&self, sums: &[u128], keys: &[[u128; 2]], values: &[u128]) -> Result<Vec<u8>, PsiError> {
        let (trees, depth) = (values.len(), self.forest.depth());
        if sums.len() != trees * self.forest.sums() || keys.len() != trees * depth {
            return Err(PsiError::Usage("sums, keys and values are of different numbers of trees"));
        }
        let mut elements = Vec::with_capacity(trees * self.forest.element_bytes());
        for (tree, (sums, value)) in sums.chunks_exact(self.forest.sums()).zip(values).enumerate() {
            let keys = keys.iter().skip(tree * depth).take(depth).flatten();
            let masked = sums.iter().zip(keys.chain([value])).map(|(sum, mask)| sum ^ mask);
            elements.extend(masked.flat_map(u128::to_le_bytes));
        }
        Ok(elements)
    }
}
