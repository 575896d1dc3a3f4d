//! Two parties on this machine, each in a process of its own, that talk as two machines would: gRPC
//! over mutual TLS on loopback, or over a network that is shaped to be slower. What the parent and its two
//! children tell each other stands in [`messages`]; the child's side is in [`crate::party`].
//!
//! One line of JSON is one message. The parent writes an [`Order`] to each child's standard input, waits
//! for [`Event::Ready`](messages::Event::Ready) from both, and writes each a [`Go`]. Both then make up the same agreement for
//! this run alone, sign it, and are handed each other's [`Consented`]. Where the protocol is
//! left open, each then says what it knows ([`Met`]) before it says hello to the other, and is told a
//! [`Choice`]. A child then runs its part and ends with a report or with why there is none. The end of its
//! standard input tells a child to stop, so the children end when the parent does, however it ends. No
//! private key leaves the process that made it.

pub mod messages;
mod process;

use std::time::{Duration, Instant};

use agreement::Protocol;
use psi::cost::Reason;
use tokio_util::sync::CancellationToken;

use crate::{
    choose,
    failure::{Failure, Status},
    progress::Progress,
};
pub use messages::{
    Choice, Consented, Go, Met, Order, PairJob, PartyInput, PartyReport, Phase, RefusedRows, WarnedRows, participant,
};
use process::{Note, PartyProcess};

/// How long a party whose peer has failed may take to say so.
const SECOND_CAUSE: Duration = Duration::from_secs(5);

/// What both parties have to say.
#[derive(Clone, Debug)]
pub struct PairReport {
    /// The receiver.
    pub receiver: PartyReport,
    /// The sender.
    pub sender: PartyReport,
    /// The protocol that they ran.
    pub protocol: Protocol,
    /// Why, where it was left open.
    pub reason: Option<Reason>,
    /// Seconds from the start of both processes to the end of the later one.
    pub total_seconds: f64,
}

impl PairReport {
    /// Seconds of the protocol alone: from two connected parties with their sets in memory, just before
    /// hello, to the end of the session at the later one, before it delivers. The handshake is part of it;
    /// reading, preparing and the commitment to the input are not.
    #[must_use]
    pub fn protocol_seconds(&self) -> f64 {
        let (receiver, sender) = (&self.receiver, &self.sender);
        let began = receiver.ready_nanoseconds.max(sender.ready_nanoseconds);
        let ended = receiver.ended_nanoseconds.max(sender.ended_nanoseconds);
        Duration::from_nanos(ended.saturating_sub(began)).as_secs_f64()
    }
}

/// Runs both parties and gives their reports.
///
/// # Errors
/// The first cause of the failure, whichever party it arose at; or that `stop` was cancelled, once both
/// processes have ended.
pub async fn run(
    receiver: Order,
    sender: Order,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<PairReport, Failure> {
    let begin = Instant::now();
    let mut parties = [PartyProcess::start(&receiver).await?, PartyProcess::start(&sender).await?];
    let outcome = tokio::select! {
        outcome = meet_and_run(&mut parties, &receiver, progress) => outcome,
        () = stop.cancelled() => Err(Failure::stopped()),
    };
    let [receiver, sender] = parties;
    tokio::join!(receiver.end(), sender.end());
    progress.finish();
    Ok(PairReport { total_seconds: begin.elapsed().as_secs_f64(), ..outcome? })
}

/// What has been heard of one party.
#[derive(Default)]
struct Heard {
    met: Option<Met>,
    ended: Option<Result<PartyReport, Failure>>,
}

impl Heard {
    fn hear(&mut self, note: Note) {
        match note {
            Note::Met(met) => self.met = Some(met),
            Note::Ended(ended) => self.ended = Some(ended),
        }
    }

    fn failed(&self) -> bool {
        matches!(self.ended, Some(Err(_)))
    }
}

/// `order` is either party's: what is read of it is the same in both.
async fn meet_and_run(
    parties: &mut [PartyProcess; 2],
    order: &Order,
    progress: &Progress,
) -> Result<PairReport, Failure> {
    let [receiver, sender] = parties;
    let (receiver_ready, sender_ready) = tokio::try_join!(receiver.ready(), sender.ready())?;
    let made = node::clock::now().map_err(Failure::other)?.seconds();
    sender.tell(&Go { peer: receiver_ready.0, dial: None, made }).await?;
    receiver.tell(&Go { peer: sender_ready.0, dial: sender_ready.1, made }).await?;
    let (of_receiver, of_sender) = tokio::try_join!(receiver.consented(), sender.consented())?;
    sender.tell(&of_receiver).await?;
    receiver.tell(&of_sender).await?;
    let (mut of_receiver, mut of_sender) = (Heard::default(), Heard::default());
    let (mut protocol, mut reason) = (order.job.protocol, None);
    while of_receiver.ended.is_none() || of_sender.ended.is_none() {
        // When one has failed, the other learns of it from the session and fails soon after. Both causes are
        // wanted: only one of them is the first.
        let patience = if of_receiver.failed() || of_sender.failed() { SECOND_CAUSE } else { Duration::MAX };
        let step = async {
            tokio::select! {
                note = receiver.note(progress), if of_receiver.ended.is_none() => of_receiver.hear(note),
                note = sender.note(progress), if of_sender.ended.is_none() => of_sender.hear(note),
            }
        };
        if tokio::time::timeout(patience, step).await.is_err() {
            break;
        }
        if let (Some(one), Some(other), None) = (of_receiver.met, of_sender.met, reason) {
            let (chosen, why) = choose::protocol(order, one, other)?;
            (protocol, reason) = (chosen, Some(why));
            // One that is gone says so by its end.
            let choice = Choice { protocol };
            let _ = tokio::join!(receiver.tell(&choice), sender.tell(&choice));
        }
    }
    let (receiver, sender) = both(of_receiver, of_sender)?;
    Ok(PairReport { receiver, sender, protocol, reason, total_seconds: 0.0 })
}

/// The reports of both, or the cause of the failure.
fn both(receiver: Heard, sender: Heard) -> Result<(PartyReport, PartyReport), Failure> {
    match (receiver.ended, sender.ended) {
        (Some(Ok(receiver)), Some(Ok(sender))) => Ok((receiver, sender)),
        (Some(Err(one)), Some(Err(other))) => Err(first_cause(one, other)),
        (Some(Err(failure)), _) | (_, Some(Err(failure))) => Err(failure),
        _ => Err(Failure::other("a party ended without a report")),
    }
}

/// Which of two failures caused the other: the one whose party blames itself, then the one that says
/// most of what happened.
fn first_cause(one: Failure, other: Failure) -> Failure {
    let rank = |failure: &Failure| match failure.status {
        Status::Usage | Status::Data | Status::Refused => 0,
        Status::Peer => 1,
        Status::Other => 2,
        Status::Unreachable => 3,
    };
    if rank(&other) < rank(&one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_party_that_blames_itself_is_the_cause() {
        let disk = Failure::new(Status::Data, "the disk is full");
        let peer = Failure::new(Status::Other, "the peer ended: the disk is full");
        assert_eq!(first_cause(peer.clone(), disk.clone()), disk);
        assert_eq!(first_cause(disk.clone(), peer.clone()), disk);
        let late = Failure::new(Status::Unreachable, "no answer");
        assert_eq!(first_cause(peer.clone(), late), peer);
    }

    #[test]
    fn the_protocol_lasts_from_the_later_start_to_the_later_end() {
        let party = |ready_nanoseconds, ended_nanoseconds| PartyReport {
            ready_nanoseconds,
            ended_nanoseconds,
            ..PartyReport::default()
        };
        let seconds = |receiver, sender| {
            let (protocol, reason, total_seconds) = (Protocol::Ecdh, None, 9.0);
            PairReport { receiver, sender, protocol, reason, total_seconds }.protocol_seconds()
        };
        let (early, late) = (party(1_000_000_000, 3_000_000_000), party(1_500_000_000, 2_900_000_000));
        assert_eq!((seconds(early.clone(), late.clone()), seconds(late, early)), (1.5, 1.5));
    }
}
