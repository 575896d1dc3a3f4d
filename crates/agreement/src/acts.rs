//! What participants and supervisors say about an agreement, each a signed statement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    canonical::{Digest, MOST},
    contract::Agreement,
    identity::IdentityPublicKey,
    moment::Moment,
    participant::ParticipantId,
    printable::printable,
    statement::{Signed, Statement, StatementError, kind_of},
};

/// Bytes of a reason.
const REASON: usize = 512;
/// Approvers of one party, and bytes of the handle of one.
const APPROVERS: usize = 16;
const HANDLE: usize = 64;

/// "We ask for this agreement", with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The agreement that is asked for.
    pub agreement: Agreement,
    /// When.
    pub at: Moment,
}

/// "We would enter it; our departments are being asked."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Which.
    pub agreement: Digest,
    /// When.
    pub at: Moment,
}

/// "We agree."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// To which.
    pub agreement: Digest,
    /// When.
    pub at: Moment,
    /// The handles of those who approved it, as their certificates have them: a staff number, never a name.
    pub approvers: Vec<String>,
}

/// "We do not agree."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// To which.
    pub agreement: Digest,
    /// When.
    pub at: Moment,
    /// Why.
    pub reason: String,
}

/// What a standing statement changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Nothing runs until it is resumed.
    Suspension,
    /// It runs again, as far as this signer is concerned.
    Resumption,
    /// Nothing ever runs again.
    Revocation,
}

/// "From now on it is suspended, resumed, revoked, as far as we have a say." Of each signer the one with the highest number
/// counts, and a revocation for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Which.
    pub agreement: Digest,
    /// When.
    pub at: Moment,
    /// What it is from now on.
    pub change: Change,
    /// Above all that this signer said of this agreement before.
    pub number: u64,
    /// Why.
    pub reason: String,
}

/// "We watch." Signed by a supervisor; a node may admit nothing that it has not heard one before lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// When.
    pub at: Moment,
}

/// Checks a reason.
pub(crate) fn reason(reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() {
        return Err("a reason is missing".to_owned());
    }
    if reason.len() > REASON || printable(reason, REASON) != reason {
        return Err(format!("a reason is at most {REASON} bytes of text that is seen"));
    }
    Ok(())
}

/// Checks the handle of a person: what a certificate's name can hold.
///
/// # Errors
/// In words for an operator.
pub fn handle(handle: &str) -> Result<(), String> {
    match handle.parse::<ParticipantId>() {
        Ok(_) if handle.len() <= HANDLE => Ok(()),
        _ => Err("a person's handle is written as a participant's name: a-z, 0-9 and -".to_owned()),
    }
}

impl Statement for Request {
    const KIND: &'static str = "request";

    fn validate(&self) -> Result<(), String> {
        self.agreement.validate().map_err(|error| error.to_string())
    }
}

impl Statement for Offer {
    const KIND: &'static str = "offer";
}

impl Statement for Consent {
    const KIND: &'static str = "consent";

    fn validate(&self) -> Result<(), String> {
        if self.approvers.is_empty() || self.approvers.len() > APPROVERS {
            return Err(format!("a consent has 1 to {APPROVERS} approvers"));
        }
        if !self.approvers.is_sorted_by(|one, next| one < next) {
            return Err("approvers stand once each, in order".to_owned());
        }
        self.approvers.iter().try_for_each(|approver| handle(approver))
    }
}

impl Statement for Rejection {
    const KIND: &'static str = "rejection";

    fn validate(&self) -> Result<(), String> {
        reason(&self.reason)
    }
}

impl Statement for Standing {
    const KIND: &'static str = "standing";

    fn validate(&self) -> Result<(), String> {
        if self.number == 0 || self.number > MOST {
            return Err("numbers of standing statements begin with 1".to_owned());
        }
        reason(&self.reason)
    }
}

impl Statement for Heartbeat {
    const KIND: &'static str = "heartbeat";
}

/// One of the statements about an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is asked for.
    Request(Box<Signed<Request>>),
    /// It is offered.
    Offer(Signed<Offer>),
    /// A party agrees.
    Consent(Signed<Consent>),
    /// A party does not.
    Rejection(Signed<Rejection>),
    /// Somebody with a say suspends, resumes or revokes it.
    Standing(Signed<Standing>),
}

impl Act {
    /// Reads an envelope of one of these kinds, and verifies its signature.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StatementError> {
        match kind_of(bytes)?.as_str() {
            Request::KIND => Signed::from_bytes(bytes).map(Box::new).map(Self::Request),
            Offer::KIND => Signed::from_bytes(bytes).map(Self::Offer),
            Consent::KIND => Signed::from_bytes(bytes).map(Self::Consent),
            Rejection::KIND => Signed::from_bytes(bytes).map(Self::Rejection),
            Standing::KIND => Signed::from_bytes(bytes).map(Self::Standing),
            other => Err(StatementError::Kind {
                wanted: "request, offer, consent, rejection or standing",
                found: printable(other, 32),
            }),
        }
    }

    /// The envelope.
    ///
    /// # Errors
    /// None for one that was read or signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        match self {
            Self::Request(act) => act.to_bytes(),
            Self::Offer(act) => act.to_bytes(),
            Self::Consent(act) => act.to_bytes(),
            Self::Rejection(act) => act.to_bytes(),
            Self::Standing(act) => act.to_bytes(),
        }
    }

    /// The digest of the agreement that it is about.
    ///
    /// # Errors
    /// None for one that was read or signed.
    pub fn agreement(&self) -> Result<Digest, StatementError> {
        match self {
            Self::Request(act) => {
                act.statement().agreement.digest().map_err(|error| StatementError::Content(error.to_string()))
            }
            Self::Offer(act) => Ok(act.statement().agreement),
            Self::Consent(act) => Ok(act.statement().agreement),
            Self::Rejection(act) => Ok(act.statement().agreement),
            Self::Standing(act) => Ok(act.statement().agreement),
        }
    }

    /// Who signed, and with which key.
    #[must_use]
    pub fn signer(&self) -> (&ParticipantId, &IdentityPublicKey) {
        match self {
            Self::Request(act) => (act.signer(), act.identity()),
            Self::Offer(act) => (act.signer(), act.identity()),
            Self::Consent(act) => (act.signer(), act.identity()),
            Self::Rejection(act) => (act.signer(), act.identity()),
            Self::Standing(act) => (act.signer(), act.identity()),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) => Request::KIND,
            Self::Offer(_) => Offer::KIND,
            Self::Consent(_) => Consent::KIND,
            Self::Rejection(_) => Rejection::KIND,
            Self::Standing(_) => Standing::KIND,
        }
    }

    /// A number by which a signer's statements of one kind are told apart: that of a standing statement, 0 for all others,
    /// which a signer makes once.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Standing(act) => act.statement().number,
            _ => 0,
        }
    }

    /// When it was signed, by the signer's clock.
    #[must_use]
    pub fn at(&self) -> Moment {
        match self {
            Self::Request(act) => act.statement().at,
            Self::Offer(act) => act.statement().at,
            Self::Consent(act) => act.statement().at,
            Self::Rejection(act) => act.statement().at,
            Self::Standing(act) => act.statement().at,
        }
    }
}

/// Identities that a node pinned: of participants, and of supervisors.
#[derive(Clone, Debug, Default)]
pub struct Pinned {
    /// Participants, this node's own among them.
    pub participants: BTreeMap<ParticipantId, IdentityPublicKey>,
    /// Supervisors, who can suspend and revoke what they are no party to.
    pub supervisors: BTreeMap<ParticipantId, IdentityPublicKey>,
    /// Keys that supervisors had before. What was taken in from them goes on to hold agreements; nothing more is taken in.
    pub former_supervisors: BTreeMap<ParticipantId, Vec<IdentityPublicKey>>,
    /// Keys that participants had before: an audit goes by them for what was signed then, and nothing more is taken in from them.
    pub former_participants: BTreeMap<ParticipantId, Vec<IdentityPublicKey>>,
}

impl Pinned {
    /// Whether this key is pinned for the participant.
    #[must_use]
    pub fn is_participant(&self, (participant, identity): (&ParticipantId, &IdentityPublicKey)) -> bool {
        self.participants.get(participant) == Some(identity)
    }

    /// Whether this key was the participant's before another took its place.
    #[must_use]
    pub fn was_participant(&self, (participant, identity): (&ParticipantId, &IdentityPublicKey)) -> bool {
        self.former_participants.get(participant).is_some_and(|former| former.contains(identity))
    }

    /// Whether this key is pinned for the supervisor.
    #[must_use]
    pub fn is_supervisor(&self, (participant, identity): (&ParticipantId, &IdentityPublicKey)) -> bool {
        self.supervisors.get(participant) == Some(identity)
    }

    /// Whether this key was the supervisor's before another took its place.
    #[must_use]
    pub fn was_supervisor(&self, (participant, identity): (&ParticipantId, &IdentityPublicKey)) -> bool {
        self.former_supervisors.get(participant).is_some_and(|former| former.contains(identity))
    }
}
