//! Pseudorandom blocks of which the other side gets all but one of its choice: punctured trees of
//! Goldreich, Goldwasser and Micali (1984), as Boyle and others made vector oblivious linear
//! evaluation from them (CCS 2019, "Efficient two-round OT extension and silent non-interactive
//! secure computation").
//!
//! A [`Forest`] has t trees of s leaves. The sender holds all leaves r_i,j and a value b_i for each
//! tree; the receiver holds a point α_i for each tree and ends with the same leaves, but for
//! r_i,α ⊕ b_i in the place α_i.
//!
//! # Trees
//! All trees have the same shape: level 0 is the root, level d = ⌈log2 s⌉ are the leaves, and a level
//! has half as many nodes as the one below, rounded up. Node i of a level of w nodes has the left
//! child i, and the right child w + i if the next level has so many: left and right children are then
//! two runs of blocks, a level grows in its place, and no node is computed that has no leaf below it.
//! A child is π_b(v) ⊕ v of its parent v, and a leaf r is π_2(v) ⊕ v of the node at its place; π_0,
//! π_1 and π_2 of tree i are AES-128 under the images of 3i, 3i + 1 and 3i + 2 under AES-128 with a
//! public key of the session. Each tree has its own, so that a guess at a node is a guess at one tree.
//!
//! # Message
//! One element for each tree i, [`Forest::element_bytes`] long, numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 32 for each level, from level 1 on | the sum (⊕) of all left children under the key 0 of the transfer i·d + level − 1, the sum of all right ones under its key 1 |
//! | 16 | b_i ⊕ the sum of all leaves |
//!
//! The receiver chooses the side, at each level, on which the path to its point does not go: it
//! learns the sum there, and with it the one node on that side that it could not compute.
//! [`Points::choices`] are the bits, for an [extension](crate::ot_extension) in which it receives.
//!
//! # Security
//! Semi-honest. What the receiver learns beyond its leaves is nothing if π_b(v) ⊕ v are together a
//! pseudorandom generator, which they are if the π are random permutations: the roots are secret, and
//! uniformly random. The sender learns nothing but t and s from this module; its view is that of the
//! transfers. A dishonest sender may send wrong sums and see from what follows whether the receiver
//! used them, and so learn of the points: the malicious profile has a check for it, this one has none.
//!
//! The number of steps does not depend on the points; which addresses the receiver touches does.

mod points;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use points::Points;
pub use receiver::Receiver;
pub use sender::Sender;

use crate::PsiError;
use crate::fixed_key::FixedKey;

/// Bytes of a block.
const BLOCK_BYTES: usize = 16;

/// Trees of one shape, and where the public permutations that they grow by come from.
#[derive(Clone)]
pub struct Forest {
    trees: usize,
    /// Nodes of each level, from the root to the leaves.
    widths: Vec<usize>,
    /// Its images of the numbers are the keys of the trees' permutations.
    keys: FixedKey,
}

/// π_0, π_1 and π_2 of one tree.
struct Permutations {
    left: FixedKey,
    right: FixedKey,
    leaf: FixedKey,
}

impl Permutations {
    /// Grows `nodes`, of which the first `width` are a level, to the next one, and gives the sums of its
    /// left and of the right children.
    fn grow(&self, nodes: &mut [u128], width: usize) -> [u128; 2] {
        let (left, right) = nodes.split_at_mut(width.min(nodes.len()));
        let right = self.right.feed_forward(left, right);
        [self.left.feed_forward_in_place(left), right]
    }
}

impl Forest {
    /// `trees` trees of `leaves` leaves in the session. A session with several forests names each by
    /// a session id of its own.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if trees have no leaf or more than 2^31, or all together 2^48 or more.
    pub fn new(session_id: &[u8; 32], trees: usize, leaves: usize) -> Result<Self, PsiError> {
        if leaves == 0 || leaves > 1 << 31 {
            return Err(PsiError::Usage("a punctured tree has 1 to 2^31 leaves"));
        }
        if trees.checked_mul(leaves).is_none_or(|all| all >= 1 << 48) {
            return Err(PsiError::Usage("punctured trees have less than 2^48 leaves together"));
        }
        let mut widths = vec![leaves];
        let mut width = leaves;
        while width > 1 {
            width = width.div_ceil(2);
            widths.push(width);
        }
        widths.reverse();
        Ok(Self { trees, widths, keys: FixedKey::public(session_id, "pprf trees") })
    }

    /// How many trees there are: t.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees
    }

    /// Leaves of each tree: s.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.widths.last().copied().unwrap_or(1)
    }

    /// Levels below the root: d.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// Oblivious transfers that all trees take together: one for each level, tree by tree, from the
    /// root down.
    #[must_use]
    pub fn transfers(&self) -> usize {
        self.trees * self.depth()
    }

    /// Bytes of the message element for one tree.
    #[must_use]
    pub fn element_bytes(&self) -> usize {
        2 * BLOCK_BYTES * self.depth() + BLOCK_BYTES
    }

    /// Sums that the sender has of each tree: two for each level, and that of the leaves.
    #[must_use]
    pub fn sums(&self) -> usize {
        2 * self.depth() + 1
    }

    /// Nodes of each level and of the next one, from the root on.
    fn levels(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        self.widths.iter().copied().zip(self.widths.iter().copied().skip(1))
    }

    /// The permutations of a tree.
    fn permutations(&self, tree: usize) -> Permutations {
        let first = 3 * tree as u128;
        let mut keys = [first, first + 1, first + 2];
        self.keys.permute(&mut keys);
        let [left, right, leaf] = keys.map(|key| FixedKey::new(&key.to_le_bytes()));
        Permutations { left, right, leaf }
    }

    /// That `count` trees from the one at `first` on are trees of this forest, and `leaves` as many as
    /// they have.
    fn check_run(&self, first: usize, count: usize, leaves: &[u128]) -> Result<(), PsiError> {
        if first.checked_add(count).is_none_or(|end| end > self.trees) {
            return Err(PsiError::Usage("a tree beyond the last one"));
        }
        if leaves.len() != count * self.leaves() {
            return Err(PsiError::Usage("another number of leaves than the trees have"));
        }
        Ok(())
    }
}
