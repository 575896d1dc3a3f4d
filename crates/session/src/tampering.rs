//! A channel whose frames a test may alter, drop, repeat, hold back or look at.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use crate::channel::{Channel, ChannelError, FrameReceiver, FrameSender};

/// What becomes of a frame that is being sent: it gets the frame's number in its direction, from 0,
/// and gives what goes out in its place. Nothing drops it, two repeat it.
pub type Tamper = Box<dyn FnMut(usize, Bytes) -> Vec<Bytes> + Send>;

/// All frames that came by, in order.
pub type Capture = Arc<Mutex<Vec<Bytes>>>;

/// A channel with a hook on what it sends and a capture of what it sends and receives.
pub struct Tampering<C> {
    channel: C,
    tamper: Tamper,
    sent: Capture,
    received: Capture,
}

impl<C> fmt::Debug for Tampering<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tampering(..)")
    }
}

impl<C: Channel> Tampering<C> {
    /// Sends everything through `tamper`.
    #[must_use]
    pub fn new(channel: C, tamper: Tamper) -> Self {
        Self { channel, tamper, sent: Capture::default(), received: Capture::default() }
    }

    /// Changes nothing, and captures.
    #[must_use]
    pub fn capturing(channel: C) -> Self {
        Self::new(channel, Box::new(|_, frame| vec![frame]))
    }

    /// What went out (after tampering), and what came in.
    #[must_use]
    pub fn captures(&self) -> (Capture, Capture) {
        (Arc::clone(&self.sent), Arc::clone(&self.received))
    }
}

/// The sending half.
pub struct TamperingSender<T> {
    inner: T,
    tamper: Tamper,
    sent: Capture,
    count: usize,
}

/// The receiving half.
pub struct TamperingReceiver<T> {
    inner: T,
    received: Capture,
}

impl<C: Channel> Channel for Tampering<C> {
    type Tx = TamperingSender<C::Tx>;
    type Rx = TamperingReceiver<C::Rx>;

    fn split(self) -> (Self::Tx, Self::Rx) {
        let (tx, rx) = self.channel.split();
        (
            TamperingSender { inner: tx, tamper: self.tamper, sent: self.sent, count: 0 },
            TamperingReceiver { inner: rx, received: self.received },
        )
    }
}

fn keep(capture: &Capture, frame: &Bytes) {
    if let Ok(mut frames) = capture.lock() {
        frames.push(frame.clone());
    }
}

impl<T: FrameSender> FrameSender for TamperingSender<T> {
    async fn send(&mut self, frame: Bytes) -> Result<(), ChannelError> {
        let instead = (self.tamper)(self.count, frame);
        self.count += 1;
        for frame in instead {
            keep(&self.sent, &frame);
            self.inner.send(frame).await?;
        }
        Ok(())
    }
}

impl<T: FrameReceiver> FrameReceiver for TamperingReceiver<T> {
    async fn receive(&mut self) -> Result<Option<Bytes>, ChannelError> {
        let frame = self.inner.receive().await?;
        if let Some(frame) = &frame {
            keep(&self.received, frame);
        }
        Ok(frame)
    }
}
