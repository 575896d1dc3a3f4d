//! Those who watch jobs. A slow watcher misses steps, never the last one: what waits for it is the
//! newest state alone.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use wire::proto::Job;

/// One watched job at a time for each key; gone when the job has ended or nobody watches it.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<HashMap<String, watch::Sender<Job>>>);

impl Watchers {
    /// Watches a job that is now as `job`.
    pub(crate) fn watch(&self, job: Job) -> watch::Receiver<Job> {
        let mut watched = self.lock();
        watched.retain(|_, sender| sender.receiver_count() > 0);
        match watched.get(&job.job_id) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(job.clone());
                watched.insert(job.job_id, sender);
                receiver
            }
        }
    }

    /// How many jobs are watched.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells those who watch the job; after `last` nothing more comes.
    pub(crate) fn tell(&self, job: Job, last: bool) {
        let mut watched = self.lock();
        let Some(sender) = watched.get(&job.job_id) else { return };
        let id = job.job_id.clone();
        sender.send_replace(job);
        if last {
            watched.remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Job>>> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
