//! The accepting side: TLS connections from pinned participants, ready to be served.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{
    ServerConfig, crypto::CryptoProvider, server::ResolvesServerCert, sign::SingleCertAndKey, version::TLS13,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Status, transport::server::Connected};
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

use crate::{
    EXPORTER_LABEL, WINDOW,
    credentials::Credentials,
    pins::{Peer, Pins},
    proto::FILE_DESCRIPTOR_SET,
    verify::{PinnedVerifier, provider},
};

/// Bytes of a question about health or about messages: a name, or a little more. These messages are not
/// ours, so none of their fields says what it may hold.
const MAX_QUESTION: usize = 1 << 10;

/// Connections that have passed the handshake and wait to be served.
const READY: usize = 16;

/// A TLS connection whose other end is known.
pub struct TlsConnection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

impl Connected for TlsConnection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// A gRPC server with the windows and keep-alive of this project.
#[must_use]
pub fn builder() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(64)
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

/// Accepts connections from pinned participants. At most `max_handshakes` run at once, each for at
/// most `handshake_timeout`; one that fails is logged and ends nothing else.
///
/// # Errors
/// [`rustls::Error`] if the credentials cannot serve.
pub fn incoming(
    listener: TcpListener,
    credentials: &Credentials,
    pins: Pins,
    max_handshakes: usize,
    handshake_timeout: Duration,
) -> Result<impl Stream<Item = io::Result<TlsConnection>> + use<>, rustls::Error> {
    let verifier = PinnedVerifier::new(pins);
    let acceptor = TlsAcceptor::from(Arc::new(config(credentials, Arc::clone(&verifier), provider())?));
    let (ready, accepted) = mpsc::channel(READY);
    let slots = Arc::new(Semaphore::new(max_handshakes.max(1)));
    tokio::spawn(async move {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let tcp = tokio::select! {
                () = ready.closed() => return,
                tcp = listener.accept() => tcp,
            };
            match tcp {
                Ok((tcp, address)) => {
                    let (acceptor, verifier, ready) = (acceptor.clone(), Arc::clone(&verifier), ready.clone());
                    tokio::spawn(async move {
                        let done = timeout(handshake_timeout, handshake(&acceptor, &verifier, tcp)).await;
                        drop(slot);
                        match done {
                            // The server has gone if this fails, and nobody is left to tell.
                            Ok(Ok(connection)) => drop(ready.send(Ok(connection)).await),
                            Ok(Err(cause)) => tracing::warn!(%address, %cause, "a TLS handshake was refused"),
                            Err(_) => tracing::warn!(%address, "a TLS handshake took too long"),
                        }
                    });
                }
                Err(cause) => {
                    // Out of file descriptors, most likely: waiting lets some close.
                    tracing::warn!(%cause, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(ReceiverStream::new(accepted))
}

fn config(
    credentials: &Credentials,
    verifier: Arc<PinnedVerifier>,
    provider: CryptoProvider,
) -> Result<ServerConfig, rustls::Error> {
    let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(Arc::clone(&credentials.certified)));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not show its certificate again.
    config.send_tls13_tickets = 0;
    Ok(config)
}

async fn handshake(acceptor: &TlsAcceptor, verifier: &PinnedVerifier, tcp: TcpStream) -> io::Result<TlsConnection> {
    tcp.set_nodelay(true)?;
    let stream = acceptor.accept(tcp).await?;
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("the client showed no certificate"))?;
    let (participant, identity) = verifier.holder(certificate).map_err(io::Error::other)?;
    let channel_binding = session.export_keying_material([0; 32], EXPORTER_LABEL, None).map_err(io::Error::other)?;
    Ok(TlsConnection { peer: Peer { participant, identity, channel_binding }, stream })
}

impl AsyncRead for TlsConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
