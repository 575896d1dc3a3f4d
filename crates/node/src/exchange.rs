//! Where a peer's call meets this node's own part of the job, whichever is there first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agreement::ParticipantId;
use session::Fault;
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wire::proto::{ExchangeRequest, exchange_message::Body, exchange_service_server::ExchangeService};

use crate::{
    error::RunError,
    handshake::refuse,
    link::{Link, Responses},
};

/// Calls that may wait for this node's own part at once.
const WAITING: usize = 64;
/// How long a caller may take to say which job it means.
const FIRST_WORD: Duration = Duration::from_secs(20);

/// The jobs that this node is ready for, and the calls for them.
#[derive(Clone)]
pub(crate) struct Rendezvous {
    expected: Arc<Mutex<HashMap<String, Expected>>>,
    changed: Arc<Notify>,
    slots: Arc<Semaphore>,
    wait: Duration,
    shutdown: CancellationToken,
}

struct Expected {
    peer: ParticipantId,
    link: oneshot::Sender<Link>,
}

/// This node's part is ready; dropped, it no longer is.
pub(crate) struct Expectation {
    rendezvous: Rendezvous,
    job_id: String,
    link: oneshot::Receiver<Link>,
}

impl Rendezvous {
    /// Calls wait for at most `wait` until this node is ready for their job.
    pub(crate) fn new(wait: Duration, shutdown: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(WAITING));
        Self { expected: Arc::default(), changed: Arc::default(), slots, wait, shutdown }
    }

    /// Says that this node is ready for `job_id` with `peer`.
    pub(crate) fn expect(&self, job_id: &str, peer: &ParticipantId) -> Result<Expectation, RunError> {
        let (tx, link) = oneshot::channel();
        let mut expected = self.lock();
        if expected.contains_key(job_id) {
            return Err(RunError::Refused(format!("job {job_id} is running already")));
        }
        expected.insert(job_id.to_owned(), Expected { peer: peer.clone(), link: tx });
        drop(expected);
        self.changed.notify_waiters();
        Ok(Expectation { rendezvous: self.clone(), job_id: job_id.to_owned(), link })
    }

    /// Brings a call to the job that it names, or refuses it.
    async fn arrive(self, mut link: Link) {
        let Ok(_slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return refuse(&mut link, Fault::Refused, "too many calls wait here already").await;
        };
        let job_id = match timeout(FIRST_WORD, link.receive()).await {
            Ok(Ok(Body::Hello(hello))) => {
                let job_id = hello.terms.as_ref().map(|terms| terms.job_id.clone()).unwrap_or_default();
                link.put_back(Body::Hello(hello));
                job_id
            }
            Ok(Ok(_)) => return refuse(&mut link, Fault::Peer, "a call begins with a hello").await,
            Ok(Err(_)) => return,
            Err(_) => return refuse(&mut link, Fault::TimedOut, "no hello came").await,
        };
        let deadline = Instant::now() + self.wait;
        loop {
            // Asked for before looking, so that no change between the two is missed.
            let changed = self.changed.notified();
            match self.take(&job_id, &link.peer.participant) {
                Ok(Some(job)) => {
                    // A job that has just given up drops the link, and the peer sees it end.
                    drop(job.send(link));
                    return;
                }
                Ok(None) => {}
                Err(refusal) => return refuse(&mut link, refusal.fault(), &refusal.to_string()).await,
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {
                    return refuse(&mut link, Fault::Cancelled, "the node is shutting down").await;
                }
                waited = timeout_at(deadline, changed) => if waited.is_err() {
                    return refuse(&mut link, Fault::Refused, "this node has no such job for you").await;
                },
            }
        }
    }

    fn take(&self, job_id: &str, caller: &ParticipantId) -> Result<Option<oneshot::Sender<Link>>, RunError> {
        let mut expected = self.lock();
        match expected.get(job_id) {
            None => Ok(None),
            Some(job) if job.peer == *caller => Ok(expected.remove(job_id).map(|job| job.link)),
            Some(_) => Err(RunError::Refused("this job is not with you".to_owned())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Expected>> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expectation {
    /// Waits until the peer has called, for at most `wait`.
    pub(crate) async fn link(mut self, peer: &ParticipantId, wait: Duration) -> Result<Link, RunError> {
        match timeout(wait, &mut self.link).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(_)) => Err(RunError::Cancelled("the node is shutting down".to_owned())),
            Err(_) => Err(RunError::TimedOut(format!("{peer} did not call within {} seconds", wait.as_secs()))),
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        // The entry is this one's: nobody can expect the same job while it stands.
        self.rendezvous.lock().remove(&self.job_id);
    }
}

/// The service that peers call.
pub(crate) struct Exchange(pub(crate) Rendezvous);

#[tonic::async_trait]
impl ExchangeService for Exchange {
    type ExchangeStream = Responses;

    async fn exchange(&self, request: Request<Streaming<ExchangeRequest>>) -> Result<Response<Responses>, Status> {
        let peer = wire::server::peer_of(&request)?;
        let (link, responses) = Link::accepted(peer, request);
        tokio::spawn(self.0.clone().arrive(link));
        Ok(Response::new(responses))
    }
}
