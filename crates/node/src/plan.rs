//! What a run is to do, checked before anything is read or sent: this side's part, the peer, and the
//! terms that both have to state alike.

use agreement::{
    IdentityPublicKey, JobParty, JobSpec, Mode, ParticipantId, Protocol, Role, RunParticipant, RunTerms,
    run::{CONTRACT_VERSION, SUITE_RISTRETTO255, SUITE_VOLE},
};
use records::standard::DATA_STANDARD;

use crate::{error::RunError, run::Run};

/// A checked run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// This side.
    pub(crate) me: ParticipantId,
    /// Its part.
    pub(crate) own: JobParty,
    /// The peer's part.
    pub(crate) theirs: JobParty,
    /// The identity that is pinned for the peer.
    pub(crate) peer_identity: IdentityPublicKey,
    /// What both state.
    pub(crate) terms: RunTerms,
    /// How often the job was begun before.
    pub(crate) attempt: u32,
}

impl Plan {
    /// # Errors
    /// [`RunError::Job`] or [`RunError::Configuration`] for a run that this side cannot take part in.
    pub(crate) fn new(run: &Run) -> Result<Self, RunError> {
        let spec = &run.spec;
        spec.validate()?;
        let own = spec
            .party_of(&run.me)
            .ok_or_else(|| RunError::Configuration(format!("{} has no part in job {}", run.me, run.job_id)))?;
        let theirs = spec
            .party(own.role.other())
            .ok_or_else(|| RunError::Configuration(format!("job {} has no {}", run.job_id, own.role.other())))?;
        let participants = spec
            .parties
            .iter()
            .map(|party| {
                let identity = identity_of(run, &party.participant)?;
                Ok(RunParticipant { participant: party.participant.clone(), role: party.role, identity })
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let terms = RunTerms {
            contract_version: CONTRACT_VERSION,
            job_id: run.job_id.clone(),
            participants,
            mode: spec.mode,
            protocol: spec.protocol,
            suite: suite(spec.protocol).to_owned(),
            data_standard: DATA_STANDARD.to_owned(),
            key_types: spec.key_types.clone(),
            label_columns: spec.party(Role::Sender).map(|sender| sender.label_columns.clone()).unwrap_or_default(),
            error_budget: spec.error_budget,
            agreement_digest: spec.agreement_digest,
            // One shuffle over all: numbers of single bins would tell more than that of the whole.
            bins: u32::from(spec.mode == Mode::Cardinality),
        };
        let peer_identity = identity_of(run, &theirs.participant)?;
        Ok(Self {
            me: run.me.clone(),
            own: own.clone(),
            theirs: theirs.clone(),
            peer_identity,
            terms,
            attempt: run.attempt,
        })
    }

    /// The same run by another protocol.
    ///
    /// # Errors
    /// [`RunError::Job`] if this version does not have it.
    pub(crate) fn by(mut self, protocol: Protocol, spec: &JobSpec) -> Result<Self, RunError> {
        JobSpec { protocol, ..spec.clone() }.validate()?;
        self.terms.protocol = protocol;
        suite(protocol).clone_into(&mut self.terms.suite);
        Ok(self)
    }

    /// The peer.
    pub(crate) fn peer(&self) -> &ParticipantId {
        &self.theirs.participant
    }

    /// Whether this side learns which of its own items the peer has, or how many.
    pub(crate) fn learns(&self) -> bool {
        self.own.role == Role::Receiver || self.terms.mode == Mode::Both
    }

    /// Whether this side's items carry labels.
    pub(crate) fn gives_labels(&self) -> bool {
        self.own.role == Role::Sender && self.terms.mode == Mode::Labelled
    }
}

fn identity_of(run: &Run, participant: &ParticipantId) -> Result<IdentityPublicKey, RunError> {
    run.identities
        .iter()
        .find(|(name, _)| name == participant)
        .map(|(_, identity)| *identity)
        .ok_or_else(|| RunError::Configuration(format!("no identity is pinned for {participant}")))
}

fn suite(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Ecdh => SUITE_RISTRETTO255,
        Protocol::Vole => SUITE_VOLE,
        // Not built; validation refuses it before a suite is asked for.
        Protocol::VoleMalicious => "",
    }
}
