//! One run without a coordinator: one side listens for it, the other dials.

use std::time::Duration;

use agreement::ParticipantId;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::{ConnectError, Credentials, Network, Pins};

use crate::{
    choice::Approach,
    conduct::conduct,
    error::RunError,
    exchange,
    lines::{Calling, Expecting},
    link::Link,
    rendezvous::{Attempt, Rendezvous},
    run::{Run, RunReport},
};

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long answers may be on their way after the run.
const PARTING: Duration = Duration::from_secs(5);
/// Calls that the peer may have open, and handshakes at once.
const CALLS: usize = 8;

/// Dials the other party at `endpoint` and runs. While nobody listens there yet it tries again, for the
/// run's idle time at most.
///
/// # Errors
/// [`RunError`], which says whose fault it was.
pub async fn dial(run: Run, endpoint: &str, credentials: &Credentials, pins: &Pins) -> Result<RunReport, RunError> {
    let (bounds, peer, me, network) = (run.bounds(), run.peer()?.clone(), run.me.clone(), run.network);
    let (measured, round_trip) = oneshot::channel();
    let (me, peer, wait, measured) = (&me, &peer, bounds.rendezvous, Some(measured));
    let lines = Calling { me, peer, network, endpoint, credentials, pins, wait, measured };
    conduct(run, bounds, Approach::Calls(Some(round_trip)), lines).await
}

/// Calls a party, again and again until it listens or `wait` is over.
pub(crate) async fn call(
    (me, peer): (&ParticipantId, &ParticipantId),
    network: Option<Network>,
    endpoint: &str,
    credentials: &Credentials,
    pins: &Pins,
    wait: Duration,
) -> Result<Link, RunError> {
    let began = Instant::now();
    // Sooner than the listener gives up: it would blame us for not calling.
    let patience = wait / 10 * 9;
    let mut pause = Duration::from_millis(50);
    loop {
        let attempt = ATTEMPT.min(patience.saturating_sub(began.elapsed()));
        let error = match wire::client::connect_over(network, endpoint, credentials, pins, peer, attempt).await {
            Ok(connection) => return Link::dialled(connection, me, wait).await,
            Err(error) => error,
        };
        let passing = matches!(error, ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. });
        if !passing {
            return Err(error.into());
        }
        if began.elapsed().saturating_add(pause) >= patience {
            tracing::warn!(%peer, %error, "the listener could not be reached");
            return Err(RunError::Silent { peer: peer.clone(), what: "could not be reached", waited: began.elapsed() });
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Waits on `listener` for the other party's call, for the run's idle time at most, and runs. Serves
/// nothing else, and ends with the run.
///
/// # Errors
/// [`RunError`], which says whose fault it was.
pub async fn listen_once(
    run: Run,
    listener: TcpListener,
    credentials: &Credentials,
    pins: &Pins,
) -> Result<RunReport, RunError> {
    let (bounds, me) = (run.bounds(), run.me.clone());
    let shutdown = CancellationToken::new();
    let rendezvous = Rendezvous::new(CALLS, bounds.rendezvous, shutdown.clone());
    let expectation = rendezvous.expect(Attempt { job_id: run.job_id.clone(), attempt: run.attempt }, run.peer()?)?;
    let incoming = wire::server::incoming_over(run.network, listener, credentials, pins.clone(), CALLS, ATTEMPT)
        .map_err(|error| RunError::Own(error.to_string()))?;
    let server = wire::server::builder().add_service(exchange::service_for(me, rendezvous, &run.job_id));
    let mut serving = tokio::spawn(server.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned()));
    let lines = Expecting { expectation, wait: bounds.rendezvous, met: false };
    let outcome = conduct(run, bounds, Approach::Called, lines).await;
    shutdown.cancel();
    // Answers that are still on their way go out before the server ends.
    if timeout(PARTING, &mut serving).await.is_err() {
        serving.abort();
    }
    outcome
}
