//! The receiver: has the key that it chose of each transfer.

use curve25519_dalek::ristretto::RistrettoBasepointTable;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyDerivation, constant};
use crate::choices::Choices;
use crate::points::{BATCH, POINT_BYTES, decode, encode_doubled, half};
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// The receiver, whose message is out.
pub struct Receiver {
    session_id: [u8; 32],
    choices: Choices,
    secrets: Randomness,
    /// P_0 of each transfer, encoded.
    elements: Vec<[u8; POINT_BYTES]>,
}

impl Receiver {
    /// The receiver in the session that chooses by `choices`, one transfer a bit, and its message: one
    /// group element a transfer.
    ///
    /// Its secrets follow from `seed` and the session id.
    ///
    /// # Errors
    /// None in fact: the domain separation tag has a length that is allowed.
    pub fn new(session_id: &[u8; 32], seed: &Seed, choices: Choices) -> Result<(Self, Vec<u8>), PsiError> {
        let constant = constant(session_id)? * half(&Scalar::ONE);
        let mut receiver = Self {
            session_id: *session_id,
            choices,
            secrets: Randomness::new(seed, session_id, "base ot receiver"),
            elements: Vec::new(),
        };
        receiver.elements = receiver.in_batches(|first, choices| {
            let halves = receiver.halves(first, choices.len());
            let halves = choices.iter().zip(halves.iter()).map(|(choice, half)| {
                let own = RistrettoPoint::mul_base(half);
                RistrettoPoint::conditional_select(&own, &(constant - own), Choice::from(*choice))
            });
            let halves = Zeroizing::new(halves.collect::<Vec<_>>());
            encode_doubled(&halves).iter().map(|element| element.to_bytes()).collect()
        });
        let message = receiver.elements.as_flattened().to_vec();
        Ok((receiver, message))
    }

    /// The chosen key of each transfer, from the sender's message.
    ///
    /// # Errors
    /// [`PsiError::Peer`] unless the message is one canonically encoded element and not the identity.
    pub fn finish(self, message: &[u8]) -> Result<Zeroizing<Vec<u128>>, PsiError> {
        let sender: [u8; POINT_BYTES] =
            message.try_into().map_err(|_| PsiError::Peer("another number of elements than one"))?;
        let table = RistrettoBasepointTable::create(&decode(&sender)?);
        let derivation = KeyDerivation::new(&self.session_id);
        let keys = self.in_batches(|first, choices| {
            let halves = self.halves(first, choices.len());
            let halves = Zeroizing::new(halves.iter().map(|half| half * &table).collect::<Vec<_>>());
            let mut products = encode_doubled(&halves);
            let elements = self.elements.iter().skip(first);
            let transfers = products.iter().zip(choices).zip(elements).zip(first..);
            let keys = transfers.map(|(((product, choice), element), index)| {
                derivation.key(index, *choice, &sender, element, product.as_bytes())
            });
            let keys = keys.collect();
            products.zeroize();
            keys
        });
        Ok(Zeroizing::new(keys))
    }

    /// s_i/2 of the `count` transfers from the one at `first` on.
    fn halves(&self, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
        let mut stream = self.secrets.stream(first as u64);
        Zeroizing::new((0..count).map(|_| half(&stream.next_scalar())).collect())
    }

    /// Runs `batch` on the choices of every so many transfers in parallel, and strings the results
    /// together. It is told with which transfer the batch begins.
    fn in_batches<T: Send>(&self, batch: impl Fn(usize, &[u8]) -> Vec<T> + Sync) -> Vec<T> {
        let mut choices = Zeroizing::new(Vec::with_capacity(self.choices.len()));
        choices.extend(self.choices.iter().map(|choice| choice.unwrap_u8()));
        let batches = choices.par_chunks(BATCH).enumerate().map(|(i, choices)| batch(i * BATCH, choices));
        batches.collect::<Vec<_>>().into_iter().flatten().collect()
    }
}
