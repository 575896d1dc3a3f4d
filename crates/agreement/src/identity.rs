//! Identity keys: the Ed25519 keys that participants are known by.
//!
//! An identity key lives for years and endorses the TLS certificates of its participant, which live
//! for months. Peers pin the public key in their configuration, written `ed25519:` and 64 hex digits.

use std::{fmt, str::FromStr};

use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Why an identity key is not usable.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentityError {
    /// Not a public key as it is written.
    #[error("a pinned identity is written ed25519: and 64 hex digits")]
    PublicForm,
    /// The bytes are no point, a weak one, or not its one encoding.
    #[error("this identity key is not a valid Ed25519 public key")]
    PublicPoint,
    /// Not a private key.
    #[error("this is not an Ed25519 private key in PKCS #8 PEM")]
    PrivateForm,
}

/// A participant's public key, as its peers pin it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdentityPublicKey([u8; 32]);

impl IdentityPublicKey {
    /// Takes 32 bytes that a configuration or a peer names as a key.
    ///
    /// # Errors
    /// [`IdentityError::PublicPoint`] if they are no point of the curve, one of small order, or another
    /// way to write a point than its own (RFC 8032, 5.1.3): one key must not stand twice among pins.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, IdentityError> {
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() && key.to_edwards().compress().0 == bytes => Ok(Self(bytes)),
            _ => Err(IdentityError::PublicPoint),
        }
    }

    /// The 32 bytes (RFC 8032).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is one of this key over `message`, by the strict rule (RFC 8032, 5.1.7, and no point of small
    /// order), so that all who verify agree.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl TryFrom<String> for IdentityPublicKey {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<IdentityPublicKey> for String {
    fn from(key: IdentityPublicKey) -> Self {
        key.to_string()
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
    /// identity endorses it. Nothing else may be signed this way: statements have a context of their own.
    #[must_use]
    pub fn endorse_certificate(&self, to_be_signed: &[u8]) -> [u8; 64] {
        self.0.sign(to_be_signed).to_bytes()
    }

    /// Signs the bytes of a statement, which begin with its context ([`crate::statement`]).
    pub(crate) fn sign_statement(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, 7.1, test 1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    /// RFC 8410, 10.3 and 10.1.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PEM_PUBLIC: &str = "ed25519:19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";

    fn key() -> IdentityKey {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(SEED, seed.as_mut_slice()).unwrap();
        IdentityKey::from_seed(&seed)
    }

    #[test]
    fn a_public_key_is_printed_as_it_is_read() {
        let public = key().public();
        assert_eq!(public.to_string(), PUBLIC);
        assert_eq!(format!("{public:?}"), PUBLIC);
        assert_eq!(PUBLIC.parse(), Ok(public));
        assert_eq!(IdentityPublicKey::from_bytes(*public.as_bytes()), Ok(public));
        let capitals = PUBLIC.to_uppercase().replace("ED25519", "ed25519");
        assert_eq!(capitals.parse(), Ok(public));
    }

    #[test]
    fn text_that_is_no_public_key_is_refused() {
        let digits = PUBLIC.strip_prefix("ed25519:").unwrap();
        let form = [
            String::new(),
            "ed25519:".to_owned(),
            digits.to_owned(),
            format!("x25519:{digits}"),
            format!("ED25519:{digits}"),
            format!(" ed25519:{digits}"),
            format!("ed25519: {digits}"),
            format!("ed25519:{}", &digits[2..]),
            format!("ed25519:{}", &digits[1..]),
            format!("ed25519:{digits}00"),
            format!("ed25519:0x{}", &digits[2..]),
            format!("ed25519:{}g", &digits[1..]),
            format!("ed25519:{digits}\n"),
        ];
        for text in form {
            assert_eq!(text.parse::<IdentityPublicKey>(), Err(IdentityError::PublicForm), "{text:?}");
        }
    }

    #[test]
    fn points_that_are_off_the_curve_or_weak_or_written_in_another_way_are_refused() {
        let (ends_7f, ff) = (format!("{}7f", "ff".repeat(30)), "ff".repeat(32));
        let zeros = "00".repeat(31);
        for (what, digits) in [
            ("not on the curve", format!("02{zeros}")),
            ("the neutral element", format!("01{zeros}")),
            ("of order 2", format!("ec{ends_7f}")),
            ("of order 4", format!("00{zeros}")),
            ("of order 4, the other", format!("{}80", "00".repeat(31))),
            ("of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".to_owned()),
            ("of order 8, the other", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".to_owned()),
            ("the neutral element, not reduced", format!("ee{ends_7f}")),
            ("y = 3, not reduced", format!("f0{ends_7f}")),
            ("y = 18, not reduced", format!("ff{ends_7f}")),
            ("y = 18, not reduced, negative", ff),
        ] {
            let read = format!("ed25519:{digits}").parse::<IdentityPublicKey>();
            assert_eq!(read, Err(IdentityError::PublicPoint), "{what}");
        }
        // The same point, reduced.
        assert!(format!("ed25519:03{zeros}").parse::<IdentityPublicKey>().is_ok());
    }

    #[test]
    fn a_private_key_goes_through_pem() {
        let pem = key().to_pem().unwrap();
        assert_eq!(IdentityKey::from_pem(&pem).unwrap().public(), key().public());
        assert_eq!(IdentityKey::from_pem(PEM).unwrap().public().to_string(), PEM_PUBLIC);
        let cut = &PEM[..PEM.len() - 40];
        let other_label = PEM.replace("PRIVATE", "PUBLIC");
        // Object identifier 1.3.101.110, X25519, in the place of 1.3.101.112.
        let other_algorithm = PEM.replace("K2Vw", "K2Vu");
        for bad in ["", "no key", cut, &other_label, &other_algorithm] {
            assert_eq!(IdentityKey::from_pem(bad).unwrap_err(), IdentityError::PrivateForm, "{bad}");
        }
    }

    #[test]
    fn a_private_key_prints_nothing_of_itself() {
        assert_eq!(format!("{:?}", key()), "IdentityKey(..)");
        assert_eq!(format!("{:#?}", key()), "IdentityKey(..)");
    }

    #[test]
    fn an_endorsement_is_a_signature_of_the_identity() {
        let signature = key().endorse_certificate(b"a certificate").into();
        let public = VerifyingKey::from_bytes(key().public().as_bytes()).unwrap();
        assert!(public.verify_strict(b"a certificate", &signature).is_ok());
        assert!(public.verify_strict(b"another certificate", &signature).is_err());
    }
}
