//! The sender of the OPRF: multiplies what it is sent by its key, and evaluates its own items.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::rfc9497::{SecretKey, Suite, not_identity, output};
use crate::item::Item;
use crate::oprf::{Derive, Evaluator, OprfSender, OprfSenderStart};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_BYTES, POINT_WIDTH, encode_doubled, in_batches, split};
use crate::randomness::Randomness;
use crate::{Parameters, PsiError, Seed, points};

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
    type Evaluator = KeyedFunction;

    fn start(self) -> Result<OprfSenderStart<KeyedFunction>, PsiError> {
        let function = Arc::new(KeyedFunction { suite: Suite::new()?, key: self.key });
        let round =
            Exchange { function: Arc::clone(&function), count: self.count, absorbed: 0, out: Vec::new(), sent: 0 };
        Ok(OprfSenderStart { rounds: Box::new(round), evaluator: Some(function) })
    }
}

/// The function with its key.
pub struct KeyedFunction {
    suite: Suite,
    key: SecretKey,
}

impl Evaluator for KeyedFunction {
    fn evaluate<D: Derive>(&self, items: &[Item], derive: &D) -> Result<Vec<D::Derived>, PsiError> {
        let half = self.key.half();
        in_batches(items, |_, items| {
            let products = items.iter().map(|item| self.suite.hash_to_group(item.as_bytes()) * *half);
            let halves = Zeroizing::new(products.collect::<Vec<_>>());
            encode_doubled(&halves)
                .iter()
                .zip(items)
                .map(|(element, item)| {
                    not_identity(element.as_bytes())?;
                    Ok(derive.derive(&output(item.as_bytes(), element.as_bytes())?))
                })
                .collect()
        })
    }
}

/// The one round: blinded elements in, evaluated ones back in the same order.
struct Exchange {
    function: Arc<KeyedFunction>,
    count: usize,
    absorbed: usize,
    /// Evaluated elements, of which the first `sent` bytes are out.
    out: Vec<u8>,
    sent: usize,
}

impl Round for Exchange {
    type Output = Arc<KeyedFunction>;

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
        let half = self.function.key.half();
        let evaluated = in_batches(elements, |_, elements| {
            let halves: Vec<_> =
                elements.iter().map(|element| Ok(points::decode(element)? * *half)).collect::<Result<_, PsiError>>()?;
            Ok(encode_doubled(&halves).iter().map(|element| element.to_bytes()).collect())
        })?;
        self.absorbed += evaluated.len();
        self.out.extend_from_slice(evaluated.as_flattened());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Next<Self::Output>, PsiError> {
        if self.absorbed != self.count {
            return Err(PsiError::Peer("fewer blinded elements than agreed"));
        }
        if !self.out.is_empty() {
            return Err(PsiError::CUT_SHORT);
        }
        Ok(Next::Done(self.function))
    }
}
