//! The sender: has both keys of each transfer.

use curve25519_dalek::{RistrettoPoint, Scalar};
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::{CHUNK, KeyDerivation, constant};
use crate::points::{POINT_BYTES, decode, encode_doubled, half, split};
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// The sender, whose message is out.
pub struct Sender {
    session_id: [u8; 32],
    count: usize,
    /// t/2.
    half: Zeroizing<Scalar>,
    /// t·C/2.
    half_constant: Zeroizing<RistrettoPoint>,
    /// T, encoded.
    element: [u8; POINT_BYTES],
}

impl Sender {
    /// The sender of `count` transfers in the session, and its message: one group element.
    ///
    /// Its secret follows from `seed` and the session id.
    ///
    /// # Errors
    /// None in fact: the domain separation tag has a length that is allowed.
    pub fn new(session_id: &[u8; 32], seed: &Seed, count: usize) -> Result<(Self, [u8; POINT_BYTES]), PsiError> {
        let secret = Zeroizing::new(Randomness::new(seed, session_id, "base ot sender").stream(0).next_scalar());
        let half = Zeroizing::new(half(&secret));
        let half_constant = Zeroizing::new(constant(session_id)? * *half);
        let element = RistrettoPoint::mul_base(&secret).compress().to_bytes();
        Ok((Self { session_id: *session_id, count, half, half_constant, element }, element))
    }

    /// Both keys of each transfer, from the receiver's message.
    ///
    /// # Errors
    /// [`PsiError::Peer`] unless the message is one canonically encoded element for each transfer,
    /// none of them the identity.
    pub fn finish(self, message: &[u8]) -> Result<Zeroizing<Vec<[u128; 2]>>, PsiError> {
        let elements = split::<POINT_BYTES>(message, self.count)?;
        if elements.len() != self.count {
            return Err(PsiError::Peer("fewer elements than there are transfers"));
        }
        let mut keys = Zeroizing::new(vec![[0; 2]; self.count]);
        keys.par_chunks_mut(CHUNK)
            .zip(elements.par_chunks(CHUNK))
            .enumerate()
            .try_for_each(|(i, (keys, elements))| self.fill(i * CHUNK, elements, keys))?;
        Ok(keys)
    }

    /// The keys of the transfers from the one at `first` on.
    fn fill(&self, first: usize, elements: &[[u8; POINT_BYTES]], keys: &mut [[u128; 2]]) -> Result<(), PsiError> {
        let mut halves = Zeroizing::new(Vec::with_capacity(2 * elements.len()));
        for element in elements {
            let zero = decode(element)? * *self.half;
            halves.extend([zero, *self.half_constant - zero]);
        }
        let derivation = KeyDerivation::new(&self.session_id);
        let mut products = encode_doubled(&halves);
        let (pairs, _) = products.as_chunks::<2>();
        for (((pair, [zero, one]), element), index) in keys.iter_mut().zip(pairs).zip(elements).zip(first..) {
            let key = |choice, shared| derivation.key(index, choice, &self.element, element, shared);
            *pair = [key(0, zero.as_bytes()), key(1, one.as_bytes())];
        }
        products.zeroize();
        Ok(())
    }
}
