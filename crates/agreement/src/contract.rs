//! Agreements: the terms under which participants match, and what a job under them must be.
//!
//! An agreement is named by its digest, SHA-256 over its canonical JSON (RFC 8785) behind a context. It is a value that
//! never changes: other terms are another agreement.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    canonical::{CanonicalError, Digest, from_canonical, to_canonical},
    identity::IdentityPublicKey,
    job::{ErrorBudget, JobParty, JobSpec, JobSpecError, Mode, Protocol},
    moment::Moment,
    participant::{ParticipantId, Role},
    printable::printable,
};

mod check;
mod key_types;

use records::KeyType;

/// The version of this form.
pub const FORM: u32 = 1;
/// What digests of agreements are told apart from all others by.
const CONTEXT: &[u8] = b"yuandang agreement v1\0";
/// Seconds of a day.
const DAY: u64 = 86_400;

/// The terms of an agreement (数字合约).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// [`FORM`].
    pub form: u32,
    /// A name for people.
    pub name: String,
    /// Drawn for this agreement, so that no two are the same: 32 hex digits.
    pub nonce: String,
    /// Two or more.
    pub parties: Vec<Party>,
    /// One for each key column.
    #[serde(with = "key_types")]
    pub key_types: Vec<KeyType>,
    /// What its runs answer.
    pub mode: Mode,
    /// By which protocols; a job names one of them.
    pub protocols: Vec<Protocol>,
    /// The version of the data standard.
    pub data_standard: String,
    /// Bits of the statistical error of a run, at most 2^-lambda.
    pub lambda: u32,
    /// Whose endpoint the others dial.
    pub listener: ParticipantId,
    /// Why, on what grounds.
    pub reasons: Reasons,
    /// From when to when.
    pub validity: Validity,
    /// How often, and how small a result may be.
    pub limits: Limits,
    /// What becomes of results.
    pub delivery: Delivery,
}

/// One participant's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Who.
    pub participant: ParticipantId,
    /// The key that it signs with, as its peers pinned it.
    pub identity: IdentityPublicKey,
    /// What it does.
    pub role: Role,
    /// The department that is responsible.
    pub department: String,
    /// The dataset that it enters.
    pub dataset: DatasetVersion,
    /// The columns of its key.
    pub key_columns: Vec<String>,
    /// Columns that travel as labels; the sender's alone.
    pub label_columns: Vec<String>,
    /// The size that its set is padded to; nothing means its own size, which shows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub padded_size: Option<u64>,
    /// How many distinct keys its set may have.
    pub rows: Rows,
}

/// A dataset of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetVersion {
    /// Its name at its provider.
    pub name: String,
    /// Its version there.
    pub version: u32,
}

/// Bounds of a set's size, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// So many or more.
    pub least: u64,
    /// So many or fewer.
    pub most: u64,
}

/// Why, and on what grounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasons {
    /// What the result is used for, and for nothing else.
    pub purpose: String,
    /// The law or rule that allows it.
    pub legal_basis: String,
    /// Documents that it rests on.
    pub documents: Vec<String>,
    /// The impact assessment (PIPL, article 55), by its reference.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub impact_assessment: Option<String>,
}

/// From when to when, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// The first moment.
    pub from: Moment,
    /// The last one.
    pub until: Moment,
}

/// How often, and how small a result may be. A limit of 0 would be none or all: none is written by leaving it out, where that
/// is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Runs in all.
    pub runs: u64,
    /// Runs in one day of China's time.
    pub runs_per_day: u64,
    /// Seconds from the start of a run to that of the next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shortest_interval: Option<u64>,
    /// Results of fewer items are withheld.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub smallest_result: Option<u64>,
    /// Lookups of single persons in one second.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lookups_per_second: Option<u64>,
    /// Lookups in one day of China's time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lookups_per_day: Option<u64>,
}

/// What becomes of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Whether the sender learns the size first, by a cardinality run, and can refuse the rest.
    pub gated: bool,
    /// Parties whose approvers approve each job.
    pub approval: Vec<ParticipantId>,
    /// Days that a result is kept; then its key is destroyed.
    pub retention_days: u32,
}

impl Delivery {
    /// When a result that was made at this moment is no longer kept.
    #[must_use]
    pub fn due(&self, made: Moment) -> Moment {
        made.plus(u64::from(self.retention_days).saturating_mul(DAY))
    }
}

/// Why an agreement cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AgreementError {
    /// Its bytes are not in the form.
    #[error("the agreement is not in its form: {0}")]
    Form(#[from] CanonicalError),
    /// A part of it is wrong or does not fit the others.
    #[error("{0}")]
    Wrong(String),
}

impl Agreement {
    /// Reads an agreement from its canonical bytes, and checks it.
    ///
    /// # Errors
    /// [`AgreementError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AgreementError> {
        let agreement: Self = from_canonical(bytes)?;
        agreement.validate()?;
        Ok(agreement)
    }

    /// Its canonical bytes.
    ///
    /// # Errors
    /// [`AgreementError::Form`] for one that does not [`validate`](Self::validate).
    pub fn to_bytes(&self) -> Result<Vec<u8>, AgreementError> {
        Ok(to_canonical(self)?)
    }

    /// Its name: SHA-256 over its canonical bytes behind a context.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes).
    pub fn digest(&self) -> Result<Digest, AgreementError> {
        Ok(Digest::of(&[CONTEXT, &self.to_bytes()?]))
    }

    /// Checks that the parts can be, and fit together.
    ///
    /// # Errors
    /// [`AgreementError::Wrong`] with the first that does not.
    pub fn validate(&self) -> Result<(), AgreementError> {
        check::agreement(self).map_err(AgreementError::Wrong)
    }

    /// The part of `participant`.
    #[must_use]
    pub fn party_of(&self, participant: &ParticipantId) -> Option<&Party> {
        self.parties.iter().find(|party| party.participant == *participant)
    }

    /// The job that runs under it by `protocol`.
    ///
    /// # Errors
    /// [`AgreementError`] as [`digest`](Self::digest).
    pub fn job(&self, name: &str, protocol: Protocol) -> Result<JobSpec, AgreementError> {
        Ok(JobSpec {
            name: printable(name, 128),
            parties: self.parties.iter().map(Party::of_job).collect(),
            mode: self.mode,
            protocol,
            key_types: self.key_types.clone(),
            error_budget: ErrorBudget { lambda: self.lambda },
            agreement_digest: Some(*self.digest()?.as_bytes()),
            listener: self.listener.clone(),
            deadline_seconds: None,
        })
    }

    /// The first part of a job that is not as the agreement has it: its name, what the job says and what was agreed.
    #[must_use]
    pub fn difference(&self, job: &JobSpec) -> Option<String> {
        let agreed: Vec<JobParty> = self.parties.iter().map(Party::of_job).collect();
        let roles = |parties: &[JobParty]| -> Vec<String> {
            parties.iter().map(|party| format!("{} as {}", party.participant, party.role)).collect()
        };
        parted("its parties or their roles", &roles(&job.parties), &roles(&agreed))
            .or_else(|| {
                agreed.iter().zip(&job.parties).find_map(|(ours, theirs)| {
                    let of = |what: &str| format!("{what} of {}", ours.participant);
                    parted(&of("the dataset"), &theirs.dataset, &ours.dataset)
                        .or_else(|| parted(&of("the key columns"), &theirs.key_columns, &ours.key_columns))
                        .or_else(|| parted(&of("the label columns"), &theirs.label_columns, &ours.label_columns))
                        .or_else(|| parted(&of("the padded size"), &theirs.padded_size, &ours.padded_size))
                })
            })
            .or_else(|| parted("the key types", &job.key_types, &self.key_types))
            .or_else(|| parted("the mode", &job.mode.to_string(), &self.mode.to_string()))
            .or_else(|| {
                let agreed: Vec<String> = self.protocols.iter().map(Protocol::to_string).collect();
                (!self.protocols.contains(&job.protocol))
                    .then(|| told("the protocol", &job.protocol.to_string(), &agreed))
            })
            .or_else(|| parted("the error budget", &job.error_budget.lambda, &self.lambda))
            .or_else(|| parted("the listener", &job.listener.as_str(), &self.listener.as_str()))
    }

    /// Whether this version can run jobs under it.
    ///
    /// # Errors
    /// [`JobSpecError`] for what is not built.
    pub fn runs(&self) -> Result<(), JobSpecError> {
        let protocol = self.protocols.first().copied().unwrap_or(Protocol::Ecdh);
        let job = self.job(&self.name, protocol).map_err(|error| JobSpecError::Wrong(error.to_string()))?;
        job.validate()
    }
}

/// Longest text of one side of a difference, in bytes: a job's comes from a coordinator.
const SIDE: usize = 200;

fn parted<T: PartialEq + fmt::Debug>(what: &str, said: &T, agreed: &T) -> Option<String> {
    (said != agreed).then(|| told(what, said, agreed))
}

fn told(what: &str, said: &impl fmt::Debug, agreed: &impl fmt::Debug) -> String {
    let side = |value: &dyn fmt::Debug| printable(&format!("{value:?}"), SIDE);
    format!("{what}: {} instead of {}", side(said), side(agreed))
}

impl Party {
    fn of_job(&self) -> JobParty {
        JobParty {
            participant: self.participant.clone(),
            role: self.role,
            dataset: self.dataset.name.clone(),
            key_columns: self.key_columns.clone(),
            label_columns: self.label_columns.clone(),
            padded_size: self.padded_size,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
