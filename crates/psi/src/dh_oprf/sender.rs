//! The sender of the OPRF: multiplies what it is sent by its key, and evaluates its own items.
//!
//! It has its key from the start, so that it evaluates own items whenever nothing arrives; those that are
//! left when the exchange is over are [`Outstanding`].

use zeroize::Zeroizing;

use super::rfc9497::{SecretKey, Suite, not_identity, output};
use crate::item::PaddedItems;
use crate::oprf::{Derive, Derived, OprfOutput, OprfRounds, OprfSender, Outputs, Outstanding, Places};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_BYTES, POINT_WIDTH, encode_doubled, in_batches, split};
use crate::randomness::Randomness;
use crate::{Parameters, PsiError, Seed, points};

/// Items that one step of work evaluates, for each thread.
const STEP_PER_THREAD: usize = 1024;

/// The sender, before its round.
pub struct Sender {
    key: SecretKey,
    /// Elements that the receiver will send.
    count: usize,
}

impl Sender {
    /// A sender whose key follows from `seed` and the session id.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the receiver's set is too large for one run.
    pub fn new(parameters: &Parameters, seed: &Seed) -> Result<Self, PsiError> {
        let seed = Randomness::new(seed, &parameters.session_id, "oprf key").seed();
        let key = SecretKey::derive(&seed, &parameters.session_id)?;
        Ok(Self { key, count: parameters.sizes.receiver_len()? })
    }
}

impl OprfSender for Sender {
    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        let own = OwnOutputs { suite: Suite::new()?, key: self.key, items, derive, derived: Vec::new() };
        Ok(Box::new(Exchange { own, count: self.count, absorbed: 0, out: Vec::new(), sent: 0 }))
    }
}

/// What is derived from the outputs of one's own items, computed step by step.
struct OwnOutputs<D: Derive> {
    suite: Suite,
    key: SecretKey,
    items: PaddedItems,
    derive: D,
    /// In the order of the items.
    derived: Vec<D::Derived>,
}

impl<D: Derive> Outstanding<D::Derived> for OwnOutputs<D> {
    fn step(&mut self) -> Result<bool, PsiError> {
        let first = self.derived.len();
        let items = self.items.range(first..first + STEP_PER_THREAD * rayon::current_num_threads());
        let half = self.key.half();
        let derived = in_batches(&items, |_, items| {
            let products = items.iter().map(|item| self.suite.hash_to_group(item.as_bytes()) * *half);
            let halves = Zeroizing::new(products.collect::<Vec<_>>());
            let encodings = encode_doubled(&halves);
            let outputs = encodings.iter().zip(items).map(|(element, item)| {
                not_identity(element.as_bytes())?;
                output(item.as_bytes(), element.as_bytes())
            });
            Ok(self.derive.derive(Outputs::Hashed(&outputs.collect::<Result<Vec<OprfOutput>, _>>()?)))
        })?;
        self.derived.extend(derived);
        Ok(!items.is_empty())
    }

    fn finish(mut self: Box<Self>) -> Result<Derived<D::Derived>, PsiError> {
        while self.step()? {}
        Ok(Derived { values: self.derived, places: Places::InOrder })
    }
}

/// The one round: blinded elements in, evaluated ones back in the same order.
struct Exchange<D: Derive> {
    own: OwnOutputs<D>,
    count: usize,
    absorbed: usize,
    /// Evaluated elements, of which the first `sent` bytes are out.
    out: Vec<u8>,
    sent: usize,
}

impl<D: Derive> Round for Exchange<D> {
    type Output = Box<dyn Outstanding<D::Derived>>;

    fn phase(&self) -> &'static str {
        "exchange"
    }

    fn sends(&self) -> Option<Header> {
        Some(Header { kind: MessageKind::Evaluated, width: POINT_WIDTH, count: self.count as u64 })
    }

    fn receives(&self) -> Option<Expected> {
        let count = Count::Exactly(self.count as u64);
        Some(Expected { kind: MessageKind::Blinded, width: POINT_WIDTH, count })
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let due = self.out.get(self.sent..).unwrap_or_default();
        let elements = due.get(..most.saturating_mul(POINT_BYTES)).unwrap_or(due).to_vec();
        self.sent += elements.len();
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(elements)
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let elements = split::<POINT_BYTES>(elements, self.count - self.absorbed)?;
        let half = self.own.key.half();
        let evaluated = in_batches(elements, |_, elements| {
            let halves: Vec<_> =
                elements.iter().map(|element| Ok(points::decode(element)? * *half)).collect::<Result<_, PsiError>>()?;
            Ok(encode_doubled(&halves).iter().map(|element| element.to_bytes()).collect())
        })?;
        self.absorbed += evaluated.len();
        self.out.extend_from_slice(evaluated.as_flattened());
        Ok(())
    }

    fn work(&mut self) -> Result<bool, PsiError> {
        self.own.step()
    }

    fn finish(self: Box<Self>) -> Result<Next<Self::Output>, PsiError> {
        if self.absorbed != self.count {
            return Err(PsiError::Peer("fewer blinded elements than agreed"));
        }
        if !self.out.is_empty() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Next::Done(Box::new(self.own)))
    }
}
