//! A coordinator that the test plays: it tells nodes what it likes, and sees what they report.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agreement::{Act, JobSpec, JobState, ParticipantId};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wire::{
    Credentials, Pins,
    proto::{
        AttachRequest, AttachResponse, JobEnded, ListNodesRequest, ListNodesResponse, Registered, Relay, StartJob,
        attach_request::Event,
        attach_response::Directive,
        coordination_service_server::{CoordinationService, CoordinationServiceServer},
        job_report::Body,
    },
};

use crate::{participants::BoxError, world::COORDINATOR};

type Directives = mpsc::Sender<Result<AttachResponse, Status>>;

/// How long a node may take to do what it is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// A coordinator without rules.
#[derive(Clone, Default)]
pub struct Hostile(Arc<Mutex<Seen>>);

/// What nodes did.
#[derive(Default)]
struct Seen {
    nodes: HashMap<ParticipantId, Directives>,
    /// Ends of jobs, as nodes report them.
    ends: Vec<(ParticipantId, String, JobEnded)>,
}

impl Hostile {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // The collections are whole after every statement, so a panic elsewhere leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves nodes until `shutdown`.
    ///
    /// # Errors
    /// If it cannot.
    pub(crate) async fn serve(
        self,
        (listener, credentials, pins): (TcpListener, Credentials, Pins),
        shutdown: CancellationToken,
    ) -> Result<(), BoxError> {
        let incoming = wire::server::incoming(listener, &credentials, pins, 16, PATIENCE)?;
        let server = wire::server::builder().add_service(CoordinationServiceServer::new(self));
        Ok(server.serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned()).await?)
    }

    async fn tell(&self, node: &str, directive: Directive) -> Result<(), BoxError> {
        let node: ParticipantId = node.parse()?;
        let attached = async {
            loop {
                if let Some(way) = self.seen().nodes.get(&node).cloned() {
                    return way;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let way = timeout(PATIENCE, attached).await?;
        Ok(way.send(Ok(AttachResponse { directive: Some(directive) })).await?)
    }

    /// Has a node start a job, with a listener at an endpoint.
    ///
    /// # Errors
    /// If it is not attached.
    pub async fn start(
        &self,
        node: &str,
        (job_id, attempt): (&str, u32),
        spec: &JobSpec,
        listener_endpoint: &str,
    ) -> Result<(), BoxError> {
        let start = StartJob {
            job_id: job_id.to_owned(),
            spec: Some(spec.clone().into()),
            listener_endpoint: listener_endpoint.to_owned(),
            attempt,
            peers_done: false,
        };
        self.tell(node, Directive::Start(start)).await
    }

    /// Brings a node a statement, as if `from` had given it.
    ///
    /// # Errors
    /// If it is not attached.
    pub async fn bring(&self, node: &str, from: &str, act: &Act) -> Result<(), BoxError> {
        let relay = Relay { participant: from.to_owned(), statement: act.to_bytes()?.into() };
        self.tell(node, Directive::Relay(relay)).await
    }

    /// The end of an attempt at a job that a node reports: its state and its cause.
    ///
    /// # Errors
    /// If it reports none.
    pub async fn end(&self, node: &str, (job_id, attempt): (&str, u32)) -> Result<(JobState, String), BoxError> {
        let node: ParticipantId = node.parse()?;
        let reported = async {
            loop {
                let found = self
                    .seen()
                    .ends
                    .iter()
                    .find(|(who, id, ended)| (who, id.as_str(), ended.attempt) == (&node, job_id, attempt))
                    .map(|(_, _, ended)| ended.clone());
                if let Some(ended) = found {
                    return ended;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let ended = timeout(PATIENCE, reported).await?;
        Ok((JobState::try_from(ended.state())?, ended.cause))
    }

    /// Ends of a job that a node has reported so far.
    #[must_use]
    pub fn ends_of(&self, node: &str, job_id: &str) -> usize {
        self.seen().ends.iter().filter(|(who, id, _)| who.as_str() == node && id == job_id).count()
    }
}

#[tonic::async_trait]
impl CoordinationService for Hostile {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<AttachResponse, Status>> + Send>>;

    async fn attach(&self, request: Request<Streaming<AttachRequest>>) -> Result<Response<Self::AttachStream>, Status> {
        let node = wire::server::peer_of(&request)?.participant;
        let mut events = request.into_inner();
        let (directives, queued) = mpsc::channel(64);
        let registered = Directive::Registered(Registered { coordinator: COORDINATOR.to_owned() });
        // The queue is empty.
        drop(directives.try_send(Ok(AttachResponse { directive: Some(registered) })));
        self.seen().nodes.insert(node.clone(), directives.clone());
        let this = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(AttachRequest { event: Some(event) })) = events.next().await {
                match event {
                    Event::Heartbeat(heartbeat) => {
                        let directive = Some(Directive::Heartbeat(heartbeat));
                        drop(directives.send(Ok(AttachResponse { directive })).await);
                    }
                    Event::Report(report) => {
                        if let Some(Body::Ended(ended)) = report.body {
                            this.seen().ends.push((node.clone(), report.job_id, ended));
                        }
                    }
                    // What parties want to say to each other it drops.
                    Event::Relay(_) | Event::Registration(_) => {}
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queued))))
    }

    async fn list_nodes(&self, _: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        Err(Status::unimplemented("it tells nobody"))
    }
}
