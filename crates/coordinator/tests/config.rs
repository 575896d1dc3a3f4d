//! Configurations: the sample, a whole one, and every way to get one wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use agreement::{IdentityKey, ParticipantId};
use coordinator::CoordinatorConfig;
use database::Location;
use tempfile::TempDir;

const SAMPLE: &str = include_str!("../../../examples/config/coordinator.toml");
const NODES: [(&str, &str); 2] = [
    ("shanghai", include_str!("../../../examples/config/node-shanghai.toml")),
    ("anhui", include_str!("../../../examples/config/node-anhui.toml")),
];

fn id(name: &str) -> ParticipantId {
    name.parse().unwrap()
}

/// The problems of a text, without the files that it names.
fn problems(text: &str) -> String {
    CoordinatorConfig::check(text, "c.toml").err().map(|problems| problems.to_string()).unwrap_or_default()
}

/// A folder with the credentials that the sample names.
fn folder_of(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let identity = IdentityKey::from_seed(&[1; 32].into());
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let issued = wire::endorse(&identity, &id(name), yesterday, 30).unwrap();
    fs::write(folder.path().join("coordinator.crt"), &issued.cert_pem).unwrap();
    wire::write_secret(&folder.path().join("coordinator.key"), &issued.key_pem).unwrap();
    folder
}

/// What loading the text from this folder says.
fn load(text: &str, folder: &Path) -> Result<CoordinatorConfig, String> {
    let path = folder.join("coordinator.toml");
    fs::write(&path, text).unwrap();
    CoordinatorConfig::load(&path).map_err(|problems| {
        let place = path.display().to_string();
        problems.to_string().replace(&place, "c.toml").replace(&folder.display().to_string(), "folder")
    })
}

/// The sample with `from` written as `to`.
fn sample_with(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "the sample has no {from:?}");
    SAMPLE.replace(from, to)
}

/// The line of the sample that begins so.
fn line(beginning: &str) -> usize {
    SAMPLE.lines().position(|line| line.starts_with(beginning)).unwrap() + 1
}

#[test]
fn the_sample_is_whole_and_fits_those_of_the_nodes() {
    assert_eq!(problems(SAMPLE), "");
    let folder = folder_of("coordinator");
    let config = load(SAMPLE, folder.path()).unwrap();
    assert_eq!(config.name, id("coordinator"));
    assert_eq!(config.listen, "127.0.0.1:7100".parse().unwrap());
    assert_eq!(config.database, Location::File(folder.path().join("coordinator.sqlite")));
    assert_eq!(config.participants.all().len(), NODES.len());
    for (name, node) in NODES {
        let identity = config.participants.identity(&id(name)).unwrap();
        assert!(node.contains(&format!("public = \"{identity}\"")), "{name} has another identity in its own sample");
        assert!(node.contains(&format!("endpoint = \"https://{}\"", config.listen)), "{name} dials somewhere else");
        assert!(node.contains(&format!("participant = \"{}\"", config.name)), "{name} expects another coordinator");
    }
}

#[test]
fn unknown_keys_are_refused_with_what_is_known() {
    let text = sample_with("database =", "databank = \"x\"\ndatabase =");
    let known = "known here: certificate, database, key, listen, name, participants";
    assert_eq!(problems(&text), format!("c.toml:{}: unknown key databank; {known}", line("database")));
    let text = sample_with("id = \"anhui\"", "id = \"anhui\"\nadmin = true");
    let expected =
        format!("c.toml:{}: unknown key participants.admin; known here: id, identity", line("id = \"anhui\"") + 1);
    assert_eq!(problems(&text), expected);
}

#[test]
fn every_problem_is_named_with_its_line() {
    let text = "nam = \"coordinator\"\nlisten = \"localhost\"\ndatabase = 7\n[[participants]]\nid = \"Anhui\"\n\
                identity = \"ed25519:00\"\n[[participants]]\nid = \"shanghai\"\n";
    let lines: Vec<String> = problems(text).lines().map(str::to_owned).collect();
    let expected = [
        "c.toml:1: name is missing",
        "c.toml:1: certificate is missing",
        "c.toml:1: key is missing",
        "c.toml:1: unknown key nam;",
        "c.toml:2: listen: ",
        "c.toml:3: database: must be text in quotes",
        "c.toml:5: participants.id: ",
        "c.toml:6: participants.identity: ",
        "c.toml:7: participants.identity is missing",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line:?} does not begin with {expected:?}");
    }
}

#[test]
fn a_database_is_a_file_or_a_server_and_no_message_shows_a_password() {
    let folder = folder_of("coordinator");
    let with = |database: &str| load(&sample_with("\"coordinator.sqlite\"", &format!("\"{database}\"")), folder.path());
    let config = with("postgres://yuandang:p4ssw0rd@db.example:6543/jobs").unwrap();
    assert_eq!(config.database.to_string(), "postgres://db.example:6543/jobs");
    assert!(!format!("{config:?}").contains("p4ssw0rd"), "{config:?}");
    for (database, words) in [
        ("mysql://yuandang:p4ssw0rd@db.example/jobs", "must be the path of an SQLite file, or postgres://"),
        ("postgres://yuandang:p4ssw0rd@db.example", "it names no database"),
        ("postgres://yuandang:p4ssw0rd@db.example/jobs?sslmod=require", "has an option \"sslmod\""),
    ] {
        let problem = with(database).unwrap_err();
        assert!(problem.starts_with(&format!("c.toml:{}: database: ", line("database"))), "{problem}");
        assert!(problem.contains(words) && !problem.contains("p4ssw0rd"), "{problem}");
    }
}

#[test]
fn participants_must_be_there_and_differ() {
    let nobody = SAMPLE.split("[[participants]]").next().unwrap();
    assert!(problems(nobody).contains("nobody may call this coordinator"), "{}", problems(nobody));
    let twice = sample_with("id = \"anhui\"", "id = \"shanghai\"");
    let expected = format!("c.toml:{}: participants: participant shanghai is pinned twice", line("[[participants]]"));
    assert_eq!(problems(&twice), expected);
    let identity = SAMPLE.lines().rfind(|line| line.starts_with("identity")).unwrap();
    let other = SAMPLE.lines().find(|line| line.starts_with("identity")).unwrap();
    let same = sample_with(identity, other);
    assert!(problems(&same).contains("pinned with the same identity key"), "{}", problems(&same));
}

#[test]
fn text_that_is_no_configuration_is_named() {
    assert!(problems("name = = 1\n").starts_with("c.toml:1: "));
    assert!(problems("").contains("name is missing"));
    let missing = CoordinatorConfig::load(Path::new("/nowhere/coordinator.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/coordinator.toml: "), "{missing}");
}

#[test]
fn files_that_are_missing_or_wrong_are_named_where_they_are_named() {
    let folder = folder_of("coordinator");
    wire::write_secret(&folder.path().join("noise.key"), "noise").unwrap();
    let cases = [
        (
            "database = \"coordinator.sqlite\"",
            "database = \"none/coordinator.sqlite\"",
            "database",
            "there is no folder for",
        ),
        ("certificate = \"coordinator.crt\"", "certificate = \"other.crt\"", "certificate", "other.crt"),
        ("key = \"coordinator.key\"", "key = \"other.key\"", "key", "other.key"),
        ("key = \"coordinator.key\"", "key = \"coordinator.crt\"", "key", "can be read by others"),
        ("key = \"coordinator.key\"", "key = \"noise.key\"", "key", "not usable"),
        ("name = \"coordinator\"", "name = \"somebody\"", "certificate", "somebody"),
    ];
    for (from, to, key, words) in cases {
        let problem = load(&sample_with(from, to), folder.path()).unwrap_err();
        let at = format!("c.toml:{}: {key}: ", line(key));
        assert!(problem.starts_with(&at) && problem.contains(words), "{to}: {problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
    let two = sample_with("database = \"", "database = \"none/").replace("coordinator.crt", "other.crt");
    let problem = load(&two, folder.path()).unwrap_err();
    assert_eq!(problem.lines().count(), 2, "one problem hides the other: {problem}");
}
