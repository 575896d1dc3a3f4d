//! One run without a coordinator: one side listens for it, the other dials.

use std::time::Duration;

use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;
use wire::{ConnectError, Credentials, Pins, proto::exchange_service_server::ExchangeServiceServer};

use crate::{
    error::RunError,
    exchange::{Exchange, Rendezvous},
    link::Link,
    run::{Run, RunReport, run_with},
};

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Prepares, dials the other party at `endpoint` and runs. While nobody listens there yet it tries
/// again, for the run's idle time at most.
///
/// # Errors
/// [`RunError`].
pub async fn dial(run: Run, endpoint: &str, credentials: &Credentials, pins: &Pins) -> Result<RunReport, RunError> {
    run_with(run, async |run| {
        let wait = run.limits.idle;
        call(&run, endpoint, credentials, pins, wait).await
    })
    .await
}

/// Calls the other party, again and again until somebody listens or `wait` is over.
pub(crate) async fn call(
    run: &Run,
    endpoint: &str,
    credentials: &Credentials,
    pins: &Pins,
    wait: Duration,
) -> Result<Link, RunError> {
    let peer = run.peer()?;
    let deadline = tokio::time::Instant::now() + wait;
    let mut pause = Duration::from_millis(50);
    loop {
        let error = match wire::client::connect(endpoint, credentials, pins, peer, ATTEMPT).await {
            Ok(connection) => {
                let lost = |what: tonic::Status| RunError::Lost { peer: peer.clone(), what: what.message().to_owned() };
                return Link::dialled(connection).await.map_err(lost);
            }
            Err(error) => error,
        };
        let passing = matches!(error, ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. });
        if !passing || tokio::time::Instant::now() + pause > deadline {
            return Err(error.into());
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Prepares, waits on `listener` for the other party's call and runs. Serves nothing else.
///
/// # Errors
/// [`RunError`].
pub async fn listen_once(
    run: Run,
    listener: TcpListener,
    credentials: &Credentials,
    pins: &Pins,
) -> Result<RunReport, RunError> {
    let wait = run.limits.idle;
    let shutdown = CancellationToken::new();
    let rendezvous = Rendezvous::new(wait, shutdown.clone());
    let incoming = wire::server::incoming(listener, credentials, pins.clone(), 8, ATTEMPT)
        .map_err(|error| RunError::Own(error.to_string()))?;
    let service = ExchangeServiceServer::new(Exchange(rendezvous.clone()))
        .max_decoding_message_size(wire::MAX_MESSAGE)
        .max_encoding_message_size(wire::MAX_MESSAGE);
    let server = wire::server::builder().add_service(service);
    let serving = tokio::spawn(server.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned()));
    let outcome = run_with(run, async |run| {
        let peer = run.peer()?;
        let expectation = rendezvous.expect(&run.job_id, peer)?;
        // The other side may still be preparing its input.
        expectation.link(peer, run.limits.total).await
    })
    .await;
    shutdown.cancel();
    // Answers that are still on their way go out before the server ends.
    drop(tokio::time::timeout(Duration::from_secs(5), serving).await);
    outcome
}
