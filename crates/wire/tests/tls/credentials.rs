//! Credentials: what goes together, and the files that hold them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use wire::{
    Credentials, CredentialsError, EndorsementError, IssuedCertificate, credentials::read_secret, endorse, write_secret,
};

use crate::ends::{id, identity};

fn issued(name: &str, seed: u8) -> IssuedCertificate {
    endorse(&identity(seed), &id(name), SystemTime::now(), 30).unwrap()
}

#[test]
fn a_certificate_goes_with_its_key_and_its_participant_alone() {
    let (anhui, again) = (issued("anhui", 1), issued("anhui", 1));
    let of = |name: &str, cert: &str, key: &str| Credentials::from_pem(id(name), cert, key);
    let good = of("anhui", &anhui.cert_pem, &anhui.key_pem).unwrap();
    assert_eq!(good.participant(), &id("anhui"));
    assert_eq!(format!("{good:?}"), "Credentials(anhui)");
    let identity_pem = identity(1).to_pem().unwrap();
    for (what, refused) in [
        ("a key of another certificate", of("anhui", &anhui.cert_pem, &again.key_pem)),
        ("the identity's key", of("anhui", &anhui.cert_pem, &identity_pem)),
        ("no key", of("anhui", &anhui.cert_pem, &anhui.cert_pem)),
    ] {
        assert!(matches!(refused, Err(CredentialsError::Key(_))), "{what}: {refused:?}");
    }
    for (what, refused) in
        [("no certificate", of("anhui", &anhui.key_pem, &anhui.key_pem)), ("nothing", of("anhui", "", &anhui.key_pem))]
    {
        assert!(matches!(refused, Err(CredentialsError::Certificate(_))), "{what}: {refused:?}");
    }
    let error = of("shanghai", &anhui.cert_pem, &anhui.key_pem).unwrap_err();
    assert_eq!(error.to_string(), "the certificate is not for shanghai, but for anhui");
}

#[test]
fn credentials_are_held_to_the_identity_and_the_time_as_a_peer_would() {
    let now = SystemTime::now();
    let issued = issued("anhui", 1);
    let anhui = Credentials::from_pem(id("anhui"), &issued.cert_pem, &issued.key_pem).unwrap();
    let day = Duration::from_secs(86_400);
    anhui.verify(&identity(1).public(), now).unwrap();
    let other = anhui.verify(&identity(2).public(), now).unwrap_err();
    assert!(matches!(other, CredentialsError::Endorsement { .. }), "{other}");
    for (time, said) in [(now - day, "is not valid yet"), (now + 31 * day, "has expired")] {
        let error = anhui.verify(&identity(1).public(), time).unwrap_err();
        assert!(matches!(error, CredentialsError::Time(_)) && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_certificate_is_endorsed_for_1_to_825_days() {
    for (days, allowed) in [(0, false), (1, true), (825, true), (826, false), (u32::MAX, false)] {
        let endorsed = endorse(&identity(1), &id("anhui"), SystemTime::now(), days);
        assert_eq!(endorsed.is_ok(), allowed, "{days}");
        assert!(allowed || matches!(endorsed, Err(EndorsementError::Days)));
    }
}

#[test]
fn secrets_are_written_once_and_read_only_while_they_are_their_owners() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let issued = issued("anhui", 1);
    fs::write(&cert, &issued.cert_pem).unwrap();
    write_secret(&key, &issued.key_pem).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(write_secret(&key, "another"), Err(CredentialsError::File { .. })));
    assert_eq!(read_secret(&key).unwrap().as_str(), issued.key_pem.as_str());
    assert!(Credentials::read(id("anhui"), &cert, &key).is_ok());
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = Credentials::read(id("anhui"), &cert, &key).unwrap_err();
        assert!(matches!(error, CredentialsError::Exposed { .. }), "{mode:o}: {error}");
    }
    let nowhere = folder.path().join("nowhere");
    let error = Credentials::read(id("anhui"), &nowhere, &key).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
