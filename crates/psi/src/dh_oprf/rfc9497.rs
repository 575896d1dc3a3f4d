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
