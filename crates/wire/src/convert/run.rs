//! What a run is bound to.

use agreement::{IdentityPublicKey, RunInput, RunParticipant, RunTerms};

use super::{
    ConvertError, digest, job,
    job::{key_types, participant},
    optional_digest,
};
use crate::{bounds::Bounded, proto};

impl From<RunParticipant> for proto::RunParticipant {
    fn from(one: RunParticipant) -> Self {
        Self {
            participant: one.participant.into(),
            role: proto::Role::from(one.role).into(),
            identity_key: one.identity.as_bytes().to_vec().into(),
        }
    }
}

impl TryFrom<proto::RunParticipant> for RunParticipant {
    type Error = ConvertError;

    fn try_from(one: proto::RunParticipant) -> Result<Self, ConvertError> {
        one.check_bounds()?;
        let key = digest("participants.identity_key", &one.identity_key)?;
        Ok(Self {
            role: one.role().try_into()?,
            participant: participant("participants.participant", &one.participant)?,
            identity: IdentityPublicKey::from_bytes(key)
                .map_err(|error| ConvertError::new("participants.identity_key", error))?,
        })
    }
}

impl From<RunTerms> for proto::RunTerms {
    fn from(terms: RunTerms) -> Self {
        Self {
            contract_version: terms.contract_version,
            job_id: terms.job_id,
            participants: terms.participants.into_iter().map(Into::into).collect(),
            mode: proto::Mode::from(terms.mode).into(),
            protocol: proto::Protocol::from(terms.protocol).into(),
            suite: terms.suite,
            data_standard: terms.data_standard,
            key_types: terms.key_types.iter().map(ToString::to_string).collect(),
            label_columns: terms.label_columns,
            error_budget: Some(terms.error_budget.into()),
            agreement_digest: terms.agreement_digest.map(|value| value.to_vec().into()).unwrap_or_default(),
            bins: terms.bins,
        }
    }
}

impl TryFrom<proto::RunTerms> for RunTerms {
    type Error = ConvertError;

    fn try_from(terms: proto::RunTerms) -> Result<Self, ConvertError> {
        terms.check_bounds()?;
        Ok(Self {
            mode: terms.mode().try_into()?,
            protocol: terms.protocol().try_into()?,
            contract_version: terms.contract_version,
            job_id: job::job_id(terms.job_id)?,
            participants: terms.participants.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            suite: terms.suite,
            data_standard: terms.data_standard,
            key_types: key_types(&terms.key_types)?,
            label_columns: terms.label_columns,
            error_budget: terms.error_budget.ok_or_else(|| ConvertError::missing("error_budget"))?.into(),
            agreement_digest: optional_digest("agreement_digest", &terms.agreement_digest)?,
            bins: terms.bins,
        })
    }
}

impl From<RunInput> for proto::RunInput {
    fn from(input: RunInput) -> Self {
        Self {
            participant: input.participant.into(),
            padded_size: input.padded_size,
            commitment: input.commitment.to_vec().into(),
            use_counter: input.use_counter,
            label_size: input.label_size,
            nonce_commitment: input.nonce_commitment.to_vec().into(),
            resumed_job_key_check: input.resumed_job_key_check.map(|check| check.to_vec().into()).unwrap_or_default(),
            bin_items: input.bin_items,
            in_flight: input.in_flight,
            lane: input.lane,
            finished_bins: input.finished_bins.into(),
        }
    }
}

impl TryFrom<proto::RunInput> for RunInput {
    type Error = ConvertError;

    fn try_from(input: proto::RunInput) -> Result<Self, ConvertError> {
        input.check_bounds()?;
        Ok(Self {
            participant: participant("input.participant", &input.participant)?,
            padded_size: input.padded_size,
            commitment: digest("input.commitment", &input.commitment)?,
            use_counter: input.use_counter,
            label_size: input.label_size,
            nonce_commitment: digest("input.nonce_commitment", &input.nonce_commitment)?,
            resumed_job_key_check: optional_digest("input.resumed_job_key_check", &input.resumed_job_key_check)?,
            bin_items: input.bin_items,
            in_flight: input.in_flight,
            lane: input.lane,
            finished_bins: input.finished_bins.to_vec(),
        })
    }
}
