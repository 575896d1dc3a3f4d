//! Which jobs a node takes part in: decided from its own configuration, whatever its coordinator says.
//!
//! What needs no more than the configuration is looked at here, before anything is counted. Whether the agreement
//! that a job names admits it is for the [book](crate::book) to say; a job that names none is refused.

use agreement::{JobSpec, JobSpecError, ParticipantId};

use crate::config::{Dataset, NodeConfig, Peer};

/// What a node needs to take part in a job.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The other party, as this node pinned it.
    pub(crate) peer: Peer,
    /// The dataset that the job names.
    pub(crate) dataset: Dataset,
    /// Whether this node is the one that is dialled.
    pub(crate) listens: bool,
}

/// Why a node takes no part in a job, in words for the operators of all parties.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The job is wrong, or asks for what is not built.
    #[error("{0}")]
    Job(JobSpecError),
    /// This node has no part in it.
    #[error("the node has no part in this job")]
    NoPart,
    /// The other party is not pinned.
    #[error("the node has no pinned identity for {0}")]
    Stranger(ParticipantId),
    /// The dataset is not offered.
    #[error("the node offers no dataset named {0:?}")]
    Dataset(String),
    /// There is no signed agreement.
    #[error("the job stands under no signed agreement")]
    NoAgreement,
    /// The set is to be padded beyond what this node computes for one run.
    #[error("the node's set is to be padded to {0} items, more than the {1} that it admits")]
    Padding(u64, u64),
    /// This node is to be dialled and does not listen.
    #[error("the node is to be the listener of this job, and does not listen")]
    NotListening,
}

/// Admits a job, or says why not. `served` says whether peers can call this node.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn admit(config: &NodeConfig, spec: &JobSpec, served: bool) -> Result<Admitted, Refusal> {
    if spec.agreement_digest.is_none() {
        return Err(Refusal::NoAgreement);
    }
    spec.validate().map_err(Refusal::Job)?;
    let part = spec.party_of(&config.participant).ok_or(Refusal::NoPart)?;
    let other = spec.party(part.role.other()).ok_or(Refusal::NoPart)?;
    let peer = config.peers.iter().find(|peer| peer.participant == other.participant);
    let peer = peer.ok_or_else(|| Refusal::Stranger(other.participant.clone()))?;
    let dataset = config.datasets.iter().find(|dataset| dataset.name == part.dataset);
    let dataset = dataset.ok_or_else(|| Refusal::Dataset(part.dataset.clone()))?;
    if let Some(size) = part.padded_size.filter(|size| *size > config.max_items) {
        return Err(Refusal::Padding(size, config.max_items));
    }
    let listens = spec.listener == config.participant;
    if listens && !served {
        return Err(Refusal::NotListening);
    }
    Ok(Admitted { peer: peer.clone(), dataset: dataset.clone(), listens })
}
