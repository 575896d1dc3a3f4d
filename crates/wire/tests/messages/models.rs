//! Arbitrary models that are valid: strategies, each within the bounds of its message.

use agreement::{
    ErrorBudget, IdentityKey, JobParty, JobSpec, JobState, KeyType, Mode, ParticipantId, Protocol, Role, RunInput,
    RunParticipant, RunTerms,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

pub(crate) const ROLES: [Role; 2] = [Role::Receiver, Role::Sender];
pub(crate) const MODES: [Mode; 5] = [Mode::Membership, Mode::Labelled, Mode::Both, Mode::Cardinality, Mode::Sum];
pub(crate) const PROTOCOLS: [Protocol; 3] = [Protocol::Ecdh, Protocol::Vole, Protocol::VoleMalicious];
pub(crate) const STATES: [JobState; 10] = [
    JobState::Pending,
    JobState::AwaitingApproval,
    JobState::Queued,
    JobState::Running,
    JobState::Suspended,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::Rejected,
    JobState::TimedOut,
];

fn participant() -> impl Strategy<Value = ParticipantId> {
    "[a-z]([a-z0-9-]{0,61}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
}

/// Any text of at most `bytes` bytes, which must be divisible by four.
fn text(bytes: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=bytes / 4).prop_map(String::from_iter)
}

fn texts(most: usize) -> impl Strategy<Value = Vec<String>> {
    vec(text(64), 0..=most)
}

fn key_types() -> impl Strategy<Value = Vec<KeyType>> {
    vec(select(KeyType::ALL.to_vec()), 0..=16)
}

fn budget() -> impl Strategy<Value = ErrorBudget> {
    any::<u32>().prop_map(|lambda| ErrorBudget { lambda })
}

fn digest() -> impl Strategy<Value = Option<[u8; 32]>> {
    any::<Option<[u8; 32]>>()
}

prop_compose! {
    fn party()(
        participant in participant(), role in select(ROLES.to_vec()), dataset in text(128),
        key_columns in texts(16), label_columns in texts(64), padded_size in option::of(1..=u64::MAX),
    ) -> JobParty {
        JobParty { participant, role, dataset, key_columns, label_columns, padded_size }
    }
}

prop_compose! {
    pub(crate) fn job()(
        name in text(128), parties in vec(party(), 0..4), mode in select(MODES.to_vec()),
        protocol in select(PROTOCOLS.to_vec()), key_types in key_types(), error_budget in budget(),
        agreement_digest in digest(), listener in participant(), deadline_seconds in option::of(1..=u32::MAX),
    ) -> JobSpec {
        JobSpec {
            name, parties, mode, protocol, key_types, error_budget, agreement_digest, listener, deadline_seconds,
        }
    }
}

prop_compose! {
    fn run_participant()(participant in participant(), role in select(ROLES.to_vec()), seed: [u8; 32]) -> RunParticipant {
        RunParticipant { participant, role, identity: IdentityKey::from_seed(&seed.into()).public() }
    }
}

prop_compose! {
    pub(crate) fn terms()(
        contract_version: u32, job_id in "[A-Za-z0-9-]{1,64}", participants in vec(run_participant(), 0..4),
        mode in select(MODES.to_vec()), protocol in select(PROTOCOLS.to_vec()), suite in text(64),
        data_standard in text(64), key_types in key_types(), label_columns in texts(64), error_budget in budget(),
        agreement_digest in digest(), bins: u32,
    ) -> RunTerms {
        RunTerms {
            contract_version, job_id, participants, mode, protocol, suite, data_standard, key_types, label_columns,
            error_budget, agreement_digest, bins,
        }
    }
}

prop_compose! {
    pub(crate) fn input()(
        participant in participant(), padded_size: u64, commitment: [u8; 32], use_counter: u64, label_size: u32,
        nonce_commitment: [u8; 32], resumed_job_key_check in digest(), bin_items: u64, in_flight: u32, lane: u32,
        finished_bins in vec(any::<u8>(), 0..=512),
    ) -> RunInput {
        RunInput {
            participant, padded_size, commitment, use_counter, label_size, nonce_commitment, resumed_job_key_check,
            bin_items, in_flight, lane, finished_bins,
        }
    }
}
