//! Mode both: each side learns which of its items the other holds.
//!
//! # Messages
//! The OPRF one way, then
//! ```text
//! receiver                                        sender
//!              ◀── TagHighs ──                    {tag(F(y))}, as a compressed set
//!              ◀── TagLows ──
//!              ── Claims, 16 bytes each ──▶       finds the items that are claimed
//!   {claim(F(x)) of the items that matched}, sorted
//! ```
//! claim(F) is 128 bits of F hashed, as independent of the tag as the parts of a hash are (`derivation`).
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
use super::tag_list::{TagList, TagWalk, ascending};
use super::tag_set::{OwnTags, sort};
use super::{own_items, receiver, sender, tag_bits};
use crate::oprf::{Derived, OprfReceiver, OprfSender, Places};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::split_rows;
use crate::sorted::Ascending;
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
    let bits = tag_bits(parameters, oprf.failure())?;
    let (walk, real) = (TagWalk::new(parameters, bits)?, items.real());
    let reading = ReadTags { walk, real, claims: Vec::new(), places: Places::InOrder };
    receiver::start(oprf, items, TagAndClaim::new(&parameters.session_id, bits), reading)
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
    let bits = tag_bits(parameters, oprf.failure())?;
    let list = Tags {
        list: TagList::new(parameters, bits, seed)?,
        claims: Vec::new(),
        places: Places::InOrder,
        real: items.real(),
        // No more than the receiver admits to have.
        most_claims: parameters.sizes.receiver_len()?.min(items.len()),
    };
    sender::start(oprf, items, TagAndClaim::new(&parameters.session_id, bits), list)
}

/// The claim tokens, in the room that they had together with the tags.
fn claims(values: Vec<(u128, u128)>) -> Vec<u128> {
    values.into_iter().map(|(_, claim)| claim).collect()
}

/// The sender's tags, and the claim tokens that it will know its items by.
struct Tags {
    list: TagList,
    claims: Vec<u128>,
    places: Places,
    /// Items that are not padding: none but these can be claimed.
    real: usize,
    most_claims: usize,
}

impl List for Tags {
    /// Tag and claim token.
    type Derived = (u128, u128);

    fn headers(&self) -> Vec<Header> {
        self.list.headers()
    }

    fn step(&self, kind: MessageKind) -> usize {
        TagList::step(kind)
    }

    fn arrange(&mut self, derived: Derived<(u128, u128)>) -> Result<(), PsiError> {
        self.list.arrange(&derived.values, |(tag, _)| *tag)?;
        (self.claims, self.places) = (claims(derived.values), derived.places);
        Ok(())
    }

    fn rows(&self, kind: MessageKind, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        self.list.rows(kind, range)
    }

    fn next(self) -> Result<Next<Outcome>, PsiError> {
        let Self { list, claims, places, real, most_claims } = self;
        drop(list);
        let place = |index| places.of(index).filter(|place| (*place as usize) < real);
        let bits = TagWidth::CLAIM.on_wire() * 8;
        let own = OwnTags::new(bits, &claims, |index, claim| Some((*claim, place(index)?)))?;
        let (order, matched) = (Ascending::new(), Vec::new());
        Ok(Next::Round(Box::new(ReadClaims { own, order, most: most_claims, read: 0, real, matched })))
    }
}

/// The receiver's walk along the tags.
struct ReadTags {
    /// Its own are found by their index among what was derived.
    walk: TagWalk,
    /// Items that are not padding.
    real: usize,
    claims: Vec<u128>,
    places: Places,
}

impl Reading for ReadTags {
    /// Tag and claim token.
    type Derived = (u128, u128);

    fn expected(&self) -> Vec<Expected> {
        self.walk.expected()
    }

    fn reads_early(&self, kind: MessageKind) -> bool {
        TagWalk::reads_early(kind)
    }

    fn arrange(&mut self, derived: Derived<(u128, u128)>) -> Result<(), PsiError> {
        let Derived { values, places } = derived;
        let is_real = |index| places.of(index).is_some_and(|place| (place as usize) < self.real);
        self.walk.arrange(&values, |index, (tag, _)| {
            u32::try_from(index).ok().filter(|_| is_real(index)).map(|index| (*tag, index))
        })?;
        (self.claims, self.places) = (claims(values), places);
        Ok(())
    }

    fn read(&mut self, kind: MessageKind, elements: &[u8]) -> Result<(), PsiError> {
        self.walk.read(kind, elements)
    }

    fn next(self) -> Result<Next<Outcome>, PsiError> {
        let found = self.walk.found()?;
        let places = found.iter().filter_map(|index| self.places.of(*index as usize));
        let matched = ascending(places, self.real);
        let claim = |index: &u32| Some((self.claims.get(*index as usize).copied()?, ()));
        let claims = sort(TagWidth::CLAIM.on_wire() * 8, &found, |_, index| claim(index))?.tags;
        let claims = SortedTags::new(claims, TagWidth::CLAIM);
        Ok(Next::Round(Box::new(SendClaims { claims, matched })))
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

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.claims.produce(most))
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
    own: OwnTags,
    order: Ascending<u128>,
    most: usize,
    /// Claims that were read.
    read: usize,
    /// Items that are not padding.
    real: usize,
    /// Places of the items that are claimed.
    matched: Vec<u32>,
}

impl Round for ReadClaims {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "claims"
    }

    fn receives(&self) -> Option<Expected> {
        let count = Count::AtMost(self.most as u64);
        Some(Expected { kind: MessageKind::Claims, width: TagWidth::CLAIM.on_wire(), count })
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let due = self.most.saturating_sub(self.read);
        let rows = split_rows(elements, TagWidth::CLAIM.bytes(), due)?;
        let claims: Vec<_> = rows.map(|claim| TagWidth::CLAIM.read(claim)).collect();
        claims.iter().try_for_each(|claim| self.order.admit(*claim))?;
        self.read += claims.len();
        if self.own.meet(&claims, &mut self.matched) != claims.len() {
            return Err(PsiError::Peer("a claim to an item that is not in this set"));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        Ok(Next::Done(Outcome::Matched(ascending(self.matched.into_iter(), self.real))))
    }
}
