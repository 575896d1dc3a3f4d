//! Jobs that an earlier process of the coordinator left behind: they go on where their nodes are still at them, and are begun
//! again where one is not. And jobs that are over without one of their nodes knowing it.

use std::{collections::HashMap, sync::Arc};

use agreement::{JobState, ParticipantId};
use wire::proto::{CancelJob, OpenJob, attach_response::Directive};

use super::{Dispatcher, Live, message};
use crate::store::{StoreError, StoredJob};

/// What is said of a job while its nodes have not come back.
const RESTARTED: &str = "the coordinator restarted while the job was running";

impl Dispatcher {
    /// Takes up jobs that an earlier process left behind. Those that were begun wait until all their nodes are there, as if they
    /// had been interrupted; what their nodes report meanwhile counts.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), StoreError> {
        // It may have ended in the middle of any of these.
        for job in self.store.in_state(JobState::Running).await? {
            self.store.change(&job.id, JobState::Suspended, RESTARTED).await?;
        }
        for job in self.store.in_state(JobState::Suspended).await? {
            self.store.change(&job.id, JobState::Queued, &job.cause).await?;
        }
        // Nodes are asked again whether approvers have answered.
        for state in [JobState::Pending, JobState::AwaitingApproval] {
            for job in self.store.in_state(state).await? {
                self.store.change(&job.id, JobState::Queued, "").await?;
            }
        }
        let mut live = self.live.lock().await;
        for job in self.store.in_state(JobState::Queued).await? {
            let Some(attempt) = self.store.attempt(&job.id).await? else { continue };
            let transcripts = self.store.transcripts(&job.id).await?;
            let entry = Live { transcripts, interrupted: true, left_behind: true, ..self.entry(&job, attempt) };
            live.insert(job.id.clone(), entry);
        }
        Ok(())
    }

    /// Lets a job go on that all its nodes are at: nobody is told anything.
    pub(super) async fn go_on(&self, live: &mut HashMap<String, Live>, job: &StoredJob) -> Result<(), StoreError> {
        let Some(again) = live.get_mut(&job.id) else { return Ok(()) };
        (again.interrupted, again.left_behind) = (false, false);
        let stored = self.run(&job.id).await?;
        tracing::info!(job_id = %job.id, "the job goes on");
        self.watchers.tell(message(stored, live.get(&job.id)), false);
        Ok(())
    }

    /// Tells a node which of the jobs that are open there are over: it may have been away when they ended.
    pub(crate) async fn tell_what_is_over(&self, participant: &ParticipantId, open: Vec<OpenJob>) {
        for OpenJob { job_id, .. } in open {
            let told = match self.tell_if_over(participant, &job_id).await {
                Err(StoreError::NoJob(_)) => {
                    self.tell_over(participant, &job_id, "there is no such job".to_owned());
                    Ok(())
                }
                told => told,
            };
            self.settled(told);
        }
    }

    /// Tells a node that a job is over, if it is.
    pub(super) async fn tell_if_over(&self, participant: &ParticipantId, id: &str) -> Result<(), StoreError> {
        let job = self.store.get(id).await?;
        if job.spec.party_of(participant).is_none() {
            return Err(StoreError::NoJob(id.to_owned()));
        }
        if job.state.is_final() {
            self.tell_over(participant, id, over(&job));
        }
        Ok(())
    }

    fn tell_over(&self, participant: &ParticipantId, id: &str, reason: String) {
        let over = CancelJob { job_id: id.to_owned(), reason, begins_again: false };
        self.registry.direct(participant, Directive::Cancel(over));
    }
}

/// How a job ended, for a node that was away.
fn over(job: &StoredJob) -> String {
    let cause = if job.cause.is_empty() { String::new() } else { format!(": {}", job.cause) };
    agreement::printable(&format!("the job is over, {}{cause}", job.state), crate::text::MAX_REASON)
}
