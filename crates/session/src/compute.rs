//! Where number crunching runs: a bounded pool of threads, apart from those that wait for the network.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::sync::oneshot;

/// A pool that sessions share. Each session has at most one step in it at a time, so what waits is
/// bounded by the sessions; a step may use all threads of the pool.
#[derive(Clone, Debug)]
pub struct ComputePool(Arc<rayon::ThreadPool>);

/// Why a step did not give a result.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// The pool could not be made.
    #[error("no compute threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The step panicked: a fault in this program.
    #[error("a computing step panicked")]
    Panicked,
}

impl ComputePool {
    /// A pool of so many threads, at least one.
    ///
    /// # Errors
    /// [`ComputeError::Threads`] if the system gives none.
    pub fn new(threads: usize) -> Result<Self, ComputeError> {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1));
        Ok(Self(Arc::new(builder.thread_name(|index| format!("compute-{index}")).build()?)))
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs a step in the pool; parallel iterators inside it use the pool's threads.
    ///
    /// # Errors
    /// [`ComputeError::Panicked`] if it panics.
    pub async fn run<T: Send + 'static>(&self, step: impl FnOnce() -> T + Send + 'static) -> Result<T, ComputeError> {
        value_of(self.begin(step).0.await)
    }

    /// Begins a step in the pool, for a thread that may block.
    pub fn begin<T: Send + 'static>(&self, step: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let (done, result) = oneshot::channel();
        self.0.spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(step));
            // Nobody waits any more if the session was cancelled meanwhile.
            drop(done.send(outcome));
        });
        Pending(result)
    }
}

/// A step that has begun.
pub struct Pending<T>(oneshot::Receiver<std::thread::Result<T>>);

impl<T> Pending<T> {
    /// Waits for its result. Not for threads of a runtime or of the pool.
    ///
    /// # Errors
    /// [`ComputeError::Panicked`] if it panicked.
    pub fn wait(self) -> Result<T, ComputeError> {
        value_of(self.0.blocking_recv())
    }
}

fn value_of<T>(received: Result<std::thread::Result<T>, oneshot::error::RecvError>) -> Result<T, ComputeError> {
    match received {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(ComputeError::Panicked),
    }
}
