//! Drives a protocol party over a channel: frames, declared sizes, deadlines, seconds and bytes by
//! phase, and a hash of everything that went both ways.
//!
//! One driver serves every protocol ([`run`]). It knows of a party what [`psi::party::Round`] tells
//! it, and of the network what [`Channel`] tells it. A peer is never believed: a frame that is out of
//! turn, too long, too many or too few ends the session with an error that names the peer, and the
//! peer is told why.

#![warn(missing_docs)]

pub mod channel;
pub mod compute;
mod driver;
pub mod error;
pub mod frame;
mod incoming;
mod lanes;
mod line;
mod liveness;
pub mod memory;
pub mod settings;
pub mod tampering;
mod transcript;

pub use channel::{Channel, ChannelError, FrameReceiver, FrameSender, MAX_FRAME};
pub use compute::{ComputeError, ComputePool, Pending};
pub use error::{Fault, SessionError};
pub use line::{Line, run};
pub use memory::{MemoryChannel, in_memory};
pub use settings::{Finished, Limits, PhaseProgress, PhaseReport, Settings, Side};
