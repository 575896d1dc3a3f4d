//! A coordinator at work: its services on one listener, until it is told to stop.

use std::time::Duration;

use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use wire::proto::{
    catalogue_service_server::{CatalogueServiceServer, SERVICE_NAME as CATALOGUE},
    coordination_service_server::{CoordinationServiceServer, SERVICE_NAME as COORDINATION},
    job_service_server::{JobServiceServer, SERVICE_NAME as JOBS},
};

use crate::{
    catalogue::Catalogue,
    config::CoordinatorConfig,
    coordination::Coordination,
    dispatch::Dispatcher,
    jobs::Jobs,
    patience::Patience,
    store::{Store, StoreError},
};

/// The most bytes of a message that a coordinator accepts: metadata is small, records are not.
const MAX_MESSAGE: usize = 64 << 10;
/// The same of a node: a statement for another one, or all jobs that are open at it.
const MAX_EVENT: usize = 256 << 10;
/// The same where a signed entry travels, which may have as many bytes itself.
const MAX_ENTRY: usize = MAX_MESSAGE + 1024;
/// How long streams have to end when the coordinator stops.
const PARTING: Duration = Duration::from_secs(5);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that one participant may have: its node and machines, and as many its persons.
const CONNECTIONS: usize = 32;

/// Why a coordinator stopped, other than being told to.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// Its database is not usable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its certificate is not usable.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serving(#[from] tonic::transport::Error),
}

/// Runs a coordinator on `listener` until `shutdown`.
///
/// # Errors
/// [`CoordinatorError`] if it cannot begin, or serving fails.
pub async fn serve(
    config: CoordinatorConfig,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), CoordinatorError> {
    serve_with(config, listener, Patience::default(), shutdown).await
}

/// The same, with a patience of the caller's choice.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    config: CoordinatorConfig,
    listener: TcpListener,
    patience: Patience,
    shutdown: CancellationToken,
) -> Result<(), CoordinatorError> {
    let unusable = |error: &dyn std::fmt::Display| CoordinatorError::Certificate(error.to_string());
    let store = Store::open(&config.database).await?;
    let dispatcher = Dispatcher::new(store.clone(), patience, shutdown.clone());
    dispatcher.recover().await?;
    dispatcher.sweep();
    let pins = config.participants.clone();
    let incoming = wire::server::incoming(listener, &config.credentials, pins.clone(), CONNECTIONS, HANDSHAKE)
        .map_err(|error| unusable(&error))?;
    // Its own identity is not in its configuration, so a new certificate is held to its name and its dates.
    let credentials = wire::rotation::keep_current(config.credentials, None, wire::rotation::LOOK);
    dispatcher.tasks.spawn(shutdown.clone().run_until_cancelled_owned(credentials));
    let coordination = Coordination { name: config.name, pins: pins.clone(), dispatcher: dispatcher.clone() };
    let catalogue = Catalogue { pins: pins.clone(), shelf: store.shelf() };
    let jobs = Jobs { pins, dispatcher: dispatcher.clone() };
    let server = wire::server::builder()
        .add_service(CoordinationServiceServer::new(coordination).max_decoding_message_size(MAX_EVENT))
        .add_service(JobServiceServer::new(jobs).max_decoding_message_size(MAX_MESSAGE))
        .add_service(CatalogueServiceServer::new(catalogue).max_decoding_message_size(MAX_ENTRY))
        .add_service(wire::server::health(&[COORDINATION, JOBS, CATALOGUE]).await)
        .add_service(wire::server::reflection().map_err(|error| unusable(&error))?);
    let serving = server.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = async {
            shutdown.cancelled().await;
            tokio::time::sleep(PARTING).await;
        } => Ok(()),
    };
    shutdown.cancel();
    dispatcher.tasks.close();
    drop(timeout(PARTING, dispatcher.tasks.wait()).await);
    store.close().await;
    Ok(served?)
}
