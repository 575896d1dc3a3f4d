//! The mask of one party: items to masked points, the peer's masked points to tags.

use curve25519_dalek::Scalar;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::hash_to_group::GroupHash;
use crate::points::{POINT_BYTES, decode, encode_doubled, half, in_batches};
use crate::randomness::Randomness;
use crate::tag::TagWidth;
use crate::{Item, PsiError, Seed};

/// Precedes the session id in the domain separation tag of H: our name, then the suite of RFC 9380.
const DST: &[u8] = b"PSI-ECDH-V1-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// Precedes the session id in T: with it, one block of SHA-256.
const TAG_CONTEXT: &[u8; 32] = b"yuandang cardinality tag v1\0\0\0\0\0";

/// A secret scalar for one session, and the public functions around it.
pub(super) struct Masking {
    hash: GroupHash,
    /// Half of the mask: encodings double (see `points`).
    half: Zeroizing<Scalar>,
    before_encoding: Sha256,
    width: TagWidth,
}

impl Masking {
    /// A mask from `seed`, and tags of `width`.
    pub(super) fn new(session_id: &[u8; 32], width: TagWidth, seed: &Seed) -> Result<Self, PsiError> {
        let mask = Zeroizing::new(Randomness::new(seed, session_id, "cardinality mask").stream(0).next_scalar());
        Ok(Self {
            hash: GroupHash::new(&[DST, session_id])?,
            half: Zeroizing::new(half(&mask)),
            before_encoding: Sha256::new().chain_update(TAG_CONTEXT).chain_update(session_id),
            width,
        })
    }

    /// The width of tags.
    pub(super) fn width(&self) -> TagWidth {
        self.width
    }

    /// Encodings of the masked items, in the order of the items.
    pub(super) fn mask(&self, items: &[Item]) -> Result<Vec<[u8; POINT_BYTES]>, PsiError> {
        in_batches(items, |_, items| {
            let products = items.iter().map(|item| self.hash.point(item.as_bytes()) * *self.half);
            let halves = Zeroizing::new(products.collect::<Vec<_>>());
            Ok(encode_doubled(&halves).iter().map(|encoding| encoding.to_bytes()).collect())
        })
    }

    /// Tags of the peer's masked points, masked once more.
    pub(super) fn tags(&self, masked: &[[u8; POINT_BYTES]]) -> Result<Vec<u128>, PsiError> {
        in_batches(masked, |_, masked| {
            let products = masked.iter().map(|encoding| Ok(decode(encoding)? * *self.half));
            let halves = Zeroizing::new(products.collect::<Result<Vec<_>, PsiError>>()?);
            Ok(encode_doubled(&halves).iter().map(|encoding| self.tag(encoding.as_bytes())).collect())
        })
    }

    fn tag(&self, encoding: &[u8; POINT_BYTES]) -> u128 {
        let digest = self.before_encoding.clone().chain_update(encoding).finalize();
        self.width.read(&digest)
    }
}
