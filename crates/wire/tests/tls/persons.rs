//! Certificates of persons: what they open, and what they do not.

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams,
    ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth},
};
use tokio::net::TcpListener;
use wire::{ConnectError, Credentials, CredentialsError, Duty};

use crate::{
    ends::{DAY, dial, id, identity, mirrored, of_person, person, pins, server, valid},
    impostors::{Shown, answer, changed, dns, impostor},
};

/// What the identity of `seed` endorses under the name of `issuer`, for this name alone.
fn named(issuer: &str, seed: u8, name: &str, purposes: &[rcgen::ExtendedKeyUsagePurpose]) -> Shown {
    changed(issuer, seed, |params: &mut CertificateParams| {
        params.subject_alt_names = vec![dns(name)];
        params.extended_key_usages = purposes.to_vec();
    })
}

#[tokio::test]
async fn each_is_known_as_itself_in_its_duty() {
    let endpoint = server(valid("anhui", 1)).await;
    for duty in Duty::ALL {
        let own = of_person("shanghai", 2, &person("k-17", duty));
        let seen = mirrored(&dial(&endpoint, &own, 1).await.unwrap()).await;
        assert_eq!((seen.participant.as_str(), seen.software_version), ("shanghai", format!("{duty} k-17")));
    }
    let seen = mirrored(&dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap()).await;
    assert_eq!((seen.participant.as_str(), seen.software_version.as_str()), ("shanghai", ""), "the node itself");
}

#[tokio::test]
async fn a_persons_certificate_is_no_servers_whatever_it_says_of_its_purpose() {
    let own = valid("shanghai", 2);
    for (what, purposes) in [("as it is issued", &[ClientAuth][..]), ("for both ends", &[ClientAuth, ServerAuth])] {
        let shown = named("anhui", 1, "k-17.operator.anhui.yuandang.internal", purposes);
        match dial(&impostor(shown).await, &own, 1).await.expect_err(what) {
            ConnectError::WrongIdentity { cause, .. } => assert!(cause.contains("InvalidPurpose"), "{what}: {cause}"),
            other => panic!("{what}: {other}"),
        }
    }
    let persons = of_person("anhui", 1, &person("k-17", Duty::Operator));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = wire::server::incoming(listener, &persons, pins(), 4, Duration::from_secs(5));
    assert!(served.err().unwrap().to_string().contains("a person's"));
}

#[tokio::test]
async fn a_server_refuses_those_whom_no_identity_vouches_for_and_duties_that_there_are_not() {
    let endpoint = server(valid("anhui", 1)).await;
    let operator = "k-17.operator.shanghai.yuandang.internal";
    let of_shanghai = |name: &str| named("shanghai", 2, name, &[ClientAuth]);
    let two_names = changed("shanghai", 2, |params| params.subject_alt_names.push(dns(operator)));
    for (what, shown, expected) in [
        ("by another's pinned identity", named("shanghai", 5, operator, &[ClientAuth]), "DecryptError"),
        ("by another's pinned identity under its name", named("jiangsu", 5, operator, &[ClientAuth]), "UnknownCA"),
        ("by no pinned identity", named("shanghai", 3, operator, &[ClientAuth]), "DecryptError"),
        (
            "of an unpinned participant",
            named("zhejiang", 3, "k-17.operator.zhejiang.yuandang.internal", &[ClientAuth]),
            "UnknownCA",
        ),
        ("of an unknown duty", of_shanghai("k-17.manager.shanghai.yuandang.internal"), "BadCertificate"),
        ("of a duty in capitals", of_shanghai("k-17.Operator.shanghai.yuandang.internal"), "BadCertificate"),
        ("of no duty", of_shanghai("k-17.shanghai.yuandang.internal"), "BadCertificate"),
        ("of a duty and no handle", of_shanghai("operator.shanghai.yuandang.internal"), "BadCertificate"),
        ("of two duties", of_shanghai("k-17.operator.auditor.shanghai.yuandang.internal"), "BadCertificate"),
        ("of anybody", of_shanghai("*.operator.shanghai.yuandang.internal"), "BadCertificate"),
        ("of the participant and a person", two_names, "BadCertificate"),
        ("for the other end", named("shanghai", 2, operator, &[ServerAuth]), "UnsupportedCertificate"),
    ] {
        let alert = answer(&endpoint, Some(shown)).await.expect_err(what);
        assert!(alert.ends_with(&format!("alert: {expected}")), "{what}: {alert}");
    }
    answer(&endpoint, Some(of_shanghai(operator))).await.unwrap();
}

#[test]
fn who_is_to_be_called_does_not_start_with_a_persons_certificate() {
    let operator = person("k-17", Duty::Operator);
    let from = SystemTime::now() - DAY;
    let issued = wire::endorse_person(&identity(1), &id("anhui"), &operator, from, 30).unwrap();
    let error = Credentials::from_pem(id("anhui"), &issued.cert_pem, &issued.key_pem).unwrap_err();
    assert_eq!(error.to_string(), "the certificate is not for anhui, but for operator k-17 of anhui");
    let of = |participant| Credentials::caller_from_pem(&id(participant), &issued.cert_pem, &issued.key_pem);
    let error = of("shanghai").unwrap_err();
    assert_eq!(error.to_string(), "the certificate is not for shanghai, but for operator k-17 of anhui");
    let own = of("anhui").unwrap();
    assert_eq!((own.participant(), own.person()), (&id("anhui"), Some(&operator)));
    assert_eq!(format!("{own:?}"), "Credentials(operator k-17 of anhui)");
    own.verify(&identity(1).public(), SystemTime::now()).unwrap();
    let other = own.verify(&identity(2).public(), SystemTime::now()).unwrap_err();
    assert!(matches!(other, CredentialsError::Endorsement { .. }), "{other}");
}
