//! Who gets through the TLS handshake over loopback, and who does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, SystemTime};

use agreement::{IdentityKey, ParticipantId};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tonic::{Request, Response, Status};
use wire::{
    ConnectError, Connection, Credentials, Peer, Pins,
    proto::{
        ListNodesRequest, ListNodesResponse, NodeInfo,
        coordination_service_client::CoordinationServiceClient,
        coordination_service_server::{CoordinationService, CoordinationServiceServer},
    },
};

const DAY: Duration = Duration::from_secs(86_400);

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

fn identity(seed: u8) -> IdentityKey {
    IdentityKey::from_seed(&[seed; 32].into())
}

fn credentials(name: &str, seed: u8, from: SystemTime, days: u32) -> Credentials {
    let issued = wire::endorse(&identity(seed), &id(name), from, days).unwrap();
    Credentials::from_pem(id(name), &issued.cert_pem, &issued.key_pem).unwrap()
}

fn valid(name: &str, seed: u8) -> Credentials {
    credentials(name, seed, SystemTime::now() - DAY, 30)
}

fn pin(name: &str, seed: u8) -> (ParticipantId, agreement::IdentityPublicKey) {
    (id(name), identity(seed).public())
}

/// Answers a list of nodes with who called and under which channel binding.
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
            endpoint: peer.channel_binding.iter().map(|byte| format!("{byte:02x}")).collect(),
            ..NodeInfo::default()
        };
        Ok(Response::new(ListNodesResponse { nodes: vec![node] }))
    }
}

/// A server of anhui (identity 1) that lets shanghai (identity 2) in.
async fn server(own: Credentials) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let pins = Pins::new([pin("shanghai", 2)]).unwrap();
    let incoming = wire::server::incoming(listener, &own, pins, 4, Duration::from_secs(2)).unwrap();
    let server = wire::server::builder().add_service(CoordinationServiceServer::new(Mirror));
    tokio::spawn(server.serve_with_incoming(incoming));
    endpoint
}

async fn dial(endpoint: &str, own: &Credentials, expected: u8) -> Result<Connection, ConnectError> {
    let pins = Pins::new([pin("anhui", expected)]).unwrap();
    wire::client::connect(endpoint, own, &pins, &id("anhui"), Duration::from_secs(5)).await
}

async fn mirrored(connection: &Connection) -> NodeInfo {
    let mut client = CoordinationServiceClient::new(connection.channel.clone());
    client.list_nodes(ListNodesRequest {}).await.unwrap().into_inner().nodes.remove(0)
}

#[tokio::test]
async fn both_ends_know_each_other_and_share_a_channel_binding() {
    let endpoint = server(valid("anhui", 1)).await;
    let first = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    let Peer { participant, identity: key, channel_binding } = first.peer.clone();
    assert_eq!((participant, key), pin("anhui", 1));
    let seen = mirrored(&first).await;
    assert_eq!(seen.participant, "shanghai");
    assert_eq!(seen.endpoint, channel_binding.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let second = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    assert_ne!(second.peer.channel_binding, channel_binding);
}

#[tokio::test]
async fn clients_that_no_pinned_identity_endorses_are_refused_and_the_server_goes_on() {
    let endpoint = server(valid("anhui", 1)).await;
    let now = SystemTime::now();
    let strangers = [
        ("of an unpinned participant", valid("zhejiang", 3)),
        ("of the right name by another identity", valid("shanghai", 3)),
        ("of another name by the right identity", valid("jiangsu", 2)),
        ("expired", credentials("shanghai", 2, now - 3 * DAY, 2)),
        ("not yet valid", credentials("shanghai", 2, now + DAY, 2)),
    ];
    for (what, stranger) in strangers {
        let error = dial(&endpoint, &stranger, 1).await.err().unwrap_or_else(|| panic!("{what}: let in"));
        assert!(matches!(error, ConnectError::Refused { .. }), "{what}: {error}");
    }
    let good = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    assert_eq!(mirrored(&good).await.participant, "shanghai");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let endpoint = server(valid("anhui", 1)).await;
    let config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anybody))
        .with_no_client_auth();
    let tcp = tokio::net::TcpStream::connect(endpoint.trim_start_matches("https://")).await.unwrap();
    let name = "anhui.yuandang.internal".try_into().unwrap();
    let mut tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.unwrap();
    let mut byte = [0];
    let error = tokio::io::AsyncReadExt::read_exact(&mut tls, &mut byte).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_the_expected_one_is_refused_by_the_client() {
    let endpoint = server(valid("anhui", 1)).await;
    let error = dial(&endpoint, &valid("shanghai", 2), 9).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongIdentity { .. }), "{error}");
    let other = server(valid("jiangsu", 1)).await;
    let error = dial(&other, &valid("shanghai", 2), 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::WrongIdentity { .. }), "{error}");
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let endpoint = server(valid("anhui", 1)).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let mut tcp = tokio::net::TcpStream::connect(endpoint.trim_start_matches("https://")).await.unwrap();
        tcp.write_all(&[0x16]).await.unwrap();
        silent.push(tcp);
    }
    assert!(dial(&endpoint, &valid("shanghai", 2), 1).await.is_ok());
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let error = dial("http://localhost:1", &valid("shanghai", 2), 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Endpoint(_)), "{error}");
}

/// Takes any server, to see what the server says to a client without a certificate.
#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &[rustls_pki_types::CertificateDer<'_>],
        _: &rustls_pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls_pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
