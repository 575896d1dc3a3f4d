//! The service that peers call. A call says in its hello which job it comes for.

use std::{pin::Pin, sync::Arc};

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
    error::RunError,
    link::Link,
    rendezvous::{Attempt, Rendezvous},
};

/// Answers calls.
pub(crate) struct Exchange {
    rendezvous: Arc<Rendezvous>,
    /// The one job that this service is there for, if there is but one.
    only: Option<String>,
}

/// The service of a node: any job.
pub(crate) fn service(rendezvous: Arc<Rendezvous>) -> ExchangeServiceServer<Exchange> {
    sized(Exchange { rendezvous, only: None })
}

/// The service for one job: a call that is given up before it named a job was for this one.
pub(crate) fn service_for(rendezvous: Arc<Rendezvous>, job_id: &str) -> ExchangeServiceServer<Exchange> {
    sized(Exchange { rendezvous, only: Some(job_id.to_owned()) })
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
        if let Some(person) = &peer.person {
            tracing::warn!(peer = %peer.participant, %person, "a call was refused: a person's certificate");
            let who = peer.holder();
            return Err(Status::permission_denied(format!(
                "{who} is a person; a session takes the certificate of the node itself"
            )));
        }
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

    /// What a call of `person` at anhui, or of anhui's node, is answered before it has said anything.
    async fn answer(person: Option<Person>) -> Result<(), Status> {
        let peer = Peer {
            participant: "anhui".parse().unwrap(),
            person,
            identity: IdentityKey::from_seed(&[1; 32].into()).public(),
            channel_binding: [0; 32],
        };
        let rendezvous = Rendezvous::new(1, Duration::from_secs(5), CancellationToken::new());
        let proved = move |mut request: Request<()>| {
            request.extensions_mut().insert(peer.clone());
            Ok(request)
        };
        let mut client = ExchangeServiceClient::new(InterceptedService::new(service(rendezvous), proved));
        client.exchange(tokio_stream::pending::<ExchangeRequest>()).await.map(drop)
    }

    #[tokio::test]
    async fn a_session_takes_the_nodes_certificate_and_no_persons() {
        answer(None).await.unwrap();
        for duty in Duty::ALL {
            let refused = answer(Some(Person { handle: "k-17".parse().unwrap(), duty })).await.unwrap_err();
            let words = format!("{duty} k-17 of anhui is a person; a session takes the certificate of the node itself");
            assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, words.as_str()));
        }
    }
}
