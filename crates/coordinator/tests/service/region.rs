//! A region: a coordinator, and participants whose nodes and operators the test plays.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use agreement::{IdentityKey, ParticipantId};
use coordinator::{CoordinatorConfig, CoordinatorError, Patience};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming, transport::Channel};
use wire::{
    ConnectError, Connection, Credentials, Duty, Person, Pins,
    proto::{
        AttachRequest, AttachResponse, CancelJob, CancelJobRequest, ErrorBudget, GetJobRequest, Heartbeat, Job,
        JobEnded, JobParty, JobReport, JobSpec, JobStarted, JobState, ListJobsRequest, ListNodesRequest, Mode,
        NodeInfo, OpenJob, Progress, Protocol, Registered, Registration, Role, StartJob, SubmitJobRequest,
        WatchJobRequest, WatchJobResponse, attach_request::Event, attach_response::Directive,
        catalogue_service_client::CatalogueServiceClient, coordination_service_client::CoordinationServiceClient,
        job_report::Body, job_service_client::JobServiceClient,
    },
};

/// The coordinator's name.
pub(crate) const COORDINATOR: &str = "coordinator";
/// Whom it has pinned.
pub(crate) const PINNED: [&str; 4] = ["shanghai", "anhui", "jiangsu", "zhejiang"];
/// Far more than any answer takes.
const LONG: Duration = Duration::from_secs(30);

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

pub(crate) fn identity(name: &str) -> IdentityKey {
    let mut seed = [7; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    IdentityKey::from_seed(&seed.into())
}

/// A certificate and its key, in PEM.
fn issued(name: &str) -> (String, String) {
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let issued = wire::endorse(&identity(name), &id(name), yesterday, 30).unwrap();
    (issued.cert_pem.clone(), issued.key_pem.to_string())
}

/// A job of these two; the sender listens.
pub(crate) fn job(receiver: &str, sender: &str) -> JobSpec {
    let party = |name: &str, role: Role| JobParty {
        participant: name.to_owned(),
        role: role.into(),
        dataset: "residents".to_owned(),
        key_columns: vec!["id_no".to_owned()],
        ..JobParty::default()
    };
    JobSpec {
        name: "households".to_owned(),
        parties: vec![party(receiver, Role::Receiver), party(sender, Role::Sender)],
        mode: Mode::Membership.into(),
        protocol: Protocol::Ecdh.into(),
        key_types: vec!["raw".to_owned()],
        error_budget: Some(ErrorBudget { lambda: 40 }),
        listener: sender.to_owned(),
        ..JobSpec::default()
    }
}

/// A running coordinator.
pub(crate) struct Region {
    folder: TempDir,
    endpoint: String,
    patience: Patience,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), CoordinatorError>>,
}

impl Region {
    pub(crate) async fn start() -> Self {
        Self::patient(Patience::default()).await
    }

    /// A coordinator of this patience.
    pub(crate) async fn patient(patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = issued(COORDINATOR);
        fs::write(folder.path().join("tls.crt"), certificate).unwrap();
        wire::write_secret(&folder.path().join("tls.key"), &key).unwrap();
        let mut text = format!(
            "name = \"{COORDINATOR}\"\nlisten = \"127.0.0.1:0\"\ndatabase = \"jobs.sqlite\"\n\
             certificate = \"tls.crt\"\nkey = \"tls.key\"\n"
        );
        for name in PINNED {
            text += &format!("[[participants]]\nid = \"{name}\"\nidentity = \"{}\"\n", identity(name).public());
        }
        fs::write(folder.path().join("coordinator.toml"), text).unwrap();
        let (endpoint, stop, serving) = serve(&folder, patience).await;
        Self { folder, endpoint, patience, stop, serving }
    }

    /// Stops the coordinator in order.
    async fn stopped(self) -> TempDir {
        self.stop.cancel();
        timeout(LONG, self.serving).await.unwrap().unwrap().unwrap();
        self.folder
    }

    /// Stops the coordinator and starts another on what it left.
    pub(crate) async fn restarted(self) -> Self {
        let patience = self.patience;
        let folder = self.stopped().await;
        let (endpoint, stop, serving) = serve(&folder, patience).await;
        Self { folder, endpoint, patience, stop, serving }
    }

    pub(crate) async fn dial(&self, name: &str) -> Result<Connection, ConnectError> {
        let (certificate, key) = issued(name);
        let credentials = Credentials::from_pem(id(name), &certificate, &key).unwrap();
        let pins = Pins::new([(id(COORDINATOR), identity(COORDINATOR).public())]).unwrap();
        wire::client::connect(&self.endpoint, &credentials, &pins, &id(COORDINATOR), LONG).await
    }

    /// Dials as a person of this participant.
    async fn dial_as(&self, name: &str, duty: Duty) -> Connection {
        let person = Person { handle: "k-17".parse().unwrap(), duty };
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        let issued = wire::endorse_person(&identity(name), &id(name), &person, yesterday, 30).unwrap();
        let credentials = Credentials::caller_from_pem(&id(name), &issued.cert_pem, &issued.key_pem).unwrap();
        let pins = Pins::new([(id(COORDINATOR), identity(COORDINATOR).public())]).unwrap();
        wire::client::connect(&self.endpoint, &credentials, &pins, &id(COORDINATOR), LONG).await.unwrap()
    }

    /// A person of a participant.
    pub(crate) async fn person(&self, name: &str, duty: Duty) -> Operator {
        let channel = self.dial_as(name, duty).await.channel;
        Operator { jobs: JobServiceClient::new(channel.clone()), nodes: CoordinationServiceClient::new(channel) }
    }

    /// The catalogue, as a participant's own certificate reaches it, or a person's of this duty.
    pub(crate) async fn catalogue(&self, name: &str, duty: Option<Duty>) -> CatalogueServiceClient<Channel> {
        let connection = match duty {
            Some(duty) => self.dial_as(name, duty).await,
            None => self.dial(name).await.unwrap(),
        };
        CatalogueServiceClient::new(connection.channel)
    }

    /// A stream that a person of a participant opens as if it were its node.
    pub(crate) async fn attaching(&self, name: &str, duty: Duty) -> Node {
        let (events, queued) = mpsc::channel(16);
        let client = CoordinationServiceClient::new(self.dial_as(name, duty).await.channel);
        Node { events, stream: Attaching::Asked(client, queued) }
    }

    /// Who calls with the certificate of a participant itself.
    pub(crate) async fn operator(&self, name: &str) -> Operator {
        let channel = self.dial(name).await.unwrap().channel;
        Operator { jobs: JobServiceClient::new(channel.clone()), nodes: CoordinationServiceClient::new(channel) }
    }

    /// The node of a participant, registered.
    pub(crate) async fn node(&self, name: &str) -> Node {
        self.node_with(name, &[]).await
    }

    /// The same with jobs that are open there: each with the attempt that it is at, or none.
    pub(crate) async fn node_with(&self, name: &str, open_jobs: &[(&str, Option<u32>)]) -> Node {
        let mut node = self.unregistered(name).await;
        let open = |(job_id, attempt): &(&str, Option<u32>)| OpenJob {
            job_id: (*job_id).to_owned(),
            under_way: attempt.is_some(),
            attempt: attempt.unwrap_or_default(),
        };
        let open_jobs = open_jobs.iter().map(open).collect();
        node.send(Event::Registration(Registration { open_jobs, ..registration(name) })).await;
        let registered = node.next().await;
        assert_eq!(registered, Some(Directive::Registered(Registered { coordinator: COORDINATOR.to_owned() })));
        node
    }

    /// A stream of a participant's node on which nothing has been said.
    pub(crate) async fn unregistered(&self, name: &str) -> Node {
        let (events, queued) = mpsc::channel(16);
        let client = CoordinationServiceClient::new(self.dial(name).await.unwrap().channel);
        Node { events, stream: Attaching::Asked(client, queued) }
    }
}

async fn serve(
    folder: &TempDir,
    patience: Patience,
) -> (String, CancellationToken, JoinHandle<Result<(), CoordinatorError>>) {
    let config = CoordinatorConfig::load(&folder.path().join("coordinator.toml")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(coordinator::serve_with(config, listener, patience, stop.clone()));
    (endpoint, stop, serving)
}

/// Where the node of a participant says that it is dialled.
pub(crate) fn endpoint(name: &str) -> String {
    format!("https://node.{name}.example:7101")
}

pub(crate) fn registration(name: &str) -> Registration {
    Registration {
        participant: name.to_owned(),
        endpoint: endpoint(name),
        software_version: "0.1.0".to_owned(),
        max_sessions: 0,
        instance: vec![1; 16].into(),
        open_jobs: Vec::new(),
    }
}

/// What an operator calls.
pub(crate) struct Operator {
    pub(crate) jobs: JobServiceClient<Channel>,
    pub(crate) nodes: CoordinationServiceClient<Channel>,
}

impl Operator {
    pub(crate) async fn submit(&mut self, spec: JobSpec) -> Result<Job, Status> {
        let answer = self.jobs.submit_job(SubmitJobRequest { spec: Some(spec) }).await?;
        Ok(answer.into_inner().job.unwrap())
    }

    pub(crate) async fn get(&mut self, job_id: &str) -> Result<Job, Status> {
        let answer = self.jobs.get_job(GetJobRequest { job_id: job_id.to_owned() }).await?;
        Ok(answer.into_inner().job.unwrap())
    }

    pub(crate) async fn cancel(&mut self, job_id: &str, reason: &str) -> Result<Job, Status> {
        let request = CancelJobRequest { job_id: job_id.to_owned(), reason: reason.to_owned() };
        Ok(self.jobs.cancel_job(request).await?.into_inner().job.unwrap())
    }

    pub(crate) async fn list(&mut self, page_size: u32) -> Vec<Job> {
        self.jobs.list_jobs(ListJobsRequest { page_size }).await.unwrap().into_inner().jobs
    }

    pub(crate) async fn nodes(&mut self) -> Vec<NodeInfo> {
        self.nodes.list_nodes(ListNodesRequest {}).await.unwrap().into_inner().nodes
    }

    pub(crate) async fn watch(&mut self, job_id: &str) -> Result<Watch, Status> {
        let answer = self.jobs.watch_job(WatchJobRequest { job_id: job_id.to_owned() }).await?;
        Ok(Watch(answer.into_inner()))
    }

    /// Waits until the register has this many nodes that are connected.
    pub(crate) async fn until_connected(&mut self, many: usize) {
        let asking = async {
            while self.nodes().await.iter().filter(|node| node.connected).count() != many {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, asking).await.expect("the register does not change");
    }

    /// Waits for the end of a job, and gives its state and cause.
    pub(crate) async fn end(&mut self, job_id: &str) -> (JobState, String) {
        let mut watch = self.watch(job_id).await.unwrap();
        let mut last = watch.next().await.unwrap();
        while let Some(job) = watch.next().await {
            last = job;
        }
        (last.state(), last.cause)
    }
}

/// A job that is watched.
pub(crate) struct Watch(Streaming<WatchJobResponse>);

impl Watch {
    /// The next state of the job, or nothing after the last.
    pub(crate) async fn next(&mut self) -> Option<Job> {
        let update = timeout(LONG, self.0.message()).await.expect("the watch says nothing").unwrap();
        update.map(|update| update.job.unwrap())
    }
}

enum Attaching {
    /// The call is made when the first event has been queued.
    Asked(CoordinationServiceClient<Channel>, mpsc::Receiver<AttachRequest>),
    Open(Streaming<AttachResponse>),
    Ended(Code),
}

/// A node that the test plays.
pub(crate) struct Node {
    events: mpsc::Sender<AttachRequest>,
    stream: Attaching,
}

impl Node {
    pub(crate) async fn send(&mut self, event: Event) {
        self.send_raw(AttachRequest { event: Some(event) }).await;
    }

    pub(crate) async fn send_raw(&mut self, request: AttachRequest) {
        // An event for a coordinator that has hung up is lost, as it would be.
        drop(self.events.send(request).await);
    }

    /// The next directive, or nothing when the coordinator has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<Directive> {
        let ended = Attaching::Ended(Code::Ok);
        self.stream = match std::mem::replace(&mut self.stream, ended) {
            Attaching::Asked(mut client, queued) => {
                let attach = timeout(LONG, client.attach(ReceiverStream::new(queued)));
                match attach.await.expect("the coordinator does not answer") {
                    Ok(answer) => Attaching::Open(answer.into_inner()),
                    Err(status) => Attaching::Ended(status.code()),
                }
            }
            other => other,
        };
        let Attaching::Open(stream) = &mut self.stream else { return None };
        match timeout(LONG, stream.message()).await.expect("the coordinator says nothing") {
            Ok(Some(response)) => Some(response.directive.unwrap()),
            Ok(None) => None,
            Err(status) => {
                self.stream = Attaching::Ended(status.code());
                None
            }
        }
    }

    /// Expects the coordinator to end the stream, and says how it did.
    pub(crate) async fn refused(mut self) -> Code {
        assert_eq!(self.next().await, None);
        match self.stream {
            Attaching::Ended(code) => code,
            _ => Code::Ok,
        }
    }

    /// Expects to be told to start.
    pub(crate) async fn start(&mut self) -> StartJob {
        match self.next().await {
            Some(Directive::Start(start)) => start,
            other => panic!("{other:?} where a start was due"),
        }
    }

    /// Expects to be told to stop a job.
    pub(crate) async fn cancelled(&mut self) -> CancelJob {
        match self.next().await {
            Some(Directive::Cancel(cancel)) => cancel,
            other => panic!("{other:?} where a cancellation was due"),
        }
    }

    /// Expects that nothing waits for it: all that it said has been heard, and was not answered.
    pub(crate) async fn nothing_due(&mut self) {
        let heartbeat = Heartbeat { sequence: 4711 };
        self.send(Event::Heartbeat(heartbeat)).await;
        assert_eq!(self.next().await, Some(Directive::Heartbeat(heartbeat)));
    }

    async fn report(&mut self, job_id: &str, body: Body) {
        self.send(Event::Report(JobReport { job_id: job_id.to_owned(), body: Some(body) })).await;
    }

    pub(crate) async fn started(&mut self, job_id: &str) {
        self.report(job_id, Body::Started(JobStarted {})).await;
    }

    pub(crate) async fn progress(&mut self, job_id: &str, progress: Progress) {
        self.report(job_id, Body::Progress(progress)).await;
    }

    pub(crate) async fn succeeded(&mut self, job_id: &str, transcript: &'static [u8]) {
        let state = JobState::Succeeded.into();
        let ended = JobEnded { state, cause: String::new(), transcript_hash: transcript.into(), ..JobEnded::default() };
        self.report(job_id, Body::Ended(ended)).await;
    }

    /// Says that its run was broken off, and can be taken up again.
    pub(crate) async fn interrupted(&mut self, job_id: &str, cause: &str, attempt: u32) {
        let state = JobState::Failed.into();
        let ended = JobEnded { state, cause: cause.to_owned(), may_resume: true, attempt, ..JobEnded::default() };
        self.report(job_id, Body::Ended(ended)).await;
    }

    pub(crate) async fn ended(&mut self, job_id: &str, state: JobState, cause: &str) {
        let ended = JobEnded { state: state.into(), cause: cause.to_owned(), ..JobEnded::default() };
        self.report(job_id, Body::Ended(ended)).await;
    }
}

/// A job of shanghai and anhui whose nodes have been told to start it.
pub(crate) struct Running {
    pub(crate) region: Region,
    pub(crate) operator: Operator,
    pub(crate) shanghai: Node,
    pub(crate) anhui: Node,
    pub(crate) job_id: String,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::within(Region::start().await, job("shanghai", "anhui")).await
    }

    pub(crate) async fn within(region: Region, spec: JobSpec) -> Self {
        let (mut shanghai, mut anhui) = (region.node("shanghai").await, region.node("anhui").await);
        let mut operator = region.operator("shanghai").await;
        let job_id = operator.submit(spec).await.unwrap().job_id;
        for node in [&mut shanghai, &mut anhui] {
            assert_eq!(node.start().await.job_id, job_id);
        }
        Self { region, operator, shanghai, anhui, job_id }
    }

    /// Both nodes say that they have begun, and the coordinator has heard it.
    pub(crate) async fn both_started(&mut self) {
        for node in [&mut self.shanghai, &mut self.anhui] {
            node.started(&self.job_id).await;
            node.nothing_due().await;
        }
        assert_eq!(self.state().await, JobState::Running);
    }

    pub(crate) async fn state(&mut self) -> JobState {
        self.operator.get(&self.job_id).await.unwrap().state()
    }
}
