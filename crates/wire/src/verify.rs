//! Who is let through a TLS handshake: the holder of a certificate that a pinned identity endorses.

use std::{sync::Arc, time::Duration};

use agreement::{IdentityPublicKey, ParticipantId};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    holder::Holder,
    pins::{Pinned, Pins},
};

/// Object identifier 2.5.4.3, common name, in DER.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
/// A SubjectPublicKeyInfo of Ed25519 up to the key, without the outer sequence (RFC 8410, 4).
const ED25519_INFO: [u8; 10] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Verifies either end against what is pinned at that time.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    pins: Pins,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Which end of a connection shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The one that is dialled.
    Server,
    /// The one that dials.
    Client,
}

/// What a certificate proves.
pub(crate) struct Proved {
    /// Whom it names.
    pub(crate) holder: Holder,
    /// The pin that it was held to.
    pub(crate) pinned: Pinned,
}

impl PinnedVerifier {
    pub(crate) fn new(pins: Pins) -> Arc<Self> {
        Arc::new(Self { pins, algorithms: provider().signature_verification_algorithms })
    }

    /// Verifies what an end shows: whom it names, by what is pinned for it now, its dates, its purpose.
    pub(crate) fn prove(&self, certificate: &CertificateDer<'_>, now: UnixTime, end: End) -> Result<Proved, Error> {
        let parsed = parsed(certificate)?;
        let holder = named(&parsed).ok_or(Error::InvalidCertificate(CertificateError::NotValidForName))?;
        // Whatever purposes it has: who dials a participant means its node, and never a person.
        if end == End::Server && holder.person.is_some() {
            return Err(Error::InvalidCertificate(CertificateError::InvalidPurpose));
        }
        let pinned = self.pins.pinned(&holder.participant);
        let pinned = pinned.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let anchors = [trust_anchor(&holder.participant, &pinned.identity)];
        let usage = match end {
            End::Server => KeyUsage::server_auth(),
            End::Client => KeyUsage::client_auth(),
        };
        let verified = parsed.verify_for_usage(self.algorithms.all, &anchors, &[], now, usage, None, None);
        verified.map_err(certificate_error)?;
        Ok(Proved { holder, pinned })
    }
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<EndEntityCert<'a>, Error> {
    EndEntityCert::try_from(certificate).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// Whom a certificate names: by its only name, if that means anybody.
fn named(certificate: &EndEntityCert<'_>) -> Option<Holder> {
    let mut names = certificate.valid_dns_names();
    let (Some(name), None) = (names.next(), names.next()) else { return None };
    Holder::of_certificate_name(name)
}

/// Whom a certificate names. It proves nothing.
pub(crate) fn claimed_holder(certificate: &CertificateDer<'_>) -> Result<Option<Holder>, Error> {
    Ok(named(&parsed(certificate)?))
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: UnixTime,
    pub(crate) until: UnixTime,
}

impl Validity {
    /// Asks the verifier, which names the bound that is broken: once before all time, and once after. Dates are the
    /// first that it looks at, so nobody has to be trusted for it.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = parsed(certificate)?;
        let broken_at = |seconds| {
            let (now, usage) = (UnixTime::since_unix_epoch(Duration::from_secs(seconds)), KeyUsage::client_auth());
            let algorithms = provider().signature_verification_algorithms.all;
            parsed.verify_for_usage(algorithms, &[], &[], now, usage, None, None).err()
        };
        let from = match broken_at(0) {
            Some(webpki::Error::CertNotValidYet { not_before, .. }) => not_before,
            _ => UnixTime::since_unix_epoch(Duration::ZERO),
        };
        match broken_at(u64::MAX) {
            Some(webpki::Error::CertExpired { not_after: until, .. }) => Ok(Self { from, until }),
            _ => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
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
        self.prove(end_entity, now, End::Server)?;
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
        self.prove(end_entity, now, End::Client)?;
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
    use std::time::SystemTime;

    use agreement::IdentityKey;
    use proptest::prelude::*;
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::person::{Duty, Person};

    /// Pins of Anhui, and two certificates that they let through: its own, and that of an operator there.
    fn anhui() -> (Arc<PinnedVerifier>, [Vec<u8>; 2]) {
        let (identity, name) = (IdentityKey::from_seed(&[3; 32].into()), "anhui".parse().unwrap());
        let from = SystemTime::now() - Duration::from_secs(60);
        let operator = Person { handle: "k-17".parse().unwrap(), duty: Duty::Operator };
        let own = crate::endorse(&identity, &name, from, 2).unwrap();
        let persons = crate::endorse_person(&identity, &name, &operator, from, 2).unwrap();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        let pins = Pins::new([(name, identity.public())]).unwrap();
        (PinnedVerifier::new(pins), [der(&own.cert_pem), der(&persons.cert_pem)])
    }

    fn let_through(verifier: &PinnedVerifier, der: Vec<u8>) -> bool {
        verifier.prove(&CertificateDer::from(der), UnixTime::now(), End::Client).is_ok()
    }

    #[test]
    fn the_certificates_themselves_are_let_through_and_a_persons_at_one_end_alone() {
        let (verifier, certificates) = anhui();
        for (der, serves) in certificates.into_iter().zip([true, false]) {
            let certificate = CertificateDer::from(der);
            let proved = verifier.prove(&certificate, UnixTime::now(), End::Client).unwrap();
            assert_eq!(proved.holder.person.is_none(), serves);
            assert_eq!(claimed_holder(&certificate).unwrap(), Some(proved.holder));
            let served = verifier.prove(&certificate, UnixTime::now(), End::Server);
            let refused = Some(Error::InvalidCertificate(CertificateError::InvalidPurpose));
            assert_eq!(served.err(), if serves { None } else { refused });
        }
    }

    #[test]
    fn what_counts_is_what_is_pinned_when_it_is_asked() {
        let (identity, name) = (IdentityKey::from_seed(&[3; 32].into()), "anhui".parse().unwrap());
        let (verifier, [der, _]) = anhui();
        let pins = verifier.pins.clone();
        let of = |outcome: Result<Proved, Error>| outcome.map(|proved| proved.pinned.identity);
        let prove = || of(verifier.prove(&CertificateDer::from(der.clone()), UnixTime::now(), End::Client));
        assert_eq!(prove(), Ok(identity.public()));
        pins.replace(&name, IdentityKey::from_seed(&[4; 32].into()).public()).unwrap();
        assert_eq!(prove(), Err(Error::InvalidCertificate(CertificateError::BadSignature)));
        pins.replace(&name, identity.public()).unwrap();
        assert_eq!(prove(), Ok(identity.public()));
    }

    #[test]
    fn dates_are_those_that_the_certificate_was_issued_with() {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let identity = IdentityKey::from_seed(&[3; 32].into());
        for (from, begins) in [(begin, 1_700_000_000), (SystemTime::UNIX_EPOCH, 0)] {
            let issued = crate::endorse(&identity, &"anhui".parse().unwrap(), from, 30).unwrap();
            let validity = Validity::of(&CertificateDer::from_pem_slice(issued.cert_pem.as_bytes()).unwrap()).unwrap();
            assert_eq!((validity.from.as_secs(), validity.until.as_secs()), (begins, begins + 30 * 86_400));
        }
        assert!(Validity::of(&CertificateDer::from(vec![0x30, 0])).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_certificate(der in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(!let_through(&anhui().0, der));
        }

        #[test]
        fn no_certificate_is_let_through_with_another_name_written_over_its_own(
            handle in "[a-z][a-z0-9-]{2}[a-z0-9]",
            duty in prop::sample::select(&["operator", "approver"][..]),
        ) {
            let (verifier, [_, der]) = anhui();
            let name = format!("{handle}.{duty}.anhui");
            let at = der.windows(name.len()).position(|part| part == b"k-17.operator.anhui").unwrap();
            let mut other = der.clone();
            other[at..at + name.len()].copy_from_slice(name.as_bytes());
            prop_assert_eq!(let_through(&verifier, other.clone()), other == der);
            let names = claimed_holder(&CertificateDer::from(other)).unwrap().unwrap();
            prop_assert_eq!(names.certificate_name(), name + ".yuandang.internal");
        }

        #[test]
        fn no_changed_certificate_is_let_through(at: prop::sample::Index, bit in 0_u8..8, cut: bool, which in 0..2_usize) {
            let (verifier, certificates) = anhui();
            let mut der = certificates[which].clone();
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
