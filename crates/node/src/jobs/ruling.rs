//! What the book says of a job, and is told of its end.

use agreement::{JobSpec, JobState};
use tokio::task::spawn_blocking;
use wire::proto::OpenJob;

use super::Jobs;
use crate::{
    book::{Book, BookError, JobRequest, Ruling},
    clock::now,
    error::RunError,
    result_retention,
    under::Under,
};

/// The most jobs that a node names to its coordinator when it attaches: those that it is at first, then the oldest.
const MOST_OPEN: u32 = 1024;

impl Jobs {
    /// The transcript of a job whose result an earlier process delivered, and may not have said so: noted in the book, and
    /// then beside what was kept of the run.
    pub(super) async fn was_delivered(&self, job_id: &str) -> Option<[u8; 32]> {
        let booked = match &self.book {
            Some(book) => book.transcript_of(job_id).await.unwrap_or_else(|error| {
                tracing::warn!(job_id, %error, "the book does not say whether the job was done before");
                None
            }),
            None => None,
        };
        if booked.is_some() {
            return booked;
        }
        let (checkpoints, id) = (self.checkpoints.clone()?, job_id.to_owned());
        let looked = spawn_blocking(move || checkpoints.was_delivered(&id)).await.ok()?;
        looked.unwrap_or_else(|error| {
            tracing::warn!(job_id, %error, "whether the job was delivered before cannot be told");
            None
        })
    }

    /// Has the book rule on a job.
    pub(super) async fn rule(&self, job_id: &str, spec: &JobSpec) -> Result<Under, RunError> {
        let no_key = || RunError::Refused("the node has no key to sign with, and enters no agreement".to_owned());
        let book = self.book.as_ref().ok_or_else(no_key)?;
        let version = |name: &str| {
            self.config.datasets.iter().find(|dataset| dataset.name == name).map(|dataset| dataset.version)
        };
        let heartbeat = self.config.heartbeat_seconds;
        let request = JobRequest { id: job_id, spec, now: now()?, published: &version, heartbeat };
        let ruled = book.admit(request).await.map_err(|error| match error {
            BookError::NotNow(why) => RunError::Refused(why),
            other => RunError::Own(other.to_string()),
        })?;
        match ruled {
            Ruling::Admitted(admission) => Under::new(book.clone(), *admission),
            Ruling::Refused(refusal) => Err(refusal.into()),
            Ruling::AwaitsApproval => Err(RunError::AwaitsApproval),
            Ruling::Ended(outcome) => {
                let cause = book.cause_of(job_id).await.map_err(|error| RunError::Own(error.to_string()))?;
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                Err(RunError::Refused(format!("the job has ended here before, {outcome}{cause}")))
            }
        }
    }

    /// Notes the end of a job that is not to go on: also of one that was admitted in an earlier attempt and is refused now.
    pub(super) async fn note_failure(&self, job_id: &str, error: &RunError, begins_again: bool) {
        if !begins_again && !self.may_resume(job_id, error) {
            let cause = error.public_cause(&self.config.participant);
            if matches!(error, RunError::Refused(_)) {
                self.turn_away(job_id, &cause).await;
            }
            self.give_up(job_id, error.job_state(), &cause).await;
        }
    }

    /// Removes the result of a run that failed after it had written one.
    async fn discard(&self, job_id: &str, book: &Book) {
        if let Err(error) = result_retention::discard(book, &self.results, job_id).await {
            tracing::error!(job_id, %error, "what is left of a result could not be removed");
        }
    }

    /// Notes that a job was refused before it was ruled on.
    async fn turn_away(&self, job_id: &str, cause: &str) {
        let Some(book) = &self.book else { return };
        let noted = async { book.turned_away(job_id, cause, now()?).await };
        if let Err(error) = noted.await {
            tracing::error!(job_id, %error, "that the job was refused could not be noted in the book");
        }
    }

    /// Notes that a job will not go on here, if it was admitted and has not ended; then what is kept of it is removed. Were it
    /// removed first, and its use still open, the job could begin again with another commitment to the same input.
    pub(super) async fn give_up(&self, job_id: &str, state: JobState, reason: &str) {
        if let Some(book) = &self.book {
            let noted = async { book.given_up(job_id, &state.to_string(), (reason, now()?)).await };
            if let Err(error) = noted.await {
                return tracing::error!(job_id, %error, "the end of the job could not be noted in the book");
            }
            self.discard(job_id, book).await;
        }
        self.forget(job_id);
    }

    /// Has the coordinator start a job again that waited for an answer.
    pub(crate) fn answered(&self, job_id: &str) {
        self.reports.answered(job_id);
    }

    /// Whether a job was told to end, and has not yet.
    pub(crate) fn is_ending(&self, job_id: &str) -> bool {
        self.current.is_ending(job_id)
    }

    /// Ends a job because its agreement does not stand any more: what was found of it is removed.
    pub(crate) async fn stop(&self, job_id: &str, reason: &str) {
        // One that runs is noted and forgotten when it has ended.
        if !self.current.end(job_id, reason.to_owned(), false) {
            self.give_up(job_id, JobState::Cancelled, reason).await;
        }
    }

    /// The jobs that are open here: those that wait or run, and those that were admitted and wait to begin again.
    pub(crate) async fn open(&self) -> Vec<OpenJob> {
        let kept = match &self.book {
            Some(book) => book.open_uses(MOST_OPEN).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the book does not say which jobs are open");
                Vec::new()
            }),
            None => Vec::new(),
        };
        let under_way = self.current.attempts();
        let at = |id: &String| under_way.iter().any(|(job_id, _)| job_id == id);
        let waiting = kept.into_iter().filter(|id| !at(id)).map(|job_id| OpenJob { job_id, ..OpenJob::default() });
        let mut open: Vec<OpenJob> = waiting.collect();
        let going = under_way.into_iter().map(|(job_id, attempt)| OpenJob { job_id, under_way: true, attempt });
        open.splice(0..0, going);
        open.truncate(MOST_OPEN as usize);
        open
    }
}
