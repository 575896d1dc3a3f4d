//! Mode both: each side learns which of its items the other holds.
//!
//! # Messages
//! The OPRF one way, then
//! ```text
//! receiver                                        sender
//!              ◀── Tags, τ bits each ──           {tag(F(y))}, sorted
//!              ── Claims, 16 bytes each ──▶       finds the items that are claimed
//!   {claim(F(x)) of the items that matched}, sorted
//! ```
//! claim(F) is 128 bits of the hash whose beginning is the tag.
//!
//! # What it leaks
//! To each side: which of its items the other holds, and the other's padded size. The number of claims is
//! that of the matches, and so only for the two parties: it is not part of the progress that is told to
//! others.
//!
//! A dishonest receiver can claim less than it found, and the sender then learns less. It cannot claim an
//! item that it did not enter: a claim that is none of the sender's tokens ends the run, and to guess one
//! succeeds with n_y in 2^128 for each attempt. What it entered need not be in its records, as in every
//! mode. A dishonest sender can learn which of its items the receiver *claims*, no more; with tags that
//! match nothing it is claimed nothing.

use std::ops::Range;
use std::sync::Arc;

use super::derivation::TagAndClaim;
use super::receiver::Reading;
use super::sender::List;
use super::tag_list::{TagList, TagWalk};
use super::{own_items, receiver, sender};
use crate::oprf::{OprfReceiver, OprfSender};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::split_rows;
use crate::sorted::{Ascending, Lookup};
use crate::tag::{SortedTags, TagWidth};
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// The receiver's rounds. They end in [`Outcome::Matched`].
///
/// `seed` makes the random items; the OPRF may have the same.
///
/// # Errors
/// [`PsiError::Usage`] if the items are not distinct or more than the padded size,
/// [`PsiError::Budget`] if no width keeps the error budget.
pub fn both_receiver(
    oprf: impl OprfReceiver,
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = own_items(items, parameters.sizes.receiver_len()?, parameters, seed)?;
    let width = parameters.budget.widths(parameters.sizes)?.tag();
    let count = parameters.sizes.sender;
    let derive = TagAndClaim::new(&parameters.session_id, width);
    receiver::start(oprf, items, derive, move |derived: Vec<(u128, u128)>| {
        let (tags, claims): (Vec<_>, Vec<_>) = derived.into_iter().unzip();
        ReadTags { walk: TagWalk::new(tags.into_iter(), width, count), claims }
    })
}

/// The sender's rounds. They end in [`Outcome::Matched`].
///
/// `seed` makes the random items; the OPRF may have the same.
///
/// # Errors
/// As [`both_receiver`].
pub fn both_sender(
    oprf: impl OprfSender,
    parameters: &Parameters,
    items: Arc<[Item]>,
    seed: &Seed,
) -> Result<Box<dyn Round<Output = Outcome>>, PsiError> {
    let items = own_items(items, parameters.sizes.sender_len()?, parameters, seed)?;
    let width = parameters.budget.widths(parameters.sizes)?.tag();
    let list = Tags {
        list: TagList::new(parameters, width, seed),
        claims: Vec::new(),
        real: items.real(),
        // No more than the receiver admits to have.
        most_claims: parameters.sizes.receiver_len()?.min(items.len()),
    };
    sender::start(oprf, items, TagAndClaim::new(&parameters.session_id, width), list)
}

/// The sender's tags, and the claim tokens that it will know its items by.
struct Tags {
    list: TagList,
    claims: Vec<u128>,
    /// Items that are not padding: none but these can be claimed.
    real: usize,
    most_claims: usize,
}

impl List for Tags {
    /// Tag and claim token.
    type Derived = (u128, u128);

    fn header(&self) -> Header {
        self.list.header()
    }

    fn arrange(&mut self, derived: Vec<(u128, u128)>) -> Result<(), PsiError> {
        let (tags, claims): (Vec<_>, Vec<_>) = derived.into_iter().unzip();
        self.claims = claims;
        self.claims.truncate(self.real);
        self.list.arrange(tags)
    }

    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        Ok(self.list.rows(range))
    }

    fn next(self) -> Next<Outcome> {
        Next::Round(Box::new(ReadClaims {
            own: Lookup::new(self.claims.into_iter().zip(0..).collect()),
            order: Ascending::new(),
            most: self.most_claims,
            matched: Vec::new(),
        }))
    }
}

/// The receiver's walk along the tags.
struct ReadTags {
    walk: TagWalk,
    /// In the order of the items.
    claims: Vec<u128>,
}

impl Reading for ReadTags {
    fn expected(&self) -> Expected {
        self.walk.expected()
    }

    fn read(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        self.walk.read(rows)
    }

    fn next(self) -> Next<Outcome> {
        let matched = self.walk.matched();
        let claims = matched.iter().filter_map(|index| self.claims.get(*index as usize).copied());
        let mut claims: Vec<_> = claims.collect();
        claims.sort_unstable();
        Next::Round(Box::new(SendClaims { claims: SortedTags::new(claims, TagWidth::CLAIM), matched }))
    }
}

/// The receiver's last round: the claim tokens of what matched, sorted, so that their order says
/// nothing of the order of its items.
struct SendClaims {
    claims: SortedTags,
    matched: Vec<u32>,
}

impl Round for SendClaims {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "claims"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.claims.header(MessageKind::Claims))
    }

    fn receives(&self) -> Option<Expected> {
        None
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.claims.produce(most))
    }

    fn absorb(&mut self, _: &[u8]) -> Result<(), PsiError> {
        Err(PsiError::NOTHING_DUE)
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if !self.claims.are_out() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Next::Done(Outcome::Matched(self.matched)))
    }
}

/// The sender's last round.
struct ReadClaims {
    own: Lookup<u128, u32>,
    order: Ascending<u128>,
    most: usize,
    matched: Vec<u32>,
}

impl Round for ReadClaims {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "claims"
    }

    fn sends(&self) -> Option<Header> {
        None
    }

    fn receives(&self) -> Option<Expected> {
        let count = Count::AtMost(self.most as u64);
        Some(Expected { kind: MessageKind::Claims, width: TagWidth::CLAIM.on_wire(), count })
    }

    fn produce(&mut self, _: usize) -> Result<Vec<u8>, PsiError> {
        Ok(Vec::new())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let due = self.most.saturating_sub(self.matched.len());
        for claim in split_rows(elements, TagWidth::CLAIM.bytes(), due)? {
            let claim = TagWidth::CLAIM.read(claim);
            self.order.admit(claim)?;
            match self.own.under(claim) {
                [] => return Err(PsiError::Peer("a claim to an item that is not in this set")),
                found => self.matched.extend(found.iter().map(|(_, index)| *index)),
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        self.matched.sort_unstable();
        Ok(Next::Done(Outcome::Matched(self.matched)))
    }
}
