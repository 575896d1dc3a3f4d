//! Identities that others take the place of: at once at every door of the node, and in its book for the next start.

use std::{sync::Arc, time::Duration};

use agreement::{IdentityPublicKey, ParticipantId, Succession};
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status};
use wire::{
    Pins,
    proto::{
        AcceptSuccessionRequest, AcceptSuccessionResponse,
        identity_service_server::{IdentityService, IdentityServiceServer},
    },
};

use super::{
    Papers,
    agreements::{Desk, MAX_MESSAGE, handle, status},
};
use crate::{access::Wish, book::BookError, clock::now};

/// How long the jobs of an identity have to say their last word before its connections are closed.
const LAST_WORD: Duration = Duration::from_secs(3);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(50);

/// Where this node holds others to the identity that is pinned for them.
pub(crate) struct Doors {
    /// Of the peers that it dials.
    pub(crate) peers: Pins,
    /// Of all who call it.
    pub(crate) callers: Pins,
    /// The coordinator's, which stands in the configuration alone.
    pub(crate) coordinator: Option<IdentityPublicKey>,
}

impl Doors {
    /// Puts the new identity in the place of the old one at each door. Connections that the old one was let in by end.
    fn replace(&self, participant: &ParticipantId, identity: IdentityPublicKey) {
        for pins in [&self.peers, &self.callers] {
            // A supervisor is dialled by no node.
            if pins.identity(participant).is_some()
                && let Err(error) = pins.replace(participant, identity)
            {
                tracing::error!(%participant, %error, "an identity that was accepted is not taken before the next start");
            }
        }
    }
}

impl Papers {
    /// Accepts a succession. Jobs under agreements that name the old key are stopped: they could not begin any more either.
    pub(super) async fn succeed(
        &self,
        succession: &Succession,
        lost: bool,
        person: Option<String>,
    ) -> Result<(), BookError> {
        let (participant, old, new) = (succession.participant(), succession.old_key(), succession.new_key());
        if self.doors.coordinator == Some(new) {
            return Err(BookError::NotTaken(format!("{new} is the identity of the coordinator")));
        }
        self.book.succeed(succession, lost, (person.as_deref(), now()?)).await?;
        tracing::warn!(
            %participant, %old, %new, signed_by_old = succession.is_signed_by_old(), reason = succession.reason(),
            "an identity was replaced; write the new one into the configuration"
        );
        let stopped = self.stop_jobs_of(participant, &old, succession.reason()).await;
        // Whatever went wrong with the jobs: the old key is let in no more.
        self.doors.replace(participant, new);
        stopped
    }

    async fn stop_jobs_of(
        &self,
        participant: &ParticipantId,
        identity: &IdentityPublicKey,
        why: &str,
    ) -> Result<(), BookError> {
        let reason = format!("the identity of {participant} was replaced: {why}");
        let open = self.book.open_jobs_with(participant, identity).await?;
        for job in &open {
            tracing::warn!(job, reason, "a job is stopped");
            self.jobs.stop(job, &reason).await;
        }
        let ended = async {
            while open.iter().any(|job| self.jobs.is_ending(job)) {
                sleep(LOOK).await;
            }
        };
        drop(timeout(LAST_WORD, ended).await);
        Ok(())
    }
}

/// The service of a node.
pub(crate) fn identity_service(papers: Arc<Papers>) -> IdentityServiceServer<Desk> {
    IdentityServiceServer::new(Desk(papers))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
}

#[tonic::async_trait]
impl IdentityService for Desk {
    async fn accept_succession(
        &self,
        request: Request<AcceptSuccessionRequest>,
    ) -> Result<Response<AcceptSuccessionResponse>, Status> {
        let caller = self.wanted(&request, Wish::Succeed)?;
        let AcceptSuccessionRequest { statement, lost } = request.into_inner();
        let succession =
            Succession::from_bytes(&statement).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (participant, identity) = (succession.participant().to_string(), succession.new_key().to_string());
        let (papers, person) = (Arc::clone(&self.0), handle(&caller));
        // A task of its own: a caller that hangs up in the middle would leave the old key at the doors.
        let accepting = tokio::spawn(async move { papers.succeed(&succession, lost, person).await });
        accepting.await.map_err(|_| Status::internal("the node is stopping"))?.map_err(status)?;
        Ok(Response::new(AcceptSuccessionResponse { participant, identity }))
    }
}
