//! Jobs.

use agreement::{JobParty, JobSpec, ParticipantId};

use super::{ConvertError, optional_digest};
use crate::{bounds::Bounded, proto};

/// A job's id: 1 to 64 letters, digits and hyphens. It names a file, so nothing else may stand in it.
///
/// # Errors
/// [`ConvertError`] for anything else.
pub fn job_id(value: String) -> Result<String, ConvertError> {
    let fits = (1..=64).contains(&value.len());
    if fits && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(value)
    } else {
        Err(ConvertError::new("job_id", "is not 1 to 64 letters, digits and hyphens"))
    }
}

pub(super) fn participant(field: &'static str, value: &str) -> Result<ParticipantId, ConvertError> {
    value.parse().map_err(|error| ConvertError::new(field, error))
}

pub(super) fn key_types(names: &[String]) -> Result<Vec<agreement::KeyType>, ConvertError> {
    names.iter().map(|name| name.parse().map_err(|error| ConvertError::new("key_types", error))).collect()
}

impl From<JobParty> for proto::JobParty {
    fn from(party: JobParty) -> Self {
        Self {
            participant: party.participant.into(),
            role: proto::Role::from(party.role).into(),
            dataset: party.dataset,
            key_columns: party.key_columns,
            label_columns: party.label_columns,
            padded_size: party.padded_size.unwrap_or(0),
        }
    }
}

impl TryFrom<proto::JobParty> for JobParty {
    type Error = ConvertError;

    fn try_from(party: proto::JobParty) -> Result<Self, ConvertError> {
        party.check_bounds()?;
        Ok(Self {
            role: party.role().try_into()?,
            participant: participant("parties.participant", &party.participant)?,
            dataset: party.dataset,
            key_columns: party.key_columns,
            label_columns: party.label_columns,
            padded_size: Some(party.padded_size).filter(|size| *size > 0),
        })
    }
}

impl From<JobSpec> for proto::JobSpec {
    fn from(spec: JobSpec) -> Self {
        Self {
            name: spec.name,
            parties: spec.parties.into_iter().map(Into::into).collect(),
            mode: proto::Mode::from(spec.mode).into(),
            protocol: proto::Protocol::from(spec.protocol).into(),
            key_types: spec.key_types.iter().map(ToString::to_string).collect(),
            error_budget: Some(spec.error_budget.into()),
            agreement_digest: spec.agreement_digest.map(|digest| digest.to_vec().into()).unwrap_or_default(),
            listener: spec.listener.into(),
            deadline_seconds: spec.deadline_seconds.unwrap_or(0),
        }
    }
}

impl TryFrom<proto::JobSpec> for JobSpec {
    type Error = ConvertError;

    fn try_from(spec: proto::JobSpec) -> Result<Self, ConvertError> {
        spec.check_bounds()?;
        Ok(Self {
            mode: spec.mode().try_into()?,
            protocol: spec.protocol().try_into()?,
            name: spec.name,
            parties: spec.parties.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            key_types: key_types(&spec.key_types)?,
            error_budget: spec.error_budget.ok_or_else(|| ConvertError::missing("error_budget"))?.into(),
            agreement_digest: optional_digest("agreement_digest", &spec.agreement_digest)?,
            listener: participant("listener", &spec.listener)?,
            deadline_seconds: Some(spec.deadline_seconds).filter(|seconds| *seconds > 0),
        })
    }
}
