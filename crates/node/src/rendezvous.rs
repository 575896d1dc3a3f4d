//! Where calls and jobs meet: a peer may call before this node is ready for the job, or after.
//!
//! A caller says which job it comes for in its hello. Whichever is first waits for the other, for a
//! bounded time, and no peer has more than a bounded number of calls waiting. A job is joined once, and
//! only by its own peer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agreement::ParticipantId;
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{error::RunError, link::Link};

/// Hands a call over to its job.
type Handover = oneshot::Sender<Link>;

/// The meeting place of a node.
pub(crate) struct Rendezvous {
    state: Mutex<State>,
    /// Calls that a peer may have open and not joined.
    most_calls: usize,
    /// How long a call waits for its job.
    wait: Duration,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct State {
    jobs: HashMap<Attempt, Expected>,
    /// Calls for jobs that are not there yet.
    waiting: HashMap<(Attempt, ParticipantId), oneshot::Sender<Handover>>,
    calls: HashMap<ParticipantId, usize>,
}

/// An attempt at a job: what a call is for. The calls of one are not joined with another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) job_id: String,
    /// How often the job was begun before.
    pub(crate) attempt: u32,
}

/// A job that is to be joined, or has been.
struct Expected {
    peer: ParticipantId,
    /// Nothing once it was joined.
    handover: Option<Handover>,
}

/// What an open call holds until it is joined or refused.
pub(crate) struct Place {
    rendezvous: Arc<Rendezvous>,
    peer: ParticipantId,
}

/// A job that can be joined, or has been; no longer once this is dropped.
pub(crate) struct Expectation {
    rendezvous: Arc<Rendezvous>,
    attempt: Attempt,
    peer: ParticipantId,
    link: oneshot::Receiver<Link>,
}

/// What becomes of a call.
enum Turn {
    Join(Handover),
    Wait(oneshot::Receiver<Handover>),
    Refuse(RunError),
}

impl Rendezvous {
    /// A meeting place where each peer may have `most_calls` open calls, each of which waits for its job
    /// for at most `wait`.
    pub(crate) fn new(most_calls: usize, wait: Duration, shutdown: CancellationToken) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), most_calls, wait, shutdown })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The maps are whole after every statement, so a panic elsewhere leaves them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more call of `peer`, unless it has too many.
    pub(crate) fn place(self: &Arc<Self>, peer: &ParticipantId) -> Option<Place> {
        let mut state = self.state();
        let calls = state.calls.entry(peer.clone()).or_default();
        if *calls >= self.most_calls {
            return None;
        }
        *calls = calls.saturating_add(1);
        Some(Place { rendezvous: Arc::clone(self), peer: peer.clone() })
    }

    /// Expects `peer` for a job.
    ///
    /// # Errors
    /// [`RunError::Own`] if the job is expected already.
    pub(crate) fn expect(self: &Arc<Self>, attempt: Attempt, peer: &ParticipantId) -> Result<Expectation, RunError> {
        let (handover, link) = oneshot::channel();
        let mut state = self.state();
        if state.jobs.contains_key(&attempt) {
            return Err(RunError::Own(format!("job {} is under way already", attempt.job_id)));
        }
        let handover = match state.waiting.remove(&(attempt.clone(), peer.clone())) {
            // A call that has just given up leaves the job to be joined by another.
            Some(waiting) => waiting.send(handover).err(),
            None => Some(handover),
        };
        state.jobs.insert(attempt.clone(), Expected { peer: peer.clone(), handover });
        drop(state);
        Ok(Expectation { rendezvous: Arc::clone(self), attempt, peer: peer.clone(), link })
    }

    /// How long a call may take for its first message, and then for its job to be there.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Brings a call to its job, or waits for the job. The caller is told if neither works out.
    ///
    /// # Errors
    /// Why the call was refused.
    pub(crate) async fn arrive(&self, mut link: Link, attempt: &Attempt) -> Result<(), RunError> {
        let met = match self.turn(&link.peer().participant, attempt) {
            Turn::Join(handover) => Ok(handover),
            Turn::Wait(claimed) => self.wait_for_job(&mut link, claimed, attempt).await,
            Turn::Refuse(error) => Err(error),
        };
        let refused = match met {
            Ok(handover) => match handover.send(link) {
                Ok(()) => return Ok(()),
                Err(back) => {
                    link = back;
                    RunError::Refused(format!("job {} has ended here", attempt.job_id))
                }
            },
            Err(error) => error,
        };
        link.part(&refused).await;
        Err(refused)
    }

    fn turn(&self, peer: &ParticipantId, attempt: &Attempt) -> Turn {
        let refuse = |reason| Turn::Refuse(RunError::Refused(reason));
        let mut state = self.state();
        if let Some(expected) = state.jobs.get_mut(attempt) {
            if expected.peer != *peer {
                return refuse(format!("{peer} has no part in job {}", attempt.job_id));
            }
            return match expected.handover.take() {
                Some(handover) => Turn::Join(handover),
                // Its first connection is there; it may want another.
                None => self.wait_for_turn(&mut state, peer, attempt),
            };
        }
        self.wait_for_turn(&mut state, peer, attempt)
    }

    /// A place for a call that waits until the job asks for one.
    fn wait_for_turn(&self, state: &mut State, peer: &ParticipantId, attempt: &Attempt) -> Turn {
        let key = (attempt.clone(), peer.clone());
        if state.waiting.contains_key(&key) {
            let reason = format!("another call waits for job {} already", attempt.job_id);
            return Turn::Refuse(RunError::Refused(reason));
        }
        let (claim, claimed) = oneshot::channel();
        state.waiting.insert(key, claim);
        Turn::Wait(claimed)
    }

    async fn wait_for_job(
        &self,
        link: &mut Link,
        mut claimed: oneshot::Receiver<Handover>,
        attempt: &Attempt,
    ) -> Result<Handover, RunError> {
        let error = tokio::select! {
            biased;
            claim = timeout(self.wait, &mut claimed) => match claim {
                Ok(Ok(handover)) => return Ok(handover),
                Ok(Err(_)) => RunError::Refused(format!("job {} has ended here", attempt.job_id)),
                Err(_) => RunError::Deadline { what: format!("job {} was not started here", attempt.job_id), total: self.wait },
            },
            error = link.disturbed() => error,
            () = self.shutdown.cancelled() => RunError::Cancelled("the node is shutting down".to_owned()),
        };
        let mut state = self.state();
        match claimed.try_recv() {
            // The job came at the last moment; it is joined, unless the caller is at fault.
            Ok(handover) if matches!(error, RunError::Deadline { .. }) => return Ok(handover),
            // The place is still this call's own, and not that of one after it.
            Err(TryRecvError::Empty) => {
                state.waiting.remove(&(attempt.clone(), link.peer().participant.clone()));
            }
            _ => {}
        }
        Err(error)
    }
}

impl Expectation {
    /// Lets the peer call once more.
    pub(crate) fn again(&mut self) {
        let (handover, link) = oneshot::channel();
        self.link = link;
        let mut state = self.rendezvous.state();
        let handover = match state.waiting.remove(&(self.attempt.clone(), self.peer.clone())) {
            // A call that has just given up leaves the job to be joined by another.
            Some(waiting) => waiting.send(handover).err(),
            None => Some(handover),
        };
        if let Some(expected) = state.jobs.get_mut(&self.attempt) {
            expected.handover = handover;
        }
    }

    /// Waits for the peer, for at most `wait`.
    ///
    /// # Errors
    /// [`RunError::Silent`] if it does not come.
    pub(crate) async fn link(&mut self, wait: Duration) -> Result<Link, RunError> {
        match timeout(wait, &mut self.link).await {
            Ok(Ok(link)) => Ok(link),
            // The call that had the place was refused, or gave up.
            Ok(Err(_)) => {
                Err(RunError::Disconnected { peer: self.peer.clone(), cause: "it gave up its call".to_owned() })
            }
            Err(_) => Err(RunError::Silent { peer: self.peer.clone(), what: "did not call", waited: wait }),
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        // The entry is this one's: nobody can expect the same job while it stands. A call that waits for
        // it has come in vain.
        let mut state = self.rendezvous.state();
        if state.jobs.remove(&self.attempt).is_some_and(|expected| expected.handover.is_none()) {
            state.waiting.remove(&(self.attempt.clone(), self.peer.clone()));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.rendezvous.state();
        if let Some(calls) = state.calls.get_mut(&self.peer) {
            *calls = calls.saturating_sub(1);
            if *calls == 0 {
                state.calls.remove(&self.peer);
            }
        }
    }
}
