//! Statements by way of the coordinator, besides the direct way: it is there when a peer cannot be called, and often sooner.
//!
//! Nothing that a coordinator says takes a statement out of the post: only the peer itself, on the direct way, says that it has
//! one. So a coordinator that drops statements, or pretends to have passed them on, changes nothing.

use std::collections::HashMap;

use agreement::ParticipantId;
use wire::proto::Relay;

use super::{Papers, errands::AT_A_TIME};
use crate::{book::BookError, config::NodeConfig, error::harmless};

/// What one stream to the coordinator was given: for each peer, up to which place of the post.
#[derive(Default)]
pub(crate) struct Relayed(HashMap<ParticipantId, (i64, String)>);

impl Relayed {
    /// Statements that wait for peers and that the coordinator has not been given.
    ///
    /// # Errors
    /// [`BookError`].
    pub(crate) async fn due(&mut self, papers: &Papers, config: &NodeConfig) -> Result<Vec<Relay>, BookError> {
        let mut due = Vec::new();
        for peer in config.peers.iter().map(|peer| &peer.participant) {
            let place = self.0.entry(peer.clone()).or_default();
            for (next, body) in papers.book.waiting_beyond(peer, place, AT_A_TIME).await? {
                *place = next;
                due.push(Relay { participant: peer.to_string(), statement: body.into() });
            }
        }
        Ok(due)
    }
}

/// Takes in a statement that the coordinator brought.
pub(crate) async fn take_relayed(papers: &Papers, relay: &Relay) {
    if let Err(error) = papers.take_in(&relay.statement).await {
        let from = harmless(&relay.participant);
        tracing::warn!(from, %error, "a statement that the coordinator brought was not taken in");
    }
}
