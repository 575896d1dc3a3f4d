//! Mode membership: the receiver learns which of its items the sender holds.
//!
//! # Messages
//! The OPRF's, then
//! ```text
//! receiver                               sender
//!            ◀── TagHighs ──             {tag(F(y))}, τ bits each, as a compressed set
//!            ◀── TagLows ──
//! ```
//! tag(F) is the beginning of a hash of F that belongs to the mode and the session (`derivation`). τ
//! follows from the error budget ([`crate::budget`]), the form of the set from n_y and τ ([`tag_set`]).
//!
//! [`tag_set`]: super::tag_set
//!
//! # What it leaks
//! The receiver learns which of its items the sender holds, and the sender's padded size. The sender
//! learns the receiver's padded size and nothing else: not even whether anything matched. Both against
//! semi-honest parties; what the OPRF rests on, this rests on.
//!
//! A dishonest receiver can enter items that it only guesses, up to its padded size. A dishonest sender
//! can leave out items, or answer with tags that match nothing; it cannot make an item match that it does
//! not know, and learns nothing by trying.

use std::ops::Range;
use std::sync::Arc;

use super::derivation::TagOnly;
use super::receiver::Reading;
use super::sender::List;
use super::tag_list::{TagList, TagWalk, ascending};
use super::{own_items, receiver, sender, tag_bits};
use crate::oprf::{Derived, OprfReceiver, OprfSender};
use crate::party::{Expected, Header, MessageKind, Next, Round};
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// The receiver's rounds. They end in [`Outcome::Matched`].
///
/// `seed` makes the random items; the OPRF may have the same.
///
/// # Errors
/// [`PsiError::Usage`] if the items are not distinct or more than the padded size,
/// [`PsiError::Budget`] if no width keeps the error budget.
pub fn membership_receiver(
    oprf: impl OprfReceiver,
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = own_items(items, parameters.sizes.receiver_len()?, parameters, seed)?;
    let bits = tag_bits(parameters, oprf.failure())?;
    let reading = ReadTags { real: items.real(), walk: TagWalk::new(parameters, bits)? };
    receiver::start(oprf, items, TagOnly::new(&parameters.session_id, bits), reading)
}

/// The sender's rounds. They end in [`Outcome::Nothing`].
///
/// `seed` makes the random items; the OPRF may have the same.
///
/// # Errors
/// As [`membership_receiver`].
pub fn membership_sender(
    oprf: impl OprfSender,
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = own_items(items, parameters.sizes.sender_len()?, parameters, seed)?;
    let bits = tag_bits(parameters, oprf.failure())?;
    let list = Tags(TagList::new(parameters, bits, seed)?);
    sender::start(oprf, items, TagOnly::new(&parameters.session_id, bits), list)
}

/// The sender's tags.
struct Tags(TagList);

impl List for Tags {
    type Derived = u128;

    fn headers(&self) -> Vec<Header> {
        self.0.headers()
    }

    fn step(&self, kind: MessageKind) -> usize {
        TagList::step(kind)
    }

    fn arrange(&mut self, derived: Derived<u128>) -> Result<(), PsiError> {
        self.0.arrange(&derived.values, |tag| *tag)
    }

    fn rows(&self, kind: MessageKind, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        self.0.rows(kind, range)
    }

    fn next(self) -> Result<Next<Outcome>, PsiError> {
        Ok(Next::Done(Outcome::Nothing))
    }
}

/// The receiver's walk along the tags.
struct ReadTags {
    /// Its own are found by the places of their items.
    walk: TagWalk,
    /// Items that are not padding.
    real: usize,
}

impl Reading for ReadTags {
    type Derived = u128;

    fn expected(&self) -> Vec<Expected> {
        self.walk.expected()
    }

    fn reads_early(&self, kind: MessageKind) -> bool {
        TagWalk::reads_early(kind)
    }

    fn arrange(&mut self, derived: Derived<u128>) -> Result<(), PsiError> {
        let place = |index| derived.places.of(index).filter(|place| (*place as usize) < self.real);
        self.walk.arrange(&derived.values, |index, tag| Some((*tag, place(index)?)))
    }

    fn read(&mut self, kind: MessageKind, elements: &[u8]) -> Result<(), PsiError> {
        self.walk.read(kind, elements)
    }

    fn next(self) -> Result<Next<Outcome>, PsiError> {
        Ok(Next::Done(Outcome::Matched(ascending(self.walk.found()?.into_iter(), self.real))))
    }
}
