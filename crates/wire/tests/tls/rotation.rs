//! Certificates that change under a running server, and under a client.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use wire::{ConnectError, Credentials, CredentialsError, Duty, IssuedCertificate, rotation::keep_current};

use crate::{
    ends::{DAY, dial, id, identity, mirrored, person, pins, server, server_with, valid},
    impostors::shown_by,
};

fn issued(name: &str, seed: u8, days: u32) -> IssuedCertificate {
    wire::endorse(&identity(seed), &id(name), SystemTime::now() - 2 * DAY, days).unwrap()
}

/// The files of a certificate.
struct Files(TempDir);

impl Files {
    fn of(issued: &IssuedCertificate) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put(issued);
        files
    }

    /// Puts others in their place, as an operator does: the key first.
    fn put(&self, issued: &IssuedCertificate) {
        let ([cert, key], new) = (self.paths(), self.0.path().join("new"));
        wire::write_secret(&new, &issued.key_pem).unwrap();
        fs::rename(&new, key).unwrap();
        fs::write(&new, &issued.cert_pem).unwrap();
        fs::rename(&new, cert).unwrap();
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["cert", "key"].map(|name| self.0.path().join(name))
    }

    fn credentials(&self, name: &str) -> Credentials {
        let [cert, key] = self.paths();
        Credentials::read(id(name), &cert, &key).unwrap()
    }
}

#[tokio::test]
async fn a_server_shows_a_new_certificate_and_what_is_connected_goes_on() {
    let files = Files::of(&issued("anhui", 1, 30));
    let own = files.credentials("anhui");
    let endpoint = server_with(None, &own, pins()).await;
    let before = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    let first = shown_by(&endpoint).await;
    assert_eq!(shown_by(&endpoint).await, first);
    let watching = tokio::spawn(keep_current(own, Some(identity(1).public()), Duration::from_millis(5)));
    files.put(&issued("anhui", 1, 60));
    let changed = async {
        while shown_by(&endpoint).await == first {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), changed).await.expect("the new certificate was not taken");
    assert_eq!(mirrored(&before).await.participant, "shanghai", "it was connected before");
    let after = dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    assert_eq!(mirrored(&after).await.participant, "shanghai");
    assert!(!watching.is_finished());
    watching.abort();
}

#[tokio::test]
async fn what_is_not_usable_is_not_taken_and_the_server_goes_on_as_it_was() {
    let good = issued("anhui", 1, 30);
    let files = Files::of(&good);
    let own = files.credentials("anhui");
    let endpoint = server_with(None, &own, pins()).await;
    let (first, pin) = (shown_by(&endpoint).await, identity(1).public());
    let operator = person("k-17", Duty::Operator);
    let persons = wire::endorse_person(&identity(1), &id("anhui"), &operator, SystemTime::now() - DAY, 30).unwrap();
    let early = wire::endorse(&identity(1), &id("anhui"), SystemTime::now() + DAY, 30).unwrap();
    let torn = IssuedCertificate { cert_pem: good.cert_pem.clone(), key_pem: issued("anhui", 1, 30).key_pem };
    let nothing = IssuedCertificate { cert_pem: String::new(), key_pem: good.key_pem.clone() };
    for (what, bad, said) in [
        ("by another identity", issued("anhui", 2, 30), "is not endorsed by"),
        ("of another participant", issued("shanghai", 1, 30), "is not for anhui, but for shanghai"),
        ("of a person", persons, "but for operator k-17 of anhui"),
        ("expired", issued("anhui", 1, 1), "has expired"),
        ("not valid yet", early, "is not valid yet"),
        ("a certificate and another's key", torn, "private key is not usable"),
        ("an empty file", nothing, "no certificate in PEM"),
    ] {
        files.put(&bad);
        let error = own.reload(Some(&pin), SystemTime::now()).expect_err(what);
        assert!(error.to_string().contains(said), "{what}: {error}");
        assert_eq!(shown_by(&endpoint).await, first, "{what}");
    }
    fs::remove_file(&files.paths()[0]).unwrap();
    let error = own.reload(Some(&pin), SystemTime::now()).unwrap_err();
    assert!(matches!(error, CredentialsError::File { .. }), "{error}");
    dial(&endpoint, &valid("shanghai", 2), 1).await.unwrap();
    files.put(&good);
    assert!(!own.reload(Some(&pin), SystemTime::now()).unwrap(), "it is the one that is in use");
    files.put(&issued("anhui", 1, 60));
    assert!(own.reload(Some(&pin), SystemTime::now()).unwrap());
    assert_ne!(shown_by(&endpoint).await, first);
}

#[tokio::test]
async fn one_whose_identity_is_not_known_is_held_to_its_name_and_its_dates() {
    let files = Files::of(&issued("anhui", 1, 30));
    let own = files.credentials("anhui");
    for (bad, said) in [(issued("shanghai", 1, 30), "is not for anhui"), (issued("anhui", 1, 1), "has expired")] {
        files.put(&bad);
        let error = own.reload(None, SystemTime::now()).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    files.put(&issued("anhui", 1, 60));
    assert!(own.reload(None, SystemTime::now()).unwrap());
}

#[tokio::test]
async fn a_client_dials_with_what_it_has_then() {
    let endpoint = server(valid("anhui", 1)).await;
    let files = Files::of(&issued("shanghai", 2, 1));
    let own = files.credentials("shanghai");
    let given = own.clone();
    let error = dial(&endpoint, &given, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    files.put(&issued("shanghai", 2, 30));
    assert!(own.reload(Some(&identity(2).public()), SystemTime::now()).unwrap());
    assert_eq!(mirrored(&dial(&endpoint, &given, 1).await.unwrap()).await.participant, "shanghai");
}
