//! Takes jobs through their life: waits for their nodes, starts them, and settles how they end.

mod approval;
mod interruption;
mod recovery;
mod starting;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use agreement::{JobSpec, JobState, ParticipantId, printable};
use tokio::{
    sync::{Mutex, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::proto::{CancelJob, Job, JobEnded, JobReport, Progress, attach_response::Directive, job_report::Body};

use interruption::Meaning;

use crate::{
    patience::Patience,
    registry::Registry,
    store::{Store, StoreError, StoredJob, now_ms},
    text::{MAX_CAUSE, MAX_PHASE, MAX_REASON},
    watch::Watchers,
};

/// Bytes of a transcript hash.
const TRANSCRIPT: usize = 32;

/// A job whose nodes have been told to start.
struct Live {
    spec: JobSpec,
    started: BTreeMap<ParticipantId, bool>,
    transcripts: BTreeMap<ParticipantId, Vec<u8>>,
    progress: BTreeMap<ParticipantId, Progress>,
    /// The number under which it was begun last, or is to begin next if it was interrupted.
    attempt: u32,
    /// Whether it was begun by an earlier process of the coordinator, under this number, and its nodes may be at it.
    left_behind: bool,
    /// Whether it was interrupted and waits to be begun again.
    interrupted: bool,
    /// Parties whose approvers are asked.
    awaits: BTreeSet<ParticipantId>,
    /// Ends the watch over its deadline.
    over: CancellationToken,
}

impl Live {
    /// Whether this node still has to do its part of the job.
    fn busies(&self, participant: &ParticipantId) -> bool {
        !self.interrupted && self.is_due(participant)
    }

    /// Whether this party's part is not done.
    fn is_due(&self, participant: &ParticipantId) -> bool {
        self.spec.party_of(participant).is_some() && !self.transcripts.contains_key(participant)
    }
}

/// The part of the coordinator that jobs go through.
pub(crate) struct Dispatcher {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) watchers: Watchers,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) patience: Patience,
    /// Held over each step of a job's life, so that steps of one job never cross.
    live: Mutex<HashMap<String, Live>>,
}

impl Dispatcher {
    pub(crate) fn new(store: Store, patience: Patience, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            store,
            patience,
            shutdown,
            registry: Registry::default(),
            watchers: Watchers::default(),
            tasks: TaskTracker::new(),
            live: Mutex::default(),
        })
    }

    /// A new job: queued, and started if its nodes are there.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        id: &str,
        spec: &JobSpec,
        by: &ParticipantId,
    ) -> Result<Job, StoreError> {
        self.store.insert(id, spec, by).await?;
        let mut live = self.live.lock().await;
        let job = self.store.change(id, JobState::Queued, "").await?;
        self.start(&mut live, &job).await?;
        drop(live);
        self.job(id).await
    }

    /// A node has attached: the jobs that waited for it start.
    pub(crate) async fn attached(self: &Arc<Self>, participant: &ParticipantId) -> Result<(), StoreError> {
        self.ask_again(participant).await;
        let mut live = self.live.lock().await;
        self.start_queued(&mut live, |job| job.spec.party_of(participant).is_some()).await
    }

    /// A node's word on its part of a job.
    pub(crate) async fn report(self: &Arc<Self>, from: &ParticipantId, report: JobReport) {
        let id = report.job_id;
        match report.body {
            Some(Body::Started(_)) => self.settled(self.started(&id, from).await),
            Some(Body::Progress(progress)) => self.settled(self.progress(&id, from, progress).await),
            Some(Body::Answered(_)) => self.settled(self.answered(&id, from).await),
            Some(Body::Ended(ended)) => {
                self.registry.leaves(from, &id);
                self.settled(self.ended(&id, from, ended).await);
            }
            None => {}
        }
    }

    /// Ends a job at the wish of a person.
    pub(crate) async fn cancel(self: &Arc<Self>, id: &str, cause: &str) -> Result<Job, StoreError> {
        self.end(id, JobState::Cancelled, cause, None).await?;
        self.job(id).await
    }

    /// A job as it is now.
    pub(crate) async fn job(&self, id: &str) -> Result<Job, StoreError> {
        let live = self.live.lock().await;
        let stored = self.store.get(id).await?;
        Ok(message(stored, live.get(id)))
    }

    /// Watches a job; nothing if as many are watched as may be.
    pub(crate) async fn watch(&self, id: &str) -> Result<Option<watch::Receiver<Job>>, StoreError> {
        // Held, so that no change goes by between what is read and what is watched.
        let live = self.live.lock().await;
        let stored = self.store.get(id).await?;
        let over = stored.state.is_final();
        Ok(self.watchers.watch(message(stored, live.get(id)), over))
    }

    /// Goes through the queue from time to time: ends what has waited too long, and starts what can start.
    pub(crate) fn sweep(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = this.shutdown.cancelled() => return,
                    () = sleep(this.patience.sweep) => {}
                }
                this.settled(this.sweep_once().await);
                this.settled(this.sweep_unanswered().await);
            }
        });
    }

    async fn sweep_once(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut live = self.live.lock().await;
        let waited = self.patience.queue;
        let oldest = now_ms().saturating_sub(i64::try_from(waited.as_millis()).unwrap_or(i64::MAX));
        for job in self.store.in_state(JobState::Queued).await? {
            if job.updated_ms < oldest && live.get(&job.id).is_none_or(|job| job.interrupted) {
                let cause = format!(
                    "the nodes of the job were not all there, with room for it, within {} seconds",
                    waited.as_secs()
                );
                self.conclude(&mut live, &job.id, (JobState::TimedOut, &cause), None).await?;
            } else {
                self.start(&mut live, &job).await?;
            }
        }
        Ok(())
    }

    async fn started(&self, id: &str, from: &ParticipantId) -> Result<(), StoreError> {
        let mut live = self.live.lock().await;
        let Some(job) = live.get_mut(id) else {
            // It may have ended while this node was away, or this coordinator was.
            return self.tell_if_over(from, id).await;
        };
        if job.spec.party_of(from).is_none() {
            return Ok(());
        }
        job.started.insert(from.clone(), true);
        if job.interrupted
            || job
                .spec
                .parties
                .iter()
                .any(|party| job.is_due(&party.participant) && !job.started.contains_key(&party.participant))
        {
            return Ok(());
        }
        let stored = self.run(id).await?;
        self.watchers.tell(message(stored, live.get(id)), false);
        Ok(())
    }

    /// Makes a job Running, if it is not yet.
    async fn run(&self, id: &str) -> Result<StoredJob, StoreError> {
        match self.store.change(id, JobState::Running, "").await {
            Err(StoreError::Transition { from: JobState::Running, .. }) => self.store.get(id).await,
            changed => changed,
        }
    }

    async fn progress(&self, id: &str, from: &ParticipantId, mut progress: Progress) -> Result<(), StoreError> {
        let mut live = self.live.lock().await;
        let Some(job) = live.get_mut(id).filter(|job| job.spec.party_of(from).is_some()) else { return Ok(()) };
        progress.participant = from.to_string();
        progress.phase = printable(&progress.phase, MAX_PHASE);
        job.progress.insert(from.clone(), progress);
        let stored = self.store.get(id).await?;
        self.watchers.tell(message(stored, live.get(id)), false);
        Ok(())
    }

    async fn ended(self: &Arc<Self>, id: &str, from: &ParticipantId, ended: JobEnded) -> Result<(), StoreError> {
        let state = JobState::try_from(ended.state()).unwrap_or(JobState::Failed);
        if state == JobState::AwaitingApproval {
            return self.wait_for_approval(id, from, (ended.attempt, &ended.cause)).await;
        }
        if state != JobState::Succeeded {
            let meaning = self.live.lock().await.get(id).map_or(Meaning::End, |job| job.meaning(from, state, &ended));
            let (attempt, cause) = (ended.attempt, ended.cause.as_str());
            let state = if state.is_final() { state } else { JobState::Failed };
            match meaning {
                Meaning::Known => {}
                Meaning::Interruption => return self.interrupt(id, attempt, &reported(cause, from)).await,
                Meaning::Doubt => self.doubt(id, from, attempt, (state, cause)),
                Meaning::End => return self.end(id, state, cause, Some(from)).await,
            }
            return Ok(());
        }
        if ended.transcript_hash.len() != TRANSCRIPT {
            return self.end(id, JobState::Failed, "it reports a success and no transcript", Some(from)).await;
        }
        let mut live = self.live.lock().await;
        let Some(job) = live.get_mut(id).filter(|job| job.spec.party_of(from).is_some()) else { return Ok(()) };
        job.transcripts.insert(from.clone(), ended.transcript_hash.to_vec());
        if job.transcripts.len() < job.spec.parties.len() {
            // One that has nothing to begin was done in an earlier attempt. The others would wait for it in vain.
            let was_done = job.attempt > 0 && !job.interrupted && !job.started.contains_key(from);
            let attempt = job.attempt;
            self.store.keep_transcript(id, from, &ended.transcript_hash).await?;
            let cause = format!("{from} had done its part before");
            return if was_done { self.interrupt_held(&mut live, id, attempt, &cause).await } else { Ok(()) };
        }
        let mut transcripts = job.transcripts.values();
        let first = transcripts.next();
        let end = if transcripts.all(|transcript| Some(transcript) == first) {
            self.run(id).await?;
            (JobState::Succeeded, "")
        } else {
            (JobState::Failed, "the parties report different transcripts")
        };
        self.end_held(&mut live, id, end, None).await
    }

    /// Brings a job to its end and tells everyone: watchers, and the nodes that are still at it.
    async fn end(
        self: &Arc<Self>,
        id: &str,
        state: JobState,
        cause: &str,
        by: Option<&ParticipantId>,
    ) -> Result<(), StoreError> {
        self.end_held(&mut *self.live.lock().await, id, (state, cause), by).await
    }

    /// The same as part of a step.
    async fn end_held(
        self: &Arc<Self>,
        live: &mut HashMap<String, Live>,
        id: &str,
        end: (JobState, &str),
        by: Option<&ParticipantId>,
    ) -> Result<(), StoreError> {
        let Some(ended) = self.conclude(live, id, end, by).await? else { return Ok(()) };
        // Its nodes have room again. That another job cannot be read takes nothing from this end.
        self.settled(self.start_queued(live, |job| shares_a_party(&job.spec, &ended.spec)).await);
        Ok(())
    }

    /// Ends a job; gives it if its nodes were at it.
    async fn conclude(
        &self,
        live: &mut HashMap<String, Live>,
        id: &str,
        (state, cause): (JobState, &str),
        by: Option<&ParticipantId>,
    ) -> Result<Option<Live>, StoreError> {
        let cause = match (by, live.get(id)) {
            (None, _) => cause.to_owned(),
            (Some(by), Some(job)) if job.spec.party_of(by).is_some() => reported(cause, by),
            (Some(_), _) => return Ok(None),
        };
        let stored = self.store.change(id, state, &cause).await?;
        let ended = live.remove(id);
        if let Some(job) = &ended {
            job.over.cancel();
            for party in job.spec.parties.iter().filter(|party| Some(&party.participant) != by) {
                if state != JobState::Succeeded && !job.transcripts.contains_key(&party.participant) {
                    let cancel =
                        CancelJob { job_id: id.to_owned(), reason: printable(&cause, MAX_REASON), begins_again: false };
                    self.registry.direct(&party.participant, Directive::Cancel(cancel));
                }
            }
        }
        tracing::info!(job_id = %id, %state, "job ended");
        self.watchers.tell(message(stored, ended.as_ref()), true);
        Ok(ended)
    }

    /// What cannot be mended here is at least said. Two ends that cross are no fault.
    fn settled(&self, outcome: Result<(), StoreError>) {
        match outcome {
            Ok(()) | Err(StoreError::Transition { .. } | StoreError::NoJob(_)) => {}
            Err(error) => tracing::error!(%error, "a job's state could not be kept"),
        }
    }
}

fn shares_a_party(one: &JobSpec, other: &JobSpec) -> bool {
    one.parties.iter().any(|party| other.party_of(&party.participant).is_some())
}

/// What a node says of an end, as it is kept: always with whose word it is.
fn reported(cause: &str, by: &ParticipantId) -> String {
    let cause = printable(cause, MAX_CAUSE);
    if cause.is_empty() {
        format!("{by} gave no cause")
    } else if cause.starts_with(&format!("{by}: ")) {
        cause
    } else {
        printable(&format!("{by} reports: {cause}"), MAX_CAUSE)
    }
}

fn message(stored: StoredJob, live: Option<&Live>) -> Job {
    Job {
        job_id: stored.id,
        spec: Some(stored.spec.into()),
        state: wire::proto::JobState::from(stored.state).into(),
        cause: stored.cause,
        submitted_by: stored.submitted_by.into(),
        created_ms: stored.created_ms,
        updated_ms: stored.updated_ms,
        progress: live.map(|live| live.progress.values().cloned().collect()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
