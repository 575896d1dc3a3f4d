//! Ends that show whatever they like: certificates with one flaw each, and bare TLS under them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ED25519, SanType,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring::{default_provider, sign::any_supported_type},
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

use crate::ends::{DAY, identity};

/// What an end shows: a chain of certificates, and a key that signs the handshake.
pub(crate) type Shown = Arc<CertifiedKey>;

/// One that the other end must not take: what it is, what it shows, the error of a client, for which
/// only the one that it dials counts, and the alert of a server.
pub(crate) type Impostor = (&'static str, Shown, &'static str, &'static str);

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// An issuer of that name with that key.
fn issuer(name: &str, key: KeyPair) -> Issuer<'static, KeyPair> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(name);
    Issuer::new(authority, key)
}

fn identity_of(name: &str, seed: u8) -> Issuer<'static, KeyPair> {
    issuer(name, KeyPair::from_pem(&identity(seed).to_pem().unwrap()).unwrap())
}

/// What a certificate of `name` says.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([format!("{name}.yuandang.internal")]).unwrap();
    params.distinguished_name = named(name);
    params.not_before = (SystemTime::now() - DAY).into();
    params.not_after = (SystemTime::now() + DAY).into();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn shown(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Shown {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
}

fn endorsed(issuer: &Issuer<'_, KeyPair>, params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    shown(vec![params.signed_by(&key, issuer).unwrap().der().clone()], &key)
}

/// What `name` with the identity of `seed` would show, but for one change.
pub(crate) fn changed(name: &str, seed: u8, change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let mut params = params(name);
    change(&mut params);
    endorsed(&identity_of(name, seed), &params)
}

/// A name that a certificate is for.
pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

/// A good certificate of `name`, with another key than its own.
fn stolen(name: &str, seed: u8) -> Shown {
    let (own, thiefs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = params(name).signed_by(&own, &identity_of(name, seed)).unwrap();
    shown(vec![certificate.der().clone()], &thiefs)
}

/// A certificate of `name` by its own key, of the kind that identities are.
fn self_signed(name: &str) -> Shown {
    let key = || KeyPair::from_pem(&identity(7).to_pem().unwrap()).unwrap();
    let certificate = params(name).signed_by(&key(), &issuer(name, key())).unwrap();
    shown(vec![certificate.der().clone()], &key())
}

/// A certificate of `name` by an authority that the identity endorses.
fn by_an_intermediate(name: &str, seed: u8) -> Shown {
    let (middle_key, key) = (KeyPair::generate_for(&PKCS_ED25519).unwrap(), KeyPair::generate().unwrap());
    let mut middle = params(name);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let middle = middle.signed_by(&middle_key, &identity_of(name, seed)).unwrap();
    let leaf = params(name).signed_by(&key, &issuer(name, middle_key)).unwrap();
    shown(vec![leaf.der().clone(), middle.der().clone()], &key)
}

/// Impostors of `name` with the identity of `seed`. jiangsu, with identity 5, is pinned at the other end
/// too; `other_purpose` is not what the other end wants a certificate for.
pub(crate) fn impostors(name: &str, seed: u8, other_purpose: &ExtendedKeyUsagePurpose) -> Vec<Impostor> {
    let (past, future) = (SystemTime::now() - DAY / 2, SystemTime::now() + DAY / 2);
    let flawed = |change: &dyn Fn(&mut CertificateParams)| changed(name, seed, change);
    let expired = flawed(&|params| params.not_after = past.into());
    let early = flawed(&|params| params.not_before = future.into());
    let two_names = flawed(&|params| params.subject_alt_names.push(dns("jiangsu.yuandang.internal")));
    let no_name = flawed(&|params| params.subject_alt_names.clear());
    let elsewhere = flawed(&|params| params.subject_alt_names = vec![dns(&format!("{name}.example"))]);
    let misused = flawed(&|params| params.extended_key_usages = vec![other_purpose.clone()]);
    let authority = flawed(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    vec![
        ("an unpinned participant", changed("zhejiang", 3, |_| {}), "UnknownIssuer", "UnknownCA"),
        ("an unpinned name by the pinned identity", changed("zhejiang", seed, |_| {}), "UnknownIssuer", "UnknownCA"),
        ("the name by an unpinned identity", changed(name, 3, |_| {}), "BadSignature", "DecryptError"),
        ("the name by another's pinned identity", changed(name, 5, |_| {}), "BadSignature", "DecryptError"),
        ("another's name by the pinned identity", changed("jiangsu", seed, |_| {}), "UnknownIssuer", "DecryptError"),
        ("the name by its own key", self_signed(name), "BadSignature", "DecryptError"),
        ("by one that the identity endorses", by_an_intermediate(name, seed), "BadSignature", "DecryptError"),
        ("a good certificate without its key", stolen(name, seed), "BadSignature", "DecryptError"),
        ("expired", expired, "certificate expired", "CertificateExpired"),
        ("not yet valid", early, "certificate not valid yet", "CertificateExpired"),
        ("of two names", two_names, "NotValidForName", "BadCertificate"),
        ("of no name", no_name, "NotValidForName", "BadCertificate"),
        ("of a name elsewhere", elsewhere, "NotValidForName", "BadCertificate"),
        ("for the other end", misused, "InvalidPurpose", "UnsupportedCertificate"),
        ("an authority", authority, "CaUsedAsEndEntity", "CertificateUnknown"),
    ]
}

/// What a server answers to a client that shows this, or nothing: the error, if it ends the connection.
pub(crate) async fn answer(endpoint: &str, shown: Option<Shown>) -> Result<(), String> {
    let mut tls = bare(endpoint, shown).await;
    // Who is let in hears nothing until somebody serves it.
    match timeout(Duration::from_secs(2), tls.read_exact(&mut [0])).await {
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The certificate that a server shows.
pub(crate) async fn shown_by(endpoint: &str) -> CertificateDer<'static> {
    let tls = bare(endpoint, None).await;
    tls.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Our side of the handshake, which ends before the server looks at what we show.
async fn bare(endpoint: &str, shown: Option<Shown>) -> TlsStream<TcpStream> {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    let mut config = match shown {
        Some(shown) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown))),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(endpoint.trim_start_matches("https://")).await.unwrap();
    let name = "anhui.yuandang.internal".try_into().unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

/// A server that shows this, asks for nothing, and hangs up after the handshake.
pub(crate) async fn impostor(shown: Shown) -> String {
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        drop(TlsAcceptor::from(Arc::new(config)).accept(tcp).await);
    });
    endpoint
}

/// Takes any server, to see what the server says to this client.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
