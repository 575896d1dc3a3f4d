//! What a participant shows in a TLS handshake, and the files it stands in.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use agreement::{IdentityPublicKey, ParticipantId};
use rustls::{CertificateError, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject};
use webpki::KeyUsage;
use zeroize::Zeroizing;

use crate::{
    pins::{Pins, named_participant},
    verify::{PinnedVerifier, provider},
};

/// A participant's certificate with its private key. Prints nothing of the key.
#[derive(Clone)]
pub struct Credentials {
    participant: ParticipantId,
    pub(crate) certified: Arc<CertifiedKey>,
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
    Participant {
        /// Who was wanted.
        wanted: ParticipantId,
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
        write!(f, "Credentials({})", self.participant)
    }
}

impl Credentials {
    /// Takes a certificate and its private key, both in PEM.
    ///
    /// # Errors
    /// [`CredentialsError`] if they do not fit each other or the participant.
    pub fn from_pem(participant: ParticipantId, cert_pem: &str, key_pem: &str) -> Result<Self, CredentialsError> {
        let certificate = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|error| CredentialsError::Certificate(error.to_string()))?;
        let named = names(&certificate)?;
        if named.as_ref() != Some(&participant) {
            let found = named.map_or_else(|| "no participant".to_owned(), |other| other.to_string());
            return Err(CredentialsError::Participant { wanted: participant, found });
        }
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|error| CredentialsError::Key(error.to_string()))?;
        let certified = CertifiedKey::from_der(vec![certificate], key, &provider())
            .map_err(|error| CredentialsError::Key(error.to_string()))?;
        Ok(Self { participant, certified: Arc::new(certified) })
    }

    /// Reads a certificate and its private key.
    ///
    /// # Errors
    /// [`CredentialsError`], also if others than its owner can read the key.
    pub fn read(participant: ParticipantId, certificate: &Path, key: &Path) -> Result<Self, CredentialsError> {
        let file = |path: &Path, cause| CredentialsError::File { path: path.to_owned(), cause };
        let cert_pem = fs::read_to_string(certificate).map_err(|cause| file(certificate, cause))?;
        let key_pem = read_secret(key)?;
        Self::from_pem(participant, &cert_pem, &key_pem)
    }

    /// Makes sure that those who pinned `identity` accept the certificate at `now`, whoever of the two dials.
    ///
    /// # Errors
    /// [`CredentialsError::Time`] or [`CredentialsError::Endorsement`].
    pub fn verify(&self, identity: &IdentityPublicKey, now: SystemTime) -> Result<(), CredentialsError> {
        let described = |cause| match cause {
            rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { .. }) => {
                CredentialsError::Time("has expired; issue another")
            }
            rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { .. }) => {
                CredentialsError::Time("is not valid yet; is this machine's clock right?")
            }
            cause => CredentialsError::Endorsement { identity: *identity, cause },
        };
        // One pin cannot contradict itself.
        let pins = Pins::new([(self.participant.clone(), *identity)]).unwrap_or_default();
        let verifier = PinnedVerifier::new(pins);
        let certificate = self.certified.end_entity_cert().map_err(described)?;
        let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
        for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
            verifier.verify(certificate, now, usage).map_err(described)?;
        }
        Ok(())
    }

    /// Whose they are.
    #[must_use]
    pub fn participant(&self) -> &ParticipantId {
        &self.participant
    }
}

fn names(certificate: &CertificateDer<'_>) -> Result<Option<ParticipantId>, CredentialsError> {
    let parsed = webpki::EndEntityCert::try_from(certificate)
        .map_err(|error| CredentialsError::Certificate(error.to_string()))?;
    Ok(parsed.valid_dns_names().next().and_then(named_participant))
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
