//! Why a run failed, whose fault that was, and what may be said of it to others.
//!
//! The text of an error is for this side's own operator. What the peer and the coordinator are told
//! is [`RunError::public_cause`]: it names no file and no column that the job does not name itself,
//! since the first line of a file without a header is a record.

use std::time::Duration;

use agreement::{JobSpecError, JobState, ParticipantId, printable};
use records::RecordError;
use session::{Fault, SessionError};
use wire::ConnectError;

/// The most bytes of a cause or reason that travel (proto/yuandang/v1).
pub(crate) const MAX_CAUSE: usize = 512;

/// Why a run did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The job itself is wrong, or names what is not built.
    #[error(transparent)]
    Job(#[from] JobSpecError),
    /// This side is not set up for the job.
    #[error("{0}")]
    Configuration(String),
    /// This side's records cannot be read, or its result cannot be written.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// This side's records are not what the job needs.
    #[error("{0}")]
    Data(String),
    /// This side's records are not those that the run was about.
    #[error("the source changed during the run ({0}); nothing was delivered: run the job again")]
    SourceChanged(&'static str),
    /// This side's policy does not admit the run.
    #[error("{0}")]
    Refused(String),
    /// This side's approvers have to say yes first. What they are asked is not for others.
    #[error("the job waits for an approver")]
    AwaitsApproval,
    /// The peer sent what it must not.
    #[error("{peer} misbehaved: {what}")]
    Peer {
        /// The culprit.
        peer: ParticipantId,
        /// What it did.
        what: String,
    },
    /// Both behave, but their versions or terms differ.
    #[error("{peer} and this side are incompatible: {what}")]
    Incompatible {
        /// The other one.
        peer: ParticipantId,
        /// What differs.
        what: String,
    },
    /// The peer ended the run and said why.
    #[error("{}", ended(peer, me, *fault, reason))]
    PeerEnded {
        /// Who ended it.
        peer: ParticipantId,
        /// This side.
        me: ParticipantId,
        /// Whose fault it is, seen from the peer's side.
        fault: Fault,
        /// What it said.
        reason: String,
    },
    /// There is no connection to the peer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection ended before the run.
    #[error("the connection to {peer} was lost: {cause}")]
    Disconnected {
        /// The other end.
        peer: ParticipantId,
        /// What is known of it.
        cause: String,
    },
    /// The peer did not do its next step in time.
    #[error("{peer} {what} within {} seconds", waited.as_secs())]
    Silent {
        /// Whom this side waited for.
        peer: ParticipantId,
        /// What it did not do, after its name.
        what: &'static str,
        /// How long this side waited.
        waited: Duration,
    },
    /// Something took longer than it may.
    #[error("{what} within {} seconds", total.as_secs())]
    Deadline {
        /// What was not done.
        what: String,
        /// How long it may take.
        total: Duration,
    },
    /// Stopped from this side.
    #[error("{0}")]
    Cancelled(String),
    /// A fault of this side's system or of this program.
    #[error("{0}")]
    Own(String),
}

fn ended(peer: &ParticipantId, me: &ParticipantId, fault: Fault, reason: &str) -> String {
    match fault {
        Fault::Own => format!("{peer} could not go on: {reason}"),
        Fault::Peer => format!("{peer} ended the run because {me} misbehaved: {reason}"),
        Fault::Incompatible => format!("{peer} and {me} are incompatible: {reason}"),
        Fault::Refused => format!("{peer} refuses: {reason}"),
        Fault::Cancelled => format!("{peer} stopped the run: {reason}"),
        Fault::TimedOut => format!("{peer} ended the run: {reason}"),
    }
}

impl RunError {
    /// Whose fault it is, seen from this side.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Job(_)
            | Self::Configuration(_)
            | Self::Records(_)
            | Self::Data(_)
            | Self::SourceChanged(_)
            | Self::Own(_) => Fault::Own,
            Self::Refused(_) => Fault::Refused,
            Self::Peer { .. } | Self::Disconnected { .. } | Self::Silent { .. } => Fault::Peer,
            Self::Incompatible { .. } => Fault::Incompatible,
            Self::PeerEnded { fault: Fault::Own, .. } => Fault::Peer,
            Self::PeerEnded { fault: Fault::Peer, .. } => Fault::Own,
            Self::PeerEnded { fault, .. } => *fault,
            Self::Connect(error) => match error {
                ConnectError::Endpoint(_) | ConnectError::NotPinned(_) | ConnectError::Credentials(_) => Fault::Own,
                ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => Fault::TimedOut,
                ConnectError::WrongIdentity { .. } => Fault::Peer,
                ConnectError::Refused { .. } => Fault::Refused,
            },
            Self::Deadline { .. } => Fault::TimedOut,
            Self::Cancelled(_) | Self::AwaitsApproval => Fault::Cancelled,
        }
    }

    /// The status that a command ends with: 2 configuration, 3 bad input data, 4 refused, 5 a peer
    /// misbehaved or was incompatible, 6 unreachable or timed out, 1 anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Job(_) | Self::Configuration(_) => 2,
            Self::Records(error) => match error {
                RecordError::Malformed { .. } | RecordError::Changed(_) | RecordError::Io { .. } => 3,
                RecordError::Address(_)
                | RecordError::MissingColumn { .. }
                | RecordError::AmbiguousColumn { .. }
                | RecordError::Exists(_) => 2,
            },
            Self::Data(_) | Self::SourceChanged(_) => 3,
            Self::AwaitsApproval => 4,
            Self::Disconnected { .. } | Self::Silent { .. } => 6,
            Self::Connect(error) if self.fault() == Fault::Own => match error {
                ConnectError::Endpoint(_) | ConnectError::NotPinned(_) => 2,
                _ => 1,
            },
            _ => match self.fault() {
                Fault::Refused => 4,
                Fault::Peer | Fault::Incompatible => 5,
                Fault::TimedOut => 6,
                Fault::Own if matches!(self, Self::PeerEnded { .. }) => 5,
                Fault::Own | Fault::Cancelled => 1,
            },
        }
    }

    /// The state in which this party's part of a job ended.
    #[must_use]
    pub fn job_state(&self) -> JobState {
        match self.fault() {
            _ if matches!(self, Self::AwaitsApproval) => JobState::AwaitingApproval,
            Fault::Refused => JobState::Rejected,
            Fault::Cancelled => JobState::Cancelled,
            Fault::TimedOut => JobState::TimedOut,
            Fault::Own | Fault::Peer | Fault::Incompatible => JobState::Failed,
        }
    }

    /// What the peer and the coordinator may know, with the name of the party at fault.
    #[must_use]
    pub fn public_cause(&self, me: &ParticipantId) -> String {
        let cause = match self {
            Self::Peer { .. }
            | Self::PeerEnded { .. }
            | Self::Disconnected { .. }
            | Self::Silent { .. }
            | Self::Deadline { .. } => self.to_string(),
            Self::Incompatible { peer, what } => format!("{peer} and {me} are incompatible: {what}"),
            _ => format!("{me}: {}", self.reason()),
        };
        shortened(&cause, MAX_CAUSE)
    }

    /// The same without names: what goes into a refusal, whose reader knows who speaks.
    pub(crate) fn reason(&self) -> String {
        let reason = match self {
            Self::Records(error) => public_record_error(error),
            Self::Peer { what, .. } | Self::Incompatible { what, .. } => what.clone(),
            Self::Connect(error) => public_connect_error(error).to_owned(),
            Self::Job(_)
            | Self::Configuration(_)
            | Self::Data(_)
            | Self::SourceChanged(_)
            | Self::Refused(_)
            | Self::AwaitsApproval
            | Self::PeerEnded { .. }
            | Self::Disconnected { .. }
            | Self::Silent { .. }
            | Self::Deadline { .. }
            | Self::Cancelled(_)
            | Self::Own(_) => self.to_string(),
        };
        shortened(&reason, MAX_CAUSE)
    }

    /// What goes to the log. A file without a header line has a record in its place, so that the columns
    /// there are cannot stand in it.
    pub(crate) fn for_log(&self) -> String {
        match self {
            Self::Records(RecordError::MissingColumn { place, wanted, .. }) => {
                format!("{place}: there is no column {wanted:?}")
            }
            other => other.to_string(),
        }
    }

    /// Whether the peer still has to be told.
    pub(crate) fn must_be_told(&self) -> bool {
        !matches!(self, Self::PeerEnded { .. } | Self::Disconnected { .. } | Self::Connect(_))
    }

    /// The run as a whole took too long.
    pub(crate) fn out_of_time(total: Duration) -> Self {
        Self::Deadline { what: "the run was not done".to_owned(), total }
    }

    /// The run was cancelled from this side, for a reason that is known elsewhere.
    pub(crate) fn cancelled() -> Self {
        Self::Cancelled("the run was cancelled".to_owned())
    }

    /// A session's error, with names.
    pub(crate) fn of_session(error: SessionError, peer: &ParticipantId, me: &ParticipantId, total: Duration) -> Self {
        let peer = peer.clone();
        match error {
            SessionError::Peer(what) => Self::Peer { peer, what },
            SessionError::PeerEnded { fault, reason } => {
                Self::PeerEnded { peer, me: me.clone(), fault, reason: harmless(&without_prefix(reason)) }
            }
            SessionError::Disconnected(cause) => Self::Disconnected { peer, cause },
            SessionError::IdleTimeout { idle, .. } => {
                Self::Silent { peer, what: "neither sent nor took anything", waited: idle }
            }
            SessionError::TotalTimeout { .. } => Self::out_of_time(total),
            SessionError::Cancelled => Self::cancelled(),
            SessionError::Own(what) => Self::Own(what),
        }
    }
}

/// A session's abort begins with words that the variant says already.
fn without_prefix(reason: String) -> String {
    match reason.strip_prefix("the peer misbehaved: ") {
        Some(rest) => rest.to_owned(),
        None => reason,
    }
}

/// Neither the endpoint, which may be the coordinator's word, nor what was found there: a node is no
/// scanner of its network for others.
fn public_connect_error(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Endpoint(_) => "the endpoint of the listener cannot be used",
        ConnectError::NotPinned(_) => "no identity is pinned for the listener",
        ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => "the listener cannot be reached",
        ConnectError::WrongIdentity { .. } => "somebody else answers in the place of the listener",
        ConnectError::Refused { .. } => "the listener refuses the connection",
        ConnectError::Credentials(_) => "its credentials cannot be used",
    }
}

fn public_record_error(error: &RecordError) -> String {
    match error {
        RecordError::Address(_) => "the address of its dataset or result cannot be used".to_owned(),
        RecordError::Changed(_) => "its dataset changed while it was read".to_owned(),
        RecordError::MissingColumn { wanted, .. } => format!("its dataset has no column {wanted:?}"),
        RecordError::AmbiguousColumn { wanted, .. } => format!("its dataset has more than one column {wanted:?}"),
        RecordError::Malformed { .. } => "its dataset is malformed".to_owned(),
        RecordError::Exists(_) => "its result exists already".to_owned(),
        RecordError::Io { .. } => "its dataset cannot be read, or its result cannot be written".to_owned(),
    }
}

/// The longest beginning of at most `most` bytes that ends with a whole character.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// Text of a peer or a coordinator as it may go to a terminal or a log.
pub(crate) fn harmless(text: &str) -> String {
    printable(text, MAX_CAUSE)
}

/// Why a node does not serve.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its book cannot be used.
    #[error("the node's book: {0}")]
    Book(String),
    /// The folder for results cannot be used.
    #[error("the folder for results, {folder}: {cause}")]
    Results {
        /// The folder.
        folder: String,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// A dataset's address cannot be one.
    #[error("dataset {name:?}: {cause}")]
    Dataset {
        /// Its name in the configuration.
        name: String,
        /// What is wrong with it.
        #[source]
        cause: RecordError,
    },
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serving(#[from] tonic::transport::Error),
    /// Something else of this node's own is not usable.
    #[error("{0}")]
    Own(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ParticipantId {
        name.parse().unwrap()
    }

    #[test]
    fn others_are_told_no_file_and_no_columns_of_ours() {
        let error = RunError::Records(RecordError::MissingColumn {
            place: "/data/students.csv".to_owned(),
            wanted: "idno".to_owned(),
            present: "310199201001010011, Wang".to_owned(),
        });
        assert!(error.to_string().contains("310199201001010011"));
        assert_eq!(error.public_cause(&id("anhui")), "anhui: its dataset has no column \"idno\"");
        assert_eq!(error.for_log(), "/data/students.csv: there is no column \"idno\"");
        assert_eq!(error.exit_code(), 2);
        let io = RecordError::Io { place: "/data/x.csv".to_owned(), cause: std::io::ErrorKind::NotFound.into() };
        assert!(!RunError::Records(io).public_cause(&id("anhui")).contains("/data"));
    }

    #[test]
    fn both_sides_name_the_culprit() {
        let ours = RunError::Peer { peer: id("anhui"), what: "it sent the identity".to_owned() };
        assert_eq!(ours.to_string(), "anhui misbehaved: it sent the identity");
        let theirs = RunError::of_session(
            SessionError::PeerEnded {
                fault: Fault::Peer,
                reason: "the peer misbehaved: it sent the identity".to_owned(),
            },
            &id("shanghai"),
            &id("anhui"),
            Duration::ZERO,
        );
        assert_eq!(theirs.to_string(), "shanghai ended the run because anhui misbehaved: it sent the identity");
        assert_eq!((ours.fault(), theirs.fault()), (Fault::Peer, Fault::Own));
        assert_eq!((ours.exit_code(), theirs.exit_code()), (5, 5));
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_control_characters_go() {
        assert_eq!(shortened(&"元".repeat(200), MAX_CAUSE).len(), 510);
        assert_eq!(harmless("a\x1b[2Jb\r\n"), "a[2Jb");
    }

    #[test]
    fn states_and_statuses_follow_from_the_fault() {
        let by_peer = |fault| RunError::PeerEnded { peer: id("b"), me: id("a"), fault, reason: String::new() };
        for (error, state, code) in [
            (by_peer(Fault::Refused), JobState::Rejected, 4),
            (by_peer(Fault::Cancelled), JobState::Cancelled, 1),
            (by_peer(Fault::TimedOut), JobState::TimedOut, 6),
            (by_peer(Fault::Own), JobState::Failed, 5),
            (by_peer(Fault::Incompatible), JobState::Failed, 5),
            (RunError::cancelled(), JobState::Cancelled, 1),
            (RunError::SourceChanged("rows"), JobState::Failed, 3),
            (RunError::Refused("no".to_owned()), JobState::Rejected, 4),
            (RunError::Disconnected { peer: id("b"), cause: String::new() }, JobState::Failed, 6),
            (RunError::Own("disk".to_owned()), JobState::Failed, 1),
        ] {
            assert_eq!((error.job_state(), error.exit_code()), (state, code), "{error}");
        }
    }
}
