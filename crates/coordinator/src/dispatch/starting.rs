//! Starting jobs: when all nodes that still have a part to do are there and have room.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use agreement::{JobSpec, JobState, ParticipantId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wire::proto::{StartJob, attach_response::Directive};

use super::{Dispatcher, Live};
use crate::store::{StoreError, StoredJob};

impl Dispatcher {
    /// Starts those of the queued jobs that can be, the oldest first.
    pub(super) async fn start_queued(
        self: &Arc<Self>,
        live: &mut HashMap<String, Live>,
        concerned: impl Fn(&StoredJob) -> bool,
    ) -> Result<(), StoreError> {
        for job in self.store.in_state(JobState::Queued).await? {
            if concerned(&job) {
                self.start(live, &job).await?;
            }
        }
        Ok(())
    }

    /// Tells the nodes of a queued job to start, if all are there and have room. Where all are at it already, since only the
    /// coordinator was away, it goes on.
    pub(super) async fn start(
        self: &Arc<Self>,
        live: &mut HashMap<String, Live>,
        job: &StoredJob,
    ) -> Result<(), StoreError> {
        let has_room = |participant: &ParticipantId| {
            let busy = live.values().filter(|job| job.busies(participant)).count();
            busy < self.registry.capacity(participant) && self.registry.takes_more(participant)
        };
        let before = live.get(&job.id);
        if before.is_some_and(|before| !before.interrupted) {
            return Ok(());
        }
        let due = |participant: &ParticipantId| before.is_none_or(|before| before.is_due(participant));
        // The listener first, so that it is likely to be ready when it is dialled.
        let mut order: Vec<&ParticipantId> = job.spec.parties.iter().map(|party| &party.participant).collect();
        order.retain(|participant| due(participant));
        // All at once: were each node to take jobs as they come, two could wait for each other.
        if !order.iter().all(|participant| has_room(participant)) {
            return Ok(());
        }
        let attempt = match before {
            Some(before) if before.left_behind => {
                let is_at_it = |participant: &&ParticipantId| self.registry.is_at(participant, &job.id, before.attempt);
                if order.iter().all(is_at_it) {
                    return self.go_on(live, job).await;
                }
                self.store.next_attempt(&job.id).await?
            }
            Some(before) => before.attempt,
            None => self.store.next_attempt(&job.id).await?,
        };
        let peers_done = order.len() < job.spec.parties.len();
        let directive = || {
            Directive::Start(StartJob {
                job_id: job.id.clone(),
                spec: Some(job.spec.clone().into()),
                listener_endpoint: self.registry.endpoint(&job.spec.listener),
                attempt,
                peers_done,
            })
        };
        order.sort_by_key(|participant| **participant != job.spec.listener);
        let deaf: Vec<_> = order.iter().filter(|one| !self.registry.direct(one, directive())).collect();
        let deaf = deaf.first().map(|participant| (**participant).clone());
        match live.get_mut(&job.id) {
            Some(again) => {
                (again.attempt, again.interrupted, again.left_behind) = (attempt, false, false);
                again.started.clear();
                if again.over.is_cancelled() {
                    // The deadline runs anew once approvers have answered.
                    again.over = self.shutdown.child_token();
                    self.watch_deadline(&job.id, &job.spec, again.over.clone());
                }
            }
            None => {
                let entry = self.entry(job, attempt);
                live.insert(job.id.clone(), entry);
            }
        }
        if let Some(participant) = deaf {
            let cause = format!("{participant}: its node could not be told to start");
            self.interrupt_later(job.id.clone(), attempt, cause);
        }
        Ok(())
    }

    /// Interrupts a job that has just been begun: a node that was there is leaving.
    fn interrupt_later(self: &Arc<Self>, id: String, attempt: u32, cause: String) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move { this.settled(this.interrupt(&id, attempt, &cause).await) });
    }

    /// The entry of a job that is begun, whose deadline runs from now on.
    pub(super) fn entry(self: &Arc<Self>, job: &StoredJob, attempt: u32) -> Live {
        let over = self.shutdown.child_token();
        self.watch_deadline(&job.id, &job.spec, over.clone());
        Live {
            spec: job.spec.clone(),
            started: BTreeMap::new(),
            transcripts: BTreeMap::new(),
            progress: BTreeMap::new(),
            attempt,
            left_behind: false,
            interrupted: false,
            awaits: BTreeSet::new(),
            over,
        }
    }

    fn watch_deadline(self: &Arc<Self>, id: &str, spec: &JobSpec, over: CancellationToken) {
        let within =
            spec.deadline_seconds.map_or(self.patience.deadline, |seconds| Duration::from_secs(seconds.into()));
        let (this, id) = (Arc::clone(self), id.to_owned());
        self.tasks.spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = sleep(within + this.patience.allowance) => {
                    let cause = format!("the job was not done after {} seconds", within.as_secs());
                    this.settled(this.end(&id, JobState::TimedOut, &cause, None).await);
                }
            }
        });
    }
}
