//! Those who watch jobs. A slow watcher misses steps, never the last one: what waits for it is the
//! newest state alone.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;
use wire::proto::Job;

/// Jobs that may be watched at once.
const MOST: usize = 256;

/// The jobs that are watched; each is gone when it has ended or nobody watches it.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<HashMap<String, watch::Sender<Job>>>);

impl Watchers {
    /// Watches a job that is now as `job`, and has ended if it is `over`. Nothing if as many jobs are
    /// watched as may be.
    pub(crate) fn watch(&self, job: Job, over: bool) -> Option<watch::Receiver<Job>> {
        if over {
            // Its sender is gone at once: there is this state, and no further one.
            return Some(watch::channel(job).1);
        }
        let mut watched = self.lock();
        watched.retain(|_, sender| sender.receiver_count() > 0);
        if let Some(sender) = watched.get(&job.job_id) {
            return Some(sender.subscribe());
        }
        if watched.len() >= MOST {
            return None;
        }
        let (sender, receiver) = watch::channel(job.clone());
        watched.insert(job.job_id, sender);
        Some(receiver)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: usize) -> Job {
        Job { job_id: number.to_string(), ..Job::default() }
    }

    #[test]
    fn watchers_that_leave_make_room_for_others() {
        let watchers = Watchers::default();
        let mut all: Vec<_> = (0..MOST).map(|number| watchers.watch(job(number), false).unwrap()).collect();
        assert!(watchers.watch(job(MOST), false).is_none());
        // A job that is watched already, or has ended, needs no room.
        assert!(watchers.watch(job(0), false).is_some() && watchers.watch(job(MOST), true).is_some());
        all.pop();
        assert!(watchers.watch(job(MOST), false).is_some());
    }

    #[test]
    fn nothing_comes_after_the_last() {
        let watchers = Watchers::default();
        let receiver = watchers.watch(job(1), false).unwrap();
        watchers.tell(Job { cause: "over".to_owned(), ..job(1) }, true);
        watchers.tell(Job { cause: "again".to_owned(), ..job(1) }, false);
        assert_eq!(receiver.borrow().cause, "over");
        assert!(watchers.watch(job(2), true).unwrap().has_changed().is_err(), "its sender is still there");
    }
}
