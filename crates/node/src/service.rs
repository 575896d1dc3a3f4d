//! A node at work: it serves its peers, attaches to its coordinator, and runs jobs until it is told to
//! stop.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agreement::JobSpec;
use records::Datasets;
use session::ComputePool;
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use wire::{Pins, proto::exchange_service_server::SERVICE_NAME};

use crate::{
    admission::{Admitted, admit},
    agent,
    config::NodeConfig,
    direct::call,
    error::{NodeError, RunError},
    exchange,
    rendezvous::Rendezvous,
    reports::Reports,
    run::{Bounds, Input, Run, RunReport, conduct},
};

/// How long running sessions have to end when the node stops.
const PARTING: Duration = Duration::from_secs(10);

/// What the node's parts share.
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) reports: Reports,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    datasets: Arc<dyn Datasets>,
    pins: Pins,
    compute: ComputePool,
    rendezvous: Arc<Rendezvous>,
    sessions: Arc<Semaphore>,
    running: Mutex<HashMap<String, CancellationToken>>,
}

/// Runs a node until `shutdown`. `listener` is where it is dialled; without one it only dials.
///
/// # Errors
/// [`NodeError`] if it cannot begin, or serving fails.
pub async fn serve(
    config: NodeConfig,
    listener: Option<TcpListener>,
    datasets: Arc<dyn Datasets>,
    shutdown: CancellationToken,
) -> Result<(), NodeError> {
    let own = |error: &dyn std::fmt::Display| NodeError::Own(error.to_string());
    sweep(&config.results)?;
    if config.development {
        tracing::warn!(
            participant = %config.participant,
            "DEVELOPMENT MODE: jobs run here without a signed agreement; never use this with real records"
        );
    }
    let (reports, queued) = Reports::new(config.participant.clone());
    let node = Arc::new(Node {
        pins: config.peer_pins().map_err(|error| own(&error))?,
        compute: ComputePool::new(config.threads as usize).map_err(|error| own(&error))?,
        rendezvous: Rendezvous::new(config.max_sessions as usize, config.rendezvous, shutdown.clone()),
        sessions: Arc::new(Semaphore::new(config.max_sessions as usize)),
        running: Mutex::default(),
        tasks: TaskTracker::new(),
        reports,
        shutdown: shutdown.clone(),
        datasets,
        config,
    });
    if node.config.coordinator.is_some() {
        tokio::spawn(agent::attach(Arc::clone(&node), queued));
    }
    match listener {
        Some(listener) => exchange_server(&node, listener).await?,
        None => shutdown.cancelled().await,
    }
    // A listener may also end for a reason of its own.
    shutdown.cancel();
    node.tasks.close();
    if timeout(PARTING, node.tasks.wait()).await.is_err() {
        tracing::warn!("sessions were still running when the node stopped");
    }
    Ok(())
}

async fn exchange_server(node: &Node, listener: TcpListener) -> Result<(), NodeError> {
    let own = |error: &dyn std::fmt::Display| NodeError::Own(error.to_string());
    let incoming = wire::server::incoming(
        listener,
        &node.config.credentials,
        node.pins.clone(),
        node.config.max_sessions as usize + 8,
        Duration::from_secs(10),
    )
    .map_err(|error| own(&error))?;
    let server = wire::server::builder()
        .add_service(exchange::service(Arc::clone(&node.rendezvous)))
        .add_service(wire::server::health(&[SERVICE_NAME]).await)
        .add_service(wire::server::reflection().map_err(|error| own(&error))?);
    let shutdown = node.shutdown.clone();
    let tasks = node.tasks.clone();
    let serving = server.serve_with_incoming_shutdown(incoming, async move {
        shutdown.cancelled().await;
        // Sessions say a last word to their peers over this server.
        tasks.close();
        drop(timeout(PARTING, tasks.wait()).await);
    });
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => ended?,
        () = async {
            node.shutdown.cancelled().await;
            tokio::time::sleep(PARTING + Duration::from_secs(2)).await;
        } => {}
    }
    Ok(())
}

/// Makes the folder of results and removes what a killed process left half-written in it.
fn sweep(folder: &Path) -> Result<(), NodeError> {
    let failed = |cause| NodeError::Results { folder: folder.display().to_string(), cause };
    fs::create_dir_all(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') && name.ends_with(".part") {
            fs::remove_file(&path).map_err(failed)?;
            tracing::warn!("removed a half-written result");
        }
    }
    Ok(())
}

impl Node {
    /// Starts this node's part of a job as a task of its own.
    pub(crate) fn start(self: &Arc<Self>, job_id: String, spec: JobSpec, listener_endpoint: String) {
        let cancel = self.shutdown.child_token();
        if self.running().insert(job_id.clone(), cancel.clone()).is_some() {
            tracing::warn!(%job_id, "a job was started twice");
            return;
        }
        let node = Arc::clone(self);
        self.tasks.spawn(async move {
            let outcome = node.job(&job_id, spec, &listener_endpoint, cancel).await;
            node.running().remove(&job_id);
            match &outcome {
                Ok(report) => tracing::info!(
                    %job_id,
                    items = report.items,
                    peer_size = report.peer_padded_size,
                    bytes_sent = report.bytes_sent,
                    bytes_received = report.bytes_received,
                    seconds = report.seconds,
                    "job succeeded"
                ),
                Err(error) => tracing::warn!(%job_id, %error, "job ended without a result"),
            }
            node.reports.ended(&job_id, outcome.as_ref().map(|report| report.transcript)).await;
        });
    }

    /// Cancels this node's part of a job, if it runs.
    pub(crate) fn cancel(&self, job_id: &str) {
        if let Some(cancel) = self.running().get(job_id) {
            cancel.cancel();
        }
    }

    async fn job(
        &self,
        job_id: &str,
        spec: JobSpec,
        listener_endpoint: &str,
        cancel: CancellationToken,
    ) -> Result<RunReport, RunError> {
        let admitted = admit(&self.config, &spec).map_err(|refusal| RunError::Refused(refusal.to_string()))?;
        tracing::warn!(%job_id, peer = %admitted.peer.participant, "running without a signed agreement (development)");
        let _slot = Arc::clone(&self.sessions)
            .try_acquire_owned()
            .map_err(|_| RunError::Refused("this node runs as many sessions as it may already".to_owned()))?;
        self.reports.started(job_id).await;
        let run = self.run(job_id, spec, &admitted, cancel);
        let bounds = Bounds { rendezvous: self.config.rendezvous, max_items: self.config.max_items };
        let peer = &admitted.peer.participant;
        if admitted.listens {
            let mut expectation = self.rendezvous.expect(job_id, peer)?;
            conduct(run, bounds, expectation.link(bounds.rendezvous)).await
        } else {
            let endpoint = admitted.peer.endpoint.as_deref().unwrap_or(listener_endpoint);
            let parties = (&self.config.participant, peer);
            let link = call(parties, endpoint, &self.config.credentials, &self.pins, bounds.rendezvous);
            conduct(run, bounds, link).await
        }
    }

    fn run(&self, job_id: &str, spec: JobSpec, admitted: &Admitted, cancel: CancellationToken) -> Run {
        let mut limits = self.config.limits;
        if let Some(seconds) = spec.deadline_seconds {
            limits.total = limits.total.min(Duration::from_secs(seconds.into()));
        }
        let output = self.config.results.join(format!("{job_id}.csv")).display().to_string();
        let own = (self.config.participant.clone(), self.config.identity);
        Run {
            job_id: job_id.to_owned(),
            spec,
            me: self.config.participant.clone(),
            identities: vec![own, (admitted.peer.participant.clone(), admitted.peer.identity)],
            input: Input::Dataset {
                datasets: Arc::clone(&self.datasets),
                source: admitted.dataset.source.clone(),
                output: Some(output),
                overwrite: false,
            },
            limits,
            compute: self.compute.clone(),
            cancel,
            progress: Some(self.reports.progress(job_id)),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        // The map is whole after every statement, so a panic elsewhere leaves it usable.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
