//! The functions of RFC 9497 in base mode (mode 0), suite ristretto255-SHA512, for one input each.
//!
//! | RFC 9497 | here |
//! |---|---|
//! | `contextString` | [`CONTEXT`] |
//! | `GenerateKeyPair`, Section 3.2 | [`SecretKey::from_uniform`] |
//! | `DeriveKeyPair`, Section 3.2.1 | [`SecretKey::derive`] |
//! | `Blind`, Section 3.3.1 | [`Suite::blind`] |
//! | `BlindEvaluate`, Section 3.3.1 | [`SecretKey::blind_evaluate`] |
//! | `Finalize`, Section 3.3.1 | [`Suite::finalize`] |
//! | `Evaluate`, Section 3.3.1 | [`Suite::evaluate`] |
//!
//! Base mode has no use for a public key, so that key pairs are secret keys here.

use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::PsiError;
use crate::hash_to_group::GroupHash;
use crate::oprf::OprfOutput;
use crate::points;

/// `contextString`: "OPRFV1-", the mode in one byte, "-", the suite.
pub const CONTEXT: &[u8] = b"OPRFV1-\x00-ristretto255-SHA512";

const INPUT_TOO_LONG: PsiError = PsiError::Usage("an input of the OPRF has at most 65,535 bytes");

/// The hash function of the suite, with the state that all inputs share computed once.
#[derive(Clone)]
pub struct Suite {
    to_group: GroupHash,
}

impl Suite {
    /// The suite ristretto255-SHA512 in base mode.
    ///
    /// # Errors
    /// None in fact: the domain separation tag has a length that is allowed.
    pub fn new() -> Result<Self, PsiError> {
        Ok(Self { to_group: GroupHash::new(&[b"HashToGroup-", CONTEXT])? })
    }

    /// The group element that `input` hashes to.
    #[must_use]
    pub fn hash_to_group(&self, input: &[u8]) -> RistrettoPoint {
        self.to_group.point(input)
    }

    /// The element that goes to the server: `input` hashed to the group, times `blind`.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the input hashes to the identity or is too long, or the blind is zero.
    pub fn blind(&self, input: &[u8], blind: &Scalar) -> Result<[u8; 32], PsiError> {
        u16::try_from(input.len()).map_err(|_| INPUT_TOO_LONG)?;
        let element = (self.hash_to_group(input) * blind).compress();
        not_identity(element.as_bytes())?;
        Ok(element.to_bytes())
    }

    /// The output for `input`, from the element that the server returned and the blind.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if the element is not one of the group or the identity,
    /// [`PsiError::Usage`] if the input is too long or the blind zero.
    pub fn finalize(&self, input: &[u8], blind: &Scalar, evaluated: &[u8; 32]) -> Result<OprfOutput, PsiError> {
        if blind.ct_eq(&Scalar::ZERO).into() {
            return Err(PsiError::Usage("a blind is not zero"));
        }
        let inverse = Zeroizing::new(blind.invert());
        let element = points::decode(evaluated)? * *inverse;
        output(input, element.compress().as_bytes())
    }

    /// The output for `input`, by whoever has the key.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the input hashes to the identity or is too long.
    pub fn evaluate(&self, key: &SecretKey, input: &[u8]) -> Result<OprfOutput, PsiError> {
        let element = (self.hash_to_group(input) * key.scalar).compress();
        not_identity(element.as_bytes())?;
        output(input, element.as_bytes())
    }
}

/// The last step of `Finalize` and `Evaluate`: input and element, each after its length, hashed.
///
/// # Errors
/// [`PsiError::Usage`] if the input is too long.
pub(super) fn output(input: &[u8], element: &[u8; 32]) -> Result<OprfOutput, PsiError> {
    let length = u16::try_from(input.len()).map_err(|_| INPUT_TOO_LONG)?;
    let mut digest = Sha512::new()
        .chain_update(length.to_be_bytes())
        .chain_update(input)
        .chain_update(32u16.to_be_bytes())
        .chain_update(element)
        .chain_update(b"Finalize")
        .finalize();
    let output = Zeroizing::new(digest.into());
    digest.as_mut_slice().zeroize();
    Ok(output)
}

/// Refuses the identity, which an input hashes to with probability 2^-252.
pub(super) fn not_identity(encoding: &[u8; 32]) -> Result<(), PsiError> {
    if encoding == &[0; 32] {
        return Err(PsiError::Usage("an input hashes to the identity"));
    }
    Ok(())
}

/// The key of the function: a scalar that is not zero.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey {
    scalar: Scalar,
}

impl SecretKey {
    /// The key that 64 uniformly random bytes give.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if they give zero, which happens with probability 2^-252.
    pub fn from_uniform(bytes: &Zeroizing<[u8; 64]>) -> Result<Self, PsiError> {
        Self::nonzero(Scalar::from_bytes_mod_order_wide(bytes))
    }

    /// The key that follows from a seed and public information.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if `info` is longer than 65,535 bytes, or if 256 attempts all give zero.
    pub fn derive(seed: &[u8; 32], info: &[u8]) -> Result<Self, PsiError> {
        let length = u16::try_from(info.len())
            .map_err(|_| PsiError::Usage("the information of a key has at most 65,535 bytes"))?;
        let hash = GroupHash::new(&[b"DeriveKeyPair", CONTEXT])?;
        (0..=u8::MAX)
            .find_map(|attempt| Self::nonzero(hash.scalar(&[seed, &length.to_be_bytes(), info, &[attempt]])).ok())
            .ok_or(PsiError::Usage("no key follows from this seed"))
    }

    fn nonzero(scalar: Scalar) -> Result<Self, PsiError> {
        if scalar.ct_eq(&Scalar::ZERO).into() {
            return Err(PsiError::Usage("a key is not zero"));
        }
        Ok(Self { scalar })
    }

    /// The receiver's element, times the key.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if the element is not one of the group, or the identity.
    pub fn blind_evaluate(&self, blinded: &[u8; 32]) -> Result<[u8; 32], PsiError> {
        Ok((points::decode(blinded)? * self.scalar).compress().to_bytes())
    }

    /// Half of the key, for `points::encode_doubled`.
    pub(super) fn half(&self) -> Zeroizing<Scalar> {
        Zeroizing::new(points::half(&self.scalar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        hex::decode(hex).unwrap().try_into().unwrap()
    }

    struct Vector {
        input: &'static [u8],
        blinded: &'static str,
        evaluated: &'static str,
        output: &'static str,
    }

    const SEED: [u8; 32] = [0xa3; 32];
    const KEY_INFO: &[u8] = b"test key";
    const SECRET_KEY: &str = "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e";
    const BLIND: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";

    const VECTORS: [Vector; 2] = [
        Vector {
            input: &[0x00],
            blinded: "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
            evaluated: "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
            output: "527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3\
                     ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6",
        },
        Vector {
            input: &[0x5a; 17],
            blinded: "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
            evaluated: "b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
            output: "f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4\
                     f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73",
        },
    ];

    /// RFC 9497, Appendix A.1.1.
    #[test]
    fn gives_the_bytes_of_the_rfc() {
        let suite = Suite::new().unwrap();
        let key = SecretKey::derive(&SEED, KEY_INFO).unwrap();
        assert_eq!(hex::encode(key.scalar.as_bytes()), SECRET_KEY);
        let blind = Scalar::from_canonical_bytes(bytes(BLIND)).unwrap();
        for vector in VECTORS {
            let blinded = suite.blind(vector.input, &blind).unwrap();
            assert_eq!(hex::encode(blinded), vector.blinded);
            let evaluated = key.blind_evaluate(&blinded).unwrap();
            assert_eq!(hex::encode(evaluated), vector.evaluated);
            let output = suite.finalize(vector.input, &blind, &evaluated).unwrap();
            assert_eq!(hex::encode(*output), vector.output);
            assert_eq!(suite.evaluate(&key, vector.input).unwrap(), output);
        }
    }

    #[test]
    fn elements_of_a_peer_are_checked() {
        let suite = Suite::new().unwrap();
        let key = SecretKey::derive(&SEED, KEY_INFO).unwrap();
        for bad in [[0; 32], [0xff; 32]] {
            assert!(matches!(key.blind_evaluate(&bad), Err(PsiError::Peer(_))));
            assert!(matches!(suite.finalize(b"x", &Scalar::ONE, &bad), Err(PsiError::Peer(_))));
        }
    }

    #[test]
    fn zeros_and_long_inputs_are_refused() {
        let suite = Suite::new().unwrap();
        let key = SecretKey::derive(&SEED, KEY_INFO).unwrap();
        let element = suite.blind(b"x", &Scalar::ONE).unwrap();
        let long = [0; 1 << 16];
        assert!(matches!(suite.blind(b"x", &Scalar::ZERO), Err(PsiError::Usage(_))));
        assert!(matches!(suite.finalize(b"x", &Scalar::ZERO, &element), Err(PsiError::Usage(_))));
        assert!(matches!(suite.blind(&long, &Scalar::ONE), Err(PsiError::Usage(_))));
        assert!(matches!(suite.evaluate(&key, &long), Err(PsiError::Usage(_))));
        assert!(matches!(SecretKey::derive(&SEED, &long), Err(PsiError::Usage(_))));
        assert!(SecretKey::from_uniform(&Zeroizing::new([0; 64])).is_err());
        assert!(SecretKey::from_uniform(&Zeroizing::new([1; 64])).is_ok());
        assert!(suite.blind(&long[1..], &Scalar::ONE).is_ok());
    }

    impl SecretKey {
        /// For tests against other implementations.
        pub(in crate::dh_oprf) fn bytes(&self) -> [u8; 32] {
            self.scalar.to_bytes()
        }
    }
}
