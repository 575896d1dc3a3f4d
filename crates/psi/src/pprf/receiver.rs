//! The receiver: grows its trees around the points.

use rayon::prelude::*;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::Forest;
use super::points::{Points, Step, path};
use crate::PsiError;
use crate::points::split_rows;

/// The receiver, which holds all leaves but those at its points.
pub struct Receiver {
    forest: Forest,
    points: Points,
    /// The chosen key of each transfer.
    keys: Zeroizing<Vec<u128>>,
}

impl Receiver {
    /// The receiver of `forest` with its points, and the key of each transfer that it received by
    /// [`Points::choices`].
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there is another number of points or keys than the forest asks for.
    pub fn new(forest: Forest, points: Points, keys: Zeroizing<Vec<u128>>) -> Result<Self, PsiError> {
        if points.places().len() != forest.trees() || keys.len() != forest.transfers() {
            return Err(PsiError::Usage("another number of points or keys than the trees ask for"));
        }
        Ok(Self { forest, points, keys })
    }

    /// The points, one for each tree.
    #[must_use]
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// Writes the leaves of the trees from the one at `first` on to `leaves`, tree by tree, where
    /// `elements` are their message elements: as many trees as there are elements. At each point stands
    /// the sender's leaf ⊕ b_i.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if the elements are not whole or go beyond the last tree,
    /// [`PsiError::Usage`] if `leaves` has not room for just the leaves of those trees.
    pub fn reconstruct(&self, first: usize, elements: &[u8], leaves: &mut [u128]) -> Result<(), PsiError> {
        let elements = split_rows(elements, self.forest.element_bytes(), self.forest.trees().saturating_sub(first))?;
        self.forest.check_run(first, elements.len(), leaves)?;
        let places = self.points.places().get(first..).unwrap_or_default();
        leaves
            .par_chunks_exact_mut(self.forest.leaves())
            .zip(elements.collect::<Vec<_>>())
            .zip(places)
            .enumerate()
            .for_each(|(i, ((leaves, element), place))| self.reconstruct_tree(first + i, *place, leaves, element));
        Ok(())
    }

    fn reconstruct_tree(&self, tree: usize, place: u32, leaves: &mut [u128], element: &[u8]) {
        let permutations = self.forest.permutations(tree);
        let keys = self.keys.iter().skip(tree * self.forest.depth());
        let (blocks, _) = element.as_chunks::<16>();
        let (sums, correction) = blocks.as_chunks::<2>();
        // The nodes of the path are not known. Zeros stand for them.
        if let Some(root) = leaves.first_mut() {
            *root = 0;
        }
        for ((step, sums), key) in path(&self.forest, place).iter().zip(sums).zip(keys) {
            let level = leaves.get_mut(..step.next_width).unwrap_or_default();
            let grown = permutations.grow(level, step.width);
            let due = select(sums.map(u128::from_le_bytes), !step.right) ^ key;
            complete(level, step, due ^ select(grown, !step.right));
        }
        let sum = permutations.leaf.feed_forward_in_place(leaves);
        let leaf = usize::try_from(place).ok().and_then(|place| leaves.get_mut(place));
        if let (Some(leaf), Some(correction)) = (leaf, correction.first()) {
            // The leaf that stands there takes itself out of the sum.
            *leaf ^= u128::from_le_bytes(*correction) ^ sum;
        }
    }
}

/// The sum of the right side, or of the left one.
fn select([left, right]: [u128; 2], of_right: bool) -> u128 {
    u128::conditional_select(&left, &right, Choice::from(u8::from(of_right)))
}

/// Corrects the children of the path's node in a level that has just grown: a zero for the one on the
/// path, and the other one changed by `difference`, that of its side's sums as they are due and as they
/// grew.
fn complete(level: &mut [u128], step: &Step, difference: u128) {
    let (left, right) = level.split_at_mut(step.width.min(level.len()));
    let (side, other_side) = if step.right { (right, left) } else { (left, right) };
    if let Some(node) = side.get_mut(step.parent) {
        *node = 0;
    }
    // The last node of a level may have no right child.
    if let Some(node) = other_side.get_mut(step.parent) {
        *node ^= difference;
    }
}
