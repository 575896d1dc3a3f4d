//! The stream of messages between two nodes, the same for the side that dialled and the side that
//! listens, and the channel that a session sees of it.

use std::{fmt, pin::Pin};

use bytes::Bytes;
use session::{Channel, ChannelError, FrameReceiver, FrameSender, MAX_FRAME};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Status, Streaming};
use wire::{
    Connection, Peer,
    proto::{
        ExchangeMessage, ExchangeRequest, ExchangeResponse, exchange_message::Body,
        exchange_service_client::ExchangeServiceClient,
    },
};

/// Messages that wait in one direction.
const QUEUE: usize = 4;

type Messages = Pin<Box<dyn Stream<Item = Result<ExchangeMessage, Status>> + Send>>;

/// What a listener answers a call with.
pub type Responses = Pin<Box<dyn Stream<Item = Result<ExchangeResponse, Status>> + Send>>;

/// A stream of messages in both directions, to a peer that TLS has proved.
pub struct Link {
    /// Who is at the other end.
    pub peer: Peer,
    tx: mpsc::Sender<ExchangeMessage>,
    rx: Messages,
    /// A message that was read before its turn.
    first: Option<ExchangeMessage>,
    /// What must live as long as the stream.
    connection: Option<Connection>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.peer.participant)
    }
}

fn body(message: Option<ExchangeMessage>) -> Result<ExchangeMessage, Status> {
    message.ok_or_else(|| Status::invalid_argument("a message without content"))
}

impl Link {
    /// Opens the stream of a connection that this side dialled.
    ///
    /// # Errors
    /// The status with which the peer refuses.
    pub async fn dialled(connection: Connection) -> Result<Self, Status> {
        let (tx, messages) = mpsc::channel(QUEUE);
        let requests = ReceiverStream::new(messages).map(|message| ExchangeRequest { message: Some(message) });
        let mut client = ExchangeServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(wire::MAX_MESSAGE)
            .max_encoding_message_size(wire::MAX_MESSAGE);
        let responses = client.exchange(requests).await?.into_inner();
        let rx = responses.map(|response| body(response?.message));
        let peer = connection.peer.clone();
        Ok(Self { peer, tx, rx: Box::pin(rx), first: None, connection: Some(connection) })
    }

    /// Takes a call that a peer made, and gives what it is answered with.
    #[must_use]
    pub fn accepted(peer: Peer, call: Request<Streaming<ExchangeRequest>>) -> (Self, Responses) {
        let (tx, messages) = mpsc::channel(QUEUE);
        let responses = ReceiverStream::new(messages).map(|message| Ok(ExchangeResponse { message: Some(message) }));
        let rx = call.into_inner().map(|request| body(request?.message));
        (Self { peer, tx, rx: Box::pin(rx), first: None, connection: None }, Box::pin(responses))
    }

    /// Two ends inside one process, as if one had dialled the other: for tests. Each peer is the one
    /// that stands at that end.
    #[must_use]
    pub fn pair(left: Peer, right: Peer) -> (Self, Self) {
        let (to_right, from_left) = mpsc::channel(QUEUE);
        let (to_left, from_right) = mpsc::channel(QUEUE);
        let end = |peer, tx, rx| {
            let rx = Box::pin(ReceiverStream::new(rx).map(Ok));
            Self { peer, tx, rx, first: None, connection: None }
        };
        (end(right, to_right, from_right), end(left, to_left, from_left))
    }

    /// Sends one message; waits while the peer is not ready for more.
    ///
    /// # Errors
    /// [`ChannelError::Closed`].
    pub async fn send(&mut self, body: Body) -> Result<(), ChannelError> {
        self.tx.send(ExchangeMessage { body: Some(body) }).await.map_err(|_| ChannelError::Closed)
    }

    /// The next message.
    ///
    /// # Errors
    /// [`ChannelError`] if there will be none.
    pub async fn receive(&mut self) -> Result<Body, ChannelError> {
        let message = match self.first.take() {
            Some(message) => message,
            None => next(&mut self.rx).await?.ok_or(ChannelError::Closed)?,
        };
        message.body.ok_or_else(|| ChannelError::Transport("a message without content".to_owned()))
    }

    /// Puts a message back, for the next [`receive`](Self::receive).
    pub fn put_back(&mut self, body: Body) {
        self.first = Some(ExchangeMessage { body: Some(body) });
    }
}

async fn next(rx: &mut Messages) -> Result<Option<ExchangeMessage>, ChannelError> {
    match rx.next().await {
        None => Ok(None),
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(status)) => Err(ChannelError::Transport(status.message().to_owned())),
    }
}

/// Sends a session's frames over a link.
pub struct LinkSender(mpsc::Sender<ExchangeMessage>);

/// Receives a session's frames from a link.
pub struct LinkReceiver {
    rx: Messages,
    _connection: Option<Connection>,
}

impl Channel for Link {
    type Tx = LinkSender;
    type Rx = LinkReceiver;

    fn split(self) -> (LinkSender, LinkReceiver) {
        (LinkSender(self.tx), LinkReceiver { rx: self.rx, _connection: self.connection })
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
        match next(&mut self.rx).await?.map(|message| message.body) {
            None => Ok(None),
            Some(Some(Body::Frame(frame))) if frame.len() > MAX_FRAME => Err(ChannelError::FrameTooLarge(frame.len())),
            Some(Some(Body::Frame(frame))) => Ok(Some(frame)),
            // The driver finds that this is no frame, and blames the peer.
            Some(_) => Ok(Some(Bytes::new())),
        }
    }
}
