//! The jobs of a node that wait or run: one attempt of each at a time, of which a later one takes the place.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::error::RunError;

/// Why an attempt ends that a later one takes the place of.
const AGAIN: &str = "the job is begun again";

/// The jobs that wait or run.
pub(crate) struct CurrentJobs {
    jobs: Mutex<HashMap<String, Current>>,
    /// How many there may be.
    most: usize,
}

/// An attempt at a job that waits or runs.
#[derive(Clone)]
pub(crate) struct Current {
    attempt: u32,
    pub(crate) cancel: CancellationToken,
    ending: Arc<Mutex<Ending>>,
}

/// Why an attempt ends.
#[derive(Default)]
struct Ending {
    reason: Option<String>,
    /// Whether the job begins again, once somebody said that it ends.
    begins_again: bool,
    /// Whether it is over, whatever is said later.
    is_over: bool,
}

/// What becomes of an attempt that is to start.
pub(crate) enum Entry {
    /// It starts.
    Entered(Current),
    /// It starts when an earlier one, which was told to end, has ended.
    AfterEarlier,
    /// It is under way already, or a later one is.
    Repeated,
    /// There are as many jobs as there may be.
    Full,
}

impl CurrentJobs {
    /// None so far, and `most` at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { jobs: Mutex::default(), most }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<String, Current>> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an attempt. An earlier one is told to end: the coordinator may not have been able to say so.
    pub(crate) fn enter(&self, job_id: &str, attempt: u32) -> Entry {
        let mut jobs = self.jobs();
        if let Some(current) = jobs.get(job_id) {
            if current.attempt < attempt {
                current.end(AGAIN.to_owned(), true);
            }
            let gives_way = current.cancel.is_cancelled() && current.attempt <= attempt;
            return if gives_way { Entry::AfterEarlier } else { Entry::Repeated };
        }
        if jobs.len() >= self.most {
            return Entry::Full;
        }
        let entered = Current { attempt, cancel: CancellationToken::new(), ending: Arc::default() };
        jobs.insert(job_id.to_owned(), entered.clone());
        Entry::Entered(entered)
    }

    /// The attempts that wait or run, and were not told to end.
    pub(crate) fn attempts(&self) -> Vec<(String, u32)> {
        let jobs = self.jobs();
        let going = jobs.iter().filter(|(_, current)| !current.cancel.is_cancelled());
        going.map(|(job_id, current)| (job_id.clone(), current.attempt)).collect()
    }

    /// Whether an attempt was told to end, and has not yet.
    pub(crate) fn is_ending(&self, job_id: &str) -> bool {
        self.jobs().get(job_id).is_some_and(|current| current.cancel.is_cancelled())
    }

    /// Tells an attempt to end; whether there is one.
    pub(crate) fn end(&self, job_id: &str, reason: String, begins_again: bool) -> bool {
        let jobs = self.jobs();
        let current = jobs.get(job_id);
        if let Some(current) = current {
            current.end(reason, begins_again);
        }
        current.is_some()
    }

    /// An attempt has ended.
    pub(crate) fn leave(&self, job_id: &str) {
        self.jobs().remove(job_id);
    }
}

impl Current {
    fn ending(&self) -> MutexGuard<'_, Ending> {
        // It is whole after every statement, so a panic elsewhere leaves it usable.
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells it to end. That the job is over is said once and for all: what comes later does not begin it again, and the reason is
    /// that of the end.
    fn end(&self, reason: String, begins_again: bool) {
        let mut ending = self.ending();
        if !begins_again && !ending.is_over {
            (ending.is_over, ending.begins_again, ending.reason) = (true, false, Some(reason));
        } else if !ending.is_over {
            ending.begins_again = true;
            ending.reason.get_or_insert(reason);
        }
        drop(ending);
        self.cancel.cancel();
    }

    /// Whether the job is to begin again.
    pub(crate) fn begins_again(&self) -> bool {
        self.ending().begins_again
    }

    /// Notes why it ends, if nobody has said why.
    pub(crate) fn because(&self, reason: String) {
        self.ending().reason.get_or_insert(reason);
    }

    /// An error of this attempt; a cancellation with its reason.
    pub(crate) fn explain(&self, error: RunError) -> RunError {
        let ending = self.ending();
        match (error, &ending.reason) {
            (RunError::Cancelled(_), Some(reason)) => RunError::Cancelled(reason.clone()),
            // What the end brought about would otherwise look like an interruption.
            (RunError::Disconnected { .. } | RunError::Silent { .. } | RunError::PeerEnded { .. }, Some(reason))
                if ending.is_over =>
            {
                RunError::Cancelled(reason.clone())
            }
            (error, _) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(entry: Entry) -> Current {
        match entry {
            Entry::Entered(current) => current,
            _ => panic!("it was not entered"),
        }
    }

    #[test]
    fn a_later_attempt_takes_the_place_of_an_earlier_one() {
        let jobs = CurrentJobs::new(9);
        let first = entered(jobs.enter("job", 0));
        assert!(matches!(jobs.enter("job", 0), Entry::Repeated) && !first.cancel.is_cancelled());
        // The coordinator's word that the first is over was lost.
        assert!(matches!(jobs.enter("job", 2), Entry::AfterEarlier));
        assert!(first.cancel.is_cancelled() && first.begins_again() && jobs.is_ending("job"));
        let error = first.explain(RunError::cancelled()).to_string();
        assert!(error.contains(AGAIN), "{error}");
        jobs.leave("job");
        let last = entered(jobs.enter("job", 2));
        // One that was on its way for longer comes too late.
        assert!(matches!(jobs.enter("job", 1), Entry::Repeated) && !last.cancel.is_cancelled());
    }

    #[test]
    fn one_that_was_told_to_end_is_waited_for_and_its_first_reason_counts() {
        let jobs = CurrentJobs::new(9);
        let current = entered(jobs.enter("job", 0));
        assert!(jobs.end("job", "first".to_owned(), false) && !jobs.end("another", "first".to_owned(), false));
        jobs.end("job", "second".to_owned(), false);
        assert!(current.explain(RunError::cancelled()).to_string().contains("first") && !current.begins_again());
        assert!(matches!(jobs.enter("job", 0), Entry::AfterEarlier));
        assert!(matches!(current.explain(RunError::Own("no".to_owned())), RunError::Own(_)));
    }

    #[test]
    fn what_is_under_way_is_told_but_for_what_is_ending() {
        let jobs = CurrentJobs::new(9);
        entered(jobs.enter("a", 3));
        entered(jobs.enter("b", 0));
        jobs.end("b", "an end".to_owned(), true);
        assert_eq!(jobs.attempts(), [("a".to_owned(), 3)]);
    }

    #[test]
    fn what_is_over_is_not_begun_again_whatever_is_said_later() {
        let jobs = CurrentJobs::new(9);
        let current = entered(jobs.enter("job", 0));
        jobs.end("job", "the coordinator begins it again".to_owned(), true);
        assert!(current.begins_again());
        jobs.end("job", "the agreement is Revoked".to_owned(), false);
        jobs.end("job", "the coordinator begins it again".to_owned(), true);
        assert!(matches!(jobs.enter("job", 5), Entry::AfterEarlier));
        assert!(!current.begins_again());
        let lost = RunError::Disconnected { peer: "anhui".parse().unwrap(), cause: "it hung up".to_owned() };
        for error in [RunError::cancelled(), lost] {
            assert!(current.explain(error).to_string().contains("Revoked"));
        }
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let jobs = CurrentJobs::new(1);
        entered(jobs.enter("a", 0));
        assert!(matches!(jobs.enter("b", 0), Entry::Full));
        jobs.leave("a");
        entered(jobs.enter("b", 0));
    }
}
