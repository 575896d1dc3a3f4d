//! The jobs of a node: each is admitted or refused by the node's own configuration, waits its turn, runs
//! as a task of its own, and is reported.

use std::{path::Path, sync::Arc, time::Duration};

use agreement::{JobSpec, JobState};
use records::Datasets;
use session::{ComputePool, Fault};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::Pins;

mod conducting;
mod ruling;

use conducting::Expected;

use crate::{
    admission::{Admitted, admit},
    book::Book,
    checkpoint::Checkpoints,
    config::NodeConfig,
    current::{Current, CurrentJobs, Entry},
    error::RunError,
    gate::{self, gate_id},
    guard::{Guard, Keeping},
    prepare::random,
    rendezvous::{Attempt, Rendezvous},
    reports::Reports,
    results::ResultsFolder,
    run::{Guarding, Input, Output, Run, RunReport, Stage},
};

/// Jobs that may wait for their turn, for each session that may run.
const WAITING_PER_SESSION: usize = 8;
/// How long running sessions have to end when the node stops.
pub(crate) const PARTING: Duration = Duration::from_secs(10);
/// What a stop says of the jobs that it ends.
const STOPPING: &str = "the node is shutting down";

/// How long an attempt that was told to end is waited for.
const LATE: Duration = Duration::from_secs(30);
/// How often it is looked whether an attempt has ended.
const ENDING: Duration = Duration::from_millis(50);

/// A job that is to start.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) job_id: String,
    /// Or why it cannot be read.
    pub(crate) spec: Result<JobSpec, String>,
    pub(crate) listener_endpoint: String,
    /// How often it was begun before.
    pub(crate) attempt: u32,
    /// Whether the other party has done its part.
    pub(crate) peers_done: bool,
}

/// What all jobs of a node share.
pub(crate) struct Jobs {
    pub(crate) reports: Arc<Reports>,
    /// By which the coordinator knows this process from the one before it.
    pub(crate) instance: [u8; 32],
    config: Arc<NodeConfig>,
    checkpoints: Option<Checkpoints>,
    datasets: Arc<dyn Datasets>,
    results: Arc<ResultsFolder>,
    pins: Pins,
    compute: ComputePool,
    rendezvous: Arc<Rendezvous>,
    /// Whether peers can call this node.
    listens: bool,
    /// Agreements, uses and receipts; nothing for a node that has no key to sign with.
    book: Option<Book>,
    /// Against runs that tell of single records.
    guard: Guard,
    sessions: Arc<Semaphore>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    current: CurrentJobs,
}

impl Jobs {
    /// No job so far.
    pub(crate) fn new(
        config: Arc<NodeConfig>,
        (datasets, results): (Arc<dyn Datasets>, Arc<ResultsFolder>),
        (pins, compute): (Pins, ComputePool),
        rendezvous: Arc<Rendezvous>,
        (listens, book): (bool, Option<Book>),
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, RunError> {
        let most = (config.max_sessions as usize).saturating_mul(WAITING_PER_SESSION.saturating_add(1));
        Ok(Arc::new(Self {
            instance: *random()?,
            reports: Reports::new(config.participant.clone()),
            sessions: Arc::new(Semaphore::new(config.max_sessions as usize)),
            tasks: TaskTracker::new(),
            current: CurrentJobs::new(most),
            checkpoints: Some(checkpoints(&config.runs)?),
            guard: guard(&config.guard)?,
            config,
            datasets,
            results,
            pins,
            compute,
            rendezvous,
            listens,
            book,
            shutdown,
        }))
    }

    /// Starts this node's part of a job as a task of its own. A job that has ended here already is told
    /// to have ended, and one that is under way goes on.
    pub(crate) fn start(self: &Arc<Self>, start: Start) {
        let job_id = &start.job_id;
        if self.shutdown.is_cancelled() || self.reports.repeat(job_id, start.attempt) {
            return;
        }
        let current = match self.current.enter(job_id, start.attempt) {
            Entry::Entered(current) => current,
            Entry::AfterEarlier => return self.start_later(start),
            Entry::Repeated => return tracing::warn!(%job_id, "a job was started twice; it goes on"),
            Entry::Full => {
                // What is kept of an earlier attempt stays: the job comes again.
                tracing::warn!(%job_id, "as many jobs wait as may; the coordinator has to start one again");
                let later = RunError::Cancelled("the node has as many jobs waiting as it may".to_owned());
                return self.reports.ended(job_id, start.attempt, Err(&later), true);
            }
        };
        let jobs = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Some(transcript) = jobs.was_delivered(&start.job_id).await {
                jobs.current.leave(&start.job_id);
                jobs.reports.ended(&start.job_id, start.attempt, Ok(transcript), false);
                return;
            }
            let spec = start.spec.clone().map_err(|what| RunError::Refused(format!("the job cannot be read: {what}")));
            let outcome = match spec {
                Ok(spec) => jobs.carry_out(&start, spec, &current).await,
                Err(refusal) => Err(refusal),
            };
            let outcome = outcome.map_err(|error| current.explain(error));
            if let Err(error) = &outcome {
                jobs.note_failure(&start.job_id, error, current.begins_again()).await;
            }
            jobs.current.leave(&start.job_id);
            jobs.tell(&start, &outcome);
        });
    }

    /// Starts a job once its earlier attempt has ended here.
    fn start_later(self: &Arc<Self>, start: Start) {
        let jobs = Arc::clone(self);
        self.tasks.spawn(async move {
            let ended = async {
                while jobs.current.is_ending(&start.job_id) {
                    sleep(ENDING).await;
                }
            };
            match timeout(LATE, ended).await {
                Ok(()) => jobs.start(start),
                Err(_) => {
                    let error = RunError::Own("an earlier attempt at the job has not ended here".to_owned());
                    jobs.tell(&start, &Err(error));
                }
            }
        });
    }

    /// Cancels this node's part of a job, if it waits or runs. One that does not begin again is given up.
    pub(crate) fn cancel(self: &Arc<Self>, job_id: &str, reason: &str, begins_again: bool) {
        let reason = format!("the coordinator cancelled the job: {reason}");
        let is_there = self.current.end(job_id, reason.clone(), begins_again);
        if !is_there && !begins_again {
            let (jobs, job_id) = (Arc::clone(self), job_id.to_owned());
            self.tasks.spawn(async move { jobs.give_up(&job_id, JobState::Cancelled, &reason).await });
        }
    }

    /// Waits until all jobs have ended, for a bounded time. No further one can start.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        if timeout(PARTING, self.tasks.wait()).await.is_err() {
            tracing::warn!("sessions were still running when the node stopped");
        }
    }

    async fn carry_out(&self, start: &Start, spec: JobSpec, current: &Current) -> Result<RunReport, RunError> {
        let job_id = start.job_id.as_str();
        let admitted =
            admit(&self.config, &spec, self.listens).map_err(|refusal| RunError::Refused(refusal.to_string()))?;
        let peer = &admitted.peer.participant;
        // A peer that calls while this job waits for its turn is not turned away.
        let expecting = |job_id: String| {
            let attempt = Attempt { job_id, attempt: start.attempt };
            admitted.listens.then(|| self.rendezvous.expect(attempt, peer)).transpose()
        };
        let expected = Expected { gate: expecting(gate_id(job_id))?, job: expecting(job_id.to_owned())? };
        let stopped = async {
            tokio::select! {
                () = self.shutdown.cancelled() => current.because(STOPPING.to_owned()),
                () = current.cancel.cancelled() => {}
            }
            current.cancel.cancel();
        };
        let _turn = tokio::select! {
            turn = Arc::clone(&self.sessions).acquire_owned() => {
                turn.map_err(|_| RunError::Own("a fault in this program: no sessions".to_owned()))?
            }
            () = stopped => return Err(RunError::cancelled()),
        };
        let under = self.rule(job_id, &spec).await?;
        self.reports.started(job_id);
        let mut run = self.run(start, spec, &admitted, current.cancel.clone());
        run.under = Some(under);
        self.conduct(start, run, &admitted, (expected, current)).await
    }

    fn run(&self, start: &Start, spec: JobSpec, admitted: &Admitted, cancel: CancellationToken) -> Run {
        let (job_id, mut limits) = (start.job_id.as_str(), self.config.limits);
        if let Some(seconds) = spec.deadline_seconds {
            limits.total = limits.total.min(Duration::from_secs(seconds.into()));
        }
        let own = (self.config.participant.clone(), self.config.identity);
        // Another may have been accepted for it since the configuration was read.
        let peer = &admitted.peer.participant;
        let theirs = self.pins.identity(peer).unwrap_or(admitted.peer.identity);
        Run {
            job_id: job_id.to_owned(),
            attempt: start.attempt,
            spec,
            me: self.config.participant.clone(),
            identities: vec![own, (peer.clone(), theirs)],
            input: Input::Dataset {
                datasets: Arc::clone(&self.datasets),
                source: admitted.dataset.source.clone(),
                output: Some(Output::Folder(Arc::clone(&self.results))),
                overwrite: false,
                examining: admitted.dataset.examining.clone(),
            },
            limits,
            space: self.config.space.clone(),
            checkpoints: self.checkpoints.clone(),
            compute: self.compute.clone(),
            cancel,
            progress: Some(self.reports.progress(job_id)),
            // The caller's, who knows it.
            under: None,
            guard: Some(Guarding { guard: self.guard.clone(), asks: self.config.guard_asks }),
            stage: Stage::Whole,
            // A job says how; choosing is for runs whose sides have one owner.
            choose: None,
            network: None,
        }
    }

    /// Reports the end of a job, and logs it. What is reported says no more of matches than that there was a
    /// result; the log is this operator's own, and says what became of its rows.
    fn tell(&self, start: &Start, outcome: &Result<RunReport, RunError>) {
        let job_id = start.job_id.as_str();
        if let Ok(report) = outcome
            && report.unreadable_labels > 0
        {
            // Here alone: the peer would learn from it which of its items matched.
            tracing::error!(
                %job_id,
                peer = %report.peer,
                rows = report.unreadable_labels,
                "the peer misbehaved: labels that cannot be read; their rows have empty labels"
            );
        }
        match outcome {
            Ok(report) => tracing::info!(
                %job_id,
                rows = report.counts.rows,
                missing_keys = report.counts.missing_keys,
                refused_rows = report.counts.refused_rows,
                duplicate_rows = report.counts.duplicate_rows,
                label_conflicts = report.counts.label_conflicts,
                items = report.items,
                peer_items = report.peer_padded_size,
                bytes_sent = report.bytes_sent,
                bytes_received = report.bytes_received,
                seconds = report.seconds,
                transcript = hex::encode(report.transcript),
                "job succeeded"
            ),
            Err(error) => tracing::warn!(%job_id, error = %error.for_log(), "job ended without a result"),
        }
        let may_resume = outcome.as_ref().is_err_and(|error| self.may_resume(job_id, error));
        if let (Ok(_), Some(checkpoints)) = (outcome, &self.checkpoints) {
            gate::forget(checkpoints, job_id);
        }
        self.reports.ended(job_id, start.attempt, outcome.as_ref().map(|report| report.transcript), may_resume);
    }

    /// Whether a job that ended so was interrupted, and can be begun again.
    fn may_resume(&self, job_id: &str, error: &RunError) -> bool {
        let was_begun = || {
            let began = |checkpoints: &Checkpoints| checkpoints.has(job_id) || checkpoints.has(&gate_id(job_id));
            self.checkpoints.as_ref().is_some_and(began)
        };
        match error {
            RunError::Disconnected { .. } => true,
            // This node stops, and comes back.
            RunError::Cancelled(_) => self.shutdown.is_cancelled(),
            // It goes on with an approver's answer.
            RunError::AwaitsApproval => true,
            // The peer's node stops, or its operator's wish is on its way here as well.
            RunError::PeerEnded { fault: Fault::Cancelled, .. } => true,
            // A peer that never came is no interruption; one that fell out of time in the middle is.
            RunError::Silent { .. } | RunError::PeerEnded { fault: Fault::TimedOut, .. } => was_begun(),
            _ => false,
        }
    }

    /// Removes what is kept of a job that is over.
    fn forget(&self, job_id: &str) {
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.remove(job_id);
            gate::forget(checkpoints, job_id);
        }
    }
}

/// What the node remembers of what it entered.
fn guard(folder: &Path) -> Result<Guard, RunError> {
    Guard::open(folder, Keeping::default())
        .map_err(|error| RunError::Configuration(format!("the folder of the guard, {}: {error}", folder.display())))
}

/// The folder of runs that go on.
fn checkpoints(folder: &Path) -> Result<Checkpoints, RunError> {
    Checkpoints::open(folder)
        .map_err(|error| RunError::Configuration(format!("the folder for runs, {}: {error}", folder.display())))
}
