//! When a run has to end early: cancelled, or out of time.

use std::{future::Future, io::ErrorKind, time::Duration};

use records::{Record, RecordError, RecordSource, SinkHeader};
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::error::RunError;

/// A run's cancellation and deadline, together.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    cancel: CancellationToken,
    deadline: Instant,
    total: Duration,
    /// What is done on other threads and may hold half-written files.
    work: TaskTracker,
}

/// How long work on other threads may take to end once nobody waits for it.
const PARTING: Duration = Duration::from_secs(10);

impl Stop {
    /// From now on, `total` at most.
    pub(crate) fn new(cancel: CancellationToken, total: Duration) -> Self {
        // So far off that it never comes, where the sum cannot be represented.
        let now = Instant::now();
        let deadline = now.checked_add(total).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365));
        Self { cancel, deadline, total, work: TaskTracker::new() }
    }

    /// The same deadline, with a cancellation that ends this part alone as well.
    pub(crate) fn part(&self) -> Self {
        Self { cancel: self.cancel.child_token(), ..self.clone() }
    }

    /// Its cancellation.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Runs work that blocks. [`settled`](Self::settled) waits until what it made is gone, if nobody else
    /// takes it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
    ) -> Result<T, RunError> {
        let token = self.work.token();
        // Together, and in this order, so that what was made goes first.
        let (made, _token) = spawn_blocking(move || (work(), token))
            .await
            .map_err(|_| RunError::Own("a fault in this program: work on files failed".to_owned()))?;
        made
    }

    /// Waits until no blocking work of the run goes on, for a bounded time.
    pub(crate) async fn settled(&self) {
        self.work.close();
        drop(timeout(PARTING, self.work.wait()).await);
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The whole time.
    pub(crate) fn total(&self) -> Duration {
        self.total
    }

    /// An error if the run has to end.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        if self.cancel.is_cancelled() {
            Err(RunError::cancelled())
        } else if Instant::now() >= self.deadline {
            Err(RunError::out_of_time(self.total))
        } else {
            Ok(())
        }
    }

    /// Waits for `step`, but no longer than the run may go on.
    pub(crate) async fn bound<T>(&self, step: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(RunError::cancelled()),
            done = timeout_at(self.deadline, step) => {
                done.unwrap_or(Err(RunError::out_of_time(self.total)))
            }
        }
    }
}

/// A source that ends with an error soon after the run has to end.
pub(crate) struct StoppableSource {
    source: Box<dyn RecordSource>,
    stop: Stop,
    /// Rows until the stop is asked again: a look at the clock takes as long as a row.
    unasked: u32,
}

/// Rows that are read between two looks at the clock.
const ROWS_UNASKED: u32 = 256;

impl StoppableSource {
    pub(crate) fn new(source: Box<dyn RecordSource>, stop: Stop) -> Self {
        Self { source, stop, unasked: 0 }
    }
}

impl RecordSource for StoppableSource {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn columns(&self) -> &[String] {
        self.source.columns()
    }

    fn header(&self) -> SinkHeader {
        self.source.header()
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        if let Some(left) = self.unasked.checked_sub(1) {
            self.unasked = left;
            return self.source.read(record);
        }
        self.unasked = ROWS_UNASKED;
        match self.stop.check() {
            Ok(()) => self.source.read(record),
            // Whoever reads asks the stop for the reason.
            Err(_) => {
                let place = self.source.place().to_owned();
                Err(RecordError::Io { place, cause: ErrorKind::Interrupted.into() })
            }
        }
    }

    fn require_text(&mut self) {
        self.source.require_text();
    }

    fn column(&self, wanted: &str) -> Result<usize, RecordError> {
        self.source.column(wanted)
    }
}
