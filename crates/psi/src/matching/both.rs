//! Mode both: each side learns which of its items the other holds.

use std::ops::Range;
use std::sync::Arc;

use super::derivation::TagAndClaim;
use super::receiver::Reading;
use super::sender::List;
use super::tag_list::TagList;
use super::{own_items, receiver, sender};
use crate::oprf::{OprfReceiver, OprfSender};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::split;
use crate::randomness::Randomness;
use crate::sorted::{Ascending, Lookup};
use crate::tag::{number, write};
use crate::{Item, Outcome, Parameters, PsiError, Seed};

/// Bytes of a claim token.
const CLAIM_BYTES: usize = 16;

/// The message of claim tokens: no more than the smaller set has items.
fn claims_expected(parameters: &Parameters) -> Expected {
    let most = parameters.sizes.receiver.min(parameters.sizes.sender);
    Expected { kind: MessageKind::Claims, width: CLAIM_BYTES as u32, count: Count::AtMost(most) }
}

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
    let width = parameters.budget.widths(parameters.sizes)?.tag_bytes();
    let count = parameters.sizes.sender;
    let derive = TagAndClaim::new(&parameters.session_id, width);
    receiver::start(oprf, items, derive, move |derived: Vec<(u128, u128)>| {
        let (tags, claims): (Vec<_>, Vec<_>) = derived.into_iter().unzip();
        let own = Lookup::new(tags.into_iter().zip(0..).collect());
        ReadTags { own, claims, order: Ascending::new(), width, count, matched: Vec::new() }
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
    let width = parameters.budget.widths(parameters.sizes)?.tag_bytes();
    let list = Tags {
        list: TagList::default(),
        claims: Vec::new(),
        real: items.real(),
        width,
        count: parameters.sizes.sender,
        spare: Randomness::new(seed, &parameters.session_id, "spare tags"),
        expected: claims_expected(parameters),
    };
    sender::start(oprf, items, TagAndClaim::new(&parameters.session_id, width), list)
}

/// The sender's tags, and the claim tokens that it will know its items by.
struct Tags {
    list: TagList,
    claims: Vec<u128>,
    real: usize,
    width: usize,
    count: u64,
    spare: Randomness,
    expected: Expected,
}

impl List for Tags {
    type Derived = (u128, u128);

    fn header(&self) -> Header {
        Header { kind: MessageKind::Tags, width: self.width as u32, count: self.count }
    }

    fn arrange(&mut self, derived: Vec<(u128, u128)>) -> Result<(), PsiError> {
        let (tags, claims): (Vec<_>, Vec<_>) = derived.into_iter().unzip();
        self.claims = claims;
        self.claims.truncate(self.real);
        self.list = TagList::new(tags, self.width, &self.spare)?;
        Ok(())
    }

    fn rows(&self, range: Range<usize>) -> Result<Vec<u8>, PsiError> {
        Ok(self.list.rows(range, self.width))
    }

    fn next(self) -> Next<Outcome> {
        Next::Round(Box::new(ReadClaims {
            own: Lookup::new(self.claims.into_iter().zip(0..).collect()),
            order: Ascending::new(),
            expected: self.expected,
            matched: Vec::new(),
        }))
    }
}

/// The receiver's walk along the tags.
struct ReadTags {
    own: Lookup<u128, u32>,
    /// In the order of the items.
    claims: Vec<u128>,
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
        let claims = self.matched.iter().filter_map(|index| self.claims.get(*index as usize).copied());
        let mut claims: Vec<_> = claims.collect();
        claims.sort_unstable();
        Ok(Next::Round(Box::new(SendClaims { claims, sent: 0, matched: self.matched })))
    }
}

/// The receiver's last round: the claim tokens of what matched, sorted, so that their order says
/// nothing of the order of its items.
struct SendClaims {
    claims: Vec<u128>,
    sent: usize,
    matched: Vec<u32>,
}

impl Round for SendClaims {
    type Output = Outcome;

    fn phase(&self) -> &'static str {
        "claims"
    }

    fn sends(&self) -> Option<Header> {
        let count = self.claims.len() as u64;
        Some(Header { kind: MessageKind::Claims, width: CLAIM_BYTES as u32, count })
    }

    fn receives(&self) -> Option<Expected> {
        None
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let due = self.claims.get(self.sent..).unwrap_or_default();
        let due = due.get(..most).unwrap_or(due);
        let mut rows = Vec::with_capacity(due.len() * CLAIM_BYTES);
        due.iter().for_each(|claim| write(*claim, CLAIM_BYTES, &mut rows));
        self.sent += due.len();
        Ok(rows)
    }

    fn absorb(&mut self, _: &[u8]) -> Result<(), PsiError> {
        Err(PsiError::Peer("elements where none were due"))
    }

    fn finish(self: Box<Self>) -> Result<Next<Outcome>, PsiError> {
        if self.sent != self.claims.len() {
            return Err(PsiError::Usage("a round was ended before its message was out"));
        }
        Ok(Next::Done(Outcome::Matched(self.matched)))
    }
}

/// The sender's last round.
struct ReadClaims {
    own: Lookup<u128, u32>,
    order: Ascending<u128>,
    expected: Expected,
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
        Some(self.expected)
    }

    fn produce(&mut self, _: usize) -> Result<Vec<u8>, PsiError> {
        Ok(Vec::new())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let most = usize::try_from(self.expected.count.most()).unwrap_or(usize::MAX);
        for claim in split::<CLAIM_BYTES>(elements, most.saturating_sub(self.matched.len()))? {
            let claim = number(claim);
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
