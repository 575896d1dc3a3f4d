//! The driver: takes a party through its rounds.
//!
//! Between two waits it does the first of these that it can: hand on what has arrived, compute what is
//! to be sent if there is room to queue it, compute ahead. It never waits for room while something can
//! be taken in, so two parties that both send much cannot block each other.

use std::{
    mem,
    pin::pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use psi::{
    PsiError,
    party::{Header, Next, Round},
};
use tokio::time::{sleep_until, timeout};

use crate::{
    channel::ChannelError,
    error::SessionError,
    frame::Frame,
    incoming::{Incoming, elements_per_frame},
    lanes::{Inbox, Outbox},
    liveness::{put_off, puts_off, silence},
    settings::{Finished, PhaseProgress, PhaseReport, Settings},
    transcript::Transcript,
};

/// What the last exchange is called in errors.
const FINISH: &str = "finish";

pub(crate) struct Driver {
    outbox: Outbox,
    inbox: Inbox,
    settings: Settings,
    transcript: Transcript,
    sent_messages: u32,
    received_messages: u32,
    /// When this side last queued a frame.
    spoke: Instant,
    /// How long this side has waited while the peer only showed that it lives.
    put_off: Duration,
    /// A frame of the peer's next message, which came before our round was done.
    held: Option<Frame>,
    phase: PhaseReport,
    phases: Vec<PhaseReport>,
}

/// A round in progress.
struct Turn<O> {
    round: Option<Box<dyn Round<Output = O>>>,
    outgoing: Option<(Header, u64)>,
    incoming: Option<Incoming>,
    /// Nothing to produce until something else has been done.
    nothing_due: bool,
    /// Nothing to work on until something else has been done.
    no_work: bool,
}

impl<O> Turn<O> {
    fn must_send(&self) -> bool {
        self.outgoing.is_some_and(|(header, sent)| sent < header.count)
    }

    fn must_receive(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| !incoming.is_whole())
    }

    fn stirred(&mut self) {
        self.nothing_due = false;
        self.no_work = false;
    }

    /// Whether the number of elements says how many matched. Progress goes to the coordinator.
    fn counts_are_secret(&self) -> bool {
        let outgoing = self.outgoing.is_some_and(|(header, _)| header.kind.counts_matches());
        outgoing || self.incoming.as_ref().is_some_and(|incoming| incoming.kind().counts_matches())
    }

    fn progress(&self, phase: &'static str) -> PhaseProgress {
        let (sending, sent) = self.outgoing.map_or((0, 0), |(header, sent)| (header.count, sent));
        let (receiving, got) = self.incoming.as_ref().map_or((0, 0), |incoming| (incoming.total(), incoming.got()));
        PhaseProgress { phase, done: sent.saturating_add(got), total: sending.saturating_add(receiving) }
    }
}

impl Driver {
    /// A driver for one session.
    pub(crate) fn new(outbox: Outbox, inbox: Inbox, settings: Settings) -> Self {
        Self {
            outbox,
            inbox,
            transcript: Transcript::new(settings.side),
            settings,
            sent_messages: 0,
            received_messages: 0,
            spoke: Instant::now(),
            put_off: Duration::ZERO,
            held: None,
            phase: empty_phase(""),
            phases: Vec::new(),
        }
    }

    /// The directions, for what follows the session.
    pub(crate) fn into_lanes(self) -> (Outbox, Inbox) {
        (self.outbox, self.inbox)
    }

    /// Takes a party through its rounds.
    pub(crate) async fn rounds<O: Send + 'static>(
        &mut self,
        first: Box<dyn Round<Output = O>>,
    ) -> Result<Finished<O>, SessionError> {
        let mut round = first;
        loop {
            let began = Instant::now();
            self.phase = empty_phase(round.phase());
            let next = self.round(round).await?;
            self.phase.seconds = began.elapsed().as_secs_f64();
            self.phases.push(self.phase);
            match next {
                Next::Round(following) => round = following,
                Next::Done(output) => return self.finish(output).await,
            }
        }
    }

    async fn round<O: Send + 'static>(&mut self, round: Box<dyn Round<Output = O>>) -> Result<Next<O>, SessionError> {
        let outgoing = round.sends();
        let incoming = round.receives().map(|expected| Incoming::new(expected, self.received_messages));
        let mut turn = Turn {
            round: Some(round),
            outgoing: outgoing.map(|header| (header, 0)),
            incoming,
            nothing_due: false,
            no_work: false,
        };
        if let Some(header) = outgoing {
            let frame = Frame::Header { message: self.sent_messages, header };
            self.send(frame).await?;
        }
        while turn.must_send() || turn.must_receive() {
            if !self.advance(&mut turn).await? {
                self.wait(&mut turn).await?;
            }
        }
        self.sent_messages = next_number(self.sent_messages, outgoing.is_some())?;
        self.received_messages = next_number(self.received_messages, turn.incoming.is_some())?;
        let round = turn.round.take().ok_or_else(lost_round)?;
        self.compute(move || round.finish()).await?
    }

    /// Does one thing that needs no waiting; `false` if there is none.
    async fn advance<O: Send + 'static>(&mut self, turn: &mut Turn<O>) -> Result<bool, SessionError> {
        if turn.must_receive() {
            let frame = match self.held.take() {
                Some(frame) => Some(frame),
                None => self.ready()?,
            };
            if let Some(frame) = frame {
                self.absorb(turn, frame).await?;
                return Ok(true);
            }
        }
        if turn.must_send() && !turn.nothing_due && self.outbox.has_room() {
            self.produce(turn).await?;
            return Ok(true);
        }
        if !turn.no_work {
            let worked = self.step(turn, |round| round.work()).await?;
            turn.no_work = !worked;
            turn.nothing_due &= !worked;
            return Ok(true);
        }
        Ok(false)
    }

    /// Waits for the peer: for its next frame, or for room if that is what keeps this side.
    async fn wait<O>(&mut self, turn: &mut Turn<O>) -> Result<(), SessionError> {
        let (began, needs_room) = (Instant::now(), turn.must_send() && !turn.nothing_due);
        if self.held.is_some() && !needs_room {
            return Err(SessionError::Own("a fault in this program: a round neither gives nor takes".to_owned()));
        }
        let idle = self.settings.limits.idle;
        let phase = self.phase.phase;
        let arrived = timeout(idle, async {
            tokio::select! {
                biased;
                arrived = self.inbox.next(), if self.held.is_none() => Ok(Some(arrived)),
                room = self.outbox.room(), if needs_room => room.map(|()| None),
                else => Ok(None),
            }
        });
        match arrived.await {
            Err(_) => Err(SessionError::IdleTimeout { idle, phase }),
            Ok(Err(error)) => Err(self.broken(&error).await),
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(arrived))) => {
                self.held = self.arrived(arrived)?;
                self.put_off = if self.held.is_some() { Duration::ZERO } else { self.put_off + began.elapsed() };
                if !puts_off(self.put_off, idle) {
                    return Ok(());
                }
                Err(put_off(self.put_off))
            }
        }
    }

    /// A frame that is there already.
    fn ready(&mut self) -> Result<Option<Frame>, SessionError> {
        // Once: deadlines are kept between two calls, whatever a peer floods this side with.
        match self.inbox.ready() {
            Some(arrived) => self.arrived(arrived),
            None => Ok(None),
        }
    }

    async fn absorb<O: Send + 'static>(&mut self, turn: &mut Turn<O>, frame: Frame) -> Result<(), SessionError> {
        let incoming = turn.incoming.as_mut().ok_or_else(lost_round)?;
        if let Some(elements) = incoming.take(frame)? {
            turn.stirred();
            self.step(turn, move |round| round.absorb(&elements)).await?;
            self.report(turn);
        }
        Ok(())
    }

    async fn produce<O: Send + 'static>(&mut self, turn: &mut Turn<O>) -> Result<(), SessionError> {
        let Some((header, sent)) = turn.outgoing else { return Ok(()) };
        let own = |what: &str| SessionError::Own(format!("a fault in this program: {what}"));
        let most = elements_per_frame(header.width).ok_or_else(|| own("elements that fit no frame"))?;
        let left = usize::try_from(header.count.saturating_sub(sent)).unwrap_or(usize::MAX);
        let elements = self.step(turn, move |round| round.produce(round.step().clamp(1, most).min(left))).await?;
        if elements.is_empty() {
            turn.nothing_due = true;
            return Ok(());
        }
        turn.no_work = false;
        let width = header.width as usize;
        let count = elements.len().checked_div(width).unwrap_or(0);
        if count > most.min(left) || count.checked_mul(width) != Some(elements.len()) {
            return Err(own("a round gave other elements than it was asked for"));
        }
        let frame = Frame::Elements { message: self.sent_messages, first: sent, elements: elements.into() };
        self.send(frame).await?;
        turn.outgoing = Some((header, sent.saturating_add(count as u64)));
        self.report(turn);
        Ok(())
    }

    /// Calls the round once, on the compute pool.
    async fn step<O: Send + 'static, T: Send + 'static>(
        &mut self,
        turn: &mut Turn<O>,
        call: impl FnOnce(&mut dyn Round<Output = O>) -> Result<T, PsiError> + Send + 'static,
    ) -> Result<T, SessionError> {
        let mut round = turn.round.take().ok_or_else(lost_round)?;
        let (round, result) = self
            .compute(move || {
                let result = call(&mut *round);
                Ok((round, result))
            })
            .await??;
        turn.round = Some(round);
        Ok(result?)
    }

    async fn compute<T: Send + 'static>(
        &mut self,
        step: impl FnOnce() -> Result<T, PsiError> + Send + 'static,
    ) -> Result<Result<T, SessionError>, SessionError> {
        let timed = move || {
            let began = Instant::now();
            let result = step();
            (result, began.elapsed())
        };
        let pool = self.settings.compute.clone();
        let mut computing = pin!(pool.run(timed));
        let silence = silence(self.settings.limits.idle);
        let computed = loop {
            tokio::select! {
                biased;
                computed = &mut computing => break computed,
                () = sleep_until((self.spoke + silence).into()) => self.show_life().await?,
            }
        };
        let (result, took): (_, Duration) = computed.map_err(|error| SessionError::Own(error.to_string()))?;
        self.phase.compute_seconds += took.as_secs_f64();
        Ok(result.map_err(SessionError::from))
    }

    /// Tells the peer that this side computes. What waits to go out already says so.
    async fn show_life(&mut self) -> Result<(), SessionError> {
        if self.outbox.has_room() {
            return self.put(Frame::Working.encode(), self.phase.phase).await;
        }
        self.spoke = Instant::now();
        Ok(())
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SessionError> {
        let bytes = frame.encode();
        self.transcript.sent(&bytes);
        self.phase.bytes_sent = self.phase.bytes_sent.saturating_add(bytes.len() as u64);
        self.put(bytes, self.phase.phase).await
    }

    /// Queues the bytes of a frame, before the idle deadline.
    async fn put(&mut self, bytes: Bytes, phase: &'static str) -> Result<(), SessionError> {
        let idle = self.settings.limits.idle;
        self.spoke = Instant::now();
        match timeout(idle, self.outbox.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error).await),
            Err(_) => Err(SessionError::IdleTimeout { idle, phase }),
        }
    }

    /// A frame that came in: counted, hashed and read; an abort ends the session here. Nothing for one
    /// that only says that the peer is at work.
    fn arrived(&mut self, arrived: Result<Bytes, ChannelError>) -> Result<Option<Frame>, SessionError> {
        let bytes = arrived.map_err(|error| match error {
            ChannelError::FrameTooLarge(_) => SessionError::Peer(error.to_string()),
            other => SessionError::Disconnected(other.to_string()),
        })?;
        let frame = Frame::decode(&bytes).map_err(|error| SessionError::Peer(error.to_string()))?;
        match frame {
            Frame::Abort { fault, reason } => Err(SessionError::PeerEnded { fault, reason }),
            Frame::Working => Ok(None),
            Frame::Finish { .. } | Frame::Kept => Ok(Some(frame)),
            Frame::Header { .. } | Frame::Elements { .. } => {
                self.transcript.received(&bytes);
                self.phase.bytes_received = self.phase.bytes_received.saturating_add(bytes.len() as u64);
                Ok(Some(frame))
            }
        }
    }

    /// What to say when sending failed: the peer's own reason, if it left one.
    async fn broken(&mut self, error: &ChannelError) -> SessionError {
        let last = self.inbox.last_word(|bytes| match Frame::decode(bytes) {
            Ok(Frame::Abort { fault, reason }) => Some(SessionError::PeerEnded { fault, reason }),
            _ => None,
        });
        last.await.unwrap_or_else(|| SessionError::Disconnected(error.to_string()))
    }

    async fn finish<O>(&mut self, output: O) -> Result<Finished<O>, SessionError> {
        let idle = self.settings.limits.idle;
        // What came too much is found before this side says that all is well.
        if self.held.is_none() {
            self.held = self.ready()?;
        }
        if self.held.as_ref().is_some_and(|frame| !matches!(frame, Frame::Finish { .. })) {
            return Err(SessionError::Peer("it sent more after its last message".to_owned()));
        }
        let transcript = self.transcript.hash(&self.settings.session_id);
        self.put(Frame::Finish { transcript }.encode(), FINISH).await?;
        let began = Instant::now();
        let frame = loop {
            if let Some(frame) = self.held.take() {
                break frame;
            }
            if puts_off(began.elapsed(), idle) {
                return Err(put_off(began.elapsed()));
            }
            let arrived = timeout(idle, self.inbox.next()).await;
            self.held = self.arrived(arrived.map_err(|_| SessionError::IdleTimeout { idle, phase: FINISH })?)?;
        };
        match frame {
            Frame::Finish { transcript: theirs } if theirs == transcript => {}
            Frame::Finish { .. } => {
                return Err(SessionError::Peer("the transcripts differ: bytes were changed on the way".to_owned()));
            }
            _ => return Err(SessionError::Peer("it sent more after its last message".to_owned())),
        }
        let ended = Instant::now();
        let phases = mem::take(&mut self.phases);
        let bytes_sent = phases.iter().map(|phase| phase.bytes_sent).sum();
        let bytes_received = phases.iter().map(|phase| phase.bytes_received).sum();
        Ok(Finished { output, transcript, phases, bytes_sent, bytes_received, ended })
    }

    fn report<O>(&self, turn: &Turn<O>) {
        if turn.counts_are_secret() {
            return;
        }
        if let Some(hook) = &self.settings.progress {
            hook(turn.progress(self.phase.phase));
        }
    }
}

fn empty_phase(phase: &'static str) -> PhaseReport {
    PhaseReport { phase, seconds: 0.0, compute_seconds: 0.0, bytes_sent: 0, bytes_received: 0 }
}

fn next_number(number: u32, used: bool) -> Result<u32, SessionError> {
    number.checked_add(used.into()).ok_or_else(|| SessionError::Own("too many messages for one session".to_owned()))
}

fn lost_round() -> SessionError {
    SessionError::Own("a fault in this program: a round is missing".to_owned())
}
