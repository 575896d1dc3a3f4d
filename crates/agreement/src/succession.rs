//! Succession: "this key takes the place of that one", when an identity is retired or its key is lost.
//!
//! The new key signs the statement. Unless the old key is lost, it signs the same content, and its signature stands in the
//! statement, so that the new one covers it and nobody can take it out. What the old key signs is
//!
//! ```text
//! "yuandang statement v1" ‖ 0 ‖ "succession" ‖ 0 ‖ canonical JSON of {"identity": new, "kind", "signer", "statement"}
//! ```
//!
//! with a statement that has no old signature yet. An envelope that names the old key as its identity would sign other bytes,
//! so this signature is good for nothing else.
//!
//! A statement without the old signature proves that somebody has a new key, and nothing about the old one: whether it is
//! the participant who says so has to be found out in another way.

use serde::{Deserialize, Serialize};

use crate::{
    acts::reason,
    canonical::{CanonicalError, Digest},
    identity::IdentityPublicKey,
    moment::Moment,
    participant::ParticipantId,
    statement::{Signed, Signer, Statement, StatementError, message},
};

/// What the envelope holds. [`Succession`] is one whose signatures are all verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// When.
    at: Moment,
    /// The key whose place is taken.
    old: IdentityPublicKey,
    /// The old key's signature in small hex digits; nothing if the old key is lost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    old_signature: Option<String>,
    /// Why.
    reason: String,
}

impl Statement for Content {
    const KIND: &'static str = "succession";

    fn validate(&self) -> Result<(), String> {
        reason(&self.reason)
    }
}

/// The kind of the statement.
pub const KIND: &str = Content::KIND;

/// Whose word a succession stands on.
#[derive(Clone, Copy)]
pub enum Old<'a> {
    /// The old key is at hand, and signs too.
    Retired(&'a dyn Signer),
    /// It is lost, or may be in the hands of others; only the new key signs.
    Lost(IdentityPublicKey),
}

/// "This key takes the place of that one", with a valid signature of the new key, and one of the old key unless it is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession(Signed<Content>);

impl Succession {
    /// Signs that `new` takes the place of `old` as the identity of `participant`.
    ///
    /// # Errors
    /// [`StatementError`] if both keys are the same, the reason is none, or a key does not sign.
    pub fn sign(
        participant: &ParticipantId,
        old: Old<'_>,
        new: &dyn Signer,
        (at, reason): (Moment, &str),
    ) -> Result<Self, StatementError> {
        let identity = match old {
            Old::Retired(signer) => signer.identity(),
            Old::Lost(identity) => identity,
        };
        let mut content = Content { at, old: identity, old_signature: None, reason: reason.to_owned() };
        content.validate().map_err(StatementError::Content)?;
        if let Old::Retired(signer) = old {
            let signature = signer.sign(&message(&content, participant, &new.identity())?)?;
            content.old_signature = Some(hex::encode(signature));
        }
        Self::verified(Signed::sign(content, participant, new)?)
    }

    /// Reads an envelope and verifies both signatures.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        Self::verified(Signed::from_bytes(bytes)?)
    }

    /// One whose new key has signed.
    fn verified(signed: Signed<Content>) -> Result<Self, StatementError> {
        let content = signed.statement();
        if content.old == *signed.identity() {
            return Err(StatementError::Content("a key cannot take its own place".to_owned()));
        }
        if let Some(digits) = &content.old_signature {
            let mut signature = [0; 64];
            hex::decode_to_slice(digits, &mut signature).map_err(|_| StatementError::Signature)?;
            if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(CanonicalError::NotCanonical.into());
            }
            let unsigned = Content { old_signature: None, ..content.clone() };
            if !content.old.verifies(&message(&unsigned, signed.signer(), signed.identity())?, &signature) {
                return Err(StatementError::Signature);
            }
        }
        Ok(Self(signed))
    }

    /// The envelope.
    ///
    /// # Errors
    /// None for one that was read or signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        self.0.to_bytes()
    }

    /// SHA-256 of what the new key signed.
    ///
    /// # Errors
    /// None for one that was read or signed.
    pub fn digest(&self) -> Result<Digest, StatementError> {
        self.0.digest()
    }

    /// Whose identity it is about.
    #[must_use]
    pub fn participant(&self) -> &ParticipantId {
        self.0.signer()
    }

    /// The key whose place is taken.
    #[must_use]
    pub fn old_key(&self) -> IdentityPublicKey {
        self.0.statement().old
    }

    /// The key that takes it.
    #[must_use]
    pub fn new_key(&self) -> IdentityPublicKey {
        *self.0.identity()
    }

    /// Whether the old key signed as well. Otherwise the statement alone proves nothing about the participant.
    #[must_use]
    pub fn is_signed_by_old(&self) -> bool {
        self.0.statement().old_signature.is_some()
    }

    /// When it was signed, by the signer's clock.
    #[must_use]
    pub fn at(&self) -> Moment {
        self.0.statement().at
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.statement().reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        acts::{Change, Standing},
        contract::tests::key,
    };

    fn anhui() -> ParticipantId {
        "anhui".parse().unwrap()
    }

    fn at() -> Moment {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn retired() -> Succession {
        Succession::sign(&anhui(), Old::Retired(&key(1)), &key(2), (at(), "the year is over")).unwrap()
    }

    fn lost() -> Succession {
        Succession::sign(&anhui(), Old::Lost(key(1).public()), &key(2), (at(), "the year is over")).unwrap()
    }

    fn text(succession: &Succession) -> String {
        String::from_utf8(succession.to_bytes().unwrap()).unwrap()
    }

    fn read(text: &str) -> Result<Succession, StatementError> {
        Succession::from_bytes(text.as_bytes())
    }

    /// The value of a field of text.
    fn field<'a>(text: &'a str, name: &str) -> &'a str {
        text.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap()
    }

    #[test]
    fn it_is_read_as_it_is_written_and_its_bytes_are_pinned() {
        for (succession, signed_by_old) in [(retired(), true), (lost(), false)] {
            let text = text(&succession);
            assert_eq!(read(&text).unwrap(), succession);
            assert_eq!(succession.is_signed_by_old(), signed_by_old);
            let about = (succession.participant().clone(), succession.old_key(), succession.new_key());
            assert_eq!(about, (anhui(), key(1).public(), key(2).public()));
            let old_signature = if signed_by_old {
                format!("\"old_signature\":\"{}\",", field(&text, "old_signature"))
            } else {
                String::new()
            };
            let wanted = format!(
                "{{\"identity\":\"{}\",\"kind\":\"succession\",\"signature\":\"{}\",\"signer\":\"anhui\",\"statement\":\
                 {{\"at\":\"2026-03-01T00:00:00Z\",\"old\":\"{}\",{old_signature}\"reason\":\"the year is over\"}}}}",
                key(2).public(),
                field(&text, "signature"),
                key(1).public(),
            );
            assert_eq!(text, wanted);
        }
    }

    #[test]
    fn the_old_key_signs_what_the_new_one_signs_but_for_its_own_signature() {
        let text = text(&retired());
        let message = format!(
            "yuandang statement v1\0succession\0{{\"identity\":\"{}\",\"kind\":\"succession\",\"signer\":\"anhui\",\
             \"statement\":{{\"at\":\"2026-03-01T00:00:00Z\",\"old\":\"{}\",\"reason\":\"the year is over\"}}}}",
            key(2).public(),
            key(1).public(),
        );
        let signature: [u8; 64] = hex::decode(field(&text, "old_signature")).unwrap().try_into().unwrap();
        assert!(key(1).public().verifies(message.as_bytes(), &signature));
    }

    #[test]
    fn every_edit_is_refused() {
        let (both, alone) = (text(&retired()), text(&lost()));
        let (one, two, other) = (key(1).public().to_string(), key(2).public().to_string(), key(3).public().to_string());
        let signature = field(&both, "old_signature");
        let flipped = format!("{}{}", if signature.starts_with('0') { '1' } else { '0' }, &signature[1..]);
        let part = format!("\"old_signature\":\"{signature}\",");
        let edits = [
            both.replace(&one, &other),
            both.replace(&two, &other),
            both.replace(&one, &two),
            both.replace("anhui", "hunan"),
            both.replace("the year is over", "the year is  over"),
            both.replace("\"reason\":\"the year is over\"", "\"reason\":\"\""),
            both.replace("2026-03-01", "2026-03-02"),
            both.replace("succession", "heartbeat"),
            both.replace(signature, &flipped),
            both.replace(signature, &signature.to_uppercase()),
            both.replace(signature, &signature[2..]),
            both.replace(signature, ""),
            // Taken out, and put in.
            both.replace(&part, ""),
            alone.replace("\"reason\"", &format!("{part}\"reason\"")),
            both.replace("\"reason\"", "\"old_signature\":null,\"reason\""),
            both.replace("\"reason\"", "\"colour\":\"red\",\"reason\""),
            both.replace("{\"at\"", "{ \"at\""),
            both.replace(&part, &format!("{part}{part}")),
        ];
        for (place, edit) in edits.iter().enumerate() {
            assert!(*edit != both && *edit != alone, "{place}: nothing was edited");
            assert!(read(edit).is_err(), "{place}: {edit}");
        }
        assert!(read(&both).is_ok() && read(&alone).is_ok());
    }

    #[test]
    fn a_new_key_cannot_borrow_a_signature_of_the_old_one() {
        // What the old key signed for key 2, under a statement of key 3; and for another participant, day or reason.
        let signature = retired().0.statement().old_signature.clone();
        let content = |reason: &str, at: Moment| Content {
            at,
            old: key(1).public(),
            old_signature: signature.clone(),
            reason: reason.to_owned(),
        };
        let later = "2026-03-02T00:00:00Z".parse().unwrap();
        for (what, content, signer, new) in [
            ("key", content("the year is over", at()), "anhui", 3),
            ("participant", content("the year is over", at()), "hunan", 2),
            ("reason", content("it was lost", at()), "anhui", 2),
            ("day", content("the year is over", later), "anhui", 2),
        ] {
            let signed = Signed::sign(content, &signer.parse().unwrap(), &key(new)).unwrap();
            let read = Succession::from_bytes(&signed.to_bytes().unwrap());
            assert_eq!(read, Err(StatementError::Signature), "{what}");
        }
        let signed = Signed::sign(content("the year is over", at()), &anhui(), &key(2)).unwrap();
        assert_eq!(Succession::from_bytes(&signed.to_bytes().unwrap()), Ok(retired()));
    }

    #[test]
    fn what_cannot_be_is_not_signed() {
        let sign = |old: Old<'_>, reason: &str| Succession::sign(&anhui(), old, &key(2), (at(), reason));
        assert!(matches!(sign(Old::Retired(&key(2)), "again").unwrap_err(), StatementError::Content(_)));
        assert!(matches!(sign(Old::Lost(key(2).public()), "again").unwrap_err(), StatementError::Content(_)));
        for reason in ["", " ", "two\nlines", &"x".repeat(513)] {
            assert!(
                matches!(sign(Old::Retired(&key(1)), reason).unwrap_err(), StatementError::Content(_)),
                "{reason:?}"
            );
        }
        let agreement = Digest::from_bytes([8; 32]);
        let standing =
            Standing { agreement, at: at(), change: Change::Revocation, number: 1, reason: "the law".to_owned() };
        let other = Signed::sign(standing, &anhui(), &key(2)).unwrap().to_bytes().unwrap();
        assert!(matches!(Succession::from_bytes(&other).unwrap_err(), StatementError::Kind { .. }));
    }
}
