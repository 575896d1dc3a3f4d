//! How a command fails: a message for a person, a status for a script.

use std::fmt;

use agreement::printable;
use records::RecordError;
use wire::ConnectError;

/// Bytes of a coordinator's words that are shown.
const MAX_ANSWER: usize = 512;

/// The exit statuses. They are part of the interface and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Anything that is none of the others.
    Other,
    /// Wrong usage or configuration.
    Usage,
    /// Bad input data.
    Data,
    /// Refused by an agreement or a policy.
    Refused,
    /// A peer misbehaved, or its version does not go with ours.
    Peer,
    /// Unreachable, or too slow.
    Unreachable,
}

impl Status {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::Data => 3,
            Self::Refused => 4,
            Self::Peer => 5,
            Self::Unreachable => 6,
        }
    }

    /// The status of a number; [`Status::Other`] for one that is none.
    #[must_use]
    pub fn of_code(code: u8) -> Self {
        match code {
            2 => Self::Usage,
            3 => Self::Data,
            4 => Self::Refused,
            5 => Self::Peer,
            6 => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub status: Status,
    /// What went wrong, and what to do about it.
    pub message: String,
}

impl Failure {
    /// A failure with this status.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over by map_err")]
    pub fn new(status: Status, message: impl ToString) -> Self {
        Self { status, message: message.to_string() }
    }

    /// Wrong usage or configuration.
    #[must_use]
    pub fn usage(message: impl ToString) -> Self {
        Self::new(Status::Usage, message)
    }

    /// Anything else.
    #[must_use]
    pub fn other(message: impl ToString) -> Self {
        Self::new(Status::Other, message)
    }

    /// Something that a later version has.
    #[must_use]
    pub fn not_built(what: impl fmt::Display) -> Self {
        Self::usage(format_args!("{what} is not built yet"))
    }

    /// Stopped by Ctrl-C or SIGTERM.
    #[must_use]
    pub fn stopped() -> Self {
        Self::other("stopped; nothing half-written was left")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "yuandang: {}", self.message)
    }
}

impl std::error::Error for Failure {}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let status = match error {
            RecordError::Address(_)
            | RecordError::MissingColumn { .. }
            | RecordError::AmbiguousColumn { .. }
            | RecordError::Exists(_) => Status::Usage,
            RecordError::Malformed { .. } | RecordError::Changed(_) | RecordError::Io { .. } => Status::Data,
        };
        Self::new(status, error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let status = match error {
            ConnectError::Endpoint(_) | ConnectError::NotPinned(_) | ConnectError::Credentials(_) => Status::Usage,
            ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => Status::Unreachable,
            ConnectError::WrongIdentity { .. } => Status::Peer,
            ConnectError::Refused { .. } => Status::Refused,
        };
        Self::new(status, error)
    }
}

impl From<agreement::JobSpecError> for Failure {
    fn from(error: agreement::JobSpecError) -> Self {
        Self::usage(error)
    }
}

impl From<tonic::Status> for Failure {
    fn from(answer: tonic::Status) -> Self {
        Self::of_answer("the coordinator", &answer)
    }
}

impl Failure {
    /// What a node answers instead of what was asked for. An answer that is simply turned into a failure is the coordinator's.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "answers are handed over by map_err")]
    pub fn of_node(answer: tonic::Status) -> Self {
        Self::of_answer("the node", &answer)
    }

    /// What `who` answers instead of what was asked for.
    #[must_use]
    pub fn of_answer(who: &str, answer: &tonic::Status) -> Self {
        use tonic::Code;
        let status = match answer.code() {
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::AlreadyExists => Status::Usage,
            Code::PermissionDenied | Code::Unauthenticated => Status::Refused,
            Code::Unavailable | Code::DeadlineExceeded => Status::Unreachable,
            Code::Unimplemented | Code::DataLoss => Status::Peer,
            _ => Status::Other,
        };
        let said = printable(answer.message(), MAX_ANSWER);
        let message = if said.is_empty() { answer.code().description() } else { &said };
        Self::new(status, format_args!("{who} answers: {message}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_number() {
        let all = [Status::Other, Status::Usage, Status::Data, Status::Refused, Status::Peer, Status::Unreachable];
        let codes: Vec<u8> = all.iter().map(|status| status.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
        assert!(all.iter().all(|status| Status::of_code(status.code()) == *status));
        assert_eq!(Status::of_code(77), Status::Other);
    }

    #[test]
    fn a_missing_column_is_wrong_usage_and_a_missing_file_bad_data() {
        let column = RecordError::MissingColumn { place: "a".into(), wanted: "b".into(), present: "c".into() };
        assert_eq!(Failure::from(column).status, Status::Usage);
        let file = RecordError::Io { place: "a".into(), cause: std::io::ErrorKind::NotFound.into() };
        assert_eq!(Failure::from(file).status, Status::Data);
    }

    #[test]
    fn what_a_coordinator_answers_cannot_steer_the_terminal_nor_fill_it() {
        let failure = Failure::from(tonic::Status::not_found("no \u{1b}]0;job\u{7}\u{202e}\n元".to_owned()));
        assert_eq!(failure.message, "the coordinator answers: no ]0;job元");
        let silent = Failure::from(tonic::Status::not_found("\u{200b}\n"));
        assert_eq!(silent.message, format!("the coordinator answers: {}", tonic::Code::NotFound.description()));
        assert!(Failure::from(tonic::Status::internal("x".repeat(100_000))).message.len() < 600);
    }
}
