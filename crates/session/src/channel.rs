//! What a session needs of a network: whole frames, in order, both ways.

use std::future::Future;

use bytes::Bytes;

/// The most bytes that a frame may have.
pub const MAX_FRAME: usize = 1 << 20;

/// Why a channel cannot go on. Never the peer's fault as such: it may be gone, or the network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChannelError {
    /// The other end is closed.
    #[error("the connection is closed")]
    Closed,
    /// The transport failed.
    #[error("the connection broke: {0}")]
    Transport(String),
    /// The peer sent a frame of more than [`MAX_FRAME`] bytes.
    #[error("a frame of {0} bytes, more than the 1 MiB allowed")]
    FrameTooLarge(usize),
}

/// A channel to one peer.
pub trait Channel: Send + 'static {
    /// The sending half.
    type Tx: FrameSender;
    /// The receiving half.
    type Rx: FrameReceiver;

    /// Splits the channel, so that it sends and receives at the same time.
    fn split(self) -> (Self::Tx, Self::Rx);
}

/// Sends frames. Dropping it ends this direction in order.
pub trait FrameSender: Send + 'static {
    /// Sends one frame; waits while the peer is not ready for more.
    fn send(&mut self, frame: Bytes) -> impl Future<Output = Result<(), ChannelError>> + Send;
}

/// Receives frames.
pub trait FrameReceiver: Send + 'static {
    /// The next frame, or nothing when the peer ended its direction in order.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Bytes>, ChannelError>> + Send;
}
