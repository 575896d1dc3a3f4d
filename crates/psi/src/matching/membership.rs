//! Mode membership: the receiver learns which of its items the sender holds.

use std::ops::Range;
use std::sync::Arc;

use super::derivation::TagOnly;
use super::receiver::Reading;
use super::sender::List;
use super::tag_list::TagList;
use super::{own_items, receiver, sender};
use crate::oprf::{OprfReceiver, OprfSender};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::randomness::Randomness;
use crate::sorted::{Ascending, Lookup};
use crate::tag::number;
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
    let width = parameters.budget.widths(parameters.sizes)?.tag_bytes();
    let count = parameters.sizes.sender;
    let derive = TagOnly::new(&parameters.session_id, width);
    receiver::start(oprf, items, derive, move |tags: Vec<u128>| ReadTags {
        own: Lookup::new(tags.into_iter().zip(0..).collect()),
        order: Ascending::new(),
        width,
        count,
        matched: Vec::new(),
    })
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
    let width = parameters.budget.widths(parameters.sizes)?.tag_bytes();
    let list = Tags {
        list: TagList::default(),
        width,
        count: parameters.sizes.sender,
        spare: Randomness::new(seed, &parameters.session_id, "spare tags"),
    };
    sender::start(oprf, items, TagOnly::new(&parameters.session_id, width), list)
}

/// The sender's tags.
struct Tags {
    list: TagList,
    width: usize,
    count: u64,
    spare: Randomness,
}

impl List for Tags {
    type Derived = u128;

    fn header(&self) -> Header {
        Header { kind: MessageKind::Tags, width: self.width as u32, count: self.count }
    }

    fn arrange(&mut self, derived: Vec<u128>) -> Result<(), PsiError> {
        self.list = TagList::new(derived, self.width, &self.spare)?;
        Ok(())
    }

    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        Ok(self.list.rows(range, self.width))
    }

    fn next(self) -> Next<Outcome> {
        Next::Done(Outcome::Nothing)
    }
}

/// The receiver's walk along the tags.
struct ReadTags {
    own: Lookup<u128, u32>,
    order: Ascending<u128>,
    width: usize,
    count: u64,
    matched: Vec<u32>,
}

impl Reading for ReadTags {
    fn expected(&self) -> Expected {
        Expected { kind: MessageKind::Tags, width: self.width as u32, count: Count::Exactly(self.count) }
    }

    fn read(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        for row in rows.chunks_exact(self.width) {
            let tag = number(row);
            self.order.admit(tag)?;
            self.matched.extend(self.own.under(tag).iter().map(|(_, index)| *index));
        }
        Ok(())
    }

    fn next(mut self) -> Result<Next<Outcome>, PsiError> {
        self.matched.sort_unstable();
        Ok(Next::Done(Outcome::Matched(self.matched)))
    }
}
