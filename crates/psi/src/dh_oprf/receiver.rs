//! The receiver of the OPRF: blinds its items, takes the evaluated elements, unblinds them.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::rfc9497::{Suite, not_identity, output};
use crate::item::{Item, PaddedItems};
use crate::oprf::{Derive, Derived, OprfOutput, OprfReceiver, OprfRounds, Outputs, Outstanding, Places};
use crate::party::{Count, Expected, Header, MessageKind, Next, Round};
use crate::points::{POINT_WIDTH, encode_doubled, half, in_batches, split};
use crate::randomness::Randomness;
use crate::{Parameters, PsiError, Seed, points};

/// The receiver, before its round.
pub struct Receiver {
    blinds: Randomness,
}

impl Receiver {
    /// A receiver whose blinds follow from `seed`.
    #[must_use]
    pub fn new(parameters: &Parameters, seed: &Seed) -> Self {
        Self { blinds: Randomness::new(seed, &parameters.session_id, "oprf blinds") }
    }
}

impl OprfReceiver for Receiver {
    fn start<D: Derive>(self, items: PaddedItems, derive: D) -> Result<OprfRounds<D::Derived>, PsiError> {
        let (suite, blinds) = (Suite::new()?, self.blinds);
        Ok(Box::new(Exchange { suite, blinds, items, derive, blinded: 0, derived: Vec::new() }))
    }
}

/// The one round: blinded elements out, evaluated ones back in the same order.
struct Exchange<D: Derive> {
    suite: Suite,
    blinds: Randomness,
    items: PaddedItems,
    derive: D,
    /// Items blinded so far.
    blinded: usize,
    /// What was made of the outputs so far.
    derived: Vec<D::Derived>,
}

impl<D: Derive> Exchange<D> {
    /// The blinds of the `count` items from the place `first` on.
    fn blinds(&self, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
        let mut stream = self.blinds.stream(first as u64);
        Zeroizing::new((0..count).map(|_| stream.next_scalar()).collect())
    }

    fn blind(&self, first: usize, items: &[Item]) -> Result<Vec<[u8; 32]>, PsiError> {
        let blinds = self.blinds(first, items.len());
        let halves: Vec<_> = items
            .iter()
            .zip(blinds.iter())
            .map(|(item, blind)| self.suite.hash_to_group(item.as_bytes()) * half(blind))
            .collect();
        encode_doubled(&halves)
            .into_iter()
            .map(|element| {
                not_identity(element.as_bytes())?;
                Ok(element.to_bytes())
            })
            .collect()
    }

    fn unblind(&self, first: usize, elements: &[[u8; 32]], items: &[Item]) -> Result<Vec<D::Derived>, PsiError> {
        let mut inverses = self.blinds(first, elements.len());
        Scalar::invert_batch_alloc(&mut inverses);
        let products =
            elements.iter().zip(inverses.iter()).map(|(element, inverse)| Ok(points::decode(element)? * half(inverse)));
        let halves = Zeroizing::new(products.collect::<Result<Vec<_>, PsiError>>()?);
        let encodings = encode_doubled(&halves);
        let outputs = encodings.iter().zip(items).map(|(element, item)| output(item.as_bytes(), element.as_bytes()));
        Ok(self.derive.derive(Outputs::Hashed(&outputs.collect::<Result<Vec<OprfOutput>, _>>()?)))
    }
}

impl<D: Derive> Round for Exchange<D> {
    type Output = Box<dyn Outstanding<D::Derived>>;

    fn phase(&self) -> &'static str {
        "exchange"
    }

    fn sends(&self) -> Option<Header> {
        Some(Header { kind: MessageKind::Blinded, width: POINT_WIDTH, count: self.items.len() as u64 })
    }

    fn receives(&self) -> Option<Expected> {
        let count = Count::Exactly(self.items.len() as u64);
        Some(Expected { kind: MessageKind::Evaluated, width: POINT_WIDTH, count })
    }

    fn produce(&mut self, most: usize) -> Result<Vec<u8>, PsiError> {
        let first = self.blinded;
        let items = self.items.range(first..first.saturating_add(most));
        let elements = in_batches(&items, |offset, items| self.blind(first + offset, items))?;
        self.blinded += elements.len();
        Ok(elements.into_flattened())
    }

    fn absorb(&mut self, elements: &[u8]) -> Result<(), PsiError> {
        let first = self.derived.len();
        let elements = split::<32>(elements, self.items.len() - first)?;
        let end = first + elements.len();
        if end > self.blinded {
            return Err(PsiError::Peer("an evaluated element before the blinded one was out"));
        }
        let items = self.items.range(first..end);
        let derived = in_batches(elements, |offset, elements| {
            let items = items.get(offset..offset + elements.len()).unwrap_or_default();
            self.unblind(first + offset, elements, items)
        })?;
        self.derived.extend(derived);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Next<Self::Output>, PsiError> {
        if self.derived.len() != self.items.len() {
            return Err(PsiError::Peer("fewer evaluated elements than there are blinded ones"));
        }
        Ok(Next::Done(Box::new(Derived { values: self.derived, places: Places::InOrder })))
    }
}
