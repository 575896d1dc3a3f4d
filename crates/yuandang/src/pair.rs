//! Two parties on this machine, each in a process of its own, that talk as two machines would: gRPC
//! over mutual TLS on loopback. What the parent and its two children tell each other stands here; the
//! child's side is in [`crate::party`].
//!
//! One line of JSON is one message. The parent writes an [`Order`] to each child's standard input, waits
//! for [`Event::Ready`] from both, and writes each a [`Go`]. A child then runs its part and ends with
//! [`Event::Report`] or [`Event::Failed`]. The end of its standard input tells a child to stop, so the
//! children end when the parent does, however it ends. No private key leaves the process that made it.

use std::{process::Stdio, time::Duration};

use agreement::{ErrorBudget, JobParty, JobSpec, Mode, ParticipantId, Protocol, Role};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{
    failure::{Failure, Status},
    progress::Progress,
    resources::Resources,
};

/// How long a child may take to end once it was told to stop.
const FAREWELL: Duration = Duration::from_secs(20);

/// How long a party whose peer has failed may take to say so.
const SECOND_CAUSE: Duration = Duration::from_secs(5);

/// What both parties are told of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairJob {
    /// What the run is called; fresh for each.
    pub job_id: String,
    /// What it answers.
    pub mode: Mode,
    /// How.
    pub protocol: Protocol,
    /// One for each key column.
    pub key_types: Vec<String>,
    /// The receiver's key columns.
    pub receiver_key: Vec<String>,
    /// The sender's key columns.
    pub sender_key: Vec<String>,
    /// The sender's columns that travel as labels.
    pub labels: Vec<String>,
}

/// The name of the party in this role.
///
/// # Errors
/// Never with the names that roles have.
pub fn participant(role: Role) -> Result<ParticipantId, Failure> {
    role.to_string().parse().map_err(Failure::other)
}

impl PairJob {
    /// The job as nodes know it. The sender listens.
    ///
    /// # Errors
    /// What is wrong with it, or not built.
    pub fn spec(&self) -> Result<JobSpec, Failure> {
        let key_types: Result<_, _> = self.key_types.iter().map(|name| name.parse()).collect();
        let party = |role, key: &[String], labels: &[String]| -> Result<JobParty, Failure> {
            Ok(JobParty {
                participant: participant(role)?,
                role,
                dataset: "records".to_owned(),
                key_columns: key.to_vec(),
                label_columns: labels.to_vec(),
                padded_size: None,
            })
        };
        let spec = JobSpec {
            name: "match".to_owned(),
            parties: vec![
                party(Role::Receiver, &self.receiver_key, &[])?,
                party(Role::Sender, &self.sender_key, &self.labels)?,
            ],
            mode: self.mode,
            protocol: self.protocol,
            key_types: key_types.map_err(Failure::usage)?,
            error_budget: ErrorBudget::default(),
            agreement_digest: None,
            listener: participant(Role::Sender)?,
            deadline_seconds: None,
        };
        spec.validate()?;
        Ok(spec)
    }
}

/// What one party enters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PartyInput {
    /// Records of a dataset.
    Dataset {
        /// Its address.
        source: String,
        /// Where the rows that match go.
        output: Option<String>,
        /// Whether an output that is there is replaced.
        overwrite: bool,
    },
    /// Made-up items: `count` of them, the first `shared` of which the other party has too.
    MadeUp {
        /// How many.
        count: u64,
        /// How many of them both have.
        shared: u64,
    },
}

/// The first thing that a child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The run.
    pub job: PairJob,
    /// Which party the child is.
    pub role: Role,
    /// What it enters.
    pub input: PartyInput,
    /// How many threads compute.
    pub threads: usize,
}

/// The second thing that a child is told: whom it meets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Go {
    /// The other party's identity.
    pub peer: String,
    /// Where the other party listens; nothing for the one that listens.
    pub dial: Option<String>,
}

/// What a child tells its parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// It has an identity, and listens if it is the one that does.
    Ready {
        /// Its identity.
        identity: String,
        /// Where it listens.
        endpoint: Option<String>,
    },
    /// How far it is.
    Progress {
        /// The protocol's phase.
        phase: String,
        /// Elements done.
        done: u64,
        /// Elements in all.
        total: u64,
    },
    /// It has done its part.
    Report(Box<PartyReport>),
    /// It could not do its part.
    Failed {
        /// The exit status that fits.
        status: u8,
        /// Why.
        message: String,
    },
}

/// What a party has to say of its part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartyReport {
    /// Rows of its input.
    pub rows: u64,
    /// Distinct keys among them.
    pub items: u64,
    /// Rows without a key.
    pub missing_keys: u64,
    /// Rows whose key an earlier row had.
    pub duplicate_rows: u64,
    /// Of those, rows with other labels than the first.
    pub label_conflicts: u64,
    /// Items in common, if this party learns how many.
    pub matched: Option<u64>,
    /// Rows of its result.
    pub rows_written: Option<u64>,
    /// Rows of its result whose labels could not be read.
    pub unreadable_labels: u64,
    /// The transcript hash, in hex digits.
    pub transcript: String,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
    /// Phases of the run, in their order.
    pub phases: Vec<Phase>,
    /// What its process used.
    pub resources: Resources,
}

/// One phase of a run as one party saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub phase: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Seconds in which the compute pool was at work for it.
    pub compute_seconds: f64,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
}

/// What both parties have to say.
#[derive(Clone, Debug)]
pub struct PairReport {
    /// The receiver.
    pub receiver: PartyReport,
    /// The sender.
    pub sender: PartyReport,
    /// Seconds from the start of both processes to the end of the later one.
    pub seconds: f64,
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
    let begin = std::time::Instant::now();
    let mut parties = [PartyProcess::start(&receiver).await?, PartyProcess::start(&sender).await?];
    let outcome = tokio::select! {
        outcome = meet_and_run(&mut parties, progress) => outcome,
        () = stop.cancelled() => Err(Failure::stopped()),
    };
    let [receiver, sender] = parties;
    tokio::join!(receiver.end(), sender.end());
    progress.finish();
    let (receiver, sender) = outcome?;
    Ok(PairReport { receiver, sender, seconds: begin.elapsed().as_secs_f64() })
}

async fn meet_and_run(
    parties: &mut [PartyProcess; 2],
    progress: &Progress,
) -> Result<(PartyReport, PartyReport), Failure> {
    let [receiver, sender] = parties;
    let (receiver_ready, sender_ready) = tokio::try_join!(receiver.ready(), sender.ready())?;
    sender.tell(&Go { peer: receiver_ready.0, dial: None }).await?;
    receiver.tell(&Go { peer: sender_ready.0, dial: sender_ready.1 }).await?;
    // When one has failed, the other learns of it from the session and fails soon after. Both causes are
    // wanted: only one of them is the first.
    let (mut receiver_ended, mut sender_ended) = (None, None);
    let both = async {
        let failed = |ended: &Option<Result<PartyReport, Failure>>| matches!(ended, Some(Err(_)));
        while receiver_ended.is_none() || sender_ended.is_none() {
            let patience = if failed(&receiver_ended) || failed(&sender_ended) { SECOND_CAUSE } else { Duration::MAX };
            let step = async {
                tokio::select! {
                    ended = receiver.report(progress), if receiver_ended.is_none() => receiver_ended = Some(ended),
                    ended = sender.report(progress), if sender_ended.is_none() => sender_ended = Some(ended),
                }
            };
            if tokio::time::timeout(patience, step).await.is_err() {
                break;
            }
        }
    };
    both.await;
    match (receiver_ended, sender_ended) {
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

/// A party's process as its parent sees it.
struct PartyProcess {
    role: Role,
    child: Child,
    orders: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

impl PartyProcess {
    async fn start(order: &Order) -> Result<Self, Failure> {
        let cannot = |cause: &dyn std::fmt::Display| {
            Failure::other(format_args!("the {}'s process cannot be started: {cause}", order.role))
        };
        let program = std::env::current_exe().map_err(|cause| cannot(&cause))?;
        let mut child = Command::new(program)
            .arg("party")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| cannot(&cause))?;
        let (Some(orders), Some(events)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(cannot(&"it has no pipes"));
        };
        let mut party = Self { role: order.role, child, orders, events: BufReader::new(events).lines() };
        party.tell(order).await?;
        Ok(party)
    }

    async fn tell(&mut self, message: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(message).map_err(Failure::other)?;
        line.push(b'\n');
        self.orders.write_all(&line).await.map_err(|_| self.lost())
    }

    async fn next(&mut self) -> Result<Event, Failure> {
        match self.events.next_line().await {
            Ok(Some(line)) => serde_json::from_str(&line).map_err(Failure::other),
            Ok(None) | Err(_) => Err(self.lost()),
        }
    }

    fn lost(&self) -> Failure {
        Failure::other(format_args!("the {}'s process ended unexpectedly; see the messages above", self.role))
    }

    /// Waits until it is ready; gives its identity and where it listens.
    async fn ready(&mut self) -> Result<(String, Option<String>), Failure> {
        match self.next().await? {
            Event::Ready { identity, endpoint } => Ok((identity, endpoint)),
            Event::Failed { status, message } => Err(Failure::new(Status::of_code(status), message)),
            Event::Progress { .. } | Event::Report(_) => Err(Failure::other("a party spoke out of turn")),
        }
    }

    /// Waits for its report, and shows its progress meanwhile. May be called again after it was dropped.
    async fn report(&mut self, progress: &Progress) -> Result<PartyReport, Failure> {
        loop {
            match self.next().await? {
                Event::Progress { phase, done, total } => {
                    progress.update(&self.role.to_string(), &phase, done, total);
                }
                Event::Report(report) => return Ok(*report),
                Event::Failed { status, message } => {
                    return Err(Failure::new(Status::of_code(status), format_args!("{}: {message}", self.role)));
                }
                Event::Ready { .. } => return Err(Failure::other("a party spoke out of turn")),
            }
        }
    }

    /// Tells it to stop, and makes sure that it has ended.
    async fn end(mut self) {
        drop(self.orders);
        // What it still says is read, so that it never waits for room in the pipe.
        let ended = async {
            while let Ok(Some(_)) = self.events.next_line().await {}
            self.child.wait().await
        };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
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
}
