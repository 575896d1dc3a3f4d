//! When a run has to end early: cancelled, or out of time.

use std::{future::Future, io::ErrorKind, time::Duration};

use records::{Record, RecordError, RecordSource, SinkHeader};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::error::RunError;

/// A run's cancellation and deadline, together.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    cancel: CancellationToken,
    deadline: Instant,
    total: Duration,
}

impl Stop {
    /// From now on, `total` at most.
    pub(crate) fn new(cancel: CancellationToken, total: Duration) -> Self {
        // So far off that it never comes, where the sum cannot be represented.
        let now = Instant::now();
        let deadline = now.checked_add(total).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365));
        Self { cancel, deadline, total }
    }

    /// The same deadline, with a cancellation that ends this part alone as well.
    pub(crate) fn part(&self) -> Self {
        Self { cancel: self.cancel.child_token(), ..*self }
    }

    /// Its cancellation.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.cancel
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

/// A source that ends with an error as soon as the run has to end.
pub(crate) struct StoppableSource {
    source: Box<dyn RecordSource>,
    stop: Stop,
}

impl StoppableSource {
    pub(crate) fn new(source: Box<dyn RecordSource>, stop: Stop) -> Self {
        Self { source, stop }
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
        match self.stop.check() {
            Ok(()) => self.source.read(record),
            // Whoever reads asks the stop for the reason.
            Err(_) => {
                let place = self.source.place().to_owned();
                Err(RecordError::Io { place, cause: ErrorKind::Interrupted.into() })
            }
        }
    }

    fn column(&self, wanted: &str) -> Result<usize, RecordError> {
        self.source.column(wanted)
    }
}
