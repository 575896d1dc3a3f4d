//! Why a run ended without a result, and whose fault it was.

use agreement::ParticipantId;
use records::RecordError;
use session::{Fault, SessionError};
use wire::ConnectError;

/// Why a run ended without a result. Every message says who, and stands in the job's cause as it is.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was asked for is wrong, or not built.
    #[error("{0}")]
    Usage(String),
    /// This side's records cannot be read, or its result cannot be written.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// This side's records are not what a run needs.
    #[error("{0}")]
    Data(String),
    /// This side's policy does not admit the run.
    #[error("{0}")]
    Refused(String),
    /// The peer sent what it must not.
    #[error("{peer} misbehaved: {what}")]
    Peer {
        /// Who.
        peer: ParticipantId,
        /// What.
        what: String,
    },
    /// The two sides do not fit together.
    #[error("this run is not the one that {peer} wants: the {field} differs")]
    Terms {
        /// Who.
        peer: ParticipantId,
        /// The first field in which the terms differ.
        field: &'static str,
    },
    /// The peer ended the run and said why.
    #[error("{peer} ended the run: {reason}")]
    PeerEnded {
        /// Who.
        peer: ParticipantId,
        /// Whose fault, seen from the peer.
        fault: Fault,
        /// What it said.
        reason: String,
    },
    /// The connection was lost.
    #[error("the connection to {peer} was lost: {what}")]
    Lost {
        /// Who.
        peer: ParticipantId,
        /// What the network said.
        what: String,
    },
    /// The peer cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Something took too long.
    #[error("{0}")]
    TimedOut(String),
    /// Stopped from this side.
    #[error("{0}")]
    Cancelled(String),
    /// A fault of this node.
    #[error("{0}")]
    Own(String),
}

impl RunError {
    /// Whose fault it is, seen from this side.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Usage(_) | Self::Records(_) | Self::Data(_) | Self::Own(_) => Fault::Own,
            Self::Refused(_) => Fault::Refused,
            Self::Peer { .. } | Self::Lost { .. } | Self::Connect(_) => Fault::Peer,
            Self::Terms { .. } => Fault::Incompatible,
            Self::PeerEnded { fault, .. } => match fault {
                Fault::Own => Fault::Peer,
                Fault::Peer => Fault::Own,
                other => *other,
            },
            Self::TimedOut(_) => Fault::TimedOut,
            Self::Cancelled(_) => Fault::Cancelled,
        }
    }

    /// The exit status of a program that ends with this.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Records(RecordError::Address(_) | RecordError::NotBuilt(_) | RecordError::Exists(_)) => 2,
            Self::Records(RecordError::MissingColumn { .. }) => 2,
            Self::Records(_) | Self::Data(_) => 3,
            Self::Refused(_) | Self::PeerEnded { fault: Fault::Refused, .. } => 4,
            Self::Peer { .. } | Self::Terms { .. } => 5,
            Self::PeerEnded { fault: Fault::Peer | Fault::Incompatible, .. } => 5,
            Self::Lost { .. } | Self::Connect(_) | Self::TimedOut(_) => 6,
            Self::PeerEnded { fault: Fault::TimedOut, .. } => 6,
            Self::PeerEnded { .. } | Self::Cancelled(_) | Self::Own(_) => 1,
        }
    }

    /// What the session layer found, with the peer's name.
    #[must_use]
    pub fn of_session(error: SessionError, peer: &ParticipantId) -> Self {
        let peer = peer.clone();
        match error {
            SessionError::Peer(what) => Self::Peer { peer, what },
            SessionError::PeerEnded { fault, reason } => Self::PeerEnded { peer, fault, reason },
            SessionError::Disconnected(what) => Self::Lost { peer, what },
            SessionError::IdleTimeout { idle, phase } => Self::TimedOut(format!(
                "{peer} sent nothing and took nothing for {} seconds in phase {phase}",
                idle.as_secs()
            )),
            SessionError::TotalTimeout { total } => {
                Self::TimedOut(format!("the run with {peer} was not done after {} seconds", total.as_secs()))
            }
            SessionError::Cancelled => Self::Cancelled("the run was cancelled here".to_owned()),
            SessionError::Own(what) => Self::Own(what),
        }
    }
}
