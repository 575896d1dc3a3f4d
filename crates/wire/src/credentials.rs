//! What a participant or a person shows in a TLS handshake, and the files it stands in.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use agreement::{IdentityPublicKey, ParticipantId};
use rustls::{
    CertificateError, SignatureScheme,
    client::ResolvesClientCert,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use zeroize::Zeroizing;

use crate::{
    holder::Holder,
    person::Person,
    pins::Pins,
    verify::{End, PinnedVerifier, Validity, claimed_holder, provider},
};

/// A certificate with its private key, as it is now: clones share it, and when its files change it can be
/// [taken from them again](Self::reload). Prints nothing of the key.
#[derive(Clone)]
pub struct Credentials {
    holder: Holder,
    current: Arc<RwLock<Arc<CertifiedKey>>>,
    files: Option<Arc<Files>>,
}

/// Where credentials were read from.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Whoever reads them has this, so that nothing older takes the place of something newer.
    reading: Mutex<()>,
}

/// Why credentials are not usable.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file could not be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Others than its owner can read a secret.
    #[error("{path} can be read by others than its owner; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// There is no certificate in PEM.
    #[error("there is no certificate in PEM: {0}")]
    Certificate(String),
    /// The private key is not usable, or not the certificate's.
    #[error("the private key is not usable with the certificate: {0}")]
    Key(String),
    /// The certificate is for somebody else.
    #[error("the certificate is not for {wanted}, but for {found}")]
    Holder {
        /// Who was wanted.
        wanted: String,
        /// Whom it names.
        found: String,
    },
    /// The certificate is from another time.
    #[error("the certificate {0}")]
    Time(&'static str),
    /// Peers would not accept the certificate.
    #[error("the certificate is not endorsed by {identity}: {cause}")]
    Endorsement {
        /// The identity that is pinned.
        identity: IdentityPublicKey,
        /// What is wrong with it.
        #[source]
        cause: rustls::Error,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.holder)
    }
}

impl Credentials {
    /// Takes a participant's own certificate and its private key, both in PEM.
    ///
    /// # Errors
    /// [`CredentialsError`] if they do not fit each other or the participant; a person's do not.
    pub fn from_pem(participant: ParticipantId, cert_pem: &str, key_pem: &str) -> Result<Self, CredentialsError> {
        let (holder, certified) = pair(cert_pem, key_pem)?;
        if holder != Some(Holder::from(participant.clone())) {
            return Err(not_for(&participant, holder));
        }
        Ok(Self::new(participant.into(), certified))
    }

    /// The same for who calls and is not called: the participant itself, or one of its persons.
    ///
    /// # Errors
    /// [`CredentialsError`] if they do not fit each other or the participant.
    pub fn caller_from_pem(
        participant: &ParticipantId,
        cert_pem: &str,
        key_pem: &str,
    ) -> Result<Self, CredentialsError> {
        let (holder, certified) = pair(cert_pem, key_pem)?;
        match holder {
            Some(holder) if holder.participant == *participant => Ok(Self::new(holder, certified)),
            other => Err(not_for(participant, other)),
        }
    }

    /// Reads a participant's own certificate and its private key.
    ///
    /// # Errors
    /// [`CredentialsError`], also if others than its owner can read the key.
    pub fn read(participant: ParticipantId, certificate: &Path, key: &Path) -> Result<Self, CredentialsError> {
        let (cert_pem, key_pem) = read_pair(certificate, key)?;
        Ok(Self { files: Files::at(certificate, key), ..Self::from_pem(participant, &cert_pem, &key_pem)? })
    }

    /// The same for who calls and is not called: the participant itself, or one of its persons.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_caller(participant: &ParticipantId, certificate: &Path, key: &Path) -> Result<Self, CredentialsError> {
        let (cert_pem, key_pem) = read_pair(certificate, key)?;
        Ok(Self { files: Files::at(certificate, key), ..Self::caller_from_pem(participant, &cert_pem, &key_pem)? })
    }

    fn new(holder: Holder, certified: CertifiedKey) -> Self {
        Self { holder, current: Arc::new(RwLock::new(Arc::new(certified))), files: None }
    }

    /// Makes sure that those who pinned `identity` accept the certificate at `now`, whoever of the two dials; of a
    /// person's, when it dials.
    ///
    /// # Errors
    /// [`CredentialsError::Time`] or [`CredentialsError::Endorsement`].
    pub fn verify(&self, identity: &IdentityPublicKey, now: SystemTime) -> Result<(), CredentialsError> {
        verify(&self.holder, &self.current(), identity, now)
    }

    /// Takes certificate and key from their files again, if they are others than before and as usable as the old:
    /// they are for the same holder, endorsed by `identity` if that is known, and valid at `now`. Then every
    /// handshake from now on shows them, in all clones; what is connected stays. Says whether they were others.
    /// Credentials that did not come from files never are.
    ///
    /// This reads files: not for a thread that serves the network.
    ///
    /// # Errors
    /// [`CredentialsError`] if what is there is not usable. The old ones stay in use.
    pub fn reload(&self, identity: Option<&IdentityPublicKey>, now: SystemTime) -> Result<bool, CredentialsError> {
        let Some(files) = &self.files else { return Ok(false) };
        let _reading = files.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (cert_pem, key_pem) = read_pair(&files.certificate, &files.key)?;
        let (holder, certified) = pair(&cert_pem, &key_pem)?;
        if holder.as_ref() != Some(&self.holder) {
            return Err(not_for(&self.holder, holder));
        }
        match identity {
            Some(identity) => verify(&self.holder, &certified, identity, now)?,
            None => in_time(&certified, now)?,
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = current.cert != certified.cert;
        if changed {
            *current = Arc::new(certified);
        }
        Ok(changed)
    }

    /// Whose they are: the participant's own, or those of a person of it.
    #[must_use]
    pub fn participant(&self) -> &ParticipantId {
        &self.holder.participant
    }

    /// The person whose they are, if they are not the participant's own.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        self.holder.person.as_ref()
    }

    /// When the certificate ends; nothing if it does not say so.
    #[must_use]
    pub fn valid_until(&self) -> Option<SystemTime> {
        let validity = Validity::of(self.current().end_entity_cert().ok()?).ok()?;
        UNIX_EPOCH.checked_add(std::time::Duration::from_secs(validity.until.as_secs()))
    }

    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    pub(crate) fn files(&self) -> Option<&Files> {
        self.files.as_deref()
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Files {
    fn at(certificate: &Path, key: &Path) -> Option<Arc<Self>> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        Some(Arc::new(Self { certificate, key, reading: Mutex::default() }))
    }
}

/// Shows in each handshake what credentials are then.
#[derive(Debug)]
pub(crate) struct Shown(pub(crate) Credentials);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A certificate and the key that goes with it, and whom the certificate names.
fn pair(cert_pem: &str, key_pem: &str) -> Result<(Option<Holder>, CertifiedKey), CredentialsError> {
    let certificate = CertificateDer::from_pem_slice(cert_pem.as_bytes())
        .map_err(|error| CredentialsError::Certificate(error.to_string()))?;
    let holder = claimed_holder(&certificate).map_err(|error| CredentialsError::Certificate(error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| CredentialsError::Key(error.to_string()))?;
    let certified = CertifiedKey::from_der(vec![certificate], key, &provider())
        .map_err(|error| CredentialsError::Key(error.to_string()))?;
    Ok((holder, certified))
}

fn not_for(wanted: &impl fmt::Display, found: Option<Holder>) -> CredentialsError {
    let found = found.map_or_else(|| "no participant".to_owned(), |other| other.to_string());
    CredentialsError::Holder { wanted: wanted.to_string(), found }
}

fn unix_time(now: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn verify(
    holder: &Holder,
    certified: &CertifiedKey,
    identity: &IdentityPublicKey,
    now: SystemTime,
) -> Result<(), CredentialsError> {
    let described = |cause| match cause {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }) => EXPIRED,
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }) => EARLY,
        cause => CredentialsError::Endorsement { identity: *identity, cause },
    };
    // One pin cannot contradict itself.
    let pins = Pins::new([(holder.participant.clone(), *identity)]).unwrap_or_default();
    let verifier = PinnedVerifier::new(pins);
    let certificate = certified.end_entity_cert().map_err(described)?;
    let ends: &[End] = if holder.person.is_some() { &[End::Client] } else { &[End::Server, End::Client] };
    for end in ends {
        verifier.prove(certificate, unix_time(now), *end).map_err(described)?;
    }
    Ok(())
}

/// What can be known of a certificate whose identity is not.
fn in_time(certified: &CertifiedKey, now: SystemTime) -> Result<(), CredentialsError> {
    let unreadable = |error: rustls::Error| CredentialsError::Certificate(error.to_string());
    let validity = Validity::of(certified.end_entity_cert().map_err(unreadable)?).map_err(unreadable)?;
    let now = unix_time(now);
    if now < validity.from {
        return Err(EARLY);
    }
    if now > validity.until { Err(EXPIRED) } else { Ok(()) }
}

const EXPIRED: CredentialsError = CredentialsError::Time("has expired; issue another");
const EARLY: CredentialsError = CredentialsError::Time("is not valid yet; is this machine's clock right?");

fn read_pair(certificate: &Path, key: &Path) -> Result<(String, Zeroizing<String>), CredentialsError> {
    let cert_pem = fs::read_to_string(certificate)
        .map_err(|cause| CredentialsError::File { path: certificate.to_owned(), cause })?;
    Ok((cert_pem, read_secret(key)?))
}

/// Reads a file that only its owner may read.
///
/// # Errors
/// [`CredentialsError::File`], or [`CredentialsError::Exposed`] if the group or others may read it.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, CredentialsError> {
    let file = |cause| CredentialsError::File { path: path.to_owned(), cause };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(path).map_err(file)?.permissions().mode() & 0o077 != 0 {
            return Err(CredentialsError::Exposed { path: path.to_owned() });
        }
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(file)
}

/// Writes a new file that only its owner may read. An existing file stays as it is.
///
/// # Errors
/// [`CredentialsError::File`].
pub fn write_secret(path: &Path, text: &str) -> Result<(), CredentialsError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let write = || -> io::Result<()> {
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|cause| CredentialsError::File { path: path.to_owned(), cause })
}
