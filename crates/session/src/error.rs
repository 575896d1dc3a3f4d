//! Why a session ended, and whose fault it was.

use std::time::Duration;

use psi::PsiError;

/// Whose fault an end is, seen from the side that speaks. The numbers travel in abort frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// The speaker's own: its data, its disk, its program.
    Own = 1,
    /// The other side sent what it must not, or nothing.
    Peer = 2,
    /// Both behave, but their versions or terms differ.
    Incompatible = 3,
    /// The speaker's policy does not admit it.
    Refused = 4,
    /// A person or a shutdown stopped it.
    Cancelled = 5,
    /// The run took longer than it may.
    TimedOut = 6,
}

impl Fault {
    /// The fault that `byte` stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Own, Self::Peer, Self::Incompatible, Self::Refused, Self::Cancelled, Self::TimedOut]
            .into_iter()
            .find(|fault| *fault as u8 == byte)
    }
}

/// Why a session did not finish.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SessionError {
    /// The peer sent what the protocol does not allow.
    #[error("the peer misbehaved: {0}")]
    Peer(String),
    /// The peer ended the session and said why.
    #[error("the peer ended the session: {reason}")]
    PeerEnded {
        /// Whose fault it is, seen from the peer's side.
        fault: Fault,
        /// What it said, without control characters.
        reason: String,
    },
    /// The connection ended before the session.
    #[error("the connection was lost: {0}")]
    Disconnected(String),
    /// The peer sent nothing, and took nothing, for too long.
    #[error("the peer was silent for {} seconds in phase {phase}", idle.as_secs())]
    IdleTimeout {
        /// How long was waited.
        idle: Duration,
        /// Where.
        phase: &'static str,
    },
    /// The session took longer than it may.
    #[error("the session was not done after {} seconds", total.as_secs())]
    TotalTimeout {
        /// How long it may take.
        total: Duration,
    },
    /// Stopped from this side.
    #[error("the session was cancelled")]
    Cancelled,
    /// This side's own fault.
    #[error("{0}")]
    Own(String),
}

impl SessionError {
    /// Whose fault it is, seen from this side; for what is told to the peer.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Peer(_) | Self::Disconnected(_) | Self::IdleTimeout { .. } => Fault::Peer,
            Self::PeerEnded { fault, .. } => match fault {
                Fault::Own => Fault::Peer,
                Fault::Peer => Fault::Own,
                other => *other,
            },
            Self::TotalTimeout { .. } => Fault::TimedOut,
            Self::Cancelled => Fault::Cancelled,
            Self::Own(_) => Fault::Own,
        }
    }
}

impl From<PsiError> for SessionError {
    fn from(error: PsiError) -> Self {
        match error {
            PsiError::Peer(what) => Self::Peer(format!("it sent {what}")),
            own => Self::Own(own.to_string()),
        }
    }
}
