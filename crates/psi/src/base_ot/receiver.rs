//! The receiver: has the key that it chose of each transfer.

use curve25519_dalek::ristretto::RistrettoBasepointTable;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::{CHUNK, KeyDerivation, constant};
use crate::choices::Choices;
use crate::points::{POINT_BYTES, decode, encode_doubled, half};
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
        let half_constant = constant(session_id)? * half(&Scalar::ONE);
        let secrets = Randomness::new(seed, session_id, "base ot receiver");
        let mut elements = vec![[0; POINT_BYTES]; choices.len()];
        elements.par_chunks_mut(CHUNK).zip(unpack(&choices).par_chunks(CHUNK)).enumerate().for_each(
            |(i, (elements, choices))| {
                let halves = halves(&secrets, i * CHUNK, choices.len());
                let halves = halves.iter().zip(choices).map(|(half, choice)| {
                    let own = RistrettoPoint::mul_base(half);
                    RistrettoPoint::conditional_select(&own, &(half_constant - own), Choice::from(*choice))
                });
                let halves = Zeroizing::new(halves.collect::<Vec<_>>());
                let encoded = encode_doubled(&halves);
                elements.iter_mut().zip(&encoded).for_each(|(to, from)| *to = from.to_bytes());
            },
        );
        let message = elements.as_flattened().to_vec();
        Ok((Self { session_id: *session_id, choices, secrets, elements }, message))
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
        let mut keys = Zeroizing::new(vec![0; self.choices.len()]);
        let choices = unpack(&self.choices);
        let transfers = self.elements.par_chunks(CHUNK).zip(choices.par_chunks(CHUNK));
        keys.par_chunks_mut(CHUNK).zip(transfers).enumerate().for_each(|(i, (keys, (elements, choices)))| {
            let halves = halves(&self.secrets, i * CHUNK, choices.len());
            let halves = Zeroizing::new(halves.iter().map(|half| half * &table).collect::<Vec<_>>());
            let mut products = encode_doubled(&halves);
            let transfers = elements.iter().zip(choices).zip(&products).zip(i * CHUNK..);
            for (key, (((element, choice), product), index)) in keys.iter_mut().zip(transfers) {
                *key = derivation.key(index, *choice, &sender, element, product.as_bytes());
            }
            products.zeroize();
        });
        Ok(keys)
    }
}

/// The choice bits, a byte each.
fn unpack(choices: &Choices) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(choices.len()));
    bytes.extend(choices.iter().map(|choice| choice.unwrap_u8()));
    bytes
}

/// s_i/2 of the `count` transfers from the one at `first` on.
fn halves(secrets: &Randomness, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
    let mut stream = secrets.stream(first as u64);
    Zeroizing::new((0..count).map(|_| half(&stream.next_scalar())).collect())
}
