//! What a node tells its coordinator of its jobs. The end of a job is kept and told again whenever the
//! stream is new, so that a broken stream loses no end; progress is told when there is room.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agreement::ParticipantId;
use session::{PhaseProgress, settings::ProgressHook};
use tokio::sync::mpsc;
use wire::proto::{JobEnded, JobReport, JobStarted, Progress, job_report::Body};

use crate::error::RunError;

/// Ends that are kept to be told again.
const KEPT: usize = 256;
/// Reports that wait for the stream.
const QUEUE: usize = 256;
/// The shortest time between two reports of progress.
const PACE: Duration = Duration::from_millis(500);

/// Where jobs report to.
#[derive(Clone)]
pub(crate) struct Reports {
    queue: mpsc::Sender<JobReport>,
    ended: Arc<Mutex<VecDeque<JobReport>>>,
    me: ParticipantId,
}

impl Reports {
    /// Reports of `me`, and what takes them.
    pub(crate) fn new(me: ParticipantId) -> (Self, mpsc::Receiver<JobReport>) {
        let (queue, reports) = mpsc::channel(QUEUE);
        (Self { queue, ended: Arc::default(), me }, reports)
    }

    /// The job has begun here.
    pub(crate) async fn started(&self, job_id: &str) {
        let report = JobReport { job_id: job_id.to_owned(), body: Some(Body::Started(JobStarted {})) };
        // The stream's end takes the queue with it only when the node ends.
        drop(self.queue.send(report).await);
    }

    /// The job has ended here.
    pub(crate) async fn ended(&self, job_id: &str, outcome: Result<[u8; 32], &RunError>) {
        let ended = match outcome {
            Ok(transcript) => JobEnded {
                state: wire::proto::JobState::Succeeded.into(),
                cause: String::new(),
                transcript_hash: transcript.to_vec().into(),
            },
            Err(error) => JobEnded {
                state: wire::proto::JobState::from(error.job_state()).into(),
                cause: error.public_cause(&self.me),
                transcript_hash: Default::default(),
            },
        };
        let report = JobReport { job_id: job_id.to_owned(), body: Some(Body::Ended(ended)) };
        {
            let mut kept = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back(report.clone());
        }
        drop(self.queue.send(report).await);
    }

    /// The ends of jobs, to be told on a new stream.
    pub(crate) fn kept(&self) -> Vec<JobReport> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Tells progress, at most twice a second.
    pub(crate) fn progress(&self, job_id: &str) -> ProgressHook {
        let (queue, job_id, participant) = (self.queue.clone(), job_id.to_owned(), self.me.to_string());
        let began = Instant::now();
        let next = AtomicU64::new(0);
        Arc::new(move |progress: PhaseProgress| {
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let due = next.load(Ordering::Relaxed);
            if now < due && progress.done < progress.total {
                return;
            }
            next.store(now.saturating_add(PACE.as_millis() as u64), Ordering::Relaxed);
            let progress = Progress {
                participant: participant.clone(),
                phase: progress.phase.to_owned(),
                done: progress.done,
                total: progress.total,
            };
            // Progress that finds no room is not worth waiting for.
            drop(queue.try_send(JobReport { job_id: job_id.clone(), body: Some(Body::Progress(progress)) }));
        })
    }
}
