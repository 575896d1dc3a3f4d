//! What follows from public sizes and the error budget: the field, the key-value store, the noise.

use super::receiver::{ATTEMPT_BYTES, BASE_TRANSFERS};
use crate::budget::numerator;
use crate::lpn_code::noise;
use crate::okvs::{Expansion, Layout, RowSeed, Shape};
use crate::points::POINT_BYTES;
use crate::subfield_vole::noise_shares;
use crate::{Parameters, PsiError, ot_extension};
use sha2::{Digest, Sha512};

/// Columns beyond the number of keys, one in ten: the faster of the two choices.
const EXPANSION: Expansion = Expansion::Percent10;

/// Items of the receiver that one run takes at the most: the noise has been worked out for no more.
pub const MOST_ITEMS: u64 = 1 << 24;

/// Seeds that are tried for a key-value store. One is nearly always enough; that none of so many does is
/// a fault in this program.
pub(super) const MOST_ATTEMPTS: u32 = 16;

/// Which B the run is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldChoice {
    /// GF(2^64): half the bytes.
    Gf64,
    /// GF(2^128): for sets or budgets that 64 bits do not serve.
    Gf128,
}

impl FieldChoice {
    /// ℓ: bits of an element.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Gf64 => 64,
            Self::Gf128 => 128,
        }
    }
}

/// The parameters of one run, the same on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// B.
    pub field: FieldChoice,
    /// Of the receiver's key-value store.
    pub layout: Layout,
    /// Of the vector that hides it.
    pub noise: noise::Shape,
    /// Probability that the function fails of itself, as a numerator over 2^129.
    pub failure: u128,
}

impl Plan {
    /// The plan for a run.
    ///
    /// GF(2^64) is taken as long as the sum of all statistical failures stays within the budget:
    /// n_y/2^64 for a sender's item that the receiver could test by itself, and that of the store.
    ///
    /// # Errors
    /// [`PsiError::TooLarge`] if the receiver's set is beyond what the noise has been worked out for,
    /// [`PsiError::Budget`] or the former if no field or store keeps the budget.
    pub fn new(parameters: &Parameters) -> Result<Self, PsiError> {
        let (sizes, budget) = (parameters.sizes, parameters.budget);
        if sizes.receiver > MOST_ITEMS {
            return Err(PsiError::TooLarge(
                "protocol vole takes at most 2^24 items of a receiver in one run: no noise weight has been worked out for more",
            ));
        }
        let keys = sizes.receiver_len()?;
        let (shape, store_bits) = store(budget.quarter_bits(), keys)
            .ok_or(PsiError::TooLarge("no key-value store keeps the error budget for a set of this size"))?;
        let layout = Layout::new(keys, shape)?;
        let noise = noise::Shape::for_outputs(layout.columns())?;
        let failure =
            |field: FieldChoice| numerator(sizes.sender, field.bits()).saturating_add(numerator(1, store_bits));
        let small = failure(FieldChoice::Gf64);
        let (field, failure) = match budget.widths_with(sizes, small) {
            Ok(_) => (FieldChoice::Gf64, small),
            Err(_) => (FieldChoice::Gf128, failure(FieldChoice::Gf128)),
        };
        budget.widths_with(sizes, failure)?;
        Ok(Self { field, layout, noise, failure })
    }
}

impl Plan {
    /// Bytes of an element of B.
    fn element(&self) -> u64 {
        u64::from(self.field.bits() / 8)
    }

    /// Transfers of the trees.
    fn transfers(&self) -> u64 {
        (self.noise.blocks() * self.noise.depth()) as u64
    }

    /// Bytes of all elements that go to the sender.
    #[must_use]
    pub fn bytes_to_sender(&self) -> u64 {
        let extension = ot_extension::BASE_TRANSFERS as u64 * self.transfers().div_ceil(8);
        let noise = noise_shares::DELTA_BITS as u64 * self.noise.blocks() as u64 * self.element();
        POINT_BYTES as u64 + extension + noise + ATTEMPT_BYTES as u64 + self.layout.columns() as u64 * self.element()
    }

    /// Bytes of all elements that go to the receiver.
    #[must_use]
    pub fn bytes_to_receiver(&self) -> u64 {
        let trees = 32 * self.transfers() + 16 * self.noise.blocks() as u64;
        (POINT_BYTES * BASE_TRANSFERS) as u64 + trees
    }
}

/// The store for so many keys that fails with 2^-`bits` at most, and the bits that its failure is surely below.
fn store(bits: u32, keys: usize) -> Option<(Shape, u32)> {
    let shape = Shape::for_failure(bits, keys, EXPANSION)?;
    let same = |bits: &u32| Shape::for_failure(*bits, keys, EXPANSION) == Some(shape);
    Some((shape, (bits..128).take_while(same).last()?))
}

/// The seed of the rows: fixed once both sets are, since the session id is hashed from commitments to both
/// and from nonces opened after them. `attempt` counts those that were of no use.
pub(super) fn row_seed(session_id: &[u8; 32], attempt: u32) -> RowSeed {
    let digest = Sha512::new()
        .chain_update(b"yuandang vole oprf rows v1")
        .chain_update(session_id)
        .chain_update(attempt.to_le_bytes())
        .finalize();
    RowSeed::from(digest.first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorBudget, Sizes};

    fn plan(lambda: u32, receiver: u64, sender: u64) -> Result<Plan, PsiError> {
        let budget = ErrorBudget::new(lambda)?;
        Plan::new(&Parameters { session_id: [0; 32], sizes: Sizes { receiver, sender }, budget })
    }

    #[test]
    fn sixty_four_bits_serve_as_long_as_the_sum_allows() {
        let field = |lambda, receiver, sender| plan(lambda, receiver, sender).unwrap().field;
        for (receiver, sender) in [(0, 0), (1, 1), (1 << 20, 1 << 20), (1 << 23, 1 << 23), (100, 1 << 23)] {
            assert_eq!(field(40, receiver, sender), FieldChoice::Gf64, "{receiver} x {sender}");
        }
        for (receiver, sender) in [(1, 1 << 24), (1 << 24, 1 << 24), (1 << 20, 1 << 27)] {
            assert_eq!(field(40, receiver, sender), FieldChoice::Gf128, "{receiver} x {sender}");
        }
        assert_eq!(field(64, 1, 1), FieldChoice::Gf128);
        assert_eq!(field(30, 1 << 20, 1 << 30), FieldChoice::Gf64);
    }

    #[test]
    fn the_sum_of_all_terms_is_within_the_budget() {
        for lambda in [30, 40, 64] {
            for (receiver, sender) in
                [(1, 1), (1000, 70_000), (1 << 20, 1 << 20), (1 << 22, 1 << 23), (1 << 24, 1 << 24)]
            {
                let plan = plan(lambda, receiver, sender).unwrap();
                let tag =
                    ErrorBudget::new(lambda).unwrap().widths_with(Sizes { receiver, sender }, plan.failure).unwrap();
                let (x, y) = (receiver as f64, sender as f64);
                let sum = x * y / f64::from(tag.tag_bits()).exp2()
                    + y / f64::from(plan.field.bits()).exp2()
                    + (-f64::from(store(lambda + 2, usize::try_from(receiver).unwrap()).unwrap().1)).exp2();
                assert!(sum <= (-f64::from(lambda)).exp2(), "{lambda}: {receiver} x {sender}");
                assert!(tag.tag_bits() > lambda);
            }
        }
    }

    #[test]
    fn bands_are_those_of_the_brief() {
        let band = |lambda, log: u32| plan(lambda, 1 << log, 1 << log).unwrap().layout.band();
        assert_eq!([16, 20, 22, 24].map(|log| band(40, log)), [256; 4]);
        assert_eq!(band(64, 24), 320);
    }

    #[test]
    fn what_the_table_does_not_reach_is_refused() {
        assert!(plan(40, MOST_ITEMS, 10).is_ok());
        assert!(matches!(plan(40, MOST_ITEMS + 1, 10), Err(PsiError::TooLarge(_))));
        assert!(matches!(plan(40, 1 << 32, 10), Err(PsiError::TooLarge(_))));
        assert!(matches!(plan(90, 1 << 24, 1 << 24), Err(PsiError::Budget { .. } | PsiError::TooLarge(_))));
    }
}
