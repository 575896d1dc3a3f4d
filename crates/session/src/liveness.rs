//! How a side shows that it is at work, and for how long a peer may show nothing else.

use std::time::Duration;

use crate::error::SessionError;

/// Signs of life within an idle deadline, while this side computes; and the longest time between two,
/// since the peer's deadline may be shorter than ours.
const SIGNS_OF_LIFE: u32 = 4;
const LONGEST_SILENCE: Duration = Duration::from_secs(2);
/// How many idle deadlines a peer may put this side off with signs of life alone.
const MOST_WORKING: u32 = 30;

/// How long this side computes between two signs of life.
pub(crate) fn silence(idle: Duration) -> Duration {
    (idle / SIGNS_OF_LIFE).min(LONGEST_SILENCE)
}

/// Whether a peer has shown for too long that it lives, and nothing else.
pub(crate) fn puts_off(waited: Duration, idle: Duration) -> bool {
    waited > idle.saturating_mul(MOST_WORKING)
}

/// What is said of such a peer.
pub(crate) fn put_off(waited: Duration) -> SessionError {
    let seconds = waited.as_secs();
    SessionError::Peer(format!("for {seconds} seconds it said that it was at work, and sent nothing"))
}
