//! A channel inside one process, for tests, examples and benchmarks.

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::channel::{Channel, ChannelError, FrameReceiver, FrameSender, MAX_FRAME};

/// One end of a channel in memory.
#[derive(Debug)]
pub struct MemoryChannel {
    tx: MemorySender,
    rx: MemoryReceiver,
}

/// The sending half.
#[derive(Debug)]
pub struct MemorySender(mpsc::Sender<Bytes>);

/// The receiving half.
#[derive(Debug)]
pub struct MemoryReceiver(mpsc::Receiver<Bytes>);

/// Two ends, each of which holds at most `depth` frames (at least one) that the other has not taken.
#[must_use]
pub fn in_memory(depth: usize) -> (MemoryChannel, MemoryChannel) {
    let (to_right, from_left) = mpsc::channel(depth.max(1));
    let (to_left, from_right) = mpsc::channel(depth.max(1));
    let end = |tx, rx| MemoryChannel { tx: MemorySender(tx), rx: MemoryReceiver(rx) };
    (end(to_right, from_right), end(to_left, from_left))
}

impl Channel for MemoryChannel {
    type Tx = MemorySender;
    type Rx = MemoryReceiver;

    fn split(self) -> (MemorySender, MemoryReceiver) {
        (self.tx, self.rx)
    }
}

impl FrameSender for MemorySender {
    async fn send(&mut self, frame: Bytes) -> Result<(), ChannelError> {
        self.0.send(frame).await.map_err(|_| ChannelError::Closed)
    }
}

impl FrameReceiver for MemoryReceiver {
    async fn receive(&mut self) -> Result<Option<Bytes>, ChannelError> {
        match self.0.recv().await {
            Some(frame) if frame.len() > MAX_FRAME => Err(ChannelError::FrameTooLarge(frame.len())),
            frame => Ok(frame),
        }
    }
}
