//! The two ends: identities, credentials, a server that says who calls, and a client.

use std::time::{Duration, SystemTime};

use agreement::{IdentityKey, ParticipantId};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};
use wire::{
    ConnectError, Connection, Credentials, Duty, Network, Person, Pins,
    proto::{
        ListNodesRequest, ListNodesResponse, NodeInfo,
        coordination_service_client::CoordinationServiceClient,
        coordination_service_server::{CoordinationService, CoordinationServiceServer},
    },
};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

pub(crate) fn identity(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&[seed; 32].into())
}

pub(crate) fn credentials(name: &str, seed: u8, from: SystemTime, days: u32) -> Credentials {
    let issued = wire::endorse(&identity(seed), &id(name), from, days).unwrap();
    Credentials::from_pem(id(name), &issued.cert_pem, &issued.key_pem).unwrap()
}

pub(crate) fn valid(name: &str, seed: u8) -> Credentials {
    credentials(name, seed, SystemTime::now() - DAY, 30)
}

pub(crate) fn person(handle: &str, duty: Duty) -> Person {
    Person { handle: handle.parse().unwrap(), duty }
}

/// What a person of `name` shows.
pub(crate) fn of_person(name: &str, seed: u8, person: &Person) -> Credentials {
    let from = SystemTime::now() - DAY;
    let issued = wire::endorse_person(&identity(seed), &id(name), person, from, 30).unwrap();
    Credentials::caller_from_pem(&id(name), &issued.cert_pem, &issued.key_pem).unwrap()
}

pub(crate) fn pin(name: &str, seed: u8) -> (ParticipantId, agreement::IdentityPublicKey) {
    (id(name), identity(seed).public())
}

/// Answers a list of nodes with who called, in the place of a version which person, and under which channel binding.
struct Mirror;

#[tonic::async_trait]
impl CoordinationService for Mirror {
    type AttachStream = tokio_stream::Empty<Result<wire::proto::AttachResponse, Status>>;

    async fn attach(
        &self,
        _request: Request<tonic::Streaming<wire::proto::AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_nodes(&self, request: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        let peer = wire::server::peer_of(&request)?;
        let node = NodeInfo {
            participant: peer.participant.to_string(),
            software_version: peer.person.map(|person| person.to_string()).unwrap_or_default(),
            endpoint: peer.channel_binding.iter().map(|byte| format!("{byte:02x}")).collect(),
            ..NodeInfo::default()
        };
        Ok(Response::new(ListNodesResponse { nodes: vec![node] }))
    }
}

/// Whom a server lets in: shanghai (identity 2) and jiangsu (identity 5).
pub(crate) fn pins() -> Pins {
    Pins::new([pin("shanghai", 2), pin("jiangsu", 5)]).unwrap()
}

/// Connections that each participant may have with a server.
pub(crate) const MOST_OF_EACH: usize = 4;

/// A server of anhui (identity 1).
pub(crate) async fn server(own: Credentials) -> String {
    server_over(None, own).await
}

/// The same over a network.
pub(crate) async fn server_over(network: Option<Network>, own: Credentials) -> String {
    server_with(network, &own, pins()).await
}

/// The same with pins of its own.
pub(crate) async fn server_with(network: Option<Network>, own: &Credentials, pins: Pins) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let wait = Duration::from_secs(60);
    let incoming = wire::server::incoming_over(network, listener, own, pins, MOST_OF_EACH, wait).unwrap();
    let server = wire::server::builder().add_service(CoordinationServiceServer::new(Mirror));
    tokio::spawn(server.serve_with_incoming(incoming));
    endpoint
}

/// Dials anhui, whom this side pins with identity `expected`; jiangsu is pinned too.
pub(crate) async fn dial(endpoint: &str, own: &Credentials, expected: u8) -> Result<Connection, ConnectError> {
    let pins = Pins::new([pin("anhui", expected), pin("jiangsu", 5)]).unwrap();
    wire::client::connect(endpoint, own, &pins, &id("anhui"), Duration::from_secs(5)).await
}

/// The same over a network.
pub(crate) async fn dial_over(network: Network, endpoint: &str, own: &Credentials) -> Result<Connection, ConnectError> {
    let pins = Pins::new([pin("anhui", 1)]).unwrap();
    wire::client::connect_over(Some(network), endpoint, own, &pins, &id("anhui"), Duration::from_secs(5)).await
}

pub(crate) async fn mirrored(connection: &Connection) -> NodeInfo {
    asked(connection).await.unwrap()
}

pub(crate) async fn asked(connection: &Connection) -> Result<NodeInfo, Status> {
    let mut client = CoordinationServiceClient::new(connection.channel.clone());
    Ok(client.list_nodes(ListNodesRequest {}).await?.into_inner().nodes.remove(0))
}
