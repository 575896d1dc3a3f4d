//! Bytes to a uniformly distributed element of ristretto255 whose discrete logarithm nobody knows.
//!
//! RFC 9380, `hash_to_ristretto255` (Appendix B): `expand_message_xmd` with SHA-512 (Section 5.3.1)
//! to 64 bytes, then the one-way map of RFC 9496, Section 4.3.4.
//!
//! | RFC 9380 | here |
//! |---|---|
//! | `msg` | `message` |
//! | `DST_prime` | [`GroupHash::dst_prime`] |
//! | `Z_pad` | one block of zeros; the hash state after it is kept in [`GroupHash::after_z_pad`] |
//! | `b_0`, `b_i` | `b_0`, `b_i` |
//!
//! The time depends on the length of the message alone.

use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};

use crate::PsiError;

/// The hash function to the group under one domain separation tag.
#[derive(Clone)]
pub struct GroupHash {
    after_z_pad: Sha512,
    dst_prime: Vec<u8>,
}

impl GroupHash {
    /// The hash function under the domain separation tag `dst`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the tag is empty or longer than 255 bytes.
    pub fn new(dst: &[&[u8]]) -> Result<Self, PsiError> {
        let mut dst_prime = dst.concat();
        let length = u8::try_from(dst_prime.len()).ok().filter(|length| *length > 0);
        dst_prime.push(length.ok_or(PsiError::Usage("a domain separation tag has 1 to 255 bytes"))?);
        Ok(Self { after_z_pad: Sha512::new().chain_update([0; 128]), dst_prime })
    }

    /// `expand_message_xmd` of RFC 9380: fills `out` with bytes that look uniformly random.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if `out` is longer than 255 hashes.
    pub fn expand(&self, message: &[&[u8]], out: &mut [u8]) -> Result<(), PsiError> {
        const TOO_LONG: PsiError = PsiError::Usage("a hash is expanded to 255 times its length at most");
        let length = u16::try_from(out.len()).map_err(|_| TOO_LONG)?;
        let mut hash = self.after_z_pad.clone();
        message.iter().for_each(|part| hash.update(part));
        let b_0 = hash.chain_update(length.to_be_bytes()).chain_update([0]).chain_update(&self.dst_prime).finalize();
        let mut mixed = b_0;
        for (block, i) in out.chunks_mut(64).zip(1u16..) {
            let i = u8::try_from(i).map_err(|_| TOO_LONG)?;
            let b_i = Sha512::new().chain_update(mixed).chain_update([i]).chain_update(&self.dst_prime).finalize();
            block.iter_mut().zip(b_i).for_each(|(to, from)| *to = from);
            mixed.iter_mut().zip(b_0.iter().zip(b_i)).for_each(|(to, (b_0, b_i))| *to = b_0 ^ b_i);
        }
        Ok(())
    }

    /// Hashes `message` to the group.
    #[must_use]
    pub fn point(&self, message: &[u8]) -> RistrettoPoint {
        RistrettoPoint::from_uniform_bytes(&self.uniform(&[message]))
    }

    /// Hashes `message` to a scalar, as RFC 9497 does for this group: 64 expanded bytes, the least
    /// significant first, modulo the order of the group.
    #[must_use]
    pub fn scalar(&self, message: &[&[u8]]) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.uniform(message))
    }

    /// [`expand`](Self::expand) to just one hash, which cannot fail.
    fn uniform(&self, message: &[&[u8]]) -> [u8; 64] {
        let mut out = [0; 64];
        let expanded = self.expand(message, &mut out);
        debug_assert!(expanded.is_ok());
        out
    }
}
