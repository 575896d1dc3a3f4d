//! What the parent of two parties and its children tell each other: one line of JSON is one message.

use agreement::{ErrorBudget, JobParty, JobSpec, Mode, ParticipantId, Protocol, Role};
use serde::{Deserialize, Serialize};
use wire::Network;

use crate::{failure::Failure, resources::Resources, space::OrderedSpace};

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
    /// What else of the machine it may take.
    pub space: OrderedSpace,
    /// Whether the protocol is left open until both are ready; the job's then only stands for it.
    pub choose: bool,
    /// A network that the connection is shaped to, as [`Network`] is written; nothing for loopback as it is.
    pub network: Option<String>,
}

impl Order {
    /// The network that the connection is shaped to.
    ///
    /// # Errors
    /// If it is written wrongly.
    pub fn shaped(&self) -> Result<Option<Network>, Failure> {
        self.network.as_deref().map(str::parse).transpose().map_err(Failure::usage)
    }
}

/// The second thing that a child is told: whom it meets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Go {
    /// The other party's identity.
    pub peer: String,
    /// Where the other party listens; nothing for the one that listens.
    pub dial: Option<String>,
    /// When the agreement was made up, in seconds since 1970.
    pub made: i64,
}

/// The third thing that a child is told: the other party's signed consent to the agreement that both made up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Consented {
    /// The statement, in canonical JSON.
    pub statement: String,
}

/// The fourth thing that a child is told, if it was left open.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Choice {
    /// The protocol.
    pub protocol: Protocol,
}

/// What a child knows when it is ready for its peer, where the protocol is left open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Met {
    /// The size of its set that it will tell.
    pub items: u64,
    /// The size of its padded labels; 0 if it gives none.
    pub label_size: u32,
    /// The round trip of its connection, if it dialled.
    pub round_trip_seconds: Option<f64>,
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
    /// It consents to the agreement under which both will run.
    Consented(Consented),
    /// It is ready for its peer, and waits for the protocol.
    Met(Met),
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
    /// Rows that were refused, by key column and reason.
    pub refusals: Vec<RefusedRows>,
    /// Rows with a key, by what was odd about them.
    pub warnings: Vec<WarnedRows>,
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
    /// Into how many bins the sets were cut.
    pub bins: u32,
    /// The transcript hash, in hex digits.
    pub transcript: String,
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
    /// Phases of the run, in their order.
    pub phases: Vec<Phase>,
    /// When it was ready for its peer, in nanoseconds of the machine's monotonic clock.
    pub ready_nanoseconds: u64,
    /// When its session had ended, by the same clock.
    pub ended_nanoseconds: u64,
    /// What its process used.
    pub resources: Resources,
}

/// Rows that were refused for one reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefusedRows {
    /// The place of the column among the key columns, from 0.
    pub column: usize,
    /// The name of the reason.
    pub reason: String,
    /// How many.
    pub rows: u64,
}

/// Rows with one warning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WarnedRows {
    /// The name of the warning.
    pub warning: String,
    /// How many.
    pub rows: u64,
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
