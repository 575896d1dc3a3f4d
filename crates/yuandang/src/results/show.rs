//! Results as `result` commands print them for programs.

use agreement::{Moment, printable};
use serde::Serialize;
use wire::proto::{ResultInfo, ResultState};

/// A result.
#[derive(Serialize)]
pub(super) struct ShownResult {
    job_id: String,
    agreement: String,
    rows: u64,
    bytes: u64,
    made: String,
    due: String,
    state: &'static str,
    overdue: bool,
    exports: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    cause: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    problem: String,
}

impl ShownResult {
    /// What the node says of it.
    #[must_use]
    pub(super) fn of(info: &ResultInfo) -> Self {
        Self {
            job_id: printable(&info.job_id, 64),
            agreement: printable(&info.agreement, 64),
            rows: info.rows,
            bytes: info.bytes,
            made: moment(info.made_s),
            due: moment(info.due_s),
            state: match info.state() {
                ResultState::Kept => "kept",
                ResultState::Deleting => "deleting",
                ResultState::Deleted => "deleted",
                ResultState::Unspecified => "unknown",
            },
            overdue: info.overdue,
            exports: info.exports,
            cause: printable(&info.cause, 512),
            problem: printable(&info.problem, 256),
        }
    }
}

/// A result that was taken out.
#[derive(Serialize)]
pub(super) struct Exported {
    pub(super) job_id: String,
    pub(super) rows: u64,
    pub(super) output: String,
}

/// Seconds since the Unix epoch as a moment; a question mark if they are none.
#[must_use]
pub(crate) fn moment(seconds: i64) -> String {
    Moment::from_seconds(seconds).map_or_else(|_| "?".to_owned(), |moment| moment.to_string())
}
