//! Taking connections in: what one who proves nothing can hold is bounded, and cannot keep others out.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ServerConfig, crypto::CryptoProvider, version::TLS13};
use rustls_pki_types::UnixTime;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};

use super::{
    connection::{Places, TlsConnection},
    sparing::Sparing,
    unfinished::Unfinished,
};
use crate::{
    EXPORTER_LABEL,
    closing::Closable,
    credentials::{Credentials, Shown},
    pins::{Peer, Pins},
    shaping::{Network, Transport},
    verify::{End, PinnedVerifier, Proved, provider},
};

/// Handshakes that may be unfinished at once. One that is honest takes milliseconds, one that is not some
/// kilobytes.
const HANDSHAKES: usize = 128;
/// Connections that may be open at once, of all participants, unless one alone may have more.
const CONNECTIONS: usize = 512;
/// Connections that have passed the handshake and wait to be served.
const READY: usize = 16;

/// Accepts connections from pinned participants, `most_of_each` of each and of its persons at once; one more is
/// closed. Each handshake goes by what the credentials and the pins are then, and when a pin is replaced, the
/// connections that it let in are closed.
///
/// A handshake may take `handshake_timeout`. One that fails is logged and ends nothing else, and when
/// too many are unfinished, an old one makes room: who stays silent keeps nobody out.
///
/// # Errors
/// [`rustls::Error`] if the credentials cannot serve, as a person's cannot.
pub fn incoming(
    listener: TcpListener,
    credentials: &Credentials,
    pins: Pins,
    most_of_each: usize,
    handshake_timeout: Duration,
) -> Result<impl Stream<Item = io::Result<TlsConnection>> + use<>, rustls::Error> {
    incoming_over(None, listener, credentials, pins, most_of_each, handshake_timeout)
}

/// The same over a network that is slower than it is, if one is given: what we write is shaped.
///
/// # Errors
/// [`rustls::Error`] if the credentials cannot serve, as a person's cannot.
pub fn incoming_over(
    network: Option<Network>,
    listener: TcpListener,
    credentials: &Credentials,
    pins: Pins,
    most_of_each: usize,
    handshake_timeout: Duration,
) -> Result<impl Stream<Item = io::Result<TlsConnection>> + use<>, rustls::Error> {
    let verifier = PinnedVerifier::new(pins);
    let acceptor = TlsAcceptor::from(Arc::new(config(credentials, Arc::clone(&verifier), provider())?));
    let (ready, accepted) = mpsc::channel(READY);
    let mut door = Door {
        places: Places::new(most_of_each.max(1), CONNECTIONS.max(most_of_each)),
        strangers: Sparing::default(),
        crowds: Sparing::default(),
    };
    tokio::spawn(async move {
        let (mut handshakes, mut unfinished) = (JoinSet::new(), Unfinished::<AbortHandle>::new(HANDSHAKES));
        loop {
            tokio::select! {
                biased;
                () = ready.closed() => return,
                Some(ended) = handshakes.join_next() => {
                    unfinished.retain(|handshake| !handshake.is_finished());
                    // One that was dropped to make room has nothing to hand on.
                    if let Some(connection) = ended.ok().and_then(|ended| door.pass(ended)) {
                        // The server has gone if this fails, and nobody is left to tell.
                        drop(ready.send(Ok(connection)).await);
                    }
                }
                tcp = listener.accept() => match tcp {
                    Ok((tcp, address)) => {
                        let (acceptor, verifier) = (acceptor.clone(), Arc::clone(&verifier));
                        let handshake = handshakes.spawn(async move {
                            let handshake = handshake(&acceptor, &verifier, tcp, network);
                            let done = timeout(handshake_timeout, handshake).await;
                            (address, done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
                        });
                        if let Some(oldest) = unfinished.push(address.ip(), handshake) {
                            oldest.abort();
                            door.crowded(address);
                        }
                    }
                    Err(cause) => {
                        // Out of file descriptors, most likely: waiting lets some close.
                        tracing::warn!(%cause, "a connection could not be accepted");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
    });
    Ok(ReceiverStream::new(accepted))
}

/// What a handshake proved, from which address.
type Ended = (SocketAddr, io::Result<(Closable<TlsStream<Transport>>, Peer)>);

/// Who may go on after the handshake, and what is said of the others. Strangers must not be able to fill
/// a log, nor to hide in one what participants do.
struct Door {
    places: Places,
    strangers: Sparing,
    crowds: Sparing,
}

impl Door {
    fn pass(&mut self, (address, proved): Ended) -> Option<TlsConnection> {
        let now = Instant::now();
        match proved {
            Ok((stream, peer)) => {
                let place = self.places.take(&peer.participant, peer.person.is_some());
                if place.is_none()
                    && let Some(unsaid) = self.crowds.due(now)
                {
                    let caller = peer.holder();
                    tracing::warn!(%caller, unsaid, "a connection was closed: too many are open already");
                }
                Some(TlsConnection { stream, peer, _place: place? })
            }
            Err(cause) => {
                if let Some(unsaid) = self.strangers.due(now) {
                    tracing::warn!(%address, %cause, unsaid, "a TLS handshake failed");
                }
                None
            }
        }
    }

    fn crowded(&mut self, address: SocketAddr) {
        if let Some(unsaid) = self.strangers.due(Instant::now()) {
            tracing::warn!(%address, unsaid, "too many TLS handshakes are unfinished; an old one made room for this");
        }
    }
}

fn config(
    credentials: &Credentials,
    verifier: Arc<PinnedVerifier>,
    provider: CryptoProvider,
) -> Result<ServerConfig, rustls::Error> {
    if credentials.person().is_some() {
        return Err(rustls::Error::General("the certificate is a person's, which no server can show".to_owned()));
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Shown(credentials.clone())));
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would not show its certificate again.
    config.send_tls13_tickets = 0;
    Ok(config)
}

async fn handshake(
    acceptor: &TlsAcceptor,
    verifier: &PinnedVerifier,
    tcp: TcpStream,
    network: Option<Network>,
) -> io::Result<(Closable<TlsStream<Transport>>, Peer)> {
    tcp.set_nodelay(true)?;
    let stream = acceptor.accept(Transport::new(tcp, network)).await?;
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("the client showed no certificate"))?;
    // The pins may have been replaced since the handshake looked at them. What counts is what is pinned now, and if that
    // is replaced, the connection ends with it.
    let proved = verifier.prove(certificate, UnixTime::now(), End::Client).map_err(io::Error::other)?;
    let channel_binding = session.export_keying_material([0; 32], EXPORTER_LABEL, None).map_err(io::Error::other)?;
    let Proved { holder, pinned } = proved;
    let peer =
        Peer { participant: holder.participant, person: holder.person, identity: pinned.identity, channel_binding };
    Ok((Closable::new(stream, pinned.ended), peer))
}
