//! Jobs whose nodes leave in the middle: they wait until all are there, and are begun again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use agreement::{JobState, ParticipantId, printable};
use tokio::time::sleep;
use wire::proto::{CancelJob, JobEnded, attach_response::Directive};

use super::{Dispatcher, Live, message, reported, shares_a_party};
use crate::{store::StoreError, text::MAX_REASON};

/// How long after the grace of a node it is known to have left.
const LATE: Duration = Duration::from_secs(1);

/// How often a job that was interrupted is begun again.
const MOST_ATTEMPTS: u32 = 100;

/// What an end that is no success means for a job.
pub(super) enum Meaning {
    /// Nothing: it is that of an attempt that is over already.
    Known,
    /// The job begins again.
    Interruption,
    /// The party lost its peer, and it has to be seen why.
    Doubt,
    /// The job is over.
    End,
}

impl Live {
    /// What it means that `from`'s part ended in `state`, which is no success.
    pub(super) fn meaning(&self, from: &ParticipantId, state: JobState, ended: &JobEnded) -> Meaning {
        if self.interrupted || self.attempt != ended.attempt {
            // A peer that is at fault may have been quicker to say that it stops: what it did interrupted the job.
            let last = if self.left_behind { Some(ended.attempt) } else { ended.attempt.checked_add(1) };
            let is_late = self.interrupted && last == Some(self.attempt);
            let accuses = !ended.may_resume && matches!(state, JobState::Failed | JobState::Rejected);
            return if is_late && accuses { Meaning::End } else { Meaning::Known };
        }
        if !ended.may_resume || self.spec.party_of(from).is_none() {
            return Meaning::End;
        }
        // Where the other party has its result, this one need not be without.
        let is_half_done = !self.transcripts.is_empty();
        if state == JobState::Suspended || is_half_done { Meaning::Interruption } else { Meaning::Doubt }
    }
}

impl Dispatcher {
    /// A node's stream has ended: what it was doing is interrupted, unless it comes back soon.
    pub(crate) fn detached(self: &Arc<Self>, participant: ParticipantId, stream: u64) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            tokio::select! {
                () = this.shutdown.cancelled() => return,
                () = sleep(this.patience.grace) => {}
            }
            if !this.registry.is_gone(&participant, stream) {
                return;
            }
            this.left(&participant, "its node left in the middle of the job").await;
        });
    }

    /// Interrupts the jobs that a node was doing. They are begun again when it is back.
    pub(crate) async fn left(self: &Arc<Self>, participant: &ParticipantId, why: &str) {
        let held = self.live.lock().await;
        let jobs = held.iter().filter(|(_, job)| job.busies(participant)).map(|(id, job)| (id.clone(), job.attempt));
        let jobs: Vec<(String, u32)> = jobs.collect();
        drop(held);
        for (id, attempt) in jobs {
            let cause = format!("{participant}: {why}");
            self.settled(self.interrupt(&id, attempt, &cause).await);
        }
    }

    /// A party lost its peer in the middle. If the peer's node left, that interrupts the job; otherwise this is its end.
    pub(super) fn doubt(
        self: &Arc<Self>,
        id: &str,
        from: &ParticipantId,
        attempt: u32,
        (state, cause): (JobState, &str),
    ) {
        let (this, id, from, cause) = (Arc::clone(self), id.to_owned(), from.clone(), cause.to_owned());
        self.tasks.spawn(async move {
            tokio::select! {
                () = this.shutdown.cancelled() => return,
                () = sleep(this.patience.grace.saturating_add(LATE)) => {}
            }
            let same = |job: &&Live| !job.interrupted && job.attempt == attempt;
            if this.live.lock().await.get(&id).filter(same).is_some() {
                // This party as well has kept what it could have gone on from.
                this.settled(this.end(&id, state, &reported(&cause, &from), None).await);
            }
        });
    }

    /// Lets a job wait until it can be begun again; it fails if that happens too often.
    pub(super) async fn interrupt(self: &Arc<Self>, id: &str, attempt: u32, cause: &str) -> Result<(), StoreError> {
        self.interrupt_held(&mut *self.live.lock().await, id, attempt, cause).await
    }

    /// The same as part of a step.
    pub(super) async fn interrupt_held(
        self: &Arc<Self>,
        live: &mut HashMap<String, Live>,
        id: &str,
        attempt: u32,
        cause: &str,
    ) -> Result<(), StoreError> {
        let due = |job: &&mut Live| !job.interrupted && job.attempt == attempt;
        let Some(job) = live.get_mut(id).filter(due) else { return Ok(()) };
        if job.attempt >= MOST_ATTEMPTS {
            return self.end_held(live, id, (JobState::Failed, cause), None).await;
        }
        job.attempt = self.store.next_attempt(id).await?;
        job.interrupted = true;
        job.started.clear();
        job.progress.clear();
        let reason = printable(&format!("{cause}; the job is begun again when all nodes are there"), MAX_REASON);
        for party in job.spec.parties.iter().filter(|party| job.is_due(&party.participant)) {
            let cancel = CancelJob { job_id: id.to_owned(), reason: reason.clone(), begins_again: true };
            self.registry.direct(&party.participant, Directive::Cancel(cancel));
        }
        // One that was not running yet is still queued.
        if self.store.get(id).await?.state == JobState::Running {
            self.store.change(id, JobState::Suspended, cause).await?;
            self.store.change(id, JobState::Queued, cause).await?;
        }
        tracing::info!(job_id = %id, cause, "job interrupted");
        let stored = self.store.get(id).await?;
        self.watchers.tell(message(stored, live.get(id)), false);
        // Its nodes have room again.
        let spec = live.get(id).map(|job| job.spec.clone());
        if let Some(spec) = spec {
            self.settled(self.start_queued(live, |other| other.id != id && shares_a_party(&other.spec, &spec)).await);
        }
        Ok(())
    }
}
