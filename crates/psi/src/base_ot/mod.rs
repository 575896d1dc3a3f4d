//! Oblivious transfer of one out of two random keys, on ristretto255: the few from which
//! [`ot_extension`](crate::ot_extension) and the vector oblivious linear evaluation make the rest.
//!
//! The protocol of Bellare and Micali (CRYPTO 1989) as Naor and Pinkas made it fit for many
//! transfers (SODA 2001, Section 3): one element of the sender serves all of them, and the constant
//! C is hashed to the group, so that nobody knows its discrete logarithm.
//!
//! # Messages
//! ```text
//! sender: t                                     receiver: a bit c_i and a scalar s_i for each i
//!                 T = t·G ── 32 bytes ──▶
//!                 ◀── 32 bytes for each i ──    P_i,0, where P_i,c = s_i·G and P_i,0 + P_i,1 = C
//!   k_i,b = KDF(i, b, T, P_i,0, t·P_i,b)        k_i,c = KDF(i, c, T, P_i,0, s_i·T)
//! ```
//! Neither message waits for the other: they cross. G is the generator, and
//!
//! - C = `hash_to_ristretto255`("session", session id) with the tag `"yuandang psi base ot v1"`,
//! - KDF(…) = the first 16 bytes of SHA-512("yuandang psi base ot key v1" ‖ session id ‖ i, 8 bytes
//!   little-endian ‖ b, 1 byte ‖ T ‖ P_i,0 ‖ the encoding of the product), a little-endian number.
//!
//! # Security
//! Semi-honest. P_i,0 is a uniformly random element whatever the bit, so that the sender learns
//! nothing of the bits, even with unbounded computing power. That the receiver learns nothing of the
//! other keys rests on the computational Diffie–Hellman assumption in ristretto255 (about 2^126) with
//! KDF and the hash to the group as random oracles: whoever asks KDF for both t·P_i,0 and t·P_i,1
//! has their sum t·C, the product of T and an element whose logarithm it does not know. The number
//! of transfers is public.
//!
//! Both arguments hold against a dishonest party too, and yet fall short of a proof by simulation: a
//! party that deviates can make its keys other than uniformly random, and a simulator cannot read off
//! which keys a dishonest receiver chose. The malicious profile will want the protocol of Masny and
//! Rindal (CCS 2019) in this place. It takes two hashes to the group and two multiplications a transfer
//! at the sender and twice the bytes, and buys nothing against semi-honest parties.
//!
//! The time of either party does not depend on its secrets.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use receiver::Receiver;
pub use sender::Sender;

use curve25519_dalek::RistrettoPoint;
use sha2::{Digest, Sha512};
use zeroize::Zeroize;

use crate::PsiError;
use crate::hash_to_group::GroupHash;

/// Transfers that one thread takes at a time: few, since there are not many.
const CHUNK: usize = 32;

/// Tag under which the constant is hashed to the group.
const CONSTANT_TAG: &[u8] = b"yuandang psi base ot v1";

/// What every derivation of a key begins with.
const KEY_CONTEXT: &[u8] = b"yuandang psi base ot key v1";

/// C: an element whose discrete logarithm nobody knows, another in each session.
fn constant(session_id: &[u8; 32]) -> Result<RistrettoPoint, PsiError> {
    Ok(GroupHash::new(&[CONSTANT_TAG])?.point(&[b"session".as_slice(), session_id].concat()))
}

/// KDF with all that one session has in common taken in.
struct KeyDerivation {
    common: Sha512,
}

impl KeyDerivation {
    /// For the session and T, the sender's element.
    fn new(session_id: &[u8; 32]) -> Self {
        Self { common: Sha512::new().chain_update(KEY_CONTEXT).chain_update(session_id) }
    }

    /// The key `choice` of the transfer `index`, in which T is `sender`, P_0 is `receiver` and the
    /// product encodes as `shared`.
    fn key(&self, index: usize, choice: u8, sender: &[u8; 32], receiver: &[u8; 32], shared: &[u8; 32]) -> u128 {
        let mut digest = self
            .common
            .clone()
            .chain_update((index as u64).to_le_bytes())
            .chain_update([choice])
            .chain_update(sender)
            .chain_update(receiver)
            .chain_update(shared)
            .finalize();
        let key = digest.first_chunk().copied().map_or(0, u128::from_le_bytes);
        digest.as_mut_slice().zeroize();
        key
    }
}
