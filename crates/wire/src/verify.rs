//! Who is let through a TLS handshake: the holder of a certificate that a pinned identity endorses.

use std::sync::Arc;

use agreement::{IdentityPublicKey, ParticipantId};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::pins::{Pins, named_participant};

/// Object identifier 2.5.4.3, common name, in DER.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
/// A SubjectPublicKeyInfo of Ed25519 up to the key, without the outer sequence (RFC 8410, 4).
const ED25519_INFO: [u8; 10] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Verifies either end against pins.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    pins: Pins,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedVerifier {
    pub(crate) fn new(pins: Pins) -> Arc<Self> {
        Arc::new(Self { pins, algorithms: provider().signature_verification_algorithms })
    }

    pub(crate) fn verify(&self, certificate: &CertificateDer<'_>, now: UnixTime, usage: KeyUsage) -> Result<(), Error> {
        let bad_encoding = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let parsed = EndEntityCert::try_from(certificate).map_err(bad_encoding)?;
        let (participant, identity) = self.pinned(&parsed)?;
        let anchor = trust_anchor(&participant, &identity);
        parsed
            .verify_for_usage(self.algorithms.all, &[anchor], &[], now, usage, None, None)
            .map(|_| ())
            .map_err(certificate_error)
    }

    fn pinned(&self, certificate: &EndEntityCert<'_>) -> Result<(ParticipantId, IdentityPublicKey), Error> {
        let mut names = certificate.valid_dns_names();
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(Error::InvalidCertificate(CertificateError::NotValidForName));
        };
        let participant =
            named_participant(name).ok_or(Error::InvalidCertificate(CertificateError::NotValidForName))?;
        let identity =
            *self.pins.identity(&participant).ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        Ok((participant, identity))
    }

    /// Who a certificate names. Only for one that the handshake has verified.
    pub(crate) fn holder(&self, certificate: &CertificateDer<'_>) -> Result<(ParticipantId, IdentityPublicKey), Error> {
        let bad_encoding = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        self.pinned(&EndEntityCert::try_from(certificate).map_err(bad_encoding)?)
    }
}

/// The cryptography of every connection.
pub(crate) fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// A pinned key in the place of a certificate authority. Both parts stand without their outer tag and
/// length, as the verifier wants them.
fn trust_anchor(participant: &ParticipantId, identity: &IdentityPublicKey) -> TrustAnchor<'static> {
    // A participant has at most 63 bytes, so every length fits one byte below 128.
    let name = participant.as_str().as_bytes();
    let mut attribute = COMMON_NAME.to_vec();
    attribute.extend(tagged(0x0c, name));
    let subject = tagged(0x31, &tagged(0x30, &attribute));
    let mut info = ED25519_INFO.to_vec();
    info.extend_from_slice(identity.as_bytes());
    TrustAnchor { subject: subject.into(), subject_public_key_info: info.into(), name_constraints: None }
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag, u8::try_from(content.len()).unwrap_or(u8::MAX)];
    der.extend_from_slice(content);
    der
}

fn certificate_error(error: webpki::Error) -> Error {
    use webpki::Error as W;
    Error::InvalidCertificate(match error {
        W::CertExpired { time, not_after } => CertificateError::ExpiredContext { time, not_after },
        W::CertNotValidYet { time, not_before } => CertificateError::NotValidYetContext { time, not_before },
        W::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        W::UnknownIssuer => CertificateError::UnknownIssuer,
        W::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, now, KeyUsage::server_auth())?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PinnedVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, now, KeyUsage::client_auth())?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use agreement::IdentityKey;
    use proptest::prelude::*;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    /// Pins of Anhui, and a certificate that they let through.
    fn anhui() -> (Arc<PinnedVerifier>, Vec<u8>) {
        let (identity, name) = (IdentityKey::from_seed(&[3; 32].into()), "anhui".parse().unwrap());
        let issued = crate::endorse(&identity, &name, SystemTime::now() - Duration::from_secs(60), 2).unwrap();
        let pins = Pins::new([(name.clone(), identity.public())]).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.cert_pem.as_bytes()).unwrap();
        (PinnedVerifier::new(pins), certificate.to_vec())
    }

    fn let_through(verifier: &PinnedVerifier, der: Vec<u8>) -> bool {
        let certificate = CertificateDer::from(der);
        let holder = verifier.holder(&certificate);
        let verified = verifier.verify(&certificate, UnixTime::now(), KeyUsage::client_auth());
        verified.is_ok() && holder.is_ok()
    }

    #[test]
    fn the_certificate_itself_is_let_through() {
        let (verifier, der) = anhui();
        assert!(let_through(&verifier, der));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_certificate(der in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(!let_through(&anhui().0, der));
        }

        #[test]
        fn no_changed_certificate_is_let_through(at: prop::sample::Index, bit in 0_u8..8, cut: bool) {
            let (verifier, mut der) = anhui();
            let at = at.index(der.len());
            if cut {
                der.truncate(at);
            } else {
                der[at] ^= 1 << bit;
            }
            prop_assert!(!let_through(&verifier, der));
        }
    }
}
