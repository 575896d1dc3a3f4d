//! A supervisor with the program itself: nodes wait for its heartbeat, and it suspends and resumes what it is no party to.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use support::{borrowed, errors, fails, json, site::Site, text, until, yuandang};

/// Both nodes, which wait for a heartbeat, and a supervisor whom they have pinned; its file lists both.
fn site() -> Site {
    let site = Site::new(400, 200, 50);
    let folder = site.path("supervisor");
    let made = json(&["identity", "new", "--participant", "supervisor", "--dir", &folder, "--format", "json"]);
    let identity = made["identity"].as_str().unwrap();
    site.person("supervisor", "s-1", "supervisor");
    site.configure(&format!("[[supervisors]]\nparticipant = \"supervisor\"\nidentity = \"{identity}\"\n"));
    let mut nodes = String::new();
    for name in ["shanghai", "anhui"] {
        site.person(name, "k-1", "operator");
        let path = site.path(&format!("{name}/config.toml"));
        let config = fs::read_to_string(&path).unwrap();
        // The address and the identity are the first of the file.
        let value = |key: &str| config.split(&format!("{key} = \"")).nth(1).unwrap().split('"').next().unwrap();
        nodes += &node(name, value("public"), value("endpoint"));
        fs::write(&path, format!("heartbeat_seconds = 86400\n{config}")).unwrap();
    }
    fs::write(site.path("supervisor/supervisor.toml"), file(&nodes)).unwrap();
    site
}

fn file(nodes: &str) -> String {
    format!(
        "participant = \"supervisor\"\nsigning_key = \"identity.key\"\n\
         certificate = \"supervisor.crt\"\nkey = \"supervisor.key\"\n{nodes}"
    )
}

fn node(name: &str, identity: &str, endpoint: &str) -> String {
    format!("[[nodes]]\nparticipant = \"{name}\"\nidentity = \"{identity}\"\nendpoint = \"{endpoint}\"\n")
}

/// What a node answered, in the order of the file.
fn answers(told: &Value) -> Vec<(&str, bool, &str)> {
    let nodes = told["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| (node["node"].as_str().unwrap(), node["taken"].as_bool().unwrap(), node["why"].as_str().unwrap()))
        .collect()
}

/// Submits a job that is refused; gives why.
fn is_refused(site: &Site, job: &str) -> String {
    let config = site.path("shanghai/config.toml");
    let watched = yuandang(&["job", "submit", "--watch", "--file", job, "--config", &config]);
    assert_eq!(watched.status.code(), Some(4), "{}", errors(&watched));
    errors(&watched)
}

fn state_at(site: &Site, name: &str, digest: &str) -> String {
    let listed = site.agreement(name, "operator", &["list"]);
    let found = listed.as_array().unwrap().iter().find(|one| one["digest"] == digest).unwrap();
    format!("{} {}", found["state"].as_str().unwrap(), found["why"].as_str().unwrap())
}

#[test]
fn nodes_wait_for_a_heartbeat_and_stop_for_a_suspension_of_the_supervisor() {
    let site = site();
    let job = site.job(&[]);
    let supervisor = site.path("supervisor/supervisor.toml");
    let _servers = ["coordinator", "shanghai", "anhui"].map(|name| site.start(name));

    let said = is_refused(&site, &job);
    assert!(said.contains("no supervisor's heartbeat was heard within 86400 seconds; none was ever heard"), "{said}");
    let told = json(&["agreement", "heartbeat", "--config", &supervisor, "--format", "json"]);
    assert_eq!(answers(&told), [("shanghai", true, ""), ("anhui", true, "")]);
    let done = site.ask(&["submit", "--watch", "--file", &job]);
    assert_eq!(done["state"], "Succeeded", "{done}");

    let digest = fs::read_to_string(&job).unwrap().split('"').nth(1).unwrap().to_owned();
    let hold = |what: &'static str, digest: &str, more: &[&str]| {
        let asked =
            ["agreement", what, digest, "--supervisor", &supervisor, "--reason", "a complaint", "--format", "json"];
        [&asked[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let said = fails(2, &borrowed(&hold("suspend", &digest[..16], &[])));
    assert!(said.contains("64 digits"), "{said}");
    let said = fails(2, &borrowed(&hold("suspend", &digest, &["--node", "hunan"])));
    assert!(said.contains("no node of hunan"), "{said}");
    let told = json(&borrowed(&hold("suspend", &digest, &[])));
    assert_eq!(answers(&told), [("shanghai", true, ""), ("anhui", true, "")]);
    for name in ["shanghai", "anhui"] {
        assert_eq!(state_at(&site, name, &digest), "Suspended supervisor: a complaint");
    }
    let said = is_refused(&site, &job);
    assert!(said.contains("Suspended by supervisor: a complaint"), "{said}");

    // Whatever was said before in the same second, the last word counts.
    for _ in 0..3 {
        for (what, state) in [("resume", "Effective "), ("suspend", "Suspended supervisor: a complaint")] {
            json(&borrowed(&hold(what, &digest, &[])));
            assert_eq!(state_at(&site, "anhui", &digest), state);
        }
    }
    json(&borrowed(&hold("resume", &digest, &[])));
    assert_eq!(site.ask(&["submit", "--watch", "--file", &job])["state"], "Succeeded");
    json(&borrowed(&hold("revoke", &digest, &["--node", "anhui"])));
    let revoked = "Revoked supervisor: a complaint";
    assert_eq!(state_at(&site, "anhui", &digest), revoked);
    // Its node tells the other party's.
    until("the revocation at shanghai", || (state_at(&site, "shanghai", &digest) == revoked).then_some(()));
    let said = is_refused(&site, &job);
    assert!(said.contains("Revoked by supervisor"), "{said}");
    // An agreement that no node has is refused by each, in its words.
    let unknown = yuandang(&borrowed(&hold("suspend", &"0".repeat(64), &[])));
    assert_eq!(unknown.status.code(), Some(4), "{}", errors(&unknown));
    let told: Value = serde_json::from_slice(&unknown.stdout).unwrap();
    assert!(answers(&told).iter().all(|(_, taken, why)| !taken && why.contains("there is no agreement")), "{told}");
}

#[test]
fn a_node_that_cannot_be_reached_is_named_and_stops_no_other_and_a_stranger_is_refused() {
    let site = site();
    let path = site.path("supervisor/supervisor.toml");
    let _node = [site.start("coordinator"), site.start("anhui")];
    let once = |lang| yuandang(&["--lang", lang, "agreement", "heartbeat", "--config", &path]);
    let told = once("en");
    assert_eq!(told.status.code(), Some(6), "{}", errors(&told));
    let lines = text(&told);
    assert!(lines.contains("  shanghai: NOT REACHED: ") && lines.contains("  anhui: taken\n"), "{lines}");
    assert!(errors(&told).contains("1 of 2 nodes did not take the statement: shanghai"), "{}", errors(&told));
    let lines = text(&once("zh"));
    assert!(lines.contains("shanghai：无法连接") && lines.contains("anhui：已接收"), "{lines}");

    // Somebody whom no node has pinned as a supervisor.
    let (cert, key) = (site.path("shanghai/tls.crt"), site.path("shanghai/tls.key"));
    let config = fs::read_to_string(&path).unwrap();
    let identity = site.path("shanghai/identity.key");
    let as_shanghai = config
        .replace("participant = \"supervisor\"", "participant = \"shanghai\"")
        .replace("supervisor.crt", &cert)
        .replace("supervisor.key", &key)
        .replace("identity.key", &identity);
    let other = site.path("supervisor/other.toml");
    fs::write(&other, as_shanghai).unwrap();
    let told = yuandang(&["agreement", "heartbeat", "--config", &other]);
    assert!(text(&told).contains("anhui: NOT TAKEN: shanghai is no supervisor that is pinned here"), "{}", text(&told));

    // A person with another duty does not even try.
    site.person("supervisor", "s-2", "auditor");
    fs::write(&other, config.replace("supervisor.crt", "auditor.crt").replace("supervisor.key", "auditor.key"))
        .unwrap();
    let said = fails(2, &["agreement", "heartbeat", "--config", &other]);
    assert!(said.contains("the duty in the certificate is auditor"), "{said}");
}

#[test]
fn a_heart_beats_until_a_signal_and_ends_with_the_status_of_its_last_beat() {
    let site = site();
    let path = site.path("supervisor/supervisor.toml");
    let coordinator = site.start("coordinator");
    let beating = ["agreement", "heartbeat", "--config", &path, "--every", "1", "--format", "json"];
    let mut heart = support::command(&beating).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut beats = BufReader::new(heart.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&beats.next().unwrap().unwrap()).unwrap();
    assert!(answers(&next()).iter().all(|(_, taken, _)| !taken), "nobody is there yet");
    let nodes = ["shanghai", "anhui"].map(|name| site.start(name));
    let mut taken = 0;
    // It goes on after a beat that nobody heard, and after one that all did.
    for _ in 0..120 {
        taken += u32::from(answers(&next()).iter().all(|(_, taken, _)| *taken));
        if taken == 2 {
            break;
        }
    }
    assert_eq!(taken, 2, "the nodes did not hear it");
    kill(Pid::from_raw(heart.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(heart.wait().unwrap().code(), Some(0));
    drop((coordinator, nodes));
}
