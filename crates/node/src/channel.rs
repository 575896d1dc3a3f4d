//! The frames part of an exchange as the channel that a session drives.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use session::{Channel, ChannelError, FrameReceiver, FrameSender, MAX_FRAME, frame::Frame};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use wire::proto::{ExchangeMessage, exchange_message::Body};

use crate::{
    error::harmless,
    link::{self, Delivered, LinkError},
};

/// How long the end of a stream is waited for: a little longer than its reader lingers.
const CLOSING: Duration = Duration::from_secs(4);

/// A link whose handshake is done.
pub(crate) struct FrameChannel {
    tx: mpsc::Sender<ExchangeMessage>,
    rx: mpsc::Receiver<Delivered>,
    held: Option<Body>,
    offence: Offence,
}

/// What a peer sent that is no frame, in words: a session only knows that it could not read it.
pub(crate) type Offence = Arc<OnceLock<String>>;

/// Sends frames.
pub(crate) struct LinkSender(mpsc::Sender<ExchangeMessage>);

/// Receives frames.
pub(crate) struct LinkReceiver {
    rx: mpsc::Receiver<Delivered>,
    held: Option<Body>,
    offence: Offence,
}

/// The end of a link: waits until the peer has hung up as well.
pub(crate) struct Closing(Option<JoinHandle<()>>);

impl FrameChannel {
    pub(crate) fn new(tx: mpsc::Sender<ExchangeMessage>, rx: mpsc::Receiver<Delivered>, held: Option<Body>) -> Self {
        Self { tx, rx, held, offence: Offence::default() }
    }

    /// Where it will stand what the peer sent instead of a frame.
    pub(crate) fn offence(&self) -> Offence {
        Arc::clone(&self.offence)
    }
}

impl Channel for FrameChannel {
    type Tx = LinkSender;
    type Rx = LinkReceiver;

    fn split(self) -> (LinkSender, LinkReceiver) {
        (LinkSender(self.tx), LinkReceiver { rx: self.rx, held: self.held, offence: self.offence })
    }
}

impl FrameSender for LinkSender {
    async fn send(&mut self, frame: Bytes) -> Result<(), ChannelError> {
        let message = ExchangeMessage { body: Some(Body::Frame(frame)) };
        self.0.send(message).await.map_err(|_| ChannelError::Closed)
    }
}

impl FrameReceiver for LinkReceiver {
    async fn receive(&mut self) -> Result<Option<Bytes>, ChannelError> {
        let body = match self.held.take() {
            Some(body) => Some(body),
            None => match self.rx.recv().await {
                None => return Ok(None),
                Some(Err(LinkError::Broken(cause))) => return Err(ChannelError::Transport(cause)),
                Some(Err(LinkError::Malformed(what))) => return Ok(Some(self.offended(what))),
                Some(Ok(message)) => message.body,
            },
        };
        match body {
            Some(Body::Frame(frame)) if frame.len() > MAX_FRAME => Err(ChannelError::FrameTooLarge(frame.len())),
            Some(Body::Frame(frame)) => Ok(Some(frame)),
            Some(Body::Refusal(refusal)) => {
                let fault = link::session_fault(refusal.fault());
                Ok(Some(Frame::Abort { fault, reason: harmless(&refusal.reason) }.encode()))
            }
            Some(other) => {
                let what = format!("it sent a {} out of turn, where a frame is due", link::name(&other));
                Ok(Some(self.offended(what)))
            }
            None => Ok(Some(self.offended("it sent an empty message".to_owned()))),
        }
    }
}

impl LinkReceiver {
    /// Notes what the peer did, and gives bytes that no session takes for a frame.
    fn offended(&self, what: String) -> Bytes {
        // The first offence is the one that ends the session.
        drop(self.offence.set(what));
        Bytes::new()
    }
}

impl Closing {
    pub(crate) fn new(reader: Option<JoinHandle<()>>) -> Self {
        Self(reader)
    }

    /// Waits until the stream has ended, for a bounded time.
    pub(crate) async fn wait(self) {
        if let Some(mut reader) = self.0
            && timeout(CLOSING, &mut reader).await.is_err()
        {
            reader.abort();
        }
    }
}
