//! Certificates that an identity key endorses: X.509 (RFC 5280) with a fresh key, issued by the identity.

use std::time::{Duration, SystemTime};

use agreement::{IdentityKey, ParticipantId};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ED25519, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use zeroize::Zeroizing;

use crate::{holder::Holder, person::Person};

/// A certificate and its private key, in PEM.
pub struct IssuedCertificate {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key (PKCS #8).
    pub key_pem: Zeroizing<String>,
}

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum EndorsementError {
    /// The times make no sense.
    #[error("a certificate is valid for 1 to 825 days")]
    Days,
    /// The encoder or the key generator failed.
    #[error("the certificate could not be made: {0}")]
    Encoding(#[from] rcgen::Error),
}

/// An identity key in the place of a certificate authority's.
struct Endorser<'a> {
    identity: &'a IdentityKey,
    public: [u8; 32],
}

impl PublicKeyData for Endorser<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Endorser<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.identity.endorse_certificate(message).to_vec())
    }
}

/// Issues a certificate for `participant` with a fresh P-256 key, good for both ends of a connection
/// from `valid_from` for `days` days.
///
/// # Errors
/// [`EndorsementError`] if `days` is not from 1 to 825, or a library fails.
pub fn endorse(
    identity: &IdentityKey,
    participant: &ParticipantId,
    valid_from: SystemTime,
    days: u32,
) -> Result<IssuedCertificate, EndorsementError> {
    issue(identity, &Holder::from(participant.clone()), valid_from, days)
}

/// Issues a certificate for a person of `participant`, good for the end that dials alone: who steals it cannot
/// stand for the node.
///
/// # Errors
/// As [`endorse`].
pub fn endorse_person(
    identity: &IdentityKey,
    participant: &ParticipantId,
    person: &Person,
    valid_from: SystemTime,
    days: u32,
) -> Result<IssuedCertificate, EndorsementError> {
    issue(identity, &Holder { participant: participant.clone(), person: Some(person.clone()) }, valid_from, days)
}

fn issue(
    identity: &IdentityKey,
    holder: &Holder,
    valid_from: SystemTime,
    days: u32,
) -> Result<IssuedCertificate, EndorsementError> {
    if !(1..=825).contains(&days) {
        return Err(EndorsementError::Days);
    }
    let until = valid_from + Duration::from_secs(u64::from(days) * 86_400);
    let mut issuer_name = DistinguishedName::new();
    issuer_name.push(DnType::CommonName, holder.participant.as_str());
    let mut leaf = CertificateParams::new([holder.certificate_name()])?;
    leaf.distinguished_name = match &holder.person {
        None => issuer_name.clone(),
        Some(person) => subject(holder, person),
    };
    leaf.not_before = valid_from.into();
    leaf.not_after = until.into();
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if holder.person.is_none() {
        leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    let mut authority = CertificateParams::default();
    authority.distinguished_name = issuer_name;
    let issuer = Issuer::new(authority, Endorser { identity, public: *identity.public().as_bytes() });
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    Ok(IssuedCertificate { cert_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
}

/// A person as tools show it. Only the DNS name counts.
fn subject(holder: &Holder, person: &Person) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, holder.participant.as_str());
    name.push(DnType::OrganizationalUnitName, person.duty.as_str());
    name.push(DnType::CommonName, person.handle.as_str());
    name
}
