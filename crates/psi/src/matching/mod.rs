//! Matching on an oblivious pseudorandom function F, whichever it is.

mod both;
mod derivation;
mod exchange;
pub mod label;
mod labelled;
mod membership;
mod permutations;
mod receiver;
mod sender;
mod tag_list;
pub mod tag_set;

use std::sync::Arc;

pub use both::{both_receiver, both_sender};
pub use label::{Labels, pad_label, unpad_label};
pub use labelled::{labelled_receiver, labelled_sender};
pub use membership::{membership_receiver, membership_sender};

use crate::item::PaddedItems;
use crate::party::MessageKind;
use crate::randomness::Randomness;
use crate::{Item, Parameters, PsiError, Seed};

/// The items of a party, checked and padded.
fn own_items(items: Arc<[Item]>, len: usize, parameters: &Parameters, seed: &Seed) -> Result<PaddedItems, PsiError> {
    PaddedItems::new(items, len, Randomness::new(seed, &parameters.session_id, "padding"))
}

/// Bits of a tag, where an OPRF fails with a probability of `failure`/2^129.
fn tag_bits(parameters: &Parameters, failure: u128) -> Result<u32, PsiError> {
    Ok(parameters.budget.widths_with(parameters.sizes, failure)?.tag_bits())
}

/// The phase in which a message of the sender's list travels; a set of tags is two messages.
fn list_phase(kind: MessageKind) -> &'static str {
    if kind == MessageKind::TagHighs { "list, high bits" } else { "list" }
}
