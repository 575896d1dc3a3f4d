//! The post: statements go to the parties that they are for, again and again until they are taken.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wire::{
    Pins,
    proto::{Envelope, TellStatementsRequest, agreement_service_client::AgreementServiceClient},
};

use super::Papers;
use crate::{
    book::BookError,
    config::{NodeConfig, Peer},
};

/// Statements of one call.
pub(super) const AT_A_TIME: u32 = 16;
/// How often the post is looked through, if nobody says that there is something in it.
const ROUND: Duration = Duration::from_secs(2);
/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);

/// Carries the post to the peers until `shutdown`. One that cannot be reached holds up no other.
pub(crate) async fn run_errands(papers: Arc<Papers>, config: Arc<NodeConfig>, pins: Pins, shutdown: CancellationToken) {
    let mut errands = tokio::task::JoinSet::new();
    for peer in config.peers.iter().filter(|peer| peer.endpoint.is_some()) {
        let (papers, config, pins) = (Arc::clone(&papers), Arc::clone(&config), pins.clone());
        let (peer, shutdown) = (peer.clone(), shutdown.clone());
        errands.spawn(async move {
            let mut posted = papers.posted.subscribe();
            loop {
                visit(&papers, &config, &pins, &peer).await;
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = posted.changed() => {}
                    () = sleep(ROUND) => {}
                }
            }
        });
    }
    while errands.join_next().await.is_some() {}
}

/// Brings a peer what waits for it, and takes what waits for us there, if nobody can call us.
async fn visit(papers: &Papers, config: &NodeConfig, pins: &Pins, peer: &Peer) {
    let nothing_to_fetch = config.listen.is_some();
    match papers.book.waiting(&peer.participant, AT_A_TIME).await {
        Ok(waiting) if waiting.is_empty() && nothing_to_fetch => {}
        Ok(waiting) => match timeout(CALL, call(papers, config, pins, (peer, waiting))).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::debug!(peer = %peer.participant, cause, "statements wait for a peer"),
            Err(_) => tracing::debug!(peer = %peer.participant, "statements wait for a peer that does not answer"),
        },
        Err(error) => tracing::error!(%error, "the post cannot be read"),
    }
}

async fn call(
    papers: &Papers,
    config: &NodeConfig,
    pins: &Pins,
    (peer, mut waiting): (&Peer, Vec<(String, Vec<u8>)>),
) -> Result<(), String> {
    let endpoint = peer.endpoint.as_deref().unwrap_or_default();
    let connecting = wire::client::connect(endpoint, &config.credentials, pins, &peer.participant, CALL);
    let connection = connecting.await.map_err(|error| error.to_string())?;
    let mut client = AgreementServiceClient::new(connection.channel);
    let (mut taken, mut later) = (Vec::new(), Vec::new());
    loop {
        let statements: Vec<Envelope> =
            waiting.iter().map(|(_, body)| Envelope { statement: body.clone().into() }).collect();
        let (taken_now, later_now) = (mem::take(&mut taken), mem::take(&mut later));
        let request = TellStatementsRequest { statements, taken: taken_now, later: later_now };
        let answer = client.tell_statements(request).await.map_err(|status| status.message().to_owned())?.into_inner();
        if answer.refusals.len() != waiting.len() {
            return Err("it does not say what became of each statement".to_owned());
        }
        for ((digest, _), refusal) in waiting.iter().zip(&answer.refusals) {
            let is_for_later = answer.later.contains(digest);
            let refusal = crate::error::harmless(refusal);
            if is_for_later {
                tracing::debug!(peer = %peer.participant, refusal, "a peer does not take a statement now");
            } else if !refusal.is_empty() {
                tracing::warn!(peer = %peer.participant, refusal, "a peer does not take a statement");
            }
            let noted = match is_for_later {
                true => papers.book.not_yet(&peer.participant, digest).await,
                false => papers.book.taken(&peer.participant, digest).await,
            };
            noted.map_err(|error| error.to_string())?;
        }
        let brought = answer.waiting.len();
        for envelope in answer.waiting {
            let digest = agreement::Digest::of(&[&envelope.statement]).to_string();
            match papers.take_in(&envelope.statement).await {
                Ok(()) => taken.push(digest),
                Err(BookError::NotNow(cause)) => {
                    tracing::debug!(peer = %peer.participant, cause, "a statement is not taken in now");
                    later.push(digest);
                }
                Err(error @ (BookError::NotTaken(_) | BookError::Statement(_))) => {
                    tracing::warn!(peer = %peer.participant, %error, "a statement was not taken in");
                    taken.push(digest);
                }
                // Not the statement's fault: it stays where it waits.
                Err(error) => return Err(error.to_string()),
            }
        }
        waiting = papers.book.waiting(&peer.participant, AT_A_TIME).await.map_err(|error| error.to_string())?;
        if waiting.is_empty() && brought == 0 {
            return Ok(());
        }
    }
}
