//! A node at work: it serves its peers, attaches to its coordinator, and runs jobs until it is told to
//! stop.

use std::{path::Path, sync::Arc, time::Duration};

use agreement::{Pinned, Signer};
use records::Datasets;
use session::ComputePool;
use tokio::{net::TcpListener, sync::watch, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;
use wire::{Pins, proto::exchange_service_server::SERVICE_NAME};

use crate::{
    agent,
    book::Book,
    config::{Dataset, NodeConfig},
    desk::{self, Doors, Papers},
    error::NodeError,
    exchange,
    jobs::{Jobs, PARTING},
    receipt_retention::keep_receipts,
    rendezvous::Rendezvous,
    result_retention,
    results::ResultsFolder,
};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// TLS handshakes at once, besides one for each session.
const MORE_HANDSHAKES: usize = 8;
/// How long the last answers may be on their way once all jobs have ended.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs a node until `shutdown`. `listener` is where its peers dial it; without one it only dials.
///
/// On `shutdown` running sessions are told, and their jobs are reported as cancelled before it returns.
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
    let config = Arc::new(config);
    let (checked, opener) = (Arc::clone(&config), Arc::clone(&datasets));
    let ready = spawn_blocking(move || {
        check_datasets(&checked.datasets, &*opener)?;
        take_results(&checked.results)
    });
    let results = Arc::new(ready.await.map_err(|error| own(&error))??);
    let book = book(&config).await?;
    let config = Arc::new(current(&config, book.as_ref()));
    if let Some(book) = &book {
        // Before a job begins, so that what is there is an earlier process's.
        result_retention::look_over(book, &results).await.map_err(|error| own(&error))?;
    }
    let pins = config.peer_pins().map_err(|error| own(&error))?;
    let callers = config.caller_pins().map_err(|error| own(&error))?;
    let compute = ComputePool::new(config.threads as usize).map_err(|error| own(&error))?;
    let rendezvous = Rendezvous::new(config.max_sessions as usize, config.rendezvous, shutdown.clone());
    let jobs = Jobs::new(
        Arc::clone(&config),
        (datasets, Arc::clone(&results)),
        (pins.clone(), compute),
        Arc::clone(&rendezvous),
        (listener.is_some(), book.clone()),
        shutdown.clone(),
    )
    .map_err(|error| own(&error))?;
    let credentials =
        wire::rotation::keep_current(config.credentials.clone(), Some(config.identity), wire::rotation::LOOK);
    tokio::spawn(shutdown.clone().run_until_cancelled_owned(credentials));
    let papers = book.clone().map(|book| {
        let approvers = config.approvers as usize;
        let coordinator = config.coordinator.as_ref().map(|coordinator| coordinator.identity);
        let doors = Doors { peers: pins.clone(), callers: callers.clone(), coordinator };
        let (jobs, config, results) = (Arc::clone(&jobs), Arc::clone(&config), Arc::clone(&results));
        Arc::new(Papers { book, jobs, results, approvers, config, doors, posted: watch::channel(()).0 })
    });
    let agent = config.coordinator.clone().map(|coordinator| {
        tokio::spawn(agent::attach(
            Arc::clone(&config),
            coordinator,
            (Arc::clone(&jobs), papers.clone()),
            shutdown.clone(),
        ))
    });
    let retention =
        book.clone().map(|book| tokio::spawn(result_retention::keep_to_agreements(book, results, shutdown.clone())));
    let stopping = papers.clone().map(|papers| tokio::spawn(papers.stop_what_is_held(shutdown.clone())));
    let errands = papers
        .clone()
        .map(|papers| tokio::spawn(desk::run_errands(papers, Arc::clone(&config), pins.clone(), shutdown.clone())));
    let keeping = book.clone().map(|book| tokio::spawn(keep_receipts(book, config.receipts_years, shutdown.clone())));
    let served = match listener {
        Some(listener) => serve_peers(&config, (listener, callers), (rendezvous, papers), &jobs, &shutdown).await,
        None => {
            shutdown.cancelled().await;
            Ok(())
        }
    };
    // A listener may also end for a reason of its own.
    shutdown.cancel();
    jobs.ended().await;
    if let Some(mut agent) = agent
        && timeout(FAREWELL, &mut agent).await.is_err()
    {
        agent.abort();
    }
    for task in [errands, stopping, keeping, retention].into_iter().flatten() {
        // It ends with the node; what it was about is done again after the next start.
        task.abort();
    }
    if let Some(book) = book {
        book.close().await;
    }
    served
}

/// The book of a node that has a key to sign with.
async fn book(config: &NodeConfig) -> Result<Option<Book>, NodeError> {
    let Some(key) = &config.signing_key else { return Ok(None) };
    let participants = config.peers.iter().map(|peer| (peer.participant.clone(), peer.identity)).collect();
    let pinned = Pinned { participants, supervisors: config.supervisors.clone(), ..Pinned::default() };
    let key: Arc<dyn Signer> = Arc::clone(key) as Arc<dyn Signer>;
    let opened = Book::open(&config.database, config.participant.clone(), key, pinned).await;
    opened.map(Some).map_err(|error| NodeError::Book(error.to_string()))
}

/// The configuration with the identities that took the places of those in it.
fn current(config: &NodeConfig, book: Option<&Book>) -> NodeConfig {
    let mut current = config.clone();
    if let Some(book) = book {
        current.adopt(&book.pinned());
    }
    current
}

/// Serves peers until `shutdown`, and then until the last answers are out.
async fn serve_peers(
    config: &NodeConfig,
    (listener, pins): (TcpListener, Pins),
    (rendezvous, papers): (Arc<Rendezvous>, Option<Arc<Papers>>),
    jobs: &Arc<Jobs>,
    shutdown: &CancellationToken,
) -> Result<(), NodeError> {
    let own = |error: &dyn std::fmt::Display| NodeError::Own(error.to_string());
    let handshakes = (config.max_sessions as usize).saturating_add(MORE_HANDSHAKES);
    let incoming = wire::server::incoming(listener, &config.credentials, pins, handshakes, HANDSHAKE)
        .map_err(|error| own(&error))?;
    let server = wire::server::builder()
        .add_service(exchange::service(config.participant.clone(), rendezvous))
        .add_optional_service(papers.clone().map(desk::approvals))
        .add_optional_service(papers.clone().map(desk::receipt_service))
        .add_optional_service(papers.clone().map(desk::results_service))
        .add_optional_service(papers.clone().map(desk::identity_service))
        .add_optional_service(papers.map(desk::service))
        .add_service(wire::server::health(&[SERVICE_NAME]).await)
        .add_service(wire::server::reflection().map_err(|error| own(&error))?);
    let (stopping, jobs) = (shutdown.clone(), Arc::clone(jobs));
    let serving = server.serve_with_incoming_shutdown(incoming, async move {
        stopping.cancelled().await;
        // Sessions say their last word to their peers over this server.
        jobs.ended().await;
    });
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(PARTING.saturating_add(FAREWELL)).await;
    };
    tokio::select! {
        ended = serving => ended.map_err(NodeError::from),
        () = late => Ok(()),
    }
}

/// Makes sure that every dataset can be opened.
fn check_datasets(list: &[Dataset], datasets: &dyn Datasets) -> Result<(), NodeError> {
    for Dataset { name, source, .. } in list {
        datasets.open(source).map_err(|cause| NodeError::Dataset { name: name.clone(), cause })?;
    }
    Ok(())
}

/// Takes the folder of results, and removes what a killed process left half-written in it.
fn take_results(folder: &Path) -> Result<ResultsFolder, NodeError> {
    let failed = |cause| NodeError::Results { folder: folder.display().to_string(), cause };
    let results = ResultsFolder::take(folder).map_err(failed)?;
    results.sweep().map_err(failed)?;
    Ok(results)
}
