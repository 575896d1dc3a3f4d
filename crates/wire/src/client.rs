//! The dialling side: one TLS connection to one expected participant.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use agreement::ParticipantId;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, client::Resumption, version::TLS13};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint, Uri};

use crate::{
    EXPORTER_LABEL, WINDOW,
    closing::Closable,
    credentials::{Credentials, Shown},
    holder::certificate_name,
    pins::{Peer, Pins},
    shaping::{Network, Transport},
    verify::{PinnedVerifier, provider},
};

/// A connection whose other end is known. It is never silently made anew, since the channel binding
/// would then be another.
#[derive(Clone, Debug)]
pub struct Connection {
    /// For generated clients.
    pub channel: Channel,
    /// The other end.
    pub peer: Peer,
    /// From our last word of the TLS handshake to the peer's first word of HTTP/2: one round trip, and what
    /// the peer takes to look at our certificate. It is measured once, end to end, and costs nothing.
    pub round_trip: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is wrong.
    #[error("{0:?} is no endpoint; one is written https://host:port")]
    Endpoint(String),
    /// No identity is pinned for the participant.
    #[error("no identity is pinned for {0}")]
    NotPinned(ParticipantId),
    /// Nobody answers there.
    #[error("{endpoint} cannot be reached: {cause}")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What the system said.
        cause: String,
    },
    /// No answer in time.
    #[error("{endpoint} did not answer within {seconds} seconds")]
    TimedOut {
        /// The address.
        endpoint: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Somebody else answers, or a certificate that the pinned identity does not endorse.
    #[error("{endpoint} does not prove to be {expected}: {cause}")]
    WrongIdentity {
        /// The address.
        endpoint: String,
        /// Who was expected.
        expected: ParticipantId,
        /// What the handshake said.
        cause: String,
    },
    /// The other end does not accept our certificate.
    #[error("{expected} at {endpoint} refuses our certificate: {cause}")]
    Refused {
        /// The address.
        endpoint: String,
        /// Who refuses.
        expected: ParticipantId,
        /// What it said.
        cause: String,
    },
    /// Our own credentials cannot be used.
    #[error("our credentials cannot be used: {0}")]
    Credentials(#[from] rustls::Error),
}

/// Connects to `expected` at `endpoint` (`https://host:port`), and makes sure that each end accepts
/// the other before it returns. If the identity that is pinned for it is replaced later, the connection is closed.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(
    endpoint: &str,
    credentials: &Credentials,
    pins: &Pins,
    expected: &ParticipantId,
    wait: Duration,
) -> Result<Connection, ConnectError> {
    connect_over(None, endpoint, credentials, pins, expected, wait).await
}

/// The same over a network that is slower than it is, if one is given: to connect takes a round trip, and
/// what we write is shaped.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect_over(
    network: Option<Network>,
    endpoint: &str,
    credentials: &Credentials,
    pins: &Pins,
    expected: &ParticipantId,
    wait: Duration,
) -> Result<Connection, ConnectError> {
    let attempt = attempt(network, endpoint, credentials, pins, expected);
    timeout(wait, attempt)
        .await
        .unwrap_or_else(|_| Err(ConnectError::TimedOut { endpoint: endpoint.to_owned(), seconds: wait.as_secs() }))
}

async fn attempt(
    network: Option<Network>,
    endpoint: &str,
    credentials: &Credentials,
    pins: &Pins,
    expected: &ParticipantId,
) -> Result<Connection, ConnectError> {
    let pinned = pins.pinned(expected).ok_or_else(|| ConnectError::NotPinned(expected.clone()))?;
    let unreachable =
        |cause: io::Error| ConnectError::Unreachable { endpoint: endpoint.to_owned(), cause: cause.to_string() };
    let tcp = TcpStream::connect(address(endpoint)?).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    if let Some(network) = network {
        // The two packets that open a connection, one each way.
        sleep(network.round_trip()).await;
    }
    let transport = Transport::new(tcp, network);
    let connector = TlsConnector::from(Arc::new(config(credentials, Pins::one(expected.clone(), pinned.clone()))?));
    let name = ServerName::try_from(certificate_name(expected))
        .map_err(|_| ConnectError::Endpoint(certificate_name(expected)))?;
    let stream = connector.connect(name, transport).await.map_err(|cause| match tls_error(&cause) {
        Some(_) => ConnectError::WrongIdentity {
            endpoint: endpoint.to_owned(),
            expected: expected.clone(),
            cause: cause.to_string(),
        },
        None => unreachable(cause),
    })?;
    let channel_binding = stream.get_ref().1.export_keying_material([0; 32], EXPORTER_LABEL, None)?;
    // In TLS 1.3 a server looks at our certificate when our side of the handshake is done already. If it
    // accepts it, its first words are the settings of HTTP/2; if not, they are an alert.
    let mut stream = BufReader::new(stream);
    let asked = Instant::now();
    match stream.fill_buf().await {
        Ok(settings) if !settings.is_empty() => {}
        Ok(_) => return Err(unreachable(io::ErrorKind::UnexpectedEof.into())),
        Err(cause) if tls_error(&cause).is_some() => {
            let (endpoint, expected) = (endpoint.to_owned(), expected.clone());
            return Err(ConnectError::Refused { endpoint, expected, cause: cause.to_string() });
        }
        Err(cause) => return Err(unreachable(cause)),
    }
    let round_trip = asked.elapsed();
    let channel = channel(Closable::new(stream, pinned.ended), expected)
        .await
        .map_err(|error| unreachable(io::Error::other(error)))?;
    let peer = Peer { participant: expected.clone(), person: None, identity: pinned.identity, channel_binding };
    Ok(Connection { channel, peer, round_trip })
}

/// `host:port` of `https://host:port`.
fn address(endpoint: &str) -> Result<String, ConnectError> {
    let wrong = || ConnectError::Endpoint(endpoint.to_owned());
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.host(), uri.port_u16()) {
        (Some("https"), Some(host), Some(port)) => Ok(format!("{host}:{port}")),
        _ => Err(wrong()),
    }
}

fn config(credentials: &Credentials, pins: Pins) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(PinnedVerifier::new(pins))
        .with_client_cert_resolver(Arc::new(Shown(credentials.clone())));
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

async fn channel(
    stream: Closable<BufReader<TlsStream<Transport>>>,
    expected: &ParticipantId,
) -> Result<Channel, tonic::transport::Error> {
    // The stream is there already: the name in the request is the participant's, not the network's.
    let stream = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = Arc::clone(&stream);
        async move { stream.lock().await.take().ok_or_else(|| io::Error::other("the connection has ended")) }
    });
    Endpoint::from_shared(format!("http://{}", certificate_name(expected)))?
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .connect_with_connector(connector)
        .await
}

/// The TLS error below an I/O error, if that is what it is.
fn tls_error(cause: &io::Error) -> Option<&rustls::Error> {
    cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
}
