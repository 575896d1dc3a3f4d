//! A job as `job` commands print it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agreement::{JobSpec, JobState, Mode, Protocol, Role};
use serde::Serialize;
use wire::{ConvertError, proto};

use crate::{
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};

/// A job, checked.
#[derive(Clone, Debug, Serialize)]
pub struct ShownJob {
    /// Its id.
    pub job_id: String,
    /// Its name for people.
    pub name: String,
    /// Where it is in its life.
    pub state: JobState,
    /// Why it ended as it did; empty after success.
    pub cause: String,
    /// What it answers.
    pub mode: Mode,
    /// How.
    pub protocol: Protocol,
    /// Who takes part.
    pub parties: Vec<ShownParty>,
    /// Who submitted it.
    pub submitted_by: String,
    /// Milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_ms: i64,
    /// How far each party is.
    pub progress: Vec<ShownProgress>,
}

/// One party's part.
#[derive(Clone, Debug, Serialize)]
pub struct ShownParty {
    /// Who.
    pub participant: String,
    /// As what.
    pub role: Role,
    /// The dataset that it enters.
    pub dataset: String,
}

/// How far a party is.
#[derive(Clone, Debug, Serialize)]
pub struct ShownProgress {
    /// Who.
    pub participant: String,
    /// The protocol's phase.
    pub phase: String,
    /// Elements done.
    pub done: u64,
    /// Elements in all.
    pub total: u64,
}

impl TryFrom<proto::Job> for ShownJob {
    type Error = Failure;

    fn try_from(job: proto::Job) -> Result<Self, Failure> {
        let wrong = |error: ConvertError| {
            Failure::new(Status::Peer, format_args!("the coordinator answers with a wrong {error}"))
        };
        let state = JobState::try_from(job.state()).map_err(wrong)?;
        let spec =
            job.spec.ok_or_else(|| Failure::new(Status::Peer, "the coordinator answers with a job without terms"))?;
        let spec = JobSpec::try_from(spec).map_err(wrong)?;
        let parties = spec.parties.into_iter().map(|party| ShownParty {
            participant: party.participant.to_string(),
            role: party.role,
            dataset: printable(&party.dataset),
        });
        let progress = job.progress.into_iter().map(|one| ShownProgress {
            participant: printable(&one.participant),
            phase: printable(&one.phase),
            done: one.done,
            total: one.total,
        });
        Ok(Self {
            job_id: printable(&job.job_id),
            name: printable(&spec.name),
            state,
            cause: printable(&job.cause),
            mode: spec.mode,
            protocol: spec.protocol,
            parties: parties.collect(),
            submitted_by: printable(&job.submitted_by),
            created_ms: job.created_ms,
            updated_ms: job.updated_ms,
            progress: progress.collect(),
        })
    }
}

/// The most bytes of a text of others; the messages allow no more.
const MAX_TEXT: usize = 512;

/// What others wrote, as it may go to a terminal.
fn printable(text: &str) -> String {
    agreement::printable(text, MAX_TEXT)
}

/// Prints one job.
///
/// # Errors
/// If standard output cannot be written.
pub fn one(job: &ShownJob, format: Format, lang: Lang) -> Result<(), Failure> {
    match format {
        Format::Json => screen::json(job),
        Format::Text => screen::line(&text::job::job(lang, job, &ago(lang, job.updated_ms))),
    }
}

/// Prints several jobs.
///
/// # Errors
/// If standard output cannot be written.
pub fn list(jobs: &[ShownJob], format: Format, lang: Lang) -> Result<(), Failure> {
    if format == Format::Json {
        return screen::json(&jobs);
    }
    if jobs.is_empty() {
        screen::note(text::job::none(lang));
    }
    jobs.iter().try_for_each(|job| screen::line(&text::job::line(lang, job, &ago(lang, job.updated_ms))))
}

/// How long ago a time of the coordinator's was, by our clock.
fn ago(lang: Lang, milliseconds: i64) -> String {
    let then = UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0));
    let passed = SystemTime::now().duration_since(then).unwrap_or_default();
    text::job::ago(lang, passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a[2Jbc");
    }

    #[test]
    fn a_job_without_a_state_is_the_coordinators_fault() {
        let failure = ShownJob::try_from(proto::Job::default()).unwrap_err();
        assert_eq!(failure.status, Status::Peer);
    }
}
