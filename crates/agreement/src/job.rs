//! Jobs: what is asked for, and the states it goes through.

use std::{fmt, str::FromStr};

use records::{KeySpec, KeyType};
use serde::{Deserialize, Serialize};

use crate::participant::{ParticipantId, Role};

/// What a run answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The receiver learns which of its items the sender has.
    Membership,
    /// And the sender's labels of those.
    Labelled,
    /// Each learns which of its own items the other has.
    Both,
    /// The receiver learns how many items both have, and not which.
    Cardinality,
    /// The sum of a column over the items that both have. Not built yet.
    Sum,
}

/// Which matching protocol is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Diffie-Hellman over ristretto255.
    Ecdh,
    /// Silent subfield VOLE with an oblivious key-value store.
    Vole,
    /// The same against malicious parties. Not built yet.
    VoleMalicious,
}

/// Whether this version has `protocol`. Where a protocol is left open, it is chosen among those.
#[must_use]
pub const fn built(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Ecdh | Protocol::Vole)
}

/// A value that a job cannot have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JobSpecError {
    /// Planned, and not built.
    #[error("{0} is not built yet")]
    NotBuilt(String),
    /// Wrong.
    #[error("{0}")]
    Wrong(String),
}

impl FromStr for Mode {
    type Err = JobSpecError;

    fn from_str(text: &str) -> Result<Self, JobSpecError> {
        Ok(match text {
            "membership" => Self::Membership,
            "labelled" => Self::Labelled,
            "both" => Self::Both,
            "cardinality" => Self::Cardinality,
            "sum" => Self::Sum,
            _ => {
                return Err(JobSpecError::Wrong(format!(
                    "there is no mode {text:?}; the modes are: membership, labelled, both, cardinality, sum"
                )));
            }
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Membership => "membership",
            Self::Labelled => "labelled",
            Self::Both => "both",
            Self::Cardinality => "cardinality",
            Self::Sum => "sum",
        })
    }
}

impl FromStr for Protocol {
    type Err = JobSpecError;

    fn from_str(text: &str) -> Result<Self, JobSpecError> {
        Ok(match text {
            "ecdh" => Self::Ecdh,
            "vole" => Self::Vole,
            "vole-malicious" => Self::VoleMalicious,
            _ => {
                return Err(JobSpecError::Wrong(format!(
                    "there is no protocol {text:?}; the protocols are: ecdh, vole, or auto where it may be left open"
                )));
            }
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecdh => "ecdh",
            Self::Vole => "vole",
            Self::VoleMalicious => "vole-malicious",
        })
    }
}

/// The statistical error of a whole job: at most 2^-lambda, all terms summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBudget {
    /// Bits, 30 to 80.
    pub lambda: u32,
}

impl Default for ErrorBudget {
    fn default() -> Self {
        Self { lambda: 40 }
    }
}

/// One participant's part of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobParty {
    /// Whose part it is.
    pub participant: ParticipantId,
    /// What it does.
    pub role: Role,
    /// The name of a dataset in its node's configuration.
    pub dataset: String,
    /// The columns of its key.
    pub key_columns: Vec<String>,
    /// Columns that travel as labels; the sender's alone.
    pub label_columns: Vec<String>,
    /// The size that its set is padded to; nothing means its own size, which shows it.
    pub padded_size: Option<u64>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// A name for people.
    pub name: String,
    /// Two or more parties.
    pub parties: Vec<JobParty>,
    /// What it answers.
    pub mode: Mode,
    /// How.
    pub protocol: Protocol,
    /// One type for each key column.
    pub key_types: Vec<KeyType>,
    /// The statistical error allowed.
    pub error_budget: ErrorBudget,
    /// SHA-256 of the agreement that it stands under; nodes refuse a job that names none.
    pub agreement_digest: Option<[u8; 32]>,
    /// Whose endpoint the others dial.
    pub listener: ParticipantId,
    /// Seconds from start to TimedOut; nothing for the node's default.
    pub deadline_seconds: Option<u32>,
}

/// The longest deadline of a job, in seconds.
pub const MAX_DEADLINE: u32 = 7 * 86_400;

impl JobSpec {
    /// Checks that the parts fit together, and that this version has what they name.
    ///
    /// # Errors
    /// [`JobSpecError`] with the first thing that does not.
    pub fn validate(&self) -> Result<(), JobSpecError> {
        let wrong = |text: &str| Err(JobSpecError::Wrong(text.to_owned()));
        if self.mode == Mode::Sum {
            return Err(JobSpecError::NotBuilt("mode sum".to_owned()));
        }
        if !built(self.protocol) {
            return Err(JobSpecError::NotBuilt(format!("protocol {}", self.protocol)));
        }
        if self.mode == Mode::Cardinality && self.protocol != Protocol::Ecdh {
            return wrong("mode cardinality runs on protocol ecdh alone");
        }
        if self.parties.len() > 2 {
            return Err(JobSpecError::NotBuilt("a job of more than two parties".to_owned()));
        }
        let (Some(receiver), Some(sender)) = (self.party(Role::Receiver), self.party(Role::Sender)) else {
            return wrong("a job needs one receiver and one sender");
        };
        if receiver.participant == sender.participant {
            return wrong("a participant cannot match with itself");
        }
        if !self.parties.iter().any(|party| party.participant == self.listener) {
            return wrong("the listener must be one of the parties");
        }
        if !(30..=80).contains(&self.error_budget.lambda) {
            return wrong("the error budget's lambda is 30 to 80 bits");
        }
        if self.deadline_seconds.is_some_and(|seconds| seconds > MAX_DEADLINE) {
            return wrong("a job's deadline is a week at most");
        }
        if !receiver.label_columns.is_empty() {
            return wrong("only the sender has label columns");
        }
        match (self.mode, sender.label_columns.is_empty()) {
            (Mode::Labelled, true) => return wrong("mode labelled needs at least one label column of the sender"),
            (Mode::Membership | Mode::Both | Mode::Cardinality | Mode::Sum, false) => {
                return wrong("label columns go with mode labelled alone");
            }
            _ => {}
        }
        let Ok(key) = KeySpec::new(&self.key_types) else { return wrong("a key needs at least one column") };
        if self.parties.iter().any(|party| key.admits(party.key_columns.len()).is_err()) {
            return wrong("each party needs as many key columns as there are key types, or three for each ebill");
        }
        if self.parties.iter().any(|party| party.dataset.is_empty()) {
            return wrong("each party needs a dataset");
        }
        Ok(())
    }

    /// The first party with this role.
    #[must_use]
    pub fn party(&self, role: Role) -> Option<&JobParty> {
        self.parties.iter().find(|party| party.role == role)
    }

    /// The part of `participant`.
    #[must_use]
    pub fn party_of(&self, participant: &ParticipantId) -> Option<&JobParty> {
        self.parties.iter().find(|party| &party.participant == participant)
    }
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JobState {
    /// Submitted.
    Pending,
    /// A party's approver has to say yes.
    AwaitingApproval,
    /// Waits for its nodes.
    Queued,
    /// Its nodes are at work.
    Running,
    /// Held back.
    Suspended,
    /// Done, at every party.
    Succeeded,
    /// A party could not do its part.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// A party's policy does not admit it.
    Rejected,
    /// Took longer than it may.
    TimedOut,
}

impl JobState {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Rejected | Self::TimedOut)
    }

    /// Whether a job may go from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use JobState::{AwaitingApproval, Pending, Queued, Running, Succeeded, Suspended};
        if self.is_final() || self == next {
            return false;
        }
        match next {
            Pending => false,
            // A node says that its approvers are asked when it is told to start the job, or in its middle.
            AwaitingApproval => true,
            Queued => matches!(self, Pending | AwaitingApproval | Suspended),
            Running => matches!(self, Queued | Suspended),
            Succeeded => self == Running,
            Suspended => true,
            _ => true,
        }
    }
}

/// The states with their names, in the order of a job's life.
const STATES: [(JobState, &str); 10] = [
    (JobState::Pending, "Pending"),
    (JobState::AwaitingApproval, "AwaitingApproval"),
    (JobState::Queued, "Queued"),
    (JobState::Running, "Running"),
    (JobState::Suspended, "Suspended"),
    (JobState::Succeeded, "Succeeded"),
    (JobState::Failed, "Failed"),
    (JobState::Cancelled, "Cancelled"),
    (JobState::Rejected, "Rejected"),
    (JobState::TimedOut, "TimedOut"),
];

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STATES.iter().find(|(state, _)| state == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for JobState {
    type Err = JobSpecError;

    fn from_str(text: &str) -> Result<Self, JobSpecError> {
        STATES
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(state, _)| *state)
            .ok_or_else(|| JobSpecError::Wrong(format!("there is no job state {text:?}")))
    }
}
