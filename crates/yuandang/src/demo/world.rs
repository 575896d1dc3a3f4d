//! The demonstration's participants, running. Each has threads of its own, and its log lines go to its
//! own file: what a thread logs is known by the thread.

use std::{
    fs::File,
    future::Future,
    net::TcpListener as StdListener,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agreement::{Digest, JobSpec, Pinned};
use coordinator::CoordinatorConfig;
use datasets::Files;
use node::NodeConfig;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{
    Event,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use wire::{
    Connection, Credentials, Duty,
    proto::{ExportResultRequest, result_service_client::ResultServiceClient},
};

use super::{
    SEED, agreeing,
    participants::{COORDINATOR, PROVINCES, Participant, RECEIVER, SENDER},
};
use crate::{
    failure::Failure,
    generate::{self, Writer},
    job::{connect, description},
    logs,
    match_files::threads,
    progress::Progress,
    results::export::{Outlet, export},
};

/// How long the participants may take to end.
const FAREWELL: Duration = Duration::from_secs(20);

/// Threads of one participant that wait for the network. They compute elsewhere.
const NETWORK_THREADS: usize = 2;

/// A running coordinator with its nodes.
pub(super) struct World {
    folder: PathBuf,
    coordinator: Participant,
    members: Vec<Participant>,
    hosts: Vec<Host>,
    shutdown: CancellationToken,
}

impl World {
    /// Makes all files below `folder` and starts everything.
    pub(super) fn start(
        folder: &Path,
        students: u64,
        hardship: u64,
        stop: &CancellationToken,
    ) -> Result<Self, Failure> {
        let (listener, coordinator) = participant(COORDINATOR, folder)?;
        let (listeners, members): (Vec<_>, Vec<_>) =
            PROVINCES.iter().map(|name| participant(name, folder)).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        write_data(&members, students, hardship, stop)?;

        let shutdown = CancellationToken::new();
        let mut world = Self { folder: folder.to_owned(), coordinator, members, hosts: Vec::new(), shutdown };
        world.start_coordinator(listener)?;
        for (listener, member) in listeners.into_iter().zip(&world.members) {
            let host = start_node(member, &world.coordinator, &world.members, listener, world.shutdown.child_token())?;
            world.hosts.push(host);
        }
        Ok(world)
    }

    fn start_coordinator(&mut self, listener: StdListener) -> Result<(), Failure> {
        let path = self.coordinator.write_coordinator(&self.members)?;
        let config = CoordinatorConfig::load(&path).map_err(Failure::other)?;
        let shutdown = self.shutdown.child_token();
        let host = Host::start(&self.coordinator, async move {
            let listener = TcpListener::from_std(listener).map_err(|cause| cause.to_string())?;
            coordinator::serve(config, listener, shutdown).await.map_err(|error| error.to_string())
        })?;
        self.hosts.push(host);
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everybody with where they listen.
    pub(super) fn listeners(&self) -> Vec<(String, String)> {
        let all = std::iter::once(&self.coordinator).chain(&self.members);
        all.map(|participant| (participant.id.to_string(), participant.endpoint())).collect()
    }

    /// The participant of this name that has a node.
    pub(super) fn member(&self, name: &str) -> Result<&Participant, Failure> {
        agreeing::member(&self.members, name)
    }

    /// Whom everybody has pinned.
    pub(super) fn pins(&self) -> Pinned {
        let participants = self.members.iter().map(|member| (member.id.clone(), member.identity)).collect();
        Pinned { participants, ..Pinned::default() }
    }

    /// Has both sides agree to what a job asks.
    pub(super) async fn agree_to(&self, spec: &JobSpec) -> Result<Digest, Failure> {
        agreeing::agree(&self.members, spec).await
    }

    /// The description of the job, in the receiver's folder.
    pub(super) fn job_file(&self) -> PathBuf {
        self.folder.join(RECEIVER).join("job.toml")
    }

    /// Has both sides agree to the job, and writes the agreement into its description.
    pub(super) async fn agree(&self) -> Result<Digest, Failure> {
        let path = self.job_file();
        let digest = self.agree_to(&description::read(&path)?).await?;
        let text = std::fs::read_to_string(&path).map_err(Failure::other)?;
        std::fs::write(&path, format!("agreement = \"{digest}\"\n{text}")).map_err(Failure::other)?;
        Ok(digest)
    }

    /// Takes the result of a job out of the receiver's node, as its operator; gives the file.
    pub(super) async fn take_out(&self, job_id: &str) -> Result<PathBuf, Failure> {
        let channel = agreeing::connect(self.member(RECEIVER)?, Duty::Operator).await?;
        let path = self.folder.join(RECEIVER).join("result.csv");
        let request = ExportResultRequest {
            job_id: job_id.to_owned(),
            purpose: "student aid".to_owned(),
            case_number: "a demonstration".to_owned(),
        };
        let outlet = Outlet { address: path.display().to_string(), overwrite: false };
        export(ResultServiceClient::new(channel), request, outlet).await?;
        Ok(path)
    }

    /// Connects to the coordinator as the receiver's operator.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let folder = self.folder.join(RECEIVER);
        let participant = RECEIVER.parse().map_err(Failure::other)?;
        let credentials =
            Credentials::read(participant, &folder.join("tls.crt"), &folder.join("tls.key")).map_err(Failure::other)?;
        connect::connect(&self.coordinator.endpoint(), &self.coordinator.id, self.coordinator.identity, &credentials)
            .await
    }

    /// What this province's node counted in its last job.
    pub(super) fn figures(&self, name: &str) -> Figures {
        let host = self.hosts.iter().find(|host| host.name == name);
        host.map(|host| host.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Tells everybody to stop, and waits until they have.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.shutdown.cancel();
        let mut outcome = Ok(());
        for host in self.hosts.drain(..) {
            outcome = outcome.and(host.end().await);
        }
        outcome
    }
}

/// A participant and a socket that it will listen at.
fn participant(name: &str, folder: &Path) -> Result<(StdListener, Participant), Failure> {
    let listener = StdListener::bind("127.0.0.1:0").map_err(Failure::other)?;
    listener.set_nonblocking(true).map_err(Failure::other)?;
    let address = listener.local_addr().map_err(Failure::other)?;
    Ok((listener, Participant::new(name, folder, address)?))
}

/// Writes both lists of made-up residents, and the job.
fn write_data(members: &[Participant], students: u64, hardship: u64, stop: &CancellationToken) -> Result<(), Failure> {
    let residents = generate::residents(students, hardship, shared(students, hardship), SEED)?;
    let progress = Progress::to_standard_error();
    for member in members {
        let mut writer = Writer { folder: &member.folder, overwrite: false, progress: &progress, stop };
        if member.id.as_str() == RECEIVER {
            writer.students(&residents, students)?;
            member.write_job(students, hardship)?;
        } else if member.id.as_str() == SENDER {
            writer.hardship_list(&residents, hardship)?;
        }
    }
    Ok(())
}

/// How many residents are on both lists.
fn shared(students: u64, hardship: u64) -> u64 {
    students.min(hardship).div_ceil(10)
}

fn start_node(
    member: &Participant,
    coordinator: &Participant,
    members: &[Participant],
    listener: StdListener,
    shutdown: CancellationToken,
) -> Result<Host, Failure> {
    let dataset = match member.id.as_str() {
        RECEIVER => Some("students"),
        SENDER => Some("hardship"),
        _ => None,
    };
    let path = member.write_node(coordinator, members, dataset, threads(None))?;
    let config = NodeConfig::load(&path).map_err(Failure::other)?;
    let files = Arc::new(Files::relative_to(&member.folder));
    Host::start(member, async move {
        let listener = TcpListener::from_std(listener).map_err(|cause| cause.to_string())?;
        node::serve(config, Some(listener), files, shutdown).await.map_err(|error| error.to_string())
    })
}

/// What a node logs of a job that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes of frames sent.
    pub bytes_sent: u64,
    /// Bytes of frames received.
    pub bytes_received: u64,
    /// The transcript hash, in hex digits.
    pub transcript: String,
}

impl Visit for Figures {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "bytes_sent" => self.bytes_sent = value,
            "bytes_received" => self.bytes_received = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "transcript" {
            value.clone_into(&mut self.transcript);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "transcript" {
            self.transcript = format!("{value:?}");
        }
    }
}

/// Keeps the figures of the last event that has some.
fn keep_figures(figures: &Mutex<Figures>, event: &Event<'_>) {
    let mut seen = Figures::default();
    event.record(&mut seen);
    if seen.bytes_sent > 0 {
        *figures.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// The threads of one participant.
struct Host {
    name: String,
    figures: Arc<Mutex<Figures>>,
    runtime: Option<Runtime>,
    task: JoinHandle<Result<(), String>>,
}

impl Host {
    fn start(
        participant: &Participant,
        service: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> Result<Self, Failure> {
        let name = participant.id.to_string();
        let figures = Arc::<Mutex<Figures>>::default();
        let kept = Arc::clone(&figures);
        let file = File::create(participant.log_file()).map_err(Failure::other)?;
        let log = logs::to_file(file, LevelFilter::INFO, move |event| keep_figures(&kept, event));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name(name.clone())
            .enable_all()
            // The threads of a participant live as long as it does, so this is never taken back.
            .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log)))
            .build()
            .map_err(Failure::other)?;
        let task = runtime.spawn(service);
        Ok(Self { name, figures, runtime: Some(runtime), task })
    }

    /// Waits for its service to end, which was told to.
    async fn end(mut self) -> Result<(), Failure> {
        let name = self.name.clone();
        match tokio::time::timeout(FAREWELL, &mut self.task).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(problem))) => Err(Failure::other(format_args!("{name}: {problem}"))),
            Ok(Err(problem)) => Err(Failure::other(format_args!("{name}: {problem}"))),
            Err(_) => Err(Failure::other(format_args!("{name} did not end in time"))),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
