//! Identity keys: the Ed25519 keys that participants are known by.
//!
//! An identity key lives for years and endorses the TLS certificates of its participant, which live
//! for months. Peers pin the public key in their configuration, written `ed25519:` and 64 hex digits.

use std::{fmt, str::FromStr};

use ed25519_dalek::{
    Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use zeroize::Zeroizing;

/// Why an identity key is not usable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Not a public key as it is written.
    #[error("a pinned identity is written ed25519: and 64 hex digits")]
    PublicForm,
    /// The bytes are no point, or a weak one.
    #[error("this identity key is not a valid Ed25519 public key")]
    PublicPoint,
    /// Not a private key.
    #[error("this is not an Ed25519 private key in PKCS #8 PEM")]
    PrivateForm,
}

/// A participant's public key, as its peers pin it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdentityPublicKey([u8; 32]);

impl IdentityPublicKey {
    /// Takes 32 bytes that a configuration or a peer names as a key.
    ///
    /// # Errors
    /// [`IdentityError::PublicPoint`] if they are no point of the curve or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, IdentityError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(IdentityError::PublicPoint),
        }
    }

    /// The 32 bytes (RFC 8032).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for IdentityPublicKey {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let digits = text.strip_prefix("ed25519:").ok_or(IdentityError::PublicForm)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| IdentityError::PublicForm)?;
        Self::from_bytes(bytes)
    }
}

impl fmt::Display for IdentityPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for IdentityPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A participant's private identity key. Erased when dropped; prints nothing of itself.
pub struct IdentityKey(SigningKey);

impl IdentityKey {
    /// The key of a 32-byte seed, which the caller draws from the system's randomness.
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key from PKCS #8 PEM (RFC 8410).
    ///
    /// # Errors
    /// [`IdentityError::PrivateForm`].
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| IdentityError::PrivateForm)
    }

    /// Writes the key as PKCS #8 PEM (RFC 8410).
    ///
    /// # Errors
    /// [`IdentityError::PrivateForm`] if the encoder fails.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, IdentityError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| IdentityError::PrivateForm)
    }

    /// Signs the to-be-signed bytes of an X.509 certificate (RFC 5280, 4.1.1.1), which is how an
    /// identity endorses it. Nothing else may be signed this way: later signatures have contexts.
    #[must_use]
    pub fn endorse_certificate(&self, to_be_signed: &[u8]) -> [u8; 64] {
        self.0.sign(to_be_signed).to_bytes()
    }

    /// The key that peers pin.
    #[must_use]
    pub fn public(&self) -> IdentityPublicKey {
        IdentityPublicKey(self.0.verifying_key().to_bytes())
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(..)")
    }
}
