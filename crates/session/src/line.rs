//! Sessions on a channel: one alone, or one after the other.

use std::{pin::pin, time::Duration};

use psi::party::Round;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    channel::{Channel, ChannelError},
    driver::Driver,
    error::{Fault, SessionError},
    frame::Frame,
    lanes::{self, Inbox, Outbox},
    liveness::{put_off, puts_off, silence},
    settings::{Finished, Settings},
};

/// Runs a party to its end.
///
/// Whatever ends it on this side is told to the peer, and what the peer says is told here. The result
/// is given only when both sides have finished and hold the same transcript.
///
/// # Errors
/// [`SessionError`], which says whose fault it was.
pub async fn run<O, C>(
    first: Box<dyn Round<Output = O>>,
    channel: C,
    settings: Settings,
) -> Result<Finished<O>, SessionError>
where
    O: Send + 'static,
    C: Channel,
{
    let (finished, line) = Line::open(channel).run(first, settings).await?;
    line.part().await;
    Ok(finished)
}

/// A channel on which one session follows another, each with a transcript of its own.
pub struct Line {
    outbox: Outbox,
    inbox: Inbox,
}

impl Line {
    /// Starts to read and write.
    pub fn open<C: Channel>(channel: C) -> Self {
        let (outbox, inbox) = lanes::open(channel);
        Self { outbox, inbox }
    }

    /// Runs a party to its end, and gives the line back for the next. An error ends the line.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn run<O: Send + 'static>(
        self,
        first: Box<dyn Round<Output = O>>,
        settings: Settings,
    ) -> Result<(Finished<O>, Self), SessionError> {
        let (cancel, total) = (settings.cancel.clone(), settings.limits.total);
        let mut driver = Driver::new(self.outbox, self.inbox, settings);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(SessionError::Cancelled),
            outcome = timeout(total, driver.rounds(first)) => {
                outcome.unwrap_or(Err(SessionError::TotalTimeout { total }))
            }
        };
        let (outbox, inbox) = driver.into_lanes();
        let line = Self { outbox, inbox };
        match outcome {
            Ok(finished) => Ok((finished, line)),
            Err(error) => {
                // Who ended the session need not be told that it did.
                match error {
                    SessionError::PeerEnded { .. } => line.outbox.part(None).await,
                    _ => line.break_off(error.fault(), error.to_string()).await,
                }
                Err(error)
            }
        }
    }

    /// Does something else before a session or between two, and shows the peer on all `lines` meanwhile that this
    /// side lives.
    pub async fn busy_with<T>(lines: &[&Self], idle: Duration, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(silence(idle)) => {}
            }
            for line in lines.iter().filter(|line| line.outbox.has_room()) {
                // A peer that is gone is found out by the next session.
                drop(line.outbox.send(Frame::Working.encode()).await);
            }
        }
    }

    /// Tells the peer that all that the sessions brought is kept here, and waits until it is kept there, so that
    /// neither side ends the line while the other still needs it.
    ///
    /// # Errors
    /// [`SessionError`]; the line can still be [broken off](Self::break_off).
    pub async fn settle(&mut self, idle: Duration) -> Result<(), SessionError> {
        let (began, phase) = (Instant::now(), "settle");
        let late = |_| SessionError::IdleTimeout { idle, phase };
        // One that takes nothing any more may have said why.
        drop(timeout(idle, self.outbox.send(Frame::Kept.encode())).await.map_err(late)?);
        loop {
            let arrived = timeout(idle, self.inbox.next()).await.map_err(late)?;
            let bytes = arrived.map_err(|error| match error {
                ChannelError::FrameTooLarge(_) => SessionError::Peer(error.to_string()),
                other => SessionError::Disconnected(other.to_string()),
            })?;
            match Frame::decode(&bytes).map_err(|error| SessionError::Peer(error.to_string()))? {
                Frame::Kept => return Ok(()),
                Frame::Abort { fault, reason } => return Err(SessionError::PeerEnded { fault, reason }),
                Frame::Working if puts_off(began.elapsed(), idle) => return Err(put_off(began.elapsed())),
                Frame::Working => {}
                Frame::Header { .. } | Frame::Elements { .. } | Frame::Finish { .. } => {
                    return Err(SessionError::Peer("it sent more after its last session".to_owned()));
                }
            }
        }
    }

    /// Ends the line after the last session, once the peer has ended it too.
    pub async fn part(self) {
        self.outbox.part(None).await;
        self.inbox.part().await;
    }

    /// Ends the line between two sessions and tells the peer why.
    pub async fn break_off(self, fault: Fault, reason: String) {
        self.outbox.part(Some(Frame::Abort { fault, reason }.encode())).await;
    }
}
