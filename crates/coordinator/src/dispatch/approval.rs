//! Jobs that wait for a party's approvers. Its node is asked to start the job, answers that it has to ask, and says so again when
//! it has an answer; then the job is begun again, and the node knows what becomes of it.

use std::sync::Arc;

use agreement::{JobState, ParticipantId, printable};
use wire::proto::{CancelJob, attach_response::Directive};

use super::{Dispatcher, Live, message, reported, shares_a_party};
use crate::{
    store::{StoreError, now_ms},
    text::MAX_REASON,
};

impl Live {
    /// Whether the word that a node has to ask its approvers, about this attempt, counts.
    fn may_await(&self, from: &ParticipantId, attempt: u32) -> bool {
        let is_now = !self.interrupted && self.attempt == attempt;
        // Approvers of several parties may be asked in one attempt.
        let is_second = !self.awaits.is_empty() && attempt.checked_add(1) == Some(self.attempt);
        self.is_due(from) && (is_now || is_second)
    }
}

impl Dispatcher {
    /// A node has to ask its approvers: the job waits, and its deadline does not run.
    pub(super) async fn wait_for_approval(
        self: &Arc<Self>,
        id: &str,
        from: &ParticipantId,
        (attempt, cause): (u32, &str),
    ) -> Result<(), StoreError> {
        let mut live = self.live.lock().await;
        let Some(job) = live.get_mut(id).filter(|job| job.may_await(from, attempt)) else { return Ok(()) };
        job.awaits.insert(from.clone());
        if job.interrupted {
            return Ok(());
        }
        job.attempt = self.store.next_attempt(id).await?;
        job.interrupted = true;
        job.started.clear();
        job.progress.clear();
        job.over.cancel();
        let cause = reported(cause, from);
        let reason = printable(&format!("{cause}; the job is begun again with the answer"), MAX_REASON);
        for party in job.spec.parties.iter().filter(|party| party.participant != *from) {
            if job.is_due(&party.participant) {
                let cancel = CancelJob { job_id: id.to_owned(), reason: reason.clone(), begins_again: true };
                self.registry.direct(&party.participant, Directive::Cancel(cancel));
            }
        }
        let spec = job.spec.clone();
        let stored = self.store.change(id, JobState::AwaitingApproval, &cause).await?;
        tracing::info!(job_id = %id, cause, "job waits for approval");
        self.watchers.tell(message(stored, live.get(id)), false);
        // Its nodes have room again.
        self.settled(self.start_queued(&mut live, |other| other.id != id && shares_a_party(&other.spec, &spec)).await);
        Ok(())
    }

    /// A node's approvers have answered, or it has come back and may have an answer.
    pub(super) async fn answered(self: &Arc<Self>, id: &str, from: &ParticipantId) -> Result<(), StoreError> {
        let mut live = self.live.lock().await;
        let Some(job) = live.get_mut(id) else {
            return self.tell_if_over(from, id).await;
        };
        if !job.awaits.remove(from) || !job.awaits.is_empty() {
            return Ok(());
        }
        let stored = self.store.change(id, JobState::Queued, "").await?;
        self.watchers.tell(message(stored.clone(), Some(&*job)), false);
        self.start(&mut live, &stored).await
    }

    /// A node has attached: its process may be another one, which was asked and knows of no answer to tell.
    pub(super) async fn ask_again(self: &Arc<Self>, participant: &ParticipantId) {
        let live = self.live.lock().await;
        let waiting: Vec<String> =
            live.iter().filter(|(_, job)| job.awaits.contains(participant)).map(|(id, _)| id.clone()).collect();
        drop(live);
        for id in waiting {
            self.settled(self.answered(&id, participant).await);
        }
    }

    /// Ends the jobs that have waited for an answer for too long.
    pub(super) async fn sweep_unanswered(self: &Arc<Self>) -> Result<(), StoreError> {
        let waited = self.patience.approval;
        let oldest = now_ms().saturating_sub(i64::try_from(waited.as_millis()).unwrap_or(i64::MAX));
        for job in self.store.in_state(JobState::AwaitingApproval).await? {
            if job.updated_ms < oldest {
                let cause = format!("nobody approved or rejected the job within {} days", waited.as_secs() / 86_400);
                self.end(&job.id, JobState::TimedOut, &cause, None).await?;
            }
        }
        Ok(())
    }
}
