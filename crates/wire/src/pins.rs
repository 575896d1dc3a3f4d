//! Pinned identities: who may stand at the other end of a connection.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use agreement::{IdentityPublicKey, ParticipantId};
use tokio_util::sync::CancellationToken;

use crate::{holder::Holder, person::Person};

/// Identities by participant, as an operator configured them. Clones share them: what is replaced in one is
/// replaced in all, and so at every end that was given one.
#[derive(Clone, Default)]
pub struct Pins(Arc<RwLock<Map>>);

type Map = BTreeMap<ParticipantId, Pinned>;

/// An identity for as long as it is pinned.
#[derive(Clone)]
pub(crate) struct Pinned {
    pub(crate) identity: IdentityPublicKey,
    /// Ends the connections that were let in by this identity.
    pub(crate) ended: CancellationToken,
}

impl Pinned {
    fn new(identity: IdentityPublicKey) -> Self {
        Self { identity, ended: CancellationToken::new() }
    }
}

/// Pins that contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PinError {
    /// A participant stands twice.
    #[error("participant {0} is pinned twice")]
    Participant(ParticipantId),
    /// Two participants have one key.
    #[error("{0} and {1} are pinned with the same identity key")]
    Identity(ParticipantId, ParticipantId),
    /// There is no pin that another could take the place of.
    #[error("no identity is pinned for {0}")]
    Unknown(ParticipantId),
}

/// The other end of a connection, as the TLS handshake proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub participant: ParticipantId,
    /// The person of the participant; nothing if it is the participant itself, its node or the coordinator.
    pub person: Option<Person>,
    /// The pinned identity that endorsed its certificate.
    pub identity: IdentityPublicKey,
    /// 32 bytes that both ends of this TLS session derive, and nobody else.
    pub channel_binding: [u8; 32],
}

impl Peer {
    /// Whom its certificate names.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder { participant: self.participant.clone(), person: self.person.clone() }
    }
}

impl Pins {
    /// Pins these identities.
    ///
    /// # Errors
    /// [`PinError`] if a participant or a key stands twice.
    pub fn new(pins: impl IntoIterator<Item = (ParticipantId, IdentityPublicKey)>) -> Result<Self, PinError> {
        let mut map = Map::new();
        for (participant, identity) in pins {
            if map.contains_key(&participant) {
                return Err(PinError::Participant(participant));
            }
            if let Some(other) = holder_of(&map, &identity) {
                return Err(PinError::Identity(other.clone(), participant));
            }
            map.insert(participant, Pinned::new(identity));
        }
        Ok(Self(Arc::new(RwLock::new(map))))
    }

    /// The identity pinned for a participant.
    #[must_use]
    pub fn identity(&self, participant: &ParticipantId) -> Option<IdentityPublicKey> {
        self.pinned(participant).map(|pinned| pinned.identity)
    }

    /// All of them, in the order of names.
    #[must_use]
    pub fn all(&self) -> Vec<(ParticipantId, IdentityPublicKey)> {
        self.map().iter().map(|(participant, pinned)| (participant.clone(), pinned.identity)).collect()
    }

    /// Pins `identity` in the place of the one that `participant` has, and gives that. From now on no handshake
    /// takes the old one, and connections that it let in, whichever end dialled, are closed. The same identity
    /// again changes nothing.
    ///
    /// # Errors
    /// [`PinError::Unknown`] if the participant has none, [`PinError::Identity`] if it is another's.
    pub fn replace(
        &self,
        participant: &ParticipantId,
        identity: IdentityPublicKey,
    ) -> Result<IdentityPublicKey, PinError> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match holder_of(&map, &identity) {
            Some(own) if own == participant => return Ok(identity),
            Some(other) => return Err(PinError::Identity(other.clone(), participant.clone())),
            None => {}
        }
        let pinned = map.get_mut(participant).ok_or_else(|| PinError::Unknown(participant.clone()))?;
        let old = std::mem::replace(pinned, Pinned::new(identity));
        drop(map);
        old.ended.cancel();
        Ok(old.identity)
    }

    /// Closes the connections that are open with a participant, and those of its persons, whichever end dialled.
    /// It may connect again at once; to keep it out is a matter of its pin.
    pub fn close_connections(&self, participant: &ParticipantId) {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(pinned) = map.get_mut(participant) else { return };
        let same = Pinned::new(pinned.identity);
        let old = std::mem::replace(pinned, same);
        drop(map);
        old.ended.cancel();
    }

    /// What is pinned for a participant now.
    pub(crate) fn pinned(&self, participant: &ParticipantId) -> Option<Pinned> {
        self.map().get(participant).cloned()
    }

    /// One participant alone, with what was pinned for it when it was looked up.
    pub(crate) fn one(participant: ParticipantId, pinned: Pinned) -> Self {
        Self(Arc::new(RwLock::new(Map::from([(participant, pinned)]))))
    }

    fn map(&self) -> RwLockReadGuard<'_, Map> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has an identity. One key for two would let the one speak for the other.
fn holder_of<'a>(map: &'a Map, identity: &IdentityPublicKey) -> Option<&'a ParticipantId> {
    map.iter().find(|(_, pinned)| pinned.identity == *identity).map(|(participant, _)| participant)
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.map().iter().map(|(participant, pinned)| (participant, pinned.identity))).finish()
    }
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
    fn a_successor_takes_the_place_in_every_clone_and_contradictions_change_nothing() {
        let [(anhui, first), (jiangsu, second)] = [pin("anhui", 1), pin("jiangsu", 2)];
        let (hainan, third) = pin("hainan", 3);
        let pins = Pins::new([(anhui.clone(), first), (jiangsu.clone(), second)]).unwrap();
        let clone = pins.clone();
        let of_another = PinError::Identity(jiangsu.clone(), anhui.clone());
        assert_eq!(clone.replace(&anhui, second), Err(of_another));
        assert_eq!(clone.replace(&hainan, third), Err(PinError::Unknown(hainan)));
        assert_eq!(clone.all(), [(anhui.clone(), first), (jiangsu.clone(), second)]);
        assert_eq!(clone.replace(&anhui, third), Ok(first));
        assert_eq!(pins.all(), [(anhui.clone(), third), (jiangsu.clone(), second)]);
        // The first one is nobody's now.
        assert_eq!(pins.replace(&jiangsu, first), Ok(second));
        assert_eq!(format!("{pins:?}"), format!("{{{anhui:?}: {third}, {jiangsu:?}: {first}}}"));
    }

    #[test]
    fn only_what_was_let_in_by_what_is_pinned_no_longer_ends() {
        let [(anhui, first), (jiangsu, second)] = [pin("anhui", 1), pin("jiangsu", 2)];
        let pins = Pins::new([(anhui.clone(), first), (jiangsu.clone(), second)]).unwrap();
        let ended = |participant| pins.pinned(participant).unwrap().ended;
        let (old, other) = (ended(&anhui), ended(&jiangsu));
        pins.replace(&anhui, first).unwrap();
        assert!(!old.is_cancelled(), "by the same identity again");
        pins.replace(&anhui, pin("anhui", 3).1).unwrap();
        let new = ended(&anhui);
        assert!(old.is_cancelled() && !new.is_cancelled() && !other.is_cancelled());
        pins.close_connections(&anhui);
        assert!(new.is_cancelled() && !ended(&anhui).is_cancelled() && !other.is_cancelled());
        assert_eq!(pins.identity(&anhui), Some(pin("anhui", 3).1));
    }
}
