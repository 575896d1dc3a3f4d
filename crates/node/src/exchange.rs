//! The service that peers call. A call says in its hello which job it comes for.

use std::{pin::Pin, sync::Arc};

use agreement::{ParticipantId, Pinned};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};
use wire::{
    MAX_MESSAGE,
    convert::job_id,
    proto::{
        ExchangeRequest, ExchangeResponse,
        exchange_service_server::{ExchangeService, ExchangeServiceServer},
    },
};

use crate::{
    access::{Wish, allow},
    error::RunError,
    link::Link,
    rendezvous::{Attempt, Rendezvous},
};

/// Answers calls.
pub(crate) struct Exchange {
    /// Whose node this is.
    me: ParticipantId,
    rendezvous: Arc<Rendezvous>,
    /// The one job that this service is there for, if there is but one.
    only: Option<String>,
}

/// The service of a node: any job.
pub(crate) fn service(me: ParticipantId, rendezvous: Arc<Rendezvous>) -> ExchangeServiceServer<Exchange> {
    sized(Exchange { me, rendezvous, only: None })
}

/// The service for one job: a call that is given up before it named a job was for this one.
pub(crate) fn service_for(
    me: ParticipantId,
    rendezvous: Arc<Rendezvous>,
    job_id: &str,
) -> ExchangeServiceServer<Exchange> {
    sized(Exchange { me, rendezvous, only: Some(job_id.to_owned()) })
}

fn sized(exchange: Exchange) -> ExchangeServiceServer<Exchange> {
    ExchangeServiceServer::new(exchange).max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE)
}

#[tonic::async_trait]
impl ExchangeService for Exchange {
    type ExchangeStream = Pin<Box<dyn Stream<Item = Result<ExchangeResponse, Status>> + Send>>;

    async fn exchange(
        &self,
        request: Request<Streaming<ExchangeRequest>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let peer = wire::server::peer_of(&request)?;
        // Being a supervisor neither opens a session nor keeps one out: none is looked up.
        allow(&peer, (&self.me, &Pinned::default()), Wish::Exchange)
            .inspect_err(|_| tracing::warn!(caller = %peer.holder(), "a call was refused: no peer's node"))?;
        let participant = peer.participant.clone();
        let place = self.rendezvous.place(&participant).ok_or_else(|| {
            Status::resource_exhausted(format!("{participant} has as many calls waiting here as it may"))
        })?;
        let (link, responses) = Link::accepted(peer, request.into_inner());
        let (rendezvous, only) = (Arc::clone(&self.rendezvous), self.only.clone());
        tokio::spawn(async move {
            if let Err(error) = admit(&rendezvous, link, only).await {
                tracing::warn!(peer = %participant, %error, "a call was refused");
            }
            drop(place);
        });
        Ok(Response::new(Box::pin(responses)))
    }
}

/// Finds out which job a call is for, and brings it there.
async fn admit(rendezvous: &Rendezvous, mut link: Link, only: Option<String>) -> Result<(), RunError> {
    let peer = link.peer().participant.clone();
    let named = match link.peek_hello(rendezvous.wait()).await {
        Ok(Some(hello)) => {
            let attempt = hello.attempt;
            let named = hello.terms.as_ref().map(|terms| terms.job_id.clone()).unwrap_or_default();
            let named = job_id(named).map_err(|error| RunError::Peer { peer, what: format!("its hello: {error}") });
            named.map(|job_id| Attempt { job_id, attempt })
        }
        Ok(None) => {
            let only = only.map(|job_id| Attempt { job_id, attempt: 0 });
            only.ok_or_else(|| RunError::Disconnected { peer, cause: "it gave up before its hello".to_owned() })
        }
        Err(error) => Err(error),
    };
    match named {
        Ok(attempt) => rendezvous.arrive(link, &attempt).await,
        Err(error) => {
            link.part(&error).await;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agreement::IdentityKey;
    use tokio_util::sync::CancellationToken;
    use tonic::{Code, service::interceptor::InterceptedService};
    use wire::{Duty, Peer, Person, proto::exchange_service_client::ExchangeServiceClient};

    use super::*;

    /// What a call of `person` at a participant, or of its node, is answered at Shanghai's before it has said anything.
    async fn answer(participant: &str, person: Option<Person>) -> Result<(), Status> {
        let peer = Peer {
            participant: participant.parse().unwrap(),
            person,
            identity: IdentityKey::from_seed(&[1; 32].into()).public(),
            channel_binding: [0; 32],
        };
        let rendezvous = Rendezvous::new(1, Duration::from_secs(5), CancellationToken::new());
        let proved = move |mut request: Request<()>| {
            request.extensions_mut().insert(peer.clone());
            Ok(request)
        };
        let service = service("shanghai".parse().unwrap(), rendezvous);
        let mut client = ExchangeServiceClient::new(InterceptedService::new(service, proved));
        client.exchange(tokio_stream::pending::<ExchangeRequest>()).await.map(drop)
    }

    #[tokio::test]
    async fn a_session_takes_the_certificate_of_a_peers_node_and_no_other() {
        answer("anhui", None).await.unwrap();
        let refused = answer("shanghai", None).await.unwrap_err();
        assert_eq!(refused.message(), "this is for a peer's node; the certificate is of shanghai");
        for duty in Duty::ALL {
            let person = Person { handle: "k-17".parse().unwrap(), duty };
            let refused = answer("anhui", Some(person)).await.unwrap_err();
            let words = format!("this is for a peer's node; the certificate is of {duty} k-17 of anhui");
            assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, words.as_str()));
        }
    }
}
