//! Identity keys and the certificates that they endorse.

mod support;

use std::os::unix::fs::PermissionsExt;

use support::{fails, json, text, yuandang};

#[test]
fn an_identity_and_its_certificate_come_back_as_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let dir = path("anhui");
    let made = json(&["identity", "new", "--participant", "anhui", "--dir", &dir, "--format", "json"]);
    let pin = made["identity"].as_str().unwrap();
    assert!(pin.starts_with("ed25519:") && pin.len() == 8 + 64, "{pin}");
    let (key, public) = (path("anhui/identity.key"), path("anhui/identity.pub"));
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(public).unwrap().trim(), pin);
    assert_eq!(text(&yuandang(&["identity", "show", "--key", &key])).trim(), pin);
    fails(2, &["identity", "new", "--participant", "anhui", "--dir", &dir]);
    assert_eq!(text(&yuandang(&["identity", "show", "--key", &key])).trim(), pin, "the key was replaced");

    let (cert, tls) = (path("tls.crt"), path("tls.key"));
    let issue = |days: &str| {
        [
            "cert",
            "issue",
            "--identity",
            &key,
            "--participant",
            "anhui",
            "--out-cert",
            &cert,
            "--out-key",
            &tls,
            "--days",
            days,
        ]
        .map(str::to_owned)
    };
    fails(2, &support::borrowed(&issue("0")));
    let issued = yuandang(&support::borrowed(&issue("30")));
    assert_eq!(issued.status.code(), Some(0), "{}", support::errors(&issued));
    assert_eq!(std::fs::metadata(&tls).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = json(&["cert", "show", &cert, "--format", "json"]);
    assert_eq!(shown["valid_now"], true);
    assert!(shown["names"][0].as_str().unwrap().starts_with("anhui"), "{shown}");
    assert!(text(&yuandang(&["cert", "show", &cert])).contains("anhui"));
    fails(2, &support::borrowed(&issue("30")));
}

#[test]
fn a_person_has_a_certificate_of_its_own_in_one_duty() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    json(&["identity", "new", "--participant", "anhui", "--dir", &path("anhui"), "--format", "json"]);
    let identity = path("anhui/identity.key");
    let issue = |name: &str, whose: &[&str]| {
        let (cert, key) = (path(&format!("{name}.crt")), path(&format!("{name}.key")));
        let mut arguments = vec!["cert", "issue", "--identity", &identity, "--participant", "anhui"];
        arguments.extend(whose);
        arguments.extend(["--out-cert", &cert, "--out-key", &key]);
        (yuandang(&arguments).status.code(), cert)
    };
    for duty in ["operator", "approver", "supervisor", "auditor"] {
        let (status, cert) = issue(duty, &["--person", "k-17", "--duty", duty]);
        assert_eq!(status, Some(0), "{duty}");
        let shown = json(&["cert", "show", &cert, "--format", "json"]);
        assert_eq!([&shown["participant"], &shown["person"], &shown["duty"]], ["anhui", "k-17", duty]);
        assert_eq!(shown["names"], serde_json::json!([format!("k-17.{duty}.anhui.yuandang.internal")]));
        let lines = text(&yuandang(&["cert", "show", &cert]));
        assert!(lines.starts_with(&format!("participant anhui\nperson      k-17\nduty        {duty}\n")), "{lines}");
    }
    let (status, cert) = issue("node", &[]);
    let shown = json(&["cert", "show", &cert, "--format", "json"]);
    assert_eq!((status, &shown["participant"], shown.get("person")), (Some(0), &"anhui".into(), None));
    for whose in [
        &["--person", "k-17"][..],
        &["--duty", "operator"],
        &["--person", "k-17", "--duty", "manager"],
        &["--person", "王伟", "--duty", "operator"],
        &["--person", "K 17", "--duty", "operator"],
    ] {
        assert_eq!(issue("bad", whose).0, Some(2), "{whose:?}");
        assert!(!folder.path().join("bad.key").exists(), "{whose:?}");
    }
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    json(&["identity", "new", "--participant", "anhui", "--dir", dir, "--format", "json"]);
    let key = folder.path().join("identity.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(fails(2, &["identity", "show", "--key", key.to_str().unwrap()]).contains("chmod 600"));
    fails(2, &["identity", "new", "--participant", "An Hui", "--dir", dir]);
    let no_certificate = folder.path().join("identity.pub");
    fails(2, &["cert", "show", no_certificate.to_str().unwrap()]);
}

#[test]
fn a_certificate_that_cannot_be_written_leaves_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    json(&["identity", "new", "--participant", "anhui", "--dir", &path("anhui"), "--format", "json"]);
    let (identity, tls) = (path("anhui/identity.key"), path("tls.key"));
    let issue = ["cert", "issue", "--identity", &identity, "--participant", "anhui", "--out-key", &tls, "--out-cert"];
    let said = fails(2, &[&issue[..], &[&path("no/folder/tls.crt")]].concat());
    assert!(said.contains("no/folder/tls.crt"), "{said}");
    assert!(!folder.path().join("tls.key").exists());
    assert_eq!(yuandang(&[&issue[..], &[&path("tls.crt")]].concat()).status.code(), Some(0));
    // A key that was there before is not ours to remove.
    fails(2, &[&issue[..], &[&path("no/folder/tls.crt")]].concat());
    assert!(folder.path().join("tls.key").exists());
}
