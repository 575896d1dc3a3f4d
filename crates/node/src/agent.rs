//! The stream to the coordinator: this node opens it and keeps it, so that it needs no open port for
//! it. Events go up, directives come down. When it breaks, it is opened again.

use std::{sync::Arc, time::Duration};

use agreement::JobSpec;
use tokio::{
    sync::mpsc,
    time::{interval, sleep},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Streaming;
use wire::{
    Pins,
    convert::job_id,
    proto::{
        AttachRequest, AttachResponse, Heartbeat, JobReport, Registration, StartJob, attach_request::Event,
        attach_response::Directive, coordination_service_client::CoordinationServiceClient,
    },
};

use crate::{config::CoordinatorLink, service::Node};

/// Events that wait for the stream.
const QUEUE: usize = 64;
/// How often the node shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long the coordinator may be silent: it answers every heartbeat.
const SILENCE: Duration = Duration::from_secs(20);
/// The longest pause before the stream is opened again.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long the last reports may take when the node stops.
const PARTING: Duration = Duration::from_secs(2);

/// Keeps the node attached until it stops.
pub(crate) async fn attach(node: Arc<Node>, mut reports: mpsc::Receiver<JobReport>) {
    let Some(coordinator) = node.config.coordinator.clone() else { return };
    let mut pause = Duration::from_millis(200);
    while !node.shutdown.is_cancelled() {
        match stay(&node, &coordinator, &mut reports).await {
            Ok(()) => pause = Duration::from_millis(200),
            Err(cause) => tracing::warn!(coordinator = %coordinator.participant, %cause, "not attached"),
        }
        tokio::select! {
            () = node.shutdown.cancelled() => {}
            () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

/// Opens the stream and stays on it until it breaks or the node stops.
async fn stay(
    node: &Arc<Node>,
    coordinator: &CoordinatorLink,
    reports: &mut mpsc::Receiver<JobReport>,
) -> Result<(), String> {
    let pins =
        Pins::new([(coordinator.participant.clone(), coordinator.identity)]).map_err(|error| error.to_string())?;
    let connecting = wire::client::connect(
        &coordinator.endpoint,
        &node.config.credentials,
        &pins,
        &coordinator.participant,
        Duration::from_secs(10),
    );
    let connection = tokio::select! {
        () = node.shutdown.cancelled() => return Ok(()),
        connection = connecting => connection.map_err(|error| error.to_string())?,
    };
    let (events, queued) = mpsc::channel(QUEUE);
    let registration = Registration {
        participant: node.config.participant.to_string(),
        endpoint: node.config.endpoint.clone().unwrap_or_default(),
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    send(&events, Event::Registration(registration)).await?;
    let mut client = CoordinationServiceClient::new(connection.channel);
    let directives = client.attach(ReceiverStream::new(queued)).await.map_err(|status| status.message().to_owned())?;
    let mut stream = Stream { node, events, directives: directives.into_inner() };
    stream.stay(reports).await
}

struct Stream<'a> {
    node: &'a Arc<Node>,
    events: mpsc::Sender<AttachRequest>,
    directives: Streaming<AttachResponse>,
}

impl Stream<'_> {
    async fn stay(&mut self, reports: &mut mpsc::Receiver<JobReport>) -> Result<(), String> {
        let mut heartbeat = interval(HEARTBEAT);
        let mut sequence = 0_u64;
        loop {
            tokio::select! {
                () = self.node.shutdown.cancelled() => return self.part(reports).await,
                directive = tokio::time::timeout(SILENCE, self.directives.next()) => match directive {
                    Err(_) => return Err("the coordinator fell silent".to_owned()),
                    Ok(None) => return Err("the coordinator ended the stream".to_owned()),
                    Ok(Some(Err(status))) => return Err(status.message().to_owned()),
                    Ok(Some(Ok(directive))) => self.obey(directive.directive).await?,
                },
                Some(report) = reports.recv() => send(&self.events, Event::Report(report)).await?,
                _ = heartbeat.tick() => {
                    sequence = sequence.wrapping_add(1);
                    send(&self.events, Event::Heartbeat(Heartbeat { sequence })).await?;
                }
            }
        }
    }

    async fn obey(&mut self, directive: Option<Directive>) -> Result<(), String> {
        match directive {
            Some(Directive::Registered(registered)) => {
                tracing::info!(coordinator = registered.coordinator, "attached");
                for report in self.node.reports.kept() {
                    send(&self.events, Event::Report(report)).await?;
                }
            }
            Some(Directive::Start(start)) => self.start(start),
            Some(Directive::Cancel(cancel)) => self.node.cancel(&cancel.job_id),
            Some(Directive::Heartbeat(_)) | None => {}
        }
        Ok(())
    }

    /// A job that cannot even be read has no id to report under that could be trusted.
    fn start(&self, start: StartJob) {
        let spec = start.spec.ok_or_else(|| "no job".to_owned());
        let spec = spec.and_then(|spec| JobSpec::try_from(spec).map_err(|error| error.to_string()));
        match (job_id(start.job_id), spec) {
            (Ok(job_id), Ok(spec)) => self.node.start(job_id, spec, start.listener_endpoint),
            (_, Err(cause)) => tracing::warn!(%cause, "the coordinator sent a job that cannot be read"),
            (Err(cause), _) => tracing::warn!(%cause, "the coordinator sent a job that cannot be read"),
        }
    }

    /// Tells the ends of the jobs that the stop cut short, and ends the stream.
    async fn part(&mut self, reports: &mut mpsc::Receiver<JobReport>) -> Result<(), String> {
        let parting = async {
            self.node.tasks.close();
            self.node.tasks.wait().await;
            while let Ok(report) = reports.try_recv() {
                send(&self.events, Event::Report(report)).await?;
            }
            Ok(())
        };
        tokio::time::timeout(PARTING, parting).await.unwrap_or(Ok(()))
    }
}

async fn send(events: &mpsc::Sender<AttachRequest>, event: Event) -> Result<(), String> {
    let sending = events.send(AttachRequest { event: Some(event) });
    match tokio::time::timeout(SILENCE, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("the stream has ended".to_owned()),
        Err(_) => Err("the coordinator takes nothing".to_owned()),
    }
}
