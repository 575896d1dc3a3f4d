//! What a node is told of its configuration before it opens a socket: everything that is wrong, at once,
//! with lines.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use node::NodeConfig;
use tempfile::TempDir;

use crate::sides::{id, identity};

const DAY: Duration = Duration::from_secs(86_400);

/// A sound configuration of Shanghai's node. `%` and a name stand for that participant's identity.
const SOUND: &str = r#"participant = "shanghai"
listen = "127.0.0.1:0"
results = "results"
[identity]
certificate = "tls.crt"
key = "tls.key"
public = "%shanghai"
[coordinator]
endpoint = "https://127.0.0.1:7100"
participant = "coordinator"
identity = "%coordinator"
[[peers]]
participant = "anhui"
identity = "%anhui"
[[peers]]
participant = "jiangsu"
identity = "%jiangsu"
[[datasets]]
name = "students"
source = "students.csv"
"#;

/// The folder of Shanghai's node, with all that [`SOUND`] names.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("students.csv"), "id,name\n1,a\n").unwrap();
        place.certify("shanghai", "shanghai", SystemTime::now() - DAY, 30);
        place
    }

    /// Puts a certificate for `name` there that `endorser` endorses.
    fn certify(&self, name: &str, endorser: &str, from: SystemTime, days: u32) {
        let issued = wire::endorse(&identity(endorser), &id(name), from, days).unwrap();
        let (certificate, key) = (self.0.path().join("tls.crt"), self.0.path().join("tls.key"));
        fs::write(certificate, issued.cert_pem).unwrap();
        let _ = fs::remove_file(&key);
        wire::write_secret(&key, &issued.key_pem).unwrap();
    }

    /// The problems of [`SOUND`] after these changes, without the folder's name.
    fn problems(&self, changes: &[(&str, &str)]) -> Vec<String> {
        let mut text = SOUND.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        for name in ["shanghai", "anhui", "jiangsu", "coordinator"] {
            text = text.replace(&format!("%{name}"), &identity(name).public().to_string());
        }
        let path = self.0.path().join("node.toml");
        fs::write(&path, text).unwrap();
        let refused = NodeConfig::load_to_serve(&path, &datasets::Files::new()).err();
        let said = refused.map(|problems| problems.to_string()).unwrap_or_default();
        said.replace(&format!("{}/", self.0.path().display()), "").lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_sound_configuration_is_taken_and_its_results_folder_made() {
    let place = Place::new();
    assert_eq!(place.problems(&[]), [""; 0]);
    assert!(place.0.path().join("results").is_dir());
}

#[test]
fn receipts_are_kept_for_three_years_at_least_and_the_reason_is_told() {
    let place = Place::new();
    let problems = |years: &str| place.problems(&[("[identity]", &format!("receipts_years = {years}\n[identity]"))]);
    assert_eq!(problems("3"), [""; 0]);
    assert_eq!(problems("30"), [""; 0]);
    for years in ["0", "2"] {
        let said = problems(years);
        let wanted = "node.toml:4: receipts_years: receipts are kept for 3 years at least: the law";
        assert!(said.len() == 1 && said[0].starts_with(wanted), "{said:#?}");
    }
    assert_eq!(problems("-1").len(), 1);
    assert_eq!(problems("\"3\"").len(), 1);
}

#[test]
fn a_day_that_is_none_and_rejects_in_the_place_of_something_else_are_named() {
    let place = Place::new();
    let problems = |more: &str| {
        let source = "source = \"students.csv\"";
        place.problems(&[(source, &format!("{source}\n{more}"))])
    };
    assert_eq!(problems("snapshot = \"2026-03-01\"\nrejects = \"rejects.csv\""), [""; 0]);
    for (more, wanted) in [
        ("snapshot = \"2026-02-30\"", "snapshot: \"2026-02-30\" is no day"),
        ("snapshot = \"2999-01-01\"", "snapshot: 2999-01-01 is in the future"),
        ("rejects = \"students.csv\"", "is the source of \"students\", which would be replaced"),
        ("rejects = \"./students.csv\"", "is the source of \"students\", which would be replaced"),
        ("rejects = \"s3://bucket/rejects.csv\"", "rejects: is no path of a file"),
        ("rejects = \"postgres://host/rows?table=rejects.csv\"", "rejects: is no path of a file"),
        ("rejects = \"book.sqlite\"", "rejects: is no path of a file that ends in .csv"),
        (
            "rejects = \"r.csv\"\n[[datasets]]\nname = \"b\"\nsource = \"r.csv?columns=id\"",
            "rejects of \"students\" is the source of \"b\"",
        ),
        (
            "rejects = \"r.csv\"\n[[datasets]]\nname = \"b\"\nsource = \"b.csv\"\nrejects = \"r.csv\"",
            "\"students\" and \"b\" have the same file of rejects",
        ),
    ] {
        let said = problems(more);
        // A second source that is not there is named besides.
        let others = said.iter().filter(|one| !one.contains(wanted)).all(|one| one.contains("No such file"));
        assert!(others && said.iter().any(|one| one.contains(wanted)), "{said:#?}");
    }
}

#[test]
fn the_samples_are_sound() {
    for sample in [
        include_str!("../../../../examples/config/node-anhui.toml"),
        include_str!("../../../../examples/config/node-shanghai.toml"),
    ] {
        NodeConfig::check(sample, "node.toml").unwrap();
    }
}

#[test]
fn a_certificate_that_no_peer_would_accept_is_refused() {
    let now = SystemTime::now();
    for (name, endorser, from, said) in [
        ("shanghai", "shanghai", now - 40 * DAY, "the certificate has expired"),
        ("shanghai", "shanghai", now + DAY, "the certificate is not valid yet"),
        ("shanghai", "anhui", now - DAY, "the certificate is not endorsed by ed25519:"),
        ("jiangsu", "shanghai", now - DAY, "the certificate is not for shanghai, but for jiangsu"),
    ] {
        let place = Place::new();
        place.certify(name, endorser, from, 30);
        let problems = place.problems(&[]);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(&format!("node.toml:5: identity.certificate: {said}")), "{problems:#?}");
    }
}

#[test]
fn one_identity_is_one_participants() {
    for (from, to, expected) in [
        ("%anhui", "%shanghai", "node.toml:14: peers.identity: this node has the same identity"),
        ("%jiangsu", "%anhui", "node.toml:17: peers.identity: anhui has the same identity"),
        ("%anhui", "%coordinator", "node.toml:14: peers.identity: the coordinator has the same identity"),
        ("%coordinator", "%shanghai", "node.toml:11: coordinator.identity: this node has the same identity"),
        ("\"jiangsu\"", "\"anhui\"", "node.toml:16: peers.participant: anhui is pinned twice"),
        ("\"jiangsu\"", "\"shanghai\"", "node.toml:16: peers.participant: this node cannot be its own peer"),
    ] {
        assert_eq!(Place::new().problems(&[(from, to)]), [expected]);
    }
}

#[test]
fn datasets_and_results_must_be_usable() {
    let place = Place::new();
    fs::write(place.0.path().join("file"), "").unwrap();
    for (from, to, expected) in [
        ("students.csv", "absent.csv", "node.toml:20: datasets.source: absent.csv: No such file"),
        ("students.csv", "x.parquet", "node.toml:20: datasets.source: x.parquet: No such file"),
        ("students.csv", "s3://bucket", "node.toml:20: datasets.source: an object is named s3://bucket/key.csv"),
        ("students.csv", "file", "node.toml:20: datasets.source: file: is empty"),
        ("\"results\"", "\"file\"", "node.toml:3: results: "),
        ("\"results\"", "\"file/results\"", "node.toml:3: results: "),
    ] {
        let problems = place.problems(&[(from, to)]);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(expected), "{problems:#?}");
    }
}

#[test]
fn days_and_entries_that_cannot_be_are_named() {
    let place = Place::new();
    fs::write(place.0.path().join("entry.json"), "{}").unwrap();
    let end = "source = \"students.csv\"\n";
    for (more, expected) in [
        ("catalogue = \"absent.json\"\n", "node.toml:21: datasets.catalogue: absent.json: No such file"),
        (
            "catalogue = \"entry.json\"\n",
            "node.toml:21: datasets.catalogue: entry.json: the statement is not in its form",
        ),
        ("[calendar]\nholidays = [\"2026-2-16\"]\n", "node.toml:22: calendar.holidays: a day is written 2026-02-16"),
        (
            "[calendar]\nholidays = [\"2026-02-16\"]\nworkdays = [\"2026-02-16\"]\n",
            "node.toml:23: calendar.workdays: 2026-02-16 is both a holiday and worked on",
        ),
        ("[calendar]\nrest = []\n", "node.toml:22: unknown key calendar.rest"),
    ] {
        let problems = place.problems(&[(end, &format!("{end}{more}"))]);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(expected), "{problems:#?}");
    }
    let right = "[calendar]\nholidays = [\"2026-02-16\"]\nworkdays = [\"2026-02-14\"]\n";
    assert_eq!(place.problems(&[(end, &format!("{end}{right}"))]), [""; 0]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let place = Place::new();
    place.certify("shanghai", "shanghai", SystemTime::now() - 40 * DAY, 30);
    let problems = place.problems(&[
        ("results = \"results\"", "results = \"students.csv\""),
        ("endpoint = \"https://127.0.0.1:7100\"\n", ""),
        ("participant = \"anhui\"\nidentity = \"%anhui\"", "identity = \"%coordinator\""),
        ("%jiangsu", "%shanghai"),
        ("source = \"students.csv\"", "source = \"absent.csv\""),
    ]);
    let expected = [
        "node.toml:3: results: ",
        "node.toml:5: identity.certificate: the certificate has expired",
        "node.toml:8: coordinator.endpoint is missing",
        "node.toml:11: peers.participant is missing",
        "node.toml:12: peers.identity: the coordinator has the same identity",
        "node.toml:15: peers.identity: this node has the same identity",
        "node.toml:18: datasets.source: absent.csv: ",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem:?} does not begin with {expected:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_named_at_its_line() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    fs::set_permissions(place.0.path().join("tls.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let problems = place.problems(&[("public = \"%shanghai\"\n", "")]);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert_eq!(problems[0], "node.toml:4: identity.public is missing");
    assert!(problems[1].starts_with("node.toml:6: identity.key: "), "{problems:#?}");
}
