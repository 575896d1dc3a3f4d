//! The accepting side: TLS connections from pinned participants, and what every server has.

mod accept;
mod connection;
mod sparing;
mod unfinished;

use std::time::Duration;

use tonic::{Request, Status};
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

pub use self::{
    accept::{incoming, incoming_over},
    connection::TlsConnection,
};
use crate::{WINDOW, pins::Peer, proto::FILE_DESCRIPTOR_SET};

/// Bytes of a question about health or about messages: a name, or a little more. These messages are not
/// ours, so none of their fields says what it may hold.
const MAX_QUESTION: usize = 1 << 10;

/// Bytes of a request's headers: a path and a few short fields.
const MAX_HEADERS: u32 = 8 << 10;

/// A gRPC server with the windows, limits and keep-alive of this project. HTTP/2's limits against streams
/// that are opened only to be reset stay as the library has them: 20 that nobody has seen, 1024 errors.
#[must_use]
pub fn builder() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(64)
        .http2_max_header_list_size(Some(MAX_HEADERS))
        // A peer that has gone without a word would hold its place for good.
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
}

/// The reflection service (gRPC server reflection, v1) over all messages of this project.
///
/// # Errors
/// If the compiled description cannot be read, which a test rules out.
pub fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    let service = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(service.max_decoding_message_size(MAX_QUESTION))
}

/// The health service (grpc.health.v1), which says that `services` are served.
pub async fn health(services: &[&'static str]) -> HealthServer<impl Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    for name in services {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    service.max_decoding_message_size(MAX_QUESTION)
}

/// Who sent a request, as TLS proved it.
///
/// # Errors
/// `unauthenticated` if the request did not come over such a connection.
pub fn peer_of<T>(request: &Request<T>) -> Result<Peer, Status> {
    request.extensions().get::<Peer>().cloned().ok_or_else(|| Status::unauthenticated("who calls is not known"))
}
