//! A duplex of exchange messages with one known peer: what a run needs of the network, whichever side
//! dialled.
//!
//! A task of its own reads from the stream. It goes on for a short while after the link was dropped,
//! so that a last word of ours is not lost because we hung up too soon.

use std::{fmt, future::pending, time::Duration};

use agreement::ParticipantId;
use session::Fault;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{timeout, timeout_at},
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status, Streaming};
use wire::{
    Connection, MAX_MESSAGE, Peer,
    proto::{
        self, ExchangeMessage, ExchangeRequest, ExchangeResponse, Hello, Refusal, exchange_message::Body,
        exchange_service_client::ExchangeServiceClient,
    },
};

use crate::{
    channel::{Closing, FrameChannel},
    error::{RunError, harmless},
};

/// Messages that wait in each direction, 1 MiB at most each.
const QUEUE: usize = 2;
/// How long a stream is kept after the link was dropped.
const LINGER: Duration = Duration::from_secs(3);
/// How long a last word may take to get into the queue.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Why a link gives no further message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// The transport failed, or the peer is gone.
    Broken(String),
    /// The peer sent bytes that are no message.
    Malformed(String),
}

/// What a link delivers.
pub type Delivered = Result<ExchangeMessage, LinkError>;

/// A duplex with one peer.
pub struct Link {
    peer: Peer,
    /// As it was measured when this side dialled.
    round_trip: Option<Duration>,
    tx: mpsc::Sender<ExchangeMessage>,
    rx: mpsc::Receiver<Delivered>,
    /// A message that was looked at and not yet taken.
    held: Option<Body>,
    reader: Option<JoinHandle<()>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer.participant).finish_non_exhaustive()
    }
}

impl Link {
    /// A link over two queues: for tests, which may put anything between two of them.
    #[must_use]
    pub fn from_queues(peer: Peer, tx: mpsc::Sender<ExchangeMessage>, rx: mpsc::Receiver<Delivered>) -> Self {
        Self { peer, round_trip: None, tx, rx, held: None, reader: None }
    }

    /// Opens an exchange on a connection.
    ///
    /// # Errors
    /// [`RunError`] if the peer does not take the call within `wait`.
    pub(crate) async fn dialled(connection: Connection, me: &ParticipantId, wait: Duration) -> Result<Self, RunError> {
        let Connection { channel, peer, round_trip } = connection;
        let (tx, requests) = mpsc::channel(QUEUE);
        let requests = ReceiverStream::new(requests).map(|message| ExchangeRequest { message: Some(message) });
        let mut client = ExchangeServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
        let answer = timeout(wait, client.exchange(requests)).await.map_err(|_| RunError::Silent {
            peer: peer.participant.clone(),
            what: "did not take the call",
            waited: wait,
        })?;
        let responses = answer.map_err(|status| call_refused(&status, &peer.participant, me))?.into_inner();
        let incoming = responses.map(|response| response.map(|response| response.message));
        let (rx, reader) = read_from(incoming);
        Ok(Self { peer, round_trip: Some(round_trip), tx, rx, held: None, reader: Some(reader) })
    }

    /// Takes a call; the second part is what goes out on it.
    pub(crate) fn accepted(
        peer: Peer,
        requests: Streaming<ExchangeRequest>,
    ) -> (Self, impl Stream<Item = Result<ExchangeResponse, Status>> + Send + use<>) {
        let (tx, responses) = mpsc::channel(QUEUE);
        let incoming = requests.map(|request| request.map(|request| request.message));
        let (rx, reader) = read_from(incoming);
        let responses = ReceiverStream::new(responses).map(|message| Ok(ExchangeResponse { message: Some(message) }));
        (Self { peer, round_trip: None, tx, rx, held: None, reader: Some(reader) }, responses)
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The round trip to the peer, if this side dialled ([`Connection::round_trip`]).
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Sends a message, within `wait`. A peer that takes nothing any more may have said why.
    pub(crate) async fn send(&mut self, me: &ParticipantId, body: Body, wait: Duration) -> Result<(), RunError> {
        let peer = self.peer.participant.clone();
        match timeout(wait, self.tx.send(ExchangeMessage { body: Some(body) })).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(match timeout(LAST_WORD, self.refusal()).await {
                Ok(Some(refusal)) => self.refused(&refusal, me),
                Ok(None) | Err(_) => RunError::Disconnected { peer, cause: "the peer ended it".to_owned() },
            }),
            Err(_) => Err(RunError::Silent { peer, what: "did not take our message", waited: wait }),
        }
    }

    /// The refusal among what still comes, if there is one.
    async fn refusal(&mut self) -> Option<Refusal> {
        let mut next = self.held.take();
        loop {
            match next {
                Some(Body::Refusal(refusal)) => return Some(refusal),
                Some(_) | None => next = self.rx.recv().await?.ok()?.body,
            }
        }
    }

    /// The next message, within `wait`; `what` says what the peer did not do if there is none. A
    /// refusal is an error.
    pub(crate) async fn receive(
        &mut self,
        me: &ParticipantId,
        what: &'static str,
        wait: Duration,
    ) -> Result<Body, RunError> {
        let body = match self.held.take() {
            Some(body) => body,
            None => match timeout(wait, self.rx.recv()).await {
                Ok(delivered) => self.body(delivered)?,
                Err(_) => {
                    return Err(RunError::Silent { peer: self.peer.participant.clone(), what, waited: wait });
                }
            },
        };
        match body {
            Body::Refusal(refusal) => Err(self.refused(&refusal, me)),
            other => Ok(other),
        }
    }

    /// Waits for the first message without taking it, and gives it if it is a hello; nothing if it is a
    /// refusal, which is kept for the run.
    pub(crate) async fn peek_hello(&mut self, wait: Duration) -> Result<Option<&Hello>, RunError> {
        if self.held.is_none() {
            let delivered = timeout(wait, self.rx.recv()).await.map_err(|_| RunError::Silent {
                peer: self.peer.participant.clone(),
                what: "sent no hello",
                waited: wait,
            })?;
            self.held = Some(self.body(delivered)?);
        }
        match &self.held {
            Some(Body::Hello(hello)) => Ok(Some(hello)),
            Some(Body::Refusal(_)) => Ok(None),
            Some(other) => Err(self.out_of_turn(other, "hello")),
            None => Ok(None),
        }
    }

    /// Ends when the peer has refused or is gone; what else comes is kept. Safe to be dropped while it
    /// waits.
    pub(crate) async fn gone(&mut self, me: &ParticipantId) -> RunError {
        if self.held.is_none() {
            let delivered = self.rx.recv().await;
            match self.body(delivered) {
                Ok(body) => self.held = Some(body),
                Err(error) => return error,
            }
        }
        match &self.held {
            Some(Body::Refusal(refusal)) => self.refused(refusal, me),
            _ => pending().await,
        }
    }

    /// Ends when anything comes beyond the message that is kept, or the peer is gone.
    pub(crate) async fn disturbed(&mut self) -> RunError {
        let delivered = self.rx.recv().await;
        match self.body(delivered) {
            Ok(body) => self.out_of_turn(&body, "nothing"),
            Err(error) => error,
        }
    }

    /// Tells the peer why the run ends, if it has to be told, and waits a little until it has heard it.
    pub(crate) async fn part(self, error: &RunError) {
        if error.must_be_told() {
            let refusal = Refusal { fault: proto_fault(error.fault()).into(), reason: error.reason() };
            // A peer that is gone need not hear it.
            let message = ExchangeMessage { body: Some(Body::Refusal(refusal)) };
            drop(timeout(LAST_WORD, self.tx.send(message)).await);
        }
        let Self { tx, rx, reader, .. } = self;
        drop((tx, rx));
        Closing::new(reader).wait().await;
    }

    /// The link as a session's channel, once the handshake is done.
    pub(crate) fn into_channel(self) -> (FrameChannel, Closing) {
        let Self { tx, rx, held, reader, .. } = self;
        (FrameChannel::new(tx, rx, held), Closing::new(reader))
    }

    /// What is said of a message that came out of turn.
    pub(crate) fn out_of_turn(&self, body: &Body, due: &str) -> RunError {
        RunError::Peer {
            peer: self.peer.participant.clone(),
            what: format!("it sent a {} out of turn, where {due} is due", name(body)),
        }
    }

    fn body(&self, delivered: Option<Delivered>) -> Result<Body, RunError> {
        let peer = self.peer.participant.clone();
        match delivered {
            Some(Ok(ExchangeMessage { body: Some(body) })) => Ok(body),
            Some(Ok(ExchangeMessage { body: None })) => {
                Err(RunError::Peer { peer, what: "it sent an empty message".to_owned() })
            }
            Some(Err(LinkError::Malformed(what))) => Err(RunError::Peer { peer, what }),
            Some(Err(LinkError::Broken(cause))) => Err(RunError::Disconnected { peer, cause }),
            None => Err(RunError::Disconnected { peer, cause: "the peer ended it".to_owned() }),
        }
    }

    fn refused(&self, refusal: &Refusal, me: &ParticipantId) -> RunError {
        RunError::PeerEnded {
            peer: self.peer.participant.clone(),
            me: me.clone(),
            fault: session_fault(refusal.fault()),
            reason: harmless(&refusal.reason),
        }
    }
}

/// Reads messages into a queue until the stream ends, and for a while after nobody wants them.
fn read_from<S>(mut incoming: S) -> (mpsc::Receiver<Delivered>, JoinHandle<()>)
where
    S: Stream<Item = Result<Option<ExchangeMessage>, Status>> + Send + Unpin + 'static,
{
    let (queue, rx) = mpsc::channel(QUEUE);
    let reader = tokio::spawn(async move {
        loop {
            let item = tokio::select! {
                item = incoming.next() => item,
                () = queue.closed() => break,
            };
            let delivered = match item {
                None => return,
                Some(Ok(message)) => Ok(message.unwrap_or_default()),
                Some(Err(status)) => Err(link_error(&status)),
            };
            let last = delivered.is_err();
            if queue.send(delivered).await.is_err() {
                break;
            }
            if last {
                return;
            }
        }
        let until = tokio::time::Instant::now() + LINGER;
        while let Ok(Some(Ok(_))) = timeout_at(until, incoming.next()).await {}
    });
    (rx, reader)
}

/// What a broken stream means. The library tells what it could not decode from what the network did
/// by code and wording alone.
fn link_error(status: &Status) -> LinkError {
    let undecodable = status.code() == Code::Internal && status.message().contains("decode");
    if status.code() == Code::OutOfRange || undecodable {
        LinkError::Malformed(format!("it sent bytes that are no message: {}", harmless(status.message())))
    } else {
        LinkError::Broken(harmless(&format!("{}: {}", status.code().description(), status.message())))
    }
}

/// What it means that a peer does not take a call.
fn call_refused(status: &Status, peer: &ParticipantId, me: &ParticipantId) -> RunError {
    let (peer, reason) = (peer.clone(), harmless(status.message()));
    match status.code() {
        Code::ResourceExhausted | Code::PermissionDenied | Code::Unauthenticated | Code::FailedPrecondition => {
            RunError::PeerEnded { peer, me: me.clone(), fault: Fault::Refused, reason }
        }
        Code::Unimplemented => {
            RunError::Incompatible { peer, what: "its node has no exchange service of this version".to_owned() }
        }
        _ => RunError::Disconnected { peer, cause: reason },
    }
}

/// What a message is called in errors.
pub(crate) fn name(body: &Body) -> &'static str {
    match body {
        Body::Hello(_) => "hello",
        Body::Reveal(_) => "reveal",
        Body::Confirm(_) => "confirm",
        Body::Frame(_) => "frame",
        Body::Refusal(_) => "refusal",
    }
}

/// A fault as it travels.
pub(crate) fn proto_fault(fault: Fault) -> proto::Fault {
    match fault {
        Fault::Own => proto::Fault::Own,
        Fault::Peer => proto::Fault::Peer,
        Fault::Incompatible => proto::Fault::Incompatible,
        Fault::Refused => proto::Fault::Refused,
        Fault::Cancelled => proto::Fault::Cancelled,
        Fault::TimedOut => proto::Fault::TimedOut,
    }
}

/// A fault as it came. One that is not named counts as the speaker's own.
pub(crate) fn session_fault(fault: proto::Fault) -> Fault {
    match fault {
        proto::Fault::Unspecified | proto::Fault::Own => Fault::Own,
        proto::Fault::Peer => Fault::Peer,
        proto::Fault::Incompatible => Fault::Incompatible,
        proto::Fault::Refused => Fault::Refused,
        proto::Fault::Cancelled => Fault::Cancelled,
        proto::Fault::TimedOut => Fault::TimedOut,
    }
}
