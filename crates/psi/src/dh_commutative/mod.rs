//! Cardinality: how many items two sets have in common, by commuting Diffie–Hellman masks.
//!
//! The idea is Meadows' (1986) and Huberman, Franklin and Hogg's (1999): a·(b·H(x)) = b·(a·H(x)), so
//! that doubly masked items can be compared, and shuffled ones only counted. In the shape of De
//! Cristofaro, Gasti and Tsudik, "Fast and Private Computation of Cardinality of Set Intersection and
//! Union" (2012), on ristretto255.
//!
//! # Messages
//! ```text
//! receiver                                        sender
//!   {a·H(x)}, sorted        ── Blinded, 32 bytes ──▶
//!                           ◀── Masked, 32 bytes ──    {b·H(y)}, sorted
//!                           ◀── DoublyMasked ──        {T(b·a·H(x))}, sorted
//!   |{T(b·a·H(x))} ∩ {T(a·b·H(y))}|
//! ```
//! | symbol | here |
//! |---|---|
//! | a, b | `masking`: a scalar for one session |
//! | H | `hash_to_group`, under a domain separation tag with the session id |
//! | T | the first bytes of SHA-256(context ‖ session id ‖ encoding) |
//! | n_x, n_y | padded sizes of receiver and sender |
//!
//! Sorting the encodings shuffles: they are pseudorandom, whatever the items and their order. Both
//! sides compute their own masks while nothing arrives ([`Round::work`]).
//!
//! # Security
//! Semi-honest, under decisional Diffie–Hellman in ristretto255 with the hashes as random oracles.
//! The receiver learns n_y and the number of common items; the sender learns n_x and nothing else.
//! Random items pad both sets; they meet none of the peer's. A run is one whole: it must not be
//! split into bins, since the count of each would show.
//!
//! A receiver with a set of one item learns whether the sender holds it: the size that the sender
//! admits is part of what an agreement must say. A dishonest party can enter items that it guesses;
//! a dishonest sender can return tags at will and so falsify the count. A dishonest receiver can learn
//! *which* items match: it blinds each with a mask of its own, and compares the tags that come back with
//! the sender's points masked by each of these masks in turn, which costs it n_x·n_y multiplications. It
//! learns no more than mode membership would have told it.

mod masking;
mod rounds;

use std::sync::Arc;

use masking::Masking;
use rounds::{Exchange, Side};

use crate::item::PaddedItems;
use crate::party::Round;
use crate::randomness::Randomness;
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// The receiver's rounds. They end in [`Outcome::Count`].
///
/// # Errors
/// [`PsiError::Usage`] if the items are not distinct or more than the padded size,
/// [`PsiError::Budget`] if no width keeps the error budget.
pub fn cardinality_receiver(
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let (own, peer) = (parameters.sizes.receiver_len()?, parameters.sizes.sender_len()?);
    start(Side::Receiver, parameters, items, own, peer, seed)
}

/// The sender's rounds. They end in [`Outcome::Nothing`].
///
/// # Errors
/// As [`cardinality_receiver`].
pub fn cardinality_sender(
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let (own, peer) = (parameters.sizes.sender_len()?, parameters.sizes.receiver_len()?);
    start(Side::Sender, parameters, items, own, peer, seed)
}

fn start(
    side: Side,
    parameters: &Parameters,
    items: Arc<[Item]>,
    own: usize,
    peer: usize,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = PaddedItems::new(items, own, Randomness::new(seed, &parameters.session_id, "padding"))?;
    let width = parameters.budget.widths(parameters.sizes)?.distinct_tag();
    let masking = Masking::new(&parameters.session_id, width, seed)?;
    Ok(Box::new(Exchange::new(side, masking, items, peer)))
}
