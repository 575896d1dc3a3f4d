//! What a node tells its coordinator of its jobs: not a queue of events, but how the jobs stand. A stream
//! is told what it has not been told yet, so that a stream that breaks loses nothing, and a coordinator
//! that is away holds nothing up.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agreement::ParticipantId;
use session::{PhaseProgress, settings::ProgressHook};
use tokio::sync::Notify;
use wire::proto::{JobAnswered, JobEnded, JobReport, JobStarted, JobState, Progress, job_report::Body};

use crate::error::{RunError, shortened};

/// Ends that are kept, to be told to a new stream.
const KEPT: usize = 256;
/// The most bytes of a phase's name.
const MAX_PHASE: usize = 32;

/// How a node's jobs stand.
pub(crate) struct Reports {
    me: ParticipantId,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Jobs that have started, with the latest progress of each.
    started: HashMap<String, Option<PhaseProgress>>,
    /// The last jobs that have ended, numbered.
    ended: VecDeque<(u64, JobReport)>,
    ends: u64,
}

/// What one stream has been told.
#[derive(Default)]
pub(crate) struct Told {
    started: HashSet<String>,
    progress: HashMap<String, PhaseProgress>,
    ends: u64,
}

impl Reports {
    /// The jobs of `me`: none so far.
    pub(crate) fn new(me: ParticipantId) -> Arc<Self> {
        Arc::new(Self { me, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The collections are whole after every statement, so a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job has begun here.
    pub(crate) fn started(&self, job_id: &str) {
        self.state().started.insert(job_id.to_owned(), None);
        self.changed.notify_one();
    }

    /// The job has ended here.
    pub(crate) fn ended(&self, job_id: &str, attempt: u32, outcome: Result<[u8; 32], &RunError>, may_resume: bool) {
        let ended = match outcome {
            Ok(transcript) => JobEnded {
                state: JobState::Succeeded.into(),
                cause: String::new(),
                transcript_hash: transcript.to_vec().into(),
                may_resume: false,
                attempt,
            },
            Err(error) => JobEnded {
                state: match error {
                    // A node that stops comes back. A peer's word that it stops is not enough.
                    RunError::Cancelled(_) if may_resume => JobState::Suspended,
                    error => error.job_state().into(),
                }
                .into(),
                cause: error.public_cause(&self.me),
                transcript_hash: Default::default(),
                may_resume,
                attempt,
            },
        };
        let mut state = self.state();
        state.started.remove(job_id);
        state.end(JobReport { job_id: job_id.to_owned(), body: Some(Body::Ended(ended)) });
        drop(state);
        self.changed.notify_one();
    }

    /// What approvers were asked about the job is answered: that it waits for them is told no more.
    pub(crate) fn answered(&self, job_id: &str) {
        let mut state = self.state();
        state.ended.retain(|(_, report)| report.job_id != job_id);
        state.end(JobReport { job_id: job_id.to_owned(), body: Some(Body::Answered(JobAnswered {})) });
        drop(state);
        self.changed.notify_one();
    }

    /// Tells the end of a job once more, if this attempt has ended here, or any with success, and is not forgotten.
    pub(crate) fn repeat(&self, job_id: &str, attempt: u32) -> bool {
        let mut state = self.state();
        let is_its_end = |report: &JobReport| report.job_id == job_id && matches!(report.body, Some(Body::Ended(_)));
        let place = state.ended.iter().position(|(_, report)| is_its_end(report));
        let Some((_, report)) = place.and_then(|place| state.ended.remove(place)) else { return false };
        let is_success = |ended: &JobEnded| ended.state() == JobState::Succeeded;
        // A coordinator that restarted counts from 0 again.
        if matches!(&report.body, Some(Body::Ended(ended)) if ended.attempt != attempt && !is_success(ended)) {
            return false;
        }
        state.end(report);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Notes the progress of a job.
    pub(crate) fn progress(self: &Arc<Self>, job_id: &str) -> ProgressHook {
        let (reports, job_id) = (Arc::clone(self), job_id.to_owned());
        Arc::new(move |progress| {
            if let Some(latest) = reports.state().started.get_mut(&job_id) {
                *latest = Some(progress);
            }
        })
    }

    /// Waits until a job has started or ended. Progress is for whoever asks from time to time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What a stream that was told so much has still to be told, with or without progress.
    pub(crate) fn due(&self, told: &mut Told, with_progress: bool) -> Vec<JobReport> {
        let state = self.state();
        let mut due = Vec::new();
        told.started.retain(|job_id| state.started.contains_key(job_id));
        told.progress.retain(|job_id, _| state.started.contains_key(job_id));
        for (job_id, latest) in &state.started {
            if told.started.insert(job_id.clone()) {
                due.push(JobReport { job_id: job_id.clone(), body: Some(Body::Started(JobStarted {})) });
            }
            let new = latest.filter(|latest| with_progress && told.progress.get(job_id) != Some(latest));
            if let Some(latest) = new {
                told.progress.insert(job_id.clone(), latest);
                let body = Body::Progress(self.message(latest));
                due.push(JobReport { job_id: job_id.clone(), body: Some(body) });
            }
        }
        due.extend(state.ended.iter().filter(|(number, _)| *number >= told.ends).map(|(_, report)| report.clone()));
        told.ends = state.ends;
        due
    }

    fn message(&self, progress: PhaseProgress) -> Progress {
        Progress {
            participant: self.me.to_string(),
            phase: shortened(progress.phase, MAX_PHASE),
            done: progress.done,
            total: progress.total,
        }
    }
}

impl State {
    fn end(&mut self, report: JobReport) {
        if self.ended.len() >= KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back((self.ends, report));
        self.ends = self.ends.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> Arc<Reports> {
        Reports::new("anhui".parse().unwrap())
    }

    /// Each report as a word.
    fn words(due: &[JobReport]) -> Vec<String> {
        let word = |report: &JobReport| match &report.body {
            Some(Body::Started(_)) => format!("{} started", report.job_id),
            Some(Body::Progress(progress)) => format!("{} {}/{}", report.job_id, progress.done, progress.total),
            Some(Body::Ended(ended)) => format!("{} {:?} {}", report.job_id, ended.state(), ended.cause),
            Some(Body::Answered(_)) => format!("{} answered", report.job_id),
            None => String::new(),
        };
        due.iter().map(word).collect()
    }

    #[test]
    fn a_stream_is_told_once_and_a_new_one_again() {
        let (reports, mut told) = (reports(), Told::default());
        reports.started("a");
        assert_eq!(words(&reports.due(&mut told, true)), ["a started"]);
        assert!(reports.due(&mut told, true).is_empty());
        reports.ended("a", 0, Ok([1; 32]), false);
        assert_eq!(words(&reports.due(&mut told, false)), ["a Succeeded "]);
        reports.ended("b", 0, Err(&RunError::Refused("no".to_owned())), false);
        assert_eq!(words(&reports.due(&mut told, false)), ["b Rejected anhui: no"]);
        assert!(reports.due(&mut told, true).is_empty());
        assert_eq!(words(&reports.due(&mut Told::default(), true)), ["a Succeeded ", "b Rejected anhui: no"]);
    }

    #[test]
    fn that_a_job_waits_for_an_answer_is_not_told_once_it_has_one() {
        let (reports, mut told) = (reports(), Told::default());
        reports.ended("a", 0, Err(&RunError::AwaitsApproval), true);
        let waits = "a AwaitingApproval anhui: the job waits for an approver";
        assert_eq!(words(&reports.due(&mut told, false)), [waits]);
        // A coordinator that restarted asks anew, and is told the same.
        assert!(reports.repeat("a", 0));
        assert_eq!(words(&reports.due(&mut told, false)), [waits]);
        reports.answered("a");
        assert_eq!(words(&reports.due(&mut Told::default(), false)), ["a answered"]);
        assert!(!reports.repeat("a", 0), "it would not start with the answer");
    }

    #[test]
    fn only_the_latest_progress_is_told_and_only_when_it_is_asked_for() {
        let (reports, mut told) = (reports(), Told::default());
        let hook = reports.progress("a");
        let at = |done| PhaseProgress { phase: "tags", done, total: 9 };
        hook(at(1));
        assert!(reports.due(&mut told, true).is_empty(), "the job has not started");
        reports.started("a");
        hook(at(2));
        hook(at(3));
        assert_eq!(words(&reports.due(&mut told, false)), ["a started"]);
        assert_eq!(words(&reports.due(&mut told, true)), ["a 3/9"]);
        assert!(reports.due(&mut told, true).is_empty());
        reports.ended("a", 0, Ok([1; 32]), false);
        hook(at(9));
        assert_eq!(words(&reports.due(&mut told, true)), ["a Succeeded "]);
    }

    #[test]
    fn an_end_can_be_told_again() {
        let (reports, mut told) = (reports(), Told::default());
        reports.ended("a", 0, Ok([1; 32]), false);
        reports.ended("b", 0, Ok([2; 32]), false);
        reports.due(&mut told, true);
        reports.ended("d", 3, Err(&RunError::cancelled()), true);
        reports.due(&mut told, true);
        assert!(reports.repeat("a", 0) && !reports.repeat("c", 0));
        assert!(reports.repeat("d", 3) && !reports.repeat("d", 4), "what was interrupted may begin again");
        assert_eq!(reports.due(&mut told, true).len(), 1);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let reports = reports();
        (0..KEPT + 9).for_each(|number| reports.ended(&format!("job-{number}"), 0, Ok([0; 32]), false));
        let due = reports.due(&mut Told::default(), true);
        assert_eq!(due.len(), KEPT);
        assert_eq!(due[0].job_id, "job-9");
    }
}
