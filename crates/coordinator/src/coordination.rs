//! The service that nodes attach to.

use std::{pin::Pin, sync::Arc};

use agreement::ParticipantId;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use wire::{
    Peer, Pins,
    proto::{
        AttachRequest, AttachResponse, Heartbeat, ListNodesRequest, ListNodesResponse, NodeInfo, Registered,
        Registration, attach_request::Event, attach_response::Directive,
        coordination_service_server::CoordinationService,
    },
};

use crate::{
    access::{Wish, allow},
    dispatch::Dispatcher,
    registry::{Attached, Directives, QUEUE},
};

/// Answers nodes.
pub(crate) struct Coordination {
    pub(crate) name: ParticipantId,
    pub(crate) pins: Pins,
    pub(crate) dispatcher: Arc<Dispatcher>,
}

#[tonic::async_trait]
impl CoordinationService for Coordination {
    type AttachStream = Pin<Box<dyn Stream<Item = Result<AttachResponse, Status>> + Send>>;

    async fn attach(&self, request: Request<Streaming<AttachRequest>>) -> Result<Response<Self::AttachStream>, Status> {
        let peer = wire::server::peer_of(&request)?;
        // Who may not attach at all has nothing to say first.
        allow(&peer, &self.pins, Wish::Attach(&peer.participant))?;
        let mut events = request.into_inner();
        let first = timeout(self.dispatcher.patience.silence, events.next()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("a node registers first"))?;
        let registration = match first.transpose()?.and_then(|request| request.event) {
            Some(Event::Registration(registration)) => registration,
            _ => return Err(Status::invalid_argument("a node registers first")),
        };
        // A node that does not say has room for all.
        let capacity = usize::try_from(registration.max_sessions).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let (instance, open) = (registration.instance.to_vec(), registration.open_jobs.clone());
        let under_way = open.iter().filter(|job| job.under_way).map(|job| (job.job_id.clone(), job.attempt)).collect();
        let info = self.read(&peer, registration)?;
        let caller = peer.participant;
        let (directives, queued) = mpsc::channel(QUEUE);
        let registered = Registered { coordinator: self.name.to_string() };
        tell(&directives, Directive::Registered(registered)).await;
        let attached =
            self.dispatcher.registry.attach(&caller, info, (capacity, instance, under_way), directives.clone());
        let Attached { stream, replaced, restarted } = attached;
        tracing::info!(participant = %caller, "node attached");
        let dispatcher = Arc::clone(&self.dispatcher);
        self.dispatcher.tasks.spawn(async move {
            if restarted {
                dispatcher.left(&caller, "its node restarted in the middle of the job").await;
            }
            dispatcher.tell_what_is_over(&caller, open).await;
            if let Err(error) = dispatcher.attached(&caller).await {
                tracing::error!(%error, "queued jobs could not be read");
            }
            tokio::select! {
                () = replaced.cancelled() => tracing::info!(participant = %caller, "node attached anew"),
                () = listen(&dispatcher, &caller, events, directives) => {}
            }
            if dispatcher.registry.detach(&caller, stream) {
                tracing::info!(participant = %caller, "node detached");
                dispatcher.detached(caller, stream);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(queued))))
    }

    async fn list_nodes(&self, request: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        let caller = wire::server::peer_of(&request)?;
        allow(&caller, &self.pins, Wish::ListNodes)?;
        Ok(Response::new(ListNodesResponse { nodes: self.dispatcher.registry.list() }))
    }
}

impl Coordination {
    fn read(&self, caller: &Peer, registration: Registration) -> Result<NodeInfo, Status> {
        let wrong = |what: &str| Status::invalid_argument(what.to_owned());
        let participant: ParticipantId =
            registration.participant.parse().map_err(|_| wrong("the registration names no participant"))?;
        allow(caller, &self.pins, Wish::Attach(&participant))?;
        if registration.endpoint.len() > 256 || registration.software_version.len() > 64 {
            return Err(wrong("the registration is too long"));
        }
        Ok(NodeInfo {
            participant: registration.participant,
            endpoint: registration.endpoint,
            software_version: registration.software_version,
            ..NodeInfo::default()
        })
    }
}

/// Hears a node until it leaves, falls silent, or the coordinator stops.
async fn listen(
    dispatcher: &Arc<Dispatcher>,
    caller: &ParticipantId,
    mut events: Streaming<AttachRequest>,
    directives: Directives,
) {
    loop {
        let event = tokio::select! {
            () = dispatcher.shutdown.cancelled() => return,
            () = directives.closed() => return,
            event = timeout(dispatcher.patience.silence, events.next()) => event,
        };
        let Ok(Some(Ok(event))) = event else { return };
        dispatcher.registry.seen(caller);
        match event.event {
            Some(Event::Report(report)) => dispatcher.report(caller, report).await,
            Some(Event::Heartbeat(Heartbeat { sequence })) => {
                tell(&directives, Directive::Heartbeat(Heartbeat { sequence })).await;
            }
            Some(Event::Relay(relay)) => dispatcher.registry.relay(caller, relay),
            // A node registers once in a stream.
            Some(Event::Registration(_)) => return,
            None => {}
        }
    }
}

async fn tell(directives: &Directives, directive: Directive) {
    // A node that has left needs no word.
    drop(directives.send(Ok(AttachResponse { directive: Some(directive) })).await);
}
