//! Statements: what participants sign, each kind apart from all others.
//!
//! An envelope is the canonical JSON (RFC 8785) of who signed, with which key, what kind of statement it is, the statement, and
//! an Ed25519 signature (RFC 8032) in hex digits. What is signed is
//!
//! ```text
//! "yuandang statement v1" ‖ 0 ‖ kind ‖ 0 ‖ canonical JSON of {"identity", "kind", "signer", "statement"}
//! ```
//!
//! A value of [`Signed`] always carries a valid signature of the key that it names. Whether that key is the signer's is for
//! whoever has pins to say ([`Signed::is_by`]).

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    canonical::{CanonicalError, Digest, from_canonical, to_canonical},
    identity::{IdentityKey, IdentityPublicKey},
    participant::ParticipantId,
};

/// What signatures are told apart from all others by.
const CONTEXT: &[u8] = b"yuandang statement v1";

/// Something that can be signed.
pub trait Statement: Serialize + DeserializeOwned {
    /// The name of its kind: small letters.
    const KIND: &'static str;

    /// Checks what its types do not: lengths of texts, numbers that fit together.
    ///
    /// # Errors
    /// In words for an operator.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Signs as a participant. A file's key today; a hardware module behind the same calls.
pub trait Signer: Send + Sync {
    /// The identity that it signs as.
    fn identity(&self) -> IdentityPublicKey;

    /// An Ed25519 signature over these bytes.
    ///
    /// # Errors
    /// [`SignerError`] if it cannot sign now.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError>;
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the signer does not sign: {0}")]
pub struct SignerError(pub String);

impl Signer for IdentityKey {
    fn identity(&self) -> IdentityPublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(self.sign_statement(message))
    }
}

/// Why bytes are no statement of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StatementError {
    /// Not in the form.
    #[error("the statement is not in its form: {0}")]
    Form(#[from] CanonicalError),
    /// Of another kind.
    #[error("the statement is of kind {found:?}, and {wanted:?} was wanted")]
    Kind {
        /// What was wanted.
        wanted: &'static str,
        /// What it says it is.
        found: String,
    },
    /// Its content cannot be.
    #[error("the statement says what cannot be: {0}")]
    Content(String),
    /// The signature does not verify.
    #[error("the signature is not one of the key that the statement names, over this statement")]
    Signature,
    /// Nothing was signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// A statement with a valid signature of the key that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    statement: T,
    signer: ParticipantId,
    identity: IdentityPublicKey,
    signature: [u8; 64],
}

/// What is hashed and signed.
#[derive(Serialize)]
struct Unsigned<'a, T> {
    identity: &'a IdentityPublicKey,
    kind: &'a str,
    signer: &'a ParticipantId,
    statement: &'a T,
}

/// What travels.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    identity: IdentityPublicKey,
    kind: String,
    signature: String,
    signer: ParticipantId,
    statement: T,
}

/// What is read first of an envelope.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// The kind that an envelope says it is.
///
/// # Errors
/// [`StatementError::Form`] if there is none.
pub fn kind_of(bytes: &[u8]) -> Result<String, StatementError> {
    if bytes.len() > crate::canonical::MOST_BYTES {
        return Err(CanonicalError::Long.into());
    }
    let kind: Kind = serde_json::from_slice(bytes).map_err(|error| CanonicalError::Form(error.to_string()))?;
    Ok(kind.kind)
}

impl<T: Statement> Signed<T> {
    /// Signs a statement as `signer`.
    ///
    /// # Errors
    /// [`StatementError`] if it cannot be written or the key does not sign.
    pub fn sign(statement: T, signer: &ParticipantId, key: &dyn Signer) -> Result<Self, StatementError> {
        statement.validate().map_err(StatementError::Content)?;
        let identity = key.identity();
        let message = message(&statement, signer, &identity)?;
        let signature = key.sign(&message)?;
        // A module that signs something else is found out here, not at the peer.
        if !identity.verifies(&message, &signature) {
            return Err(StatementError::Signature);
        }
        Ok(Self { statement, signer: signer.clone(), identity, signature })
    }

    /// Reads an envelope and verifies its signature by the key that it names.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        let found = kind_of(bytes)?;
        if found != T::KIND {
            let found = crate::printable(&found, 32);
            return Err(StatementError::Kind { wanted: T::KIND, found });
        }
        let Envelope { identity, signature: digits, signer, statement, .. } = from_canonical::<Envelope<T>>(bytes)?;
        let mut signature = [0; 64];
        hex::decode_to_slice(&digits, &mut signature).map_err(|_| StatementError::Signature)?;
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(CanonicalError::NotCanonical.into());
        }
        statement.validate().map_err(StatementError::Content)?;
        if !identity.verifies(&message(&statement, &signer, &identity)?, &signature) {
            return Err(StatementError::Signature);
        }
        Ok(Self { statement, signer, identity, signature })
    }

    /// The envelope.
    ///
    /// # Errors
    /// None for a value that was read or signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        let (signer, kind) = (self.signer.clone(), T::KIND.to_owned());
        let statement = &self.statement;
        Ok(to_canonical(&Envelope {
            identity: self.identity,
            kind,
            signature: hex::encode(self.signature),
            signer,
            statement,
        })?)
    }

    /// SHA-256 of what was signed: the statement's name, whoever repeats it.
    ///
    /// # Errors
    /// None for a value that was read or signed.
    pub fn digest(&self) -> Result<Digest, StatementError> {
        Ok(Digest::of(&[&message(&self.statement, &self.signer, &self.identity)?]))
    }

    /// What it says.
    pub fn statement(&self) -> &T {
        &self.statement
    }

    /// Who says that it signed.
    pub fn signer(&self) -> &ParticipantId {
        &self.signer
    }

    /// The key that signed.
    pub fn identity(&self) -> &IdentityPublicKey {
        &self.identity
    }

    /// Whether it was signed as `participant` with this key.
    pub fn is_by(&self, participant: &ParticipantId, identity: &IdentityPublicKey) -> bool {
        self.signer == *participant && self.identity == *identity
    }
}

/// The bytes that are signed.
pub(crate) fn message<T: Statement>(
    statement: &T,
    signer: &ParticipantId,
    identity: &IdentityPublicKey,
) -> Result<Vec<u8>, CanonicalError> {
    let text = to_canonical(&Unsigned { identity, kind: T::KIND, signer, statement })?;
    if text.len() > crate::canonical::MOST_BYTES {
        return Err(CanonicalError::Long);
    }
    Ok([CONTEXT, b"\0", T::KIND.as_bytes(), b"\0", &text].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Promise {
        days: u64,
    }

    impl Statement for Promise {
        const KIND: &'static str = "promise";

        fn validate(&self) -> Result<(), String> {
            if self.days == 0 { Err("no days".to_owned()) } else { Ok(()) }
        }
    }

    /// The same content under another name.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Threat {
        days: u64,
    }

    impl Statement for Threat {
        const KIND: &'static str = "threat";
    }

    fn key(seed: u8) -> IdentityKey {
        IdentityKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn anhui() -> ParticipantId {
        "anhui".parse().unwrap()
    }

    fn promise() -> Signed<Promise> {
        Signed::sign(Promise { days: 7 }, &anhui(), &key(1)).unwrap()
    }

    #[test]
    fn the_bytes_of_an_envelope_are_pinned() {
        let text = String::from_utf8(promise().to_bytes().unwrap()).unwrap();
        let identity = "ed25519:8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
        let signature = text.split("\"signature\":\"").nth(1).unwrap().split('"').next().unwrap();
        let wanted = format!(
            "{{\"identity\":\"{identity}\",\"kind\":\"promise\",\"signature\":\"{signature}\",\
             \"signer\":\"anhui\",\"statement\":{{\"days\":7}}}}"
        );
        assert_eq!(text, wanted);
        let signed = format!(
            "yuandang statement v1\0promise\0{{\"identity\":\"{identity}\",\"kind\":\"promise\",\"signer\":\"anhui\",\
             \"statement\":{{\"days\":7}}}}"
        );
        let signature: [u8; 64] = hex::decode(signature).unwrap().try_into().unwrap();
        assert!(key(1).public().verifies(signed.as_bytes(), &signature));
        assert_eq!(promise().digest().unwrap(), Digest::of(&[signed.as_bytes()]));
    }

    #[test]
    fn what_was_signed_is_read_back_and_names_its_signer() {
        let read = Signed::<Promise>::from_bytes(&promise().to_bytes().unwrap()).unwrap();
        assert_eq!(read, promise());
        assert!(read.is_by(&anhui(), &key(1).public()));
        assert!(!read.is_by(&anhui(), &key(2).public()));
        assert!(!read.is_by(&"jiangsu".parse().unwrap(), &key(1).public()));
    }

    #[test]
    fn a_signature_of_one_kind_is_none_of_another() {
        let bytes = promise().to_bytes().unwrap();
        let refused = Signed::<Threat>::from_bytes(&bytes).unwrap_err();
        assert_eq!(refused, StatementError::Kind { wanted: "threat", found: "promise".to_owned() });
        let renamed = String::from_utf8(bytes).unwrap().replace("promise", "threat");
        assert_eq!(Signed::<Threat>::from_bytes(renamed.as_bytes()), Err(StatementError::Signature));
    }

    #[test]
    fn edits_and_other_keys_are_found_out() {
        let text = String::from_utf8(promise().to_bytes().unwrap()).unwrap();
        let other = key(2).public().to_string();
        for edited in [
            text.replace("\"days\":7", "\"days\":8"),
            text.replace("anhui", "jiangsu"),
            text.replace(&key(1).public().to_string(), &other),
        ] {
            assert_eq!(Signed::<Promise>::from_bytes(edited.as_bytes()), Err(StatementError::Signature), "{edited}");
        }
        let nothing = Signed::<Promise>::from_bytes(text.replace("\"days\":7", "\"days\":0").as_bytes());
        assert_eq!(nothing, Err(StatementError::Content("no days".to_owned())));
        let more = Signed::<Promise>::from_bytes(text.replace("\"days\":7", "\"days\":7,\"hours\":1").as_bytes());
        assert!(matches!(more, Err(StatementError::Form(CanonicalError::Form(_)))), "{more:?}");
        let spaced = Signed::<Promise>::from_bytes(text.replace("\"days\":7", "\"days\": 7").as_bytes());
        assert_eq!(spaced, Err(StatementError::Form(CanonicalError::NotCanonical)));
        let signature = text.split("\"signature\":\"").nth(1).unwrap().split('"').next().unwrap();
        let capitals = Signed::<Promise>::from_bytes(text.replace(signature, &signature.to_uppercase()).as_bytes());
        assert!(capitals.is_err());
        assert_eq!(
            Signed::sign(Promise { days: 0 }, &anhui(), &key(1)),
            Err(StatementError::Content("no days".into()))
        );
    }

    #[test]
    fn a_signer_that_signs_something_else_is_found_out() {
        struct Broken;
        impl Signer for Broken {
            fn identity(&self) -> IdentityPublicKey {
                key(1).public()
            }

            fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignerError> {
                key(1).sign(b"something else")
            }
        }
        assert_eq!(Signed::sign(Promise { days: 7 }, &anhui(), &Broken), Err(StatementError::Signature));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_statement(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Signed::<Promise>::from_bytes(&bytes).is_err());
        }

        #[test]
        fn no_changed_byte_goes_unseen(at: prop::sample::Index, bit in 0_u8..8, cut: bool) {
            let mut bytes = promise().to_bytes().unwrap();
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            prop_assert!(Signed::<Promise>::from_bytes(&bytes).is_err());
        }
    }
}
