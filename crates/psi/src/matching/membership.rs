//! Mode membership: the receiver learns which of its items the sender holds.
//!
//! # Messages
//! The OPRF's, then
//! ```text
//! receiver                               sender
//!            ◀── Tags, τ bits each ──    {tag(F(y))}, sorted
//! ```
//! tag(F) is the beginning of SHA-512 over a context, the mode, the session id and F (`derivation`). τ
//! follows from the error budget ([`crate::budget`]).
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
use super::tag_list::{TagList, TagWalk};
use super::{own_items, receiver, sender};
use crate::oprf::{OprfReceiver, OprfSender};
use crate::party::{Expected, Header, Next, Round};
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
    let width = parameters.budget.widths(parameters.sizes)?.tag();
    let count = parameters.sizes.sender;
    let derive = TagOnly::new(&parameters.session_id, width);
    receiver::start(oprf, items, derive, move |tags: Vec<u128>| ReadTags(TagWalk::new(tags.into_iter(), width, count)))
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
    let width = parameters.budget.widths(parameters.sizes)?.tag();
    let list = Tags(TagList::new(parameters, width, seed));
    sender::start(oprf, items, TagOnly::new(&parameters.session_id, width), list)
}

/// The sender's tags.
struct Tags(TagList);

impl List for Tags {
    type Derived = u128;

    fn header(&self) -> Header {
        self.0.header()
    }

    fn arrange(&mut self, derived: Vec<u128>) -> Result<(), PsiError> {
        self.0.arrange(derived)
    }

    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        Ok(self.0.rows(range))
    }

    fn next(self) -> Next<Outcome> {
        Next::Done(Outcome::Nothing)
    }
}

/// The receiver's walk along the tags.
struct ReadTags(TagWalk);

impl Reading for ReadTags {
    fn expected(&self) -> Expected {
        self.0.expected()
    }

    fn read(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        self.0.read(rows)
    }

    fn next(self) -> Next<Outcome> {
        Next::Done(Outcome::Matched(self.0.matched()))
    }
}
