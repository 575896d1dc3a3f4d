//! A party's process as its parent sees it.

use std::{process::Stdio, time::Duration};

use agreement::Role;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::messages::{Consented, Event, Met, Order, PartyReport};
use crate::{
    failure::{Failure, Status},
    heap,
    progress::Progress,
};

/// How long a child may take to end once it was told to stop.
const FAREWELL: Duration = Duration::from_secs(20);

/// What a party that is at work has to say, besides how far it is.
pub(super) enum Note {
    /// It is ready for its peer, and waits for the protocol.
    Met(Met),
    /// It has done its part, or could not.
    Ended(Result<PartyReport, Failure>),
}

/// A party's process.
pub(super) struct PartyProcess {
    role: Role,
    child: Child,
    orders: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

impl PartyProcess {
    pub(super) async fn start(order: &Order) -> Result<Self, Failure> {
        let cannot = |cause: &dyn std::fmt::Display| {
            Failure::other(format_args!("the {}'s process cannot be started: {cause}", order.role))
        };
        let program = std::env::current_exe().map_err(|cause| cannot(&cause))?;
        let mut child = Command::new(program)
            .arg("party")
            .env(heap::VARIABLE, std::env::var_os(heap::VARIABLE).unwrap_or_else(|| heap::OF_A_RUN.into()))
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

    pub(super) async fn tell(&mut self, message: &impl Serialize) -> Result<(), Failure> {
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
    pub(super) async fn ready(&mut self) -> Result<(String, Option<String>), Failure> {
        match self.next().await? {
            Event::Ready { identity, endpoint } => Ok((identity, endpoint)),
            Event::Failed { status, message } => Err(Failure::new(Status::of_code(status), message)),
            _ => Err(Failure::other("a party spoke out of turn")),
        }
    }

    /// Waits until it has consented to the agreement that both made up.
    pub(super) async fn consented(&mut self) -> Result<Consented, Failure> {
        match self.next().await? {
            Event::Consented(consented) => Ok(consented),
            Event::Failed { status, message } => Err(Failure::new(Status::of_code(status), message)),
            _ => Err(Failure::other("a party spoke out of turn")),
        }
    }

    /// Waits until it is ready for its peer or has ended, and shows its progress meanwhile. May be called
    /// again after it was dropped.
    pub(super) async fn note(&mut self, progress: &Progress) -> Note {
        self.next_note(progress).await.unwrap_or_else(|failure| Note::Ended(Err(failure)))
    }

    async fn next_note(&mut self, progress: &Progress) -> Result<Note, Failure> {
        loop {
            match self.next().await? {
                Event::Progress { phase, done, total } => {
                    progress.update(&self.role.to_string(), &phase, done, total);
                }
                Event::Met(met) => return Ok(Note::Met(met)),
                Event::Report(report) => return Ok(Note::Ended(Ok(*report))),
                Event::Failed { status, message } => {
                    return Err(Failure::new(Status::of_code(status), format_args!("{}: {message}", self.role)));
                }
                Event::Ready { .. } | Event::Consented(_) => {
                    return Err(Failure::other("a party spoke out of turn"));
                }
            }
        }
    }

    /// Tells it to stop, and makes sure that it has ended.
    pub(super) async fn end(mut self) {
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
