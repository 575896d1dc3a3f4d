//! What a session is given, and what it gives back.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::compute::ComputePool;

/// Which party this is: fixes the order of the two directions in the transcript hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The party that learns the result.
    Receiver,
    /// The party that offers its set.
    Sender,
}

/// How long a session may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the peer's next frame, or for the peer to take one.
    pub idle: Duration,
    /// For everything.
    pub total: Duration,
}

/// How far a phase is, in elements sent and received. All of it is public: sizes, no matches. Of a message
/// that has an element for each match, nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseProgress {
    /// The phase.
    pub phase: &'static str,
    /// Elements sent and received so far.
    pub done: u64,
    /// Elements that this phase sends and receives.
    pub total: u64,
}

/// Is told how far a session is. Must return at once.
pub type ProgressHook = Arc<dyn Fn(PhaseProgress) + Send + Sync>;

/// What a session is given.
#[derive(Clone)]
pub struct Settings {
    /// The id that both sides agreed on; enters the transcript hash.
    pub session_id: [u8; 32],
    /// Which party this is.
    pub side: Side,
    /// Where its steps run.
    pub compute: ComputePool,
    /// How long it may wait.
    pub limits: Limits,
    /// Ends it from this side.
    pub cancel: CancellationToken,
    /// Is told how far it is.
    pub progress: Option<ProgressHook>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("side", &self.side).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Seconds and bytes of one phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseReport {
    /// The phase.
    pub phase: &'static str,
    /// Seconds from its beginning to its end.
    pub seconds: f64,
    /// Seconds of those in which this side computed.
    pub compute_seconds: f64,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
}

/// A session that both sides finished with the same transcript.
#[derive(Clone, Debug)]
pub struct Finished<O> {
    /// What this party learned.
    pub output: O,
    /// SHA-256 over the frames of both directions; the same on both sides.
    pub transcript: [u8; 32],
    /// Seconds and bytes by phase.
    pub phases: Vec<PhaseReport>,
    /// Bytes of all frames sent.
    pub bytes_sent: u64,
    /// Bytes of all frames received.
    pub bytes_received: u64,
    /// When both had finished, as far as this side can tell: it had said so, and the peer's word was there.
    pub ended: Instant,
}
