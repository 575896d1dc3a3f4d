//! A coordinator and any number of nodes in one process, each with a folder of its own, talking to
//! each other over loopback with mutual TLS just as separate machines would.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use agreement::{Agreement, IdentityPublicKey, JobSpec, JobState, ParticipantId};
use coordinator::CoordinatorConfig;
use node::{NodeConfig, book::Book};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use wire::{
    Connection,
    proto::{
        CancelJobRequest, GetJobRequest, Job, SubmitJobRequest, WatchJobRequest, job_service_client::JobServiceClient,
    },
};

use crate::{
    agreements,
    hostile::Hostile,
    participants::{BoxError, Participant, pins},
    rows::Table,
};

/// The coordinator's name in every world.
pub const COORDINATOR: &str = "coordinator";

/// The name of the supervisor whom every node has pinned.
pub const SUPERVISOR: &str = "supervisor";

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// Seconds that a node waits for a peer's next message.
    pub idle_seconds: u32,
    /// Sessions that one node runs at once.
    pub max_sessions: u32,
    /// Participants that everyone has pinned and that have no node here: the test plays them.
    pub outsiders: Vec<String>,
    /// More lines of every node's configuration.
    pub more: String,
    /// Whether nodes know where to call each other for what is not a run.
    pub direct: bool,
}

impl WorldSpec {
    /// Nodes of these names.
    #[must_use]
    pub fn new(nodes: &[&str]) -> Self {
        Self {
            nodes: nodes.iter().map(|&name| name.to_owned()).collect(),
            idle_seconds: 20,
            max_sessions: 16,
            outsiders: Vec::new(),
            more: String::new(),
            direct: true,
        }
    }
}

/// One running node.
pub struct WorldNode {
    /// Who it is.
    pub participant: Participant,
    /// Its folder: configuration, datasets, results.
    pub folder: PathBuf,
    /// Where its peers dial it.
    pub endpoint: String,
    /// What it keeps: agreements, uses, receipts.
    pub book: Book,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), node::NodeError>>,
}

/// A running world. Dropping it stops everything and removes its folders.
pub struct World {
    /// The coordinator as a participant.
    pub coordinator: Participant,
    /// Where the coordinator listens.
    pub coordinator_endpoint: String,
    /// The nodes by name.
    pub nodes: BTreeMap<String, WorldNode>,
    /// Agreements that were made here, by their digests.
    pub(crate) agreements: Mutex<BTreeMap<[u8; 32], Agreement>>,
    shutdown: CancellationToken,
    coordinator_task: JoinHandle<Result<(), coordinator::CoordinatorError>>,
    folder: TempDir,
}

impl World {
    /// Starts a world. `datasets` gives each node its tables: (node, dataset name, table).
    ///
    /// # Errors
    /// Whatever keeps it from starting.
    pub async fn start(spec: &WorldSpec, datasets: &[(&str, &str, &Table)]) -> Result<Self, BoxError> {
        Self::start_under(None, spec, datasets).await
    }

    /// The same under a coordinator that the test plays.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_under(
        hostile: Option<Hostile>,
        spec: &WorldSpec,
        datasets: &[(&str, &str, &Table)],
    ) -> Result<Self, BoxError> {
        let folder = tempfile::Builder::new().prefix("yuandang-world-").tempdir()?;
        let coordinator = Participant::new(COORDINATOR)?;
        let mut members = Vec::new();
        for name in &spec.nodes {
            members.push((Participant::new(name)?, TcpListener::bind("127.0.0.1:0").await?));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let coordinator_endpoint = format!("https://{}", listener.local_addr()?);
        let shutdown = CancellationToken::new();

        let outsiders = spec.outsiders.iter().map(|name| Participant::new(name)).collect::<Result<Vec<_>, _>>()?;
        let pinned: Vec<_> =
            members.iter().map(|(participant, _)| participant).chain(&outsiders).map(Participant::pin).collect();

        let own = folder.path().join(COORDINATOR);
        let config = write_coordinator(&own, &coordinator, &pinned)?;
        let stop = shutdown.child_token();
        let coordinator_task = match hostile {
            None => tokio::spawn(coordinator::serve(config, listener, stop)),
            Some(hostile) => {
                let at = (listener, config.credentials, config.participants);
                tokio::spawn(async move {
                    let served = hostile.serve(at, stop).await;
                    served.map_err(|error| coordinator::CoordinatorError::Certificate(error.to_string()))
                })
            }
        };

        let endpoint = |listener: &TcpListener| Ok::<_, BoxError>(format!("https://{}", listener.local_addr()?));
        let endpoints = members
            .iter()
            .map(|(member, listener)| Ok((member.id.clone(), endpoint(listener)?)))
            .collect::<Result<Vec<_>, BoxError>>()?;
        let mut nodes = BTreeMap::new();
        for (participant, listener) in members {
            let name = participant.id.to_string();
            let own = folder.path().join(&name);
            let endpoint = format!("https://{}", listener.local_addr()?);
            let mut text = node_text(spec, &participant, &endpoint, &coordinator_endpoint, &coordinator);
            for (id, identity) in pinned.iter().filter(|(id, _)| *id != participant.id) {
                text += &format!("[[peers]]\nparticipant = \"{id}\"\nidentity = \"{identity}\"\n");
                if let Some((_, endpoint)) = endpoints.iter().find(|(name, _)| spec.direct && name == id) {
                    text += &format!("endpoint = \"{endpoint}\"\n");
                }
            }
            write_credentials(&own, &participant)?;
            for (_, dataset, table) in datasets.iter().filter(|(node, _, _)| *node == name) {
                table.write_csv(&own.join(format!("{dataset}.csv")))?;
                text += &format!("[[datasets]]\nname = \"{dataset}\"\nsource = \"{dataset}.csv\"\n");
            }
            fs::write(own.join("node.toml"), text)?;
            let config = NodeConfig::load(&own.join("node.toml"))?;
            let book = agreements::book(&config).await?;
            let stop = shutdown.child_token();
            let task =
                tokio::spawn(node::serve(config, Some(listener), Arc::new(datasets::Files::new()), stop.clone()));
            nodes.insert(name, WorldNode { participant, folder: own, endpoint, book, shutdown: stop, task });
        }
        let agreements = Mutex::default();
        Ok(Self { coordinator, coordinator_endpoint, nodes, agreements, shutdown, coordinator_task, folder })
    }

    /// The folder of everything that this world wrote.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The node of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn node(&self, name: &str) -> Result<&WorldNode, BoxError> {
        self.nodes.get(name).ok_or_else(|| format!("there is no node {name}").into())
    }

    /// Connects to the coordinator as `name`'s operator.
    ///
    /// # Errors
    /// If the coordinator cannot be reached.
    pub async fn connect(&self, name: &str) -> Result<Connection, BoxError> {
        let credentials = self.node(name)?.participant.credentials()?;
        let pins = pins([&self.coordinator])?;
        let timeout = Duration::from_secs(10);
        Ok(wire::client::connect(&self.coordinator_endpoint, &credentials, &pins, &self.coordinator.id, timeout)
            .await?)
    }

    /// Submits a job as `name`'s operator and gives its id. All its parties agree to it first, if it names no agreement.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn submit(&self, name: &str, spec: &JobSpec) -> Result<String, BoxError> {
        if spec.agreement_digest.is_none() && spec.validate().is_ok() {
            return self.submit_as_it_is(name, &self.agree(spec).await?).await;
        }
        self.submit_as_it_is(name, spec).await
    }

    /// The same, whether it names an agreement or not.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn submit_as_it_is(&self, name: &str, spec: &JobSpec) -> Result<String, BoxError> {
        let mut jobs = JobServiceClient::new(self.connect(name).await?.channel);
        let request = SubmitJobRequest { spec: Some(spec.clone().into()) };
        let job = jobs.submit_job(request).await?.into_inner().job.ok_or("no job in the answer")?;
        Ok(job.job_id)
    }

    /// Waits until a job has ended, and gives it as it then is.
    ///
    /// # Errors
    /// If the watch breaks off, or the job takes longer than two minutes.
    pub async fn wait(&self, name: &str, job_id: &str) -> Result<(JobState, Job), BoxError> {
        let mut jobs = JobServiceClient::new(self.connect(name).await?.channel);
        let request = WatchJobRequest { job_id: job_id.to_owned() };
        let watch = async {
            let mut updates = jobs.watch_job(request).await?.into_inner();
            let mut last = None;
            while let Some(update) = updates.message().await? {
                last = update.job;
            }
            let job = last.ok_or("the watch ended without a job")?;
            let state = JobState::try_from(job.state())?;
            if state.is_final() { Ok((state, job)) } else { Err(BoxError::from("the watch ended before the job")) }
        };
        tokio::time::timeout(Duration::from_secs(120), watch).await?
    }

    /// A job as the coordinator has it now.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn job(&self, name: &str, job_id: &str) -> Result<Job, BoxError> {
        let mut jobs = JobServiceClient::new(self.connect(name).await?.channel);
        let request = GetJobRequest { job_id: job_id.to_owned() };
        Ok(jobs.get_job(request).await?.into_inner().job.ok_or("no job in the answer")?)
    }

    /// The state of a job now.
    ///
    /// # Errors
    /// As [`job`](Self::job).
    pub async fn state(&self, name: &str, job_id: &str) -> Result<JobState, BoxError> {
        Ok(JobState::try_from(self.job(name, job_id).await?.state())?)
    }

    /// Cancels a job as `name`'s operator.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn cancel(&self, name: &str, job_id: &str) -> Result<(), BoxError> {
        let mut jobs = JobServiceClient::new(self.connect(name).await?.channel);
        let request = CancelJobRequest { job_id: job_id.to_owned(), reason: "no longer needed".to_owned() };
        jobs.cancel_job(request).await?;
        Ok(())
    }

    /// Submits a job and waits for its end.
    ///
    /// # Errors
    /// As [`submit`](Self::submit) and [`wait`](Self::wait).
    pub async fn run(&self, name: &str, spec: &JobSpec) -> Result<(JobState, Job), BoxError> {
        let job_id = self.submit(name, spec).await?;
        self.wait(name, &job_id).await
    }

    /// Stops one node as its operator would.
    ///
    /// # Errors
    /// What the node ended with.
    pub async fn stop_node(&mut self, name: &str) -> Result<(), BoxError> {
        let node = self.nodes.remove(name).ok_or("no such node")?;
        node.shutdown.cancel();
        Ok(node.task.await??)
    }

    /// Stops everything in order.
    ///
    /// # Errors
    /// What the first part that failed ended with.
    pub async fn stop(mut self) -> Result<(), BoxError> {
        self.shutdown.cancel();
        for (_, node) in std::mem::take(&mut self.nodes) {
            node.task.await??;
        }
        let coordinator = std::mem::replace(&mut self.coordinator_task, tokio::spawn(async { Ok(()) }));
        coordinator.await??;
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn write_credentials(folder: &Path, participant: &Participant) -> Result<(), BoxError> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("tls.crt"), &participant.certificate_pem)?;
    wire::write_secret(&folder.join("tls.key"), &participant.key_pem)?;
    wire::write_secret(&folder.join("identity.key"), &participant.identity.to_pem()?)?;
    Ok(())
}

fn write_coordinator(
    folder: &Path,
    coordinator: &Participant,
    pinned: &[(ParticipantId, IdentityPublicKey)],
) -> Result<CoordinatorConfig, BoxError> {
    write_credentials(folder, coordinator)?;
    let mut text = format!(
        "name = \"{}\"\nlisten = \"127.0.0.1:0\"\ndatabase = \"coordinator.sqlite\"\n\
         certificate = \"tls.crt\"\nkey = \"tls.key\"\n",
        coordinator.id
    );
    for (id, identity) in pinned {
        text += &format!("[[participants]]\nid = \"{id}\"\nidentity = \"{identity}\"\n");
    }
    fs::write(folder.join("coordinator.toml"), text)?;
    Ok(CoordinatorConfig::load(&folder.join("coordinator.toml"))?)
}

fn node_text(
    spec: &WorldSpec,
    participant: &Participant,
    endpoint: &str,
    coordinator_endpoint: &str,
    coordinator: &Participant,
) -> String {
    let (id, identity) = participant.pin();
    format!(
        "participant = \"{id}\"\nlisten = \"127.0.0.1:0\"\nendpoint = \"{endpoint}\"\n\
         results = \"results\"\nthreads = 2\nmax_sessions = {}\n{}\
         [identity]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\npublic = \"{identity}\"\n\
         signing_key = \"identity.key\"\n\
         [[supervisors]]\nparticipant = \"{SUPERVISOR}\"\nidentity = \"{}\"\n\
         [coordinator]\nendpoint = \"{coordinator_endpoint}\"\nparticipant = \"{}\"\nidentity = \"{}\"\n\
         [limits]\nidle_seconds = {}\ntotal_seconds = 120\nrendezvous_seconds = {}\n",
        spec.max_sessions,
        spec.more,
        Participant::identity_of(SUPERVISOR).public(),
        coordinator.id,
        coordinator.identity.public(),
        spec.idle_seconds,
        spec.idle_seconds,
    )
}

/// The job of two: `receiver` matches `dataset` of its own with one of `sender`'s; the sender listens.
///
/// # Errors
/// If a name is none.
pub fn job_of_two(
    mode: agreement::Mode,
    receiver: (&str, &str, &str),
    sender: (&str, &str, &str),
    labels: &[&str],
) -> Result<JobSpec, BoxError> {
    let party = |(name, dataset, key): (&str, &str, &str), role, labels: &[&str]| -> Result<_, BoxError> {
        Ok(agreement::JobParty {
            participant: name.parse::<ParticipantId>()?,
            role,
            dataset: dataset.to_owned(),
            key_columns: vec![key.to_owned()],
            label_columns: labels.iter().map(|&label| label.to_owned()).collect(),
            padded_size: None,
        })
    };
    Ok(JobSpec {
        name: format!("{mode} of {} and {}", receiver.0, sender.0),
        parties: vec![
            party(receiver, agreement::Role::Receiver, &[])?,
            party(sender, agreement::Role::Sender, labels)?,
        ],
        mode,
        protocol: agreement::Protocol::Ecdh,
        key_types: vec!["raw".parse()?],
        error_budget: agreement::ErrorBudget::default(),
        agreement_digest: None,
        listener: sender.0.parse()?,
        deadline_seconds: Some(60),
    })
}
