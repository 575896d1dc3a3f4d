//! Which jobs a node takes part in: decided from its own configuration, whatever its coordinator says.
//!
//! Signed agreements come here: then a job is admitted under one, and the columns and labels that it
//! names are those of the agreement. Until then a node runs a job only in development mode, under the
//! columns that the job itself names, and says so loudly.

use agreement::{JobSpec, JobSpecError, ParticipantId};

use crate::config::{Dataset, NodeConfig, Peer};

/// What a node needs to take part in a job.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The other party, as this node pinned it.
    pub peer: Peer,
    /// The dataset that the job names.
    pub dataset: Dataset,
    /// Whether this node is the one that is dialled.
    pub listens: bool,
}

/// Why a node takes no part in a job.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// The job is wrong, or asks for what is not built.
    #[error("{me} refuses the job: {error}")]
    Job {
        /// This node.
        me: ParticipantId,
        /// What is wrong.
        error: JobSpecError,
    },
    /// This node has no part in it.
    #[error("{0} has no part in this job")]
    NoPart(ParticipantId),
    /// The other party is not pinned.
    #[error("{me} refuses the job: it has no pinned identity for {peer}")]
    Stranger {
        /// This node.
        me: ParticipantId,
        /// The other party.
        peer: ParticipantId,
    },
    /// The dataset is not offered.
    #[error("{me} refuses the job: it offers no dataset named {dataset:?}")]
    Dataset {
        /// This node.
        me: ParticipantId,
        /// What the job names.
        dataset: String,
    },
    /// There is no signed agreement, and this is not development.
    #[error("{0} refuses the job: it stands under no signed agreement, and this node is not in development mode")]
    NoAgreement(ParticipantId),
    /// The job names an agreement, which this version cannot check.
    #[error("{0} refuses the job: it names an agreement, and this version cannot check agreements yet")]
    Agreement(ParticipantId),
    /// This node is to be dialled and does not listen.
    #[error("{0} refuses the job: it is to be the listener, and does not listen")]
    NotListening(ParticipantId),
}

/// Admits a job, or says why not.
///
/// # Errors
/// [`Refusal`], in words for the operators of all parties.
pub fn admit(config: &NodeConfig, spec: &JobSpec) -> Result<Admitted, Refusal> {
    let me = || config.participant.clone();
    if spec.agreement_digest.is_some() {
        return Err(Refusal::Agreement(me()));
    }
    if !config.development {
        return Err(Refusal::NoAgreement(me()));
    }
    spec.validate().map_err(|error| Refusal::Job { me: me(), error })?;
    let part = spec.party_of(&config.participant).ok_or_else(|| Refusal::NoPart(me()))?;
    let other = spec.party(part.role.other()).ok_or_else(|| Refusal::NoPart(me()))?;
    let peer = config.peers.iter().find(|peer| peer.participant == other.participant);
    let peer = peer.ok_or_else(|| Refusal::Stranger { me: me(), peer: other.participant.clone() })?;
    let dataset = config.datasets.iter().find(|dataset| dataset.name == part.dataset);
    let dataset = dataset.ok_or_else(|| Refusal::Dataset { me: me(), dataset: part.dataset.clone() })?;
    let listens = spec.listener == config.participant;
    if listens && config.listen.is_none() {
        return Err(Refusal::NotListening(me()));
    }
    Ok(Admitted { peer: peer.clone(), dataset: dataset.clone(), listens })
}
