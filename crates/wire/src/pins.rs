//! Pinned identities: who may stand at the other end of a connection.

use std::{collections::BTreeMap, sync::Arc};

use agreement::{IdentityPublicKey, ParticipantId};

/// The domain under which certificates name participants. `.internal` is reserved for private use, so
/// no public certificate can be for it.
const DOMAIN: &str = ".yuandang.internal";

/// Identities by participant, as an operator configured them.
#[derive(Clone, Debug, Default)]
pub struct Pins(Arc<BTreeMap<ParticipantId, IdentityPublicKey>>);

/// Pins that contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PinError {
    /// A participant stands twice.
    #[error("participant {0} is pinned twice")]
    Participant(ParticipantId),
    /// Two participants have one key.
    #[error("{0} and {1} are pinned with the same identity key")]
    Identity(ParticipantId, ParticipantId),
}

/// The other end of a connection, as the TLS handshake proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub participant: ParticipantId,
    /// The pinned identity that endorsed its certificate.
    pub identity: IdentityPublicKey,
    /// 32 bytes that both ends of this TLS session derive, and nobody else.
    pub channel_binding: [u8; 32],
}

impl Pins {
    /// Pins these identities.
    ///
    /// # Errors
    /// [`PinError`] if a participant or a key stands twice.
    pub fn new(pins: impl IntoIterator<Item = (ParticipantId, IdentityPublicKey)>) -> Result<Self, PinError> {
        let mut map: BTreeMap<ParticipantId, IdentityPublicKey> = BTreeMap::new();
        for (participant, identity) in pins {
            if map.contains_key(&participant) {
                return Err(PinError::Participant(participant));
            }
            if let Some((other, _)) = map.iter().find(|(_, key)| **key == identity) {
                return Err(PinError::Identity(other.clone(), participant));
            }
            map.insert(participant, identity);
        }
        Ok(Self(Arc::new(map)))
    }

    /// The identity pinned for a participant.
    #[must_use]
    pub fn identity(&self, participant: &ParticipantId) -> Option<&IdentityPublicKey> {
        self.0.get(participant)
    }

    /// All of them, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&ParticipantId, &IdentityPublicKey)> {
        self.0.iter()
    }

    /// Those of one participant alone.
    #[must_use]
    pub(crate) fn only(&self, participant: &ParticipantId) -> Self {
        let one = self.0.get(participant).map(|identity| (participant.clone(), *identity));
        Self(Arc::new(one.into_iter().collect()))
    }
}

/// The name that a participant's certificate carries.
pub(crate) fn certificate_name(participant: &ParticipantId) -> String {
    format!("{participant}{DOMAIN}")
}

/// The participant that a certificate's name means.
pub(crate) fn named_participant(name: &str) -> Option<ParticipantId> {
    name.strip_suffix(DOMAIN)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use agreement::IdentityKey;

    use super::*;

    fn pin(name: &str, seed: u8) -> (ParticipantId, IdentityPublicKey) {
        (name.parse().unwrap(), IdentityKey::from_seed(&[seed; 32].into()).public())
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(Pins::new([pin("anhui", 1), pin("jiangsu", 2)]).is_ok());
        assert_eq!(
            Pins::new([pin("anhui", 1), pin("anhui", 2)]).unwrap_err(),
            PinError::Participant("anhui".parse().unwrap())
        );
        assert!(matches!(Pins::new([pin("anhui", 1), pin("jiangsu", 1)]).unwrap_err(), PinError::Identity(..)));
    }

    #[test]
    fn certificate_names_go_both_ways() {
        let (anhui, _) = pin("anhui", 1);
        assert_eq!(certificate_name(&anhui), "anhui.yuandang.internal");
        assert_eq!(named_participant("anhui.yuandang.internal"), Some(anhui));
        for wrong in ["anhui", "anhui.example", ".yuandang.internal", "a.b.yuandang.internal"] {
            assert_eq!(named_participant(wrong), None, "{wrong}");
        }
    }
}
