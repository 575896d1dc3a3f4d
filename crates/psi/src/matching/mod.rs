//! Matching on an oblivious pseudorandom function F, whichever it is.

mod both;
mod derivation;
pub mod label;
mod labelled;
mod membership;
mod receiver;
mod sender;
mod tag_list;

use std::sync::Arc;

pub use both::{both_receiver, both_sender};
pub use label::{Labels, pad_label, unpad_label};
pub use labelled::{labelled_receiver, labelled_sender};
pub use membership::{membership_receiver, membership_sender};

use crate::item::PaddedItems;
use crate::randomness::Randomness;
use crate::{Item, Parameters, PsiError, Seed};

/// The items of a party, checked and padded.
fn own_items(items: Arc<[Item]>, len: usize, parameters: &Parameters, seed: &Seed) -> Result<PaddedItems, PsiError> {
    PaddedItems::new(items, len, Randomness::new(seed, &parameters.session_id, "padding"))
}
