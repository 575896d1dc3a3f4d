//! Participants with identities and certificates made on the spot from their names: the same in every
//! run of a test, and good for nothing else.

use std::time::{Duration, SystemTime};

use agreement::{IdentityKey, IdentityPublicKey, ParticipantId};
use wire::{Credentials, Duty, Person, Pins};

/// Anything that goes wrong while a test world is built.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A participant with everything it needs to be known by others.
pub struct Participant {
    /// Its name.
    pub id: ParticipantId,
    /// Its identity key.
    pub identity: IdentityKey,
    /// The TLS certificate that the identity endorses, in PEM.
    pub certificate_pem: String,
    /// The private key of the certificate, in PEM.
    pub key_pem: String,
}

impl Participant {
    /// Makes a participant. The identity follows from the name; the certificate is fresh.
    ///
    /// # Errors
    /// If the name is none, or the certificate cannot be made.
    pub fn new(name: &str) -> Result<Self, BoxError> {
        let id: ParticipantId = name.parse()?;
        let identity = Self::identity_of(name);
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        let issued = wire::endorse(&identity, &id, yesterday, 30)?;
        Ok(Self { id, identity, certificate_pem: issued.cert_pem.clone(), key_pem: issued.key_pem.to_string() })
    }

    /// The identity key that a participant of this name has in every test world.
    #[must_use]
    pub fn identity_of(name: &str) -> IdentityKey {
        let mut seed = [0x59_u8; 32];
        for (slot, byte) in seed.iter_mut().zip(name.bytes()) {
            *slot = byte;
        }
        IdentityKey::from_seed(&seed.into())
    }

    /// What peers pin.
    #[must_use]
    pub fn pin(&self) -> (ParticipantId, IdentityPublicKey) {
        (self.id.clone(), self.identity.public())
    }

    /// What a person of it shows in a TLS handshake.
    ///
    /// # Errors
    /// If the certificate cannot be made.
    pub fn person(&self, handle: &str, duty: Duty) -> Result<Credentials, BoxError> {
        let person = Person { handle: handle.parse()?, duty };
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        let issued = wire::endorse_person(&self.identity, &self.id, &person, yesterday, 30)?;
        Ok(Credentials::caller_from_pem(&self.id, &issued.cert_pem, &issued.key_pem)?)
    }

    /// What it shows in a TLS handshake.
    ///
    /// # Errors
    /// If the certificate is not usable.
    pub fn credentials(&self) -> Result<Credentials, BoxError> {
        Ok(Credentials::from_pem(self.id.clone(), &self.certificate_pem, &self.key_pem)?)
    }
}

/// Pins of all of them.
///
/// # Errors
/// If a name stands twice.
pub fn pins<'a>(participants: impl IntoIterator<Item = &'a Participant>) -> Result<Pins, BoxError> {
    Ok(Pins::new(participants.into_iter().map(Participant::pin))?)
}
