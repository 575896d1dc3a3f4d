//! The stream to the coordinator: this node opens it and keeps it, so that it needs no open port for
//! it. Reports go up, directives come down. When it breaks, it is opened again.

use std::{sync::Arc, time::Duration};

use agreement::JobSpec;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use wire::{
    Connection, MAX_MESSAGE, Pins,
    convert::job_id,
    proto::{
        AttachRequest, AttachResponse, Heartbeat, Registration, StartJob, attach_request::Event,
        attach_response::Directive, coordination_service_client::CoordinationServiceClient,
    },
};

use crate::{
    config::{CoordinatorLink, NodeConfig},
    desk::{Papers, Relayed, take_relayed},
    error::harmless,
    gate::is_gate,
    jobs::{Jobs, Start},
    reports::Told,
};

/// Events that wait for the stream.
const QUEUE: usize = 16;
/// How often the node shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often progress is told, at most.
const PACE: Duration = Duration::from_millis(500);
/// How often it is looked whether statements wait for peers.
const POST: Duration = Duration::from_secs(1);
/// How long the coordinator may be silent, or take nothing: it answers every heartbeat.
const SILENCE: Duration = Duration::from_secs(20);
/// How long an attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pause before the stream is opened again: the first time, and at the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));
/// How long the end of the stream may take when the node stops.
const PARTING: Duration = Duration::from_secs(2);

/// Keeps a node attached until `shutdown`, and then until its jobs have ended and are reported.
pub(crate) async fn attach(
    config: Arc<NodeConfig>,
    coordinator: CoordinatorLink,
    (jobs, papers): (Arc<Jobs>, Option<Arc<Papers>>),
    shutdown: CancellationToken,
) {
    let mut pause = PAUSES.0;
    while !shutdown.is_cancelled() {
        let attempt = async {
            let connection = connect(&config, &coordinator).await?;
            Stream::open(&config, connection, (&jobs, papers.clone())).await
        };
        let opened = tokio::select! {
            () = shutdown.cancelled() => return,
            opened = attempt => opened,
        };
        let ended = match opened {
            Ok(mut stream) => {
                let ended = stream.stay(&shutdown).await;
                if stream.attached {
                    pause = PAUSES.0;
                }
                ended
            }
            Err(cause) => Err(cause),
        };
        if let Err(cause) = ended {
            tracing::warn!(coordinator = %coordinator.participant, %cause, "not attached to the coordinator");
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep(pause) => pause = pause.saturating_mul(2).min(PAUSES.1),
        }
    }
}

async fn connect(config: &NodeConfig, coordinator: &CoordinatorLink) -> Result<Connection, String> {
    let pin = (coordinator.participant.clone(), coordinator.identity);
    let pins = Pins::new([pin]).map_err(|error| error.to_string())?;
    let who = &coordinator.participant;
    let connecting = wire::client::connect(&coordinator.endpoint, &config.credentials, &pins, who, ATTEMPT);
    connecting.await.map_err(|error| error.to_string())
}

/// One stream, and what has been told on it.
struct Stream {
    config: Arc<NodeConfig>,
    jobs: Arc<Jobs>,
    papers: Option<Arc<Papers>>,
    relayed: Relayed,
    events: mpsc::Sender<AttachRequest>,
    directives: Streaming<AttachResponse>,
    told: Told,
    /// Whether the coordinator has taken the registration.
    attached: bool,
    /// When the coordinator last said anything.
    heard: Instant,
}

impl Stream {
    async fn open(
        config: &Arc<NodeConfig>,
        connection: Connection,
        (jobs, papers): (&Arc<Jobs>, Option<Arc<Papers>>),
    ) -> Result<Self, String> {
        let (events, queued) = mpsc::channel(QUEUE);
        let registration = Registration {
            participant: config.participant.to_string(),
            endpoint: config.endpoint.clone().unwrap_or_default(),
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            max_sessions: config.max_sessions,
            instance: jobs.instance.to_vec().into(),
            open_jobs: jobs.open().await,
        };
        send(&events, Event::Registration(registration)).await?;
        let mut client = CoordinationServiceClient::new(connection.channel).max_decoding_message_size(MAX_MESSAGE);
        let answer = timeout(SILENCE, client.attach(ReceiverStream::new(queued))).await;
        let answer = answer.map_err(|_| "the coordinator does not answer".to_owned())?;
        let directives = answer.map_err(|status| harmless(status.message()))?.into_inner();
        let (jobs, told) = (Arc::clone(jobs), Told::default());
        let (config, relayed) = (Arc::clone(config), Relayed::default());
        let heard = Instant::now();
        Ok(Self { config, jobs, papers, relayed, events, directives, told, attached: false, heard })
    }

    /// Stays until the stream breaks, which is an error, or the node has stopped.
    async fn stay(&mut self, shutdown: &CancellationToken) -> Result<(), String> {
        let (mut heartbeat, mut pace, mut post) = (interval(HEARTBEAT), interval(PACE), interval(POST));
        post.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sequence = 0_u64;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return self.part().await,
                directive = timeout_at(self.heard + SILENCE, self.directives.next()) => {
                    self.hear(directive.map_err(|_| "the coordinator fell silent".to_owned())?).await?;
                }
                () = self.jobs.reports.changed() => self.report(false).await?,
                _ = pace.tick() => self.report(true).await?,
                _ = post.tick() => self.relay().await?,
                _ = heartbeat.tick() => {
                    sequence = sequence.wrapping_add(1);
                    send(&self.events, Event::Heartbeat(Heartbeat { sequence })).await?;
                }
            }
        }
    }

    async fn report(&mut self, with_progress: bool) -> Result<(), String> {
        for report in self.jobs.reports.due(&mut self.told, with_progress) {
            send(&self.events, Event::Report(report)).await?;
        }
        Ok(())
    }

    /// Gives the coordinator the statements that wait for peers.
    async fn relay(&mut self) -> Result<(), String> {
        let Some(papers) = &self.papers else { return Ok(()) };
        match self.relayed.due(papers, &self.config).await {
            Ok(due) => {
                for relay in due {
                    send(&self.events, Event::Relay(relay)).await?;
                }
            }
            Err(error) => tracing::error!(%error, "the post cannot be read"),
        }
        Ok(())
    }

    async fn hear(&mut self, directive: Option<Result<AttachResponse, tonic::Status>>) -> Result<(), String> {
        let directive = match directive {
            None => return Err("the coordinator ended the stream".to_owned()),
            Some(Err(status)) => return Err(harmless(status.message())),
            Some(Ok(directive)) => directive.directive,
        };
        self.heard = Instant::now();
        match directive {
            Some(Directive::Registered(registered)) => {
                self.attached = true;
                tracing::info!(coordinator = harmless(&registered.coordinator), "attached to the coordinator");
            }
            Some(Directive::Start(start)) => self.start(start),
            Some(Directive::Cancel(cancel)) => match proper_id(cancel.job_id) {
                Ok(job_id) => self.jobs.cancel(&job_id, &harmless(&cancel.reason), cancel.begins_again),
                Err(cause) => tracing::warn!(cause, "the coordinator cancels a job that has no proper id"),
            },
            Some(Directive::Relay(relay)) => {
                if let Some(papers) = &self.papers {
                    take_relayed(papers, &relay).await;
                }
            }
            Some(Directive::Heartbeat(_)) | None => {}
        }
        Ok(())
    }

    fn start(&self, start: StartJob) {
        // A job without a proper id cannot even be reported.
        let job_id = match proper_id(start.job_id) {
            Ok(job_id) => job_id,
            Err(cause) => return tracing::warn!(%cause, "the coordinator sent a job that has no proper id"),
        };
        let spec = match start.spec {
            Some(spec) => JobSpec::try_from(spec).map_err(|error| error.to_string()),
            None => Err("it says nothing".to_owned()),
        };
        self.jobs.start(Start {
            job_id,
            spec,
            listener_endpoint: start.listener_endpoint,
            attempt: start.attempt,
            peers_done: start.peers_done,
        });
    }

    /// Tells the ends of the jobs that the stop cut short, and ends the stream.
    async fn part(&mut self) -> Result<(), String> {
        self.jobs.ended().await;
        self.report(false).await?;
        // Our direction ends with its sender; the coordinator then ends its own.
        let (unused, _) = mpsc::channel(1);
        self.events = unused;
        drop(timeout(PARTING, async { while let Some(Ok(_)) = self.directives.next().await {} }).await);
        Ok(())
    }
}

/// The id of a job, which is the name of files here. One that a gate has is no job's own.
fn proper_id(id: String) -> Result<String, String> {
    let id = job_id(id).map_err(|error| error.to_string())?;
    if is_gate(&id) { Err("it is that of a gate".to_owned()) } else { Ok(id) }
}

async fn send(events: &mpsc::Sender<AttachRequest>, event: Event) -> Result<(), String> {
    let sending = events.send(AttachRequest { event: Some(event) });
    match timeout(SILENCE, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("the stream has ended".to_owned()),
        Err(_) => Err("the coordinator takes nothing".to_owned()),
    }
}
