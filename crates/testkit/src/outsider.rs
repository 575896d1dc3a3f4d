//! A participant that the test plays: it attaches to the coordinator as a node would, and deals with
//! its peers as it likes. What it says may be tampered with, message by message.

use std::time::Duration;

use agreement::JobSpec;
use node::{
    Input, Link, Run, RunReport, Space, Stage,
    gate::{gate_id, gate_spec},
};
use records::{CanonicalKey, KeySpec, Record};
use session::{ComputePool, Limits};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use wire::{
    Connection,
    proto::{
        AttachRequest, AttachResponse, CancelJob, ExchangeMessage, ExchangeRequest, JobEnded, JobReport, JobStarted,
        Registration, StartJob, attach_request::Event, attach_response::Directive,
        coordination_service_client::CoordinationServiceClient, exchange_message::Body,
        exchange_service_client::ExchangeServiceClient, job_report,
    },
};

use crate::{
    participants::{BoxError, Participant, pins},
    rows::Table,
    world::World,
};

/// What becomes of a message that the outsider sends: it gets its number, from 0, and gives what goes
/// out instead. An empty list drops it; [`Tampered::HangUp`] ends the connection.
pub type Tamper = Box<dyn FnMut(usize, Body) -> Tampered + Send>;

/// What goes out in the place of a message.
pub enum Tampered {
    /// These messages.
    Send(Vec<Body>),
    /// Nothing any more, and the connection ends.
    HangUp,
    /// Nothing any more, and the connection stays.
    Stall,
}

/// A participant without a node.
pub struct Outsider {
    /// Who it is.
    pub participant: Participant,
    events: mpsc::Sender<AttachRequest>,
    directives: Streaming<AttachResponse>,
}

impl Outsider {
    /// Attaches `name` to the world's coordinator.
    ///
    /// # Errors
    /// If the coordinator refuses.
    pub async fn attach(world: &World, name: &str) -> Result<Self, BoxError> {
        let participant = Participant::new(name)?;
        let pinned = pins([&world.coordinator])?;
        let connection = wire::client::connect(
            &world.coordinator_endpoint,
            &participant.credentials()?,
            &pinned,
            &world.coordinator.id,
            Duration::from_secs(5),
        )
        .await?;
        let (events, queued) = mpsc::channel(16);
        let registration = Registration { participant: name.to_owned(), ..Registration::default() };
        events.send(AttachRequest { event: Some(Event::Registration(registration)) }).await?;
        let mut client = CoordinationServiceClient::new(connection.channel);
        let directives = client.attach(ReceiverStream::new(queued)).await?.into_inner();
        Ok(Self { participant, events, directives })
    }

    /// The next job that the coordinator wants it to start; it says that it has.
    ///
    /// # Errors
    /// If none comes.
    pub async fn started(&mut self) -> Result<StartJob, BoxError> {
        loop {
            if let Directive::Start(start) = self.next().await? {
                let body = job_report::Body::Started(JobStarted {});
                self.report(&start.job_id, body).await?;
                return Ok(start);
            }
        }
    }

    /// The next cancellation.
    ///
    /// # Errors
    /// If none comes.
    pub async fn cancelled(&mut self) -> Result<CancelJob, BoxError> {
        loop {
            if let Directive::Cancel(cancel) = self.next().await? {
                return Ok(cancel);
            }
        }
    }

    async fn next(&mut self) -> Result<Directive, BoxError> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.directives.next()).await?;
        Ok(next.ok_or("the coordinator ended the stream")??.directive.ok_or("an empty directive")?)
    }

    async fn report(&self, job_id: &str, body: job_report::Body) -> Result<(), BoxError> {
        let report = JobReport { job_id: job_id.to_owned(), body: Some(body) };
        Ok(self.events.send(AttachRequest { event: Some(Event::Report(report)) }).await?)
    }

    /// Reports the end of a job as it likes.
    ///
    /// # Errors
    /// If the stream has ended.
    pub async fn ended(&self, job_id: &str, ended: JobEnded) -> Result<(), BoxError> {
        self.report(job_id, job_report::Body::Ended(ended)).await
    }

    /// Connects to `peer`'s node.
    ///
    /// # Errors
    /// If it refuses.
    pub async fn connect(&self, world: &World, peer: &str) -> Result<Connection, BoxError> {
        let node = world.node(peer)?;
        let pinned = pins([&node.participant])?;
        let own = self.participant.credentials()?;
        let wait = Duration::from_secs(5);
        Ok(wire::client::connect(&node.endpoint, &own, &pinned, &node.participant.id, wait).await?)
    }

    /// Plays its part in a job with the keys of `table`, and what it sends goes through `tamper`.
    ///
    /// # Errors
    /// What its own side of the run ended with.
    pub async fn cheat(
        &self,
        world: &World,
        peer: &str,
        start: &StartJob,
        table: &Table,
        tamper: Tamper,
    ) -> Result<RunReport, BoxError> {
        let spec = JobSpec::try_from(start.spec.clone().ok_or("no job")?)?;
        let run = self.run_of(world, peer, (start, spec), table).await?;
        Ok(node::run_over(run, tampered_link(self.connect(world, peer).await?, tamper).await?).await?)
    }

    /// Plays its part in a job with gated delivery: it enters the keys of `asked` when the size of the result is asked, and those of
    /// `entered` in the run that delivers.
    ///
    /// # Errors
    /// What its own side of either run ended with.
    pub async fn cheat_the_gate(
        &self,
        world: &World,
        peer: &str,
        start: &StartJob,
        (asked, entered): (&Table, &Table),
    ) -> Result<RunReport, BoxError> {
        let spec = JobSpec::try_from(start.spec.clone().ok_or("no job")?)?;
        let secret = zeroize::Zeroizing::new([7; 32]);
        let input = Input::Items(keys_of(&spec, entered)?);
        // One use for both.
        let whole = self.run_of(world, peer, (start, spec.clone()), asked).await?;
        let gate =
            Run { job_id: gate_id(&start.job_id), spec: gate_spec(&spec), stage: Stage::Gate(secret), ..whole.clone() };
        let honest = || -> Tamper { Box::new(|_, body| Tampered::Send(vec![body])) };
        let link = tampered_link(self.connect(world, peer).await?, honest()).await?;
        node::run_over(gate, link).await?;
        let run = Run { input, ..whole };
        Ok(node::run_over(run, tampered_link(self.connect(world, peer).await?, honest()).await?).await?)
    }

    /// Its side of a job, with the keys of `table`.
    async fn run_of(
        &self,
        world: &World,
        peer: &str,
        (start, spec): (&StartJob, JobSpec),
        table: &Table,
    ) -> Result<Run, BoxError> {
        let keys = keys_of(&spec, table)?;
        let identities = vec![self.participant.pin(), world.node(peer)?.participant.pin()];
        let me = self.participant.id.clone();
        let under = world.under(me.as_str(), &start.job_id, &spec).await?;
        Ok(Run {
            job_id: start.job_id.clone(),
            spec,
            me,
            identities,
            input: Input::Items(keys),
            limits: Limits { idle: Duration::from_secs(20), total: Duration::from_secs(60) },
            space: Space::default(),
            checkpoints: None,
            compute: ComputePool::new(1)?,
            cancel: CancellationToken::new(),
            progress: None,
            attempt: 0,
            under: Some(under),
            guard: None,
            stage: Stage::Whole,
            choose: None,
            network: None,
        })
    }
}

/// The keys of a table, as the job has them.
fn keys_of(spec: &JobSpec, table: &Table) -> Result<Vec<CanonicalKey>, BoxError> {
    let key = KeySpec::new(&spec.key_types)?;
    let mut record = Record::default();
    let digest = |text: &str| {
        record.clear();
        record.push_field(text.as_bytes());
        key.key(&record, &[0]).ok().map(|keyed| keyed.key)
    };
    Ok(table.keys().into_iter().filter_map(digest).collect())
}

/// A link over `connection` in which every message that goes out passes through `tamper`.
async fn tampered_link(connection: Connection, mut tamper: Tamper) -> Result<Link, BoxError> {
    let (tx, mut own) = mpsc::channel::<ExchangeMessage>(2);
    let (out, requests) = mpsc::channel(2);
    let Connection { channel, peer, .. } = connection;
    tokio::spawn(async move {
        let mut number = 0;
        while let Some(message) = own.recv().await {
            let Some(body) = message.body else { continue };
            match tamper(number, body) {
                Tampered::Send(bodies) => {
                    for body in bodies {
                        let message = Some(ExchangeMessage { body: Some(body) });
                        if out.send(ExchangeRequest { message }).await.is_err() {
                            return;
                        }
                    }
                }
                Tampered::HangUp => return,
                Tampered::Stall => {
                    // Takes whatever else is sent, and passes nothing on.
                    while own.recv().await.is_some() {}
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            }
            number += 1;
        }
    });
    let mut responses = ExchangeServiceClient::new(channel).exchange(ReceiverStream::new(requests)).await?.into_inner();
    let (arrived, rx) = mpsc::channel(2);
    tokio::spawn(async move {
        while let Some(Ok(response)) = responses.next().await {
            if arrived.send(Ok(response.message.unwrap_or_default())).await.is_err() {
                return;
            }
        }
    });
    Ok(Link::from_queues(peer, tx, rx))
}
