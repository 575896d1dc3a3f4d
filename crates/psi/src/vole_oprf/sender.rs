//! The sender: grows trees, learns the masked vector, and evaluates F by its secret.

use std::sync::Arc;

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::VoleField;
use super::evaluation::{Adjust, Evaluation};
use super::message::{Gathering, Outgoing, SHORT};
use super::own::Own;
use super::plan::{FieldChoice, MOST_ATTEMPTS, Plan};
use super::receiver::{ATTEMPT_BYTES, BASE_TRANSFERS};
use crate::choices::Choices;
use crate::gf::{Element, Gf64, Gf128};
use crate::item::PaddedItems;
use crate::okvs::{Layout, Rows};
use crate::oprf::{Derive, Derived, OprfRounds, OprfSender, Outstanding};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_BYTES, split_rows};
use crate::randomness::Randomness;
use crate::subfield_vole::noise_shares::{DELTA_BITS, Taken};
use crate::{Parameters, PsiError, Seed, base_ot, ot_extension};

/// Columns that one thread takes at a time.
const TASK: usize = 1 << 13;

/// Trees whose elements one frame carries.
const TREES_PER_STEP: usize = 64;

/// The sender, before its rounds.
pub struct Sender {
    parameters: Parameters,
    /// Tests put a worse one here.
    pub(super) plan: Plan,
    seed: Seed,
}

impl Sender {
    /// A sender whose secrets follow from `seed` and the session id.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn new(parameters: &Parameters, seed: &Seed) -> Result<Self, PsiError> {
        Ok(Self { parameters: *parameters, plan: Plan::new(parameters)?, seed: seed.clone() })
    }

    fn rounds<B: VoleField, D: Derive>(
        self,
        items: PaddedItems,
        derive: D,
    ) -> Result<OprfRounds<D::Derived>, PsiError> {
        let Self { parameters: Parameters { session_id, .. }, plan, seed } = self;
        let mut secrets = Randomness::new(&seed, &session_id, "vole secrets").stream(0);
        // Independent: no assumption has to cover both uses of one secret.
        let delta = Zeroizing::new(u128::from_le_bytes(secrets.next()));
        let extension = Zeroizing::new(u128::from_le_bytes(secrets.next()));
        let choices = Choices::from_blocks(&[*delta, *extension]);
        let (transfers, elements) = base_ot::Receiver::new(&session_id, &seed, choices)?;
        let party = Party::<B, D> { own: Own::new(session_id, plan, &seed, items)?, plan, session_id, derive, delta };
        Ok(Box::new(Opening {
            transfers,
            extension,
            out: Outgoing::new(MessageKind::BaseChoices, POINT_BYTES, elements),
            key: Gathering::new(MessageKind::BaseKey, POINT_BYTES, 1),
            party,
        }))
    }
}

impl OprfSender for Sender {
    fn failure(&self) -> u128 {
        self.plan.failure
    }

    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        match self.plan.field {
            FieldChoice::Gf64 => self.rounds::<Gf64, D>(items, derive),
            FieldChoice::Gf128 => self.rounds::<Gf128, D>(items, derive),
        }
    }
}

/// What goes from round to round.
struct Party<B: VoleField, D> {
    own: Own<B>,
    plan: Plan,
    session_id: [u8; 32],
    derive: D,
    /// Δ.
    delta: Zeroizing<u128>,
}

type Rest<D> = Box<dyn Outstanding<<D as Derive>::Derived>>;

/// First round: the base transfers.
struct Opening<B: VoleField, D> {
    transfers: base_ot::Receiver,
    /// Δ of the extension.
    extension: Zeroizing<u128>,
    out: Outgoing,
    key: Gathering,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Round for Opening<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "base transfers"
    }

    fn sends(&self) -> Option<Header> {
        Some(self.out.header())
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.key.expected())
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        Ok(self.out.produce(most))
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.key.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        // What follows is work and memory by the size that the receiver told: not before it has spoken.
        Ok(self.key.is_whole() && self.party.own.step()?)
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { transfers, extension, key, party, .. } = *self;
        let mut keys = transfers.finish(&key.finish()?)?;
        if keys.len() != BASE_TRANSFERS {
            return Err(PsiError::Usage("too few base transfers"));
        }
        let for_trees = Zeroizing::new(keys.split_off(DELTA_BITS));
        let transfers = party.own.forest().transfers();
        let taken = Taken::<B>::new(*party.delta, keys, party.plan.noise.blocks())?;
        let width = ot_extension::column_bytes(transfers).max(1);
        let count = if transfers == 0 { 0 } else { ot_extension::BASE_TRANSFERS };
        let columns = Gathering::new(MessageKind::Transfers, width, count);
        Ok(Next::Round(Box::new(Extending { columns, for_trees, extension, taken, party })))
    }
}

/// Second round: the transfers for the trees.
struct Extending<B: VoleField, D> {
    columns: Gathering,
    for_trees: Zeroizing<Vec<u128>>,
    extension: Zeroizing<u128>,
    taken: Taken<B>,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Round for Extending<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "transfers"
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.columns.expected())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.columns.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.own.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { columns, for_trees, extension, taken, party } = *self;
        let transfers = party.own.forest().transfers();
        let columns = columns.finish()?;
        let keys = ot_extension::send(&party.session_id, &for_trees, *extension, transfers, &columns)?;
        Ok(Next::Round(Box::new(TakingShares { keys, taken, party })))
    }
}

/// Third round: the receiver's masked noise.
struct TakingShares<B: VoleField, D> {
    keys: Zeroizing<Vec<[u128; 2]>>,
    taken: Taken<B>,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Round for TakingShares<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "noise"
    }

    fn receives(&self) -> Option<Expected> {
        let width = u32::try_from(self.taken.row_bytes()).unwrap_or(u32::MAX);
        Some(Expected { kind: MessageKind::MaskedNoise, width, count: Count::Exactly(DELTA_BITS as u64) })
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.taken.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.own.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { keys, taken, party } = *self;
        let attempt = Gathering::new(MessageKind::RowSeed, ATTEMPT_BYTES, 1);
        Ok(Next::Round(Box::new(Answering {
            attempt,
            answer: Answer { keys, shares: taken.finish()?, sent: 0 },
            party,
        })))
    }
}

/// What the trees' elements are masked with.
struct Answer {
    keys: Zeroizing<Vec<[u128; 2]>>,
    /// b: shares of the noise times Δ.
    shares: Zeroizing<Vec<u128>>,
    /// Trees whose elements are out.
    sent: usize,
}

/// Fourth round: the trees' elements go out, and the number of the receiver's seed comes in.
struct Answering<B: VoleField, D> {
    attempt: Gathering,
    answer: Answer,
    party: Party<B, D>,
}

impl<B: VoleField, D: Derive> Round for Answering<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "trees"
    }

    fn sends(&self) -> Option<Header> {
        let forest = self.party.own.forest();
        let width = u32::try_from(forest.element_bytes()).unwrap_or(u32::MAX);
        Some(Header { kind: MessageKind::Corrections, width, count: forest.trees() as u64 })
    }

    fn receives(&self) -> Option<Expected> {
        Some(self.attempt.expected())
    }

    fn step(&self) -> usize {
        TREES_PER_STEP
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let Answer { keys, shares, sent } = &mut self.answer;
        let depth = self.party.own.forest().depth();
        let end = self.party.own.grown().min(sent.saturating_add(most));
        if end <= *sent {
            return Ok(Vec::new());
        }
        let keys = keys.get(*sent * depth..end * depth).unwrap_or_default();
        let elements = self.party.own.elements(*sent..end, keys, shares.get(*sent..end).unwrap_or_default())?;
        *sent = end;
        Ok(elements)
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        self.attempt.absorb(elements)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.party.own.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        let Self { attempt, answer, mut party } = *self;
        if answer.sent != party.own.forest().trees() {
            return Err(PsiError::CUT_SHORT);
        }
        let attempt = attempt.finish()?.as_slice().try_into().map(u32::from_le_bytes).map_err(|_| SHORT)?;
        if attempt >= MOST_ATTEMPTS {
            return Err(PsiError::Peer("a seed beyond those that are tried"));
        }
        let rows = party.own.rows_of(attempt)?;
        let Party { own, plan, derive, delta, .. } = party;
        let by_secret = BySecret { delta: delta.clone(), field: std::marker::PhantomData };
        let evaluation = Evaluation::new(plan.layout, rows, Arc::new(derive), by_secret);
        Ok(Next::Round(Box::new(Taking { own, delta, evaluation, layout: plan.layout })))
    }
}

/// The sender's sums contain Δ times what the row of the item would give, were it the receiver's: that much
/// is taken off.
struct BySecret<B> {
    delta: Zeroizing<u128>,
    field: std::marker::PhantomData<B>,
}

impl<B: VoleField> Adjust for BySecret<B> {
    fn adjust(&self, rows: &Rows, first: usize, sums: &mut [u128]) {
        B::add_scaled(*self.delta, &rows.values_of::<B::Element>(first..first + sums.len()), sums);
    }
}

/// Fifth round: the masked vector comes in.
struct Taking<B: VoleField, D: Derive> {
    own: Own<B>,
    delta: Zeroizing<u128>,
    evaluation: Evaluation<D, BySecret<B>>,
    layout: Layout,
}

impl<B: VoleField, D: Derive> Round for Taking<B, D> {
    type Output = Rest<D>;

    fn phase(&self) -> &'static str {
        "masked vector"
    }

    fn receives(&self) -> Option<Expected> {
        let width = u32::try_from(B::Element::BYTES).unwrap_or(u32::MAX);
        Some(Expected { kind: MessageKind::MaskedVector, width, count: Count::Exactly(self.layout.columns() as u64) })
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let first = self.evaluation.columns();
        let count = split_rows(elements, B::Element::BYTES, self.layout.columns() - first)?.len();
        let masked: Vec<B::Element> = B::Element::read(elements).collect();
        let columns = self.own.products(first..first + count)?;
        let (delta, tasks) = (*self.delta, masked.par_chunks(TASK));
        columns
            .par_chunks_mut(TASK)
            .zip(tasks)
            .with_max_len(1)
            .for_each(|(columns, masked)| B::add_scaled(delta, masked, columns));
        self.evaluation.push(columns)
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        Ok(self.own.step()? || self.evaluation.step()?)
    }

    fn finish(self: Box<Self>) -> Result<Next<Rest<D>>, PsiError> {
        if self.evaluation.columns() != self.layout.columns() {
            return Err(SHORT);
        }
        Ok(Next::Done(Box::new(Left { evaluation: self.evaluation })))
    }
}

/// What is left to compute when the vector is there.
struct Left<B: VoleField, D: Derive> {
    evaluation: Evaluation<D, BySecret<B>>,
}

impl<B: VoleField, D: Derive> Outstanding<D::Derived> for Left<B, D> {
    fn step(&mut self) -> Result<bool, PsiError> {
        self.evaluation.step()
    }

    fn finish(self: Box<Self>) -> Result<Derived<D::Derived>, PsiError> {
        self.evaluation.finish()
    }
}
