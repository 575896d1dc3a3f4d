//! The points at which the receiver's trees are punctured.

use zeroize::Zeroizing;

use super::Forest;
use crate::choices::Choices;
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// One place in each tree of a forest. They are secret, and overwritten when dropped.
#[derive(Clone)]
pub struct Points {
    places: Zeroizing<Vec<u32>>,
}

impl Points {
    /// The given places.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless there is one for each tree, and a leaf there.
    pub fn new(forest: &Forest, places: Zeroizing<Vec<u32>>) -> Result<Self, PsiError> {
        let within = |place: &u32| usize::try_from(*place).is_ok_and(|place| place < forest.leaves());
        if places.len() != forest.trees() || !places.iter().all(within) {
            return Err(PsiError::Usage("a point of a punctured tree is one of its leaves"));
        }
        Ok(Self { places })
    }

    /// Uniformly random places, which follow from `seed` and the session id.
    ///
    /// They are uniform up to 2^-96, which is what 128 random bits modulo the number of leaves leave.
    ///
    /// # Errors
    /// None in fact: remainders are in range.
    pub fn draw(forest: &Forest, session_id: &[u8; 32], seed: &Seed) -> Result<Self, PsiError> {
        let mut stream = Randomness::new(seed, session_id, "pprf points").stream(0);
        let leaves = forest.leaves() as u128;
        let mut places = Zeroizing::new(Vec::with_capacity(forest.trees()));
        for _ in 0..forest.trees() {
            let place = u128::from_le_bytes(stream.next()) % leaves;
            places.push(u32::try_from(place).map_err(|_| PsiError::Usage("more than 2^32 leaves"))?);
        }
        Self::new(forest, places)
    }

    /// The place in each tree, in order.
    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Choice bits for the transfers of `forest`: at each level of each tree the side to which the path
    /// to the point does not go.
    #[must_use]
    pub fn choices(&self, forest: &Forest) -> Choices {
        let bits = self.places.iter().flat_map(|place| path(forest, *place).into_iter().map(|step| !step.right));
        Choices::collect(bits, forest.transfers())
    }
}

/// One level of a path from the root to a leaf.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Nodes of the level above.
    pub(super) width: usize,
    /// Nodes of this level.
    pub(super) next_width: usize,
    /// The place of the node of the path in the level above.
    pub(super) parent: usize,
    /// Whether the path goes on to the right child.
    pub(super) right: bool,
}

/// The path to the leaf at `place`, from the root down.
pub(super) fn path(forest: &Forest, place: u32) -> Vec<Step> {
    let mut node = usize::try_from(place).unwrap_or(usize::MAX);
    let upwards = forest.levels().rev().map(|(width, next_width)| {
        let right = node >= width;
        node -= width * usize::from(right);
        Step { width, next_width, parent: node, right }
    });
    let mut steps: Vec<Step> = upwards.collect();
    steps.reverse();
    steps
}
