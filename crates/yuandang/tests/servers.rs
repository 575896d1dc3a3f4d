//! A coordinator and two nodes as an operator runs them, each a process of its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::fs;

use nix::sys::signal::Signal;
use support::{
    json,
    site::{Site, names},
    until,
};

#[test]
fn two_nodes_match_and_everybody_ends_in_order() {
    let site = Site::new(400, 200, 50);
    let mut coordinator = site.start("coordinator");
    let (mut shanghai, mut anhui) = (site.start("shanghai"), site.start("anhui"));
    let job = site.ask(&["submit", "--watch", "--file", &site.job(&[])]);
    assert_eq!((&job["state"], &job["mode"]), (&"Succeeded".into(), &"labelled".into()));

    let id = job["job_id"].as_str().unwrap();
    let result = site.result("shanghai", id);
    assert_eq!(result.lines().count(), 1 + 50);
    assert!(result.lines().next().unwrap().ends_with(",category,valid_to"), "{result}");
    assert!(site.sealed("anhui").is_empty());
    for node in [&shanghai, &anhui] {
        // What its rows are like, and what the job will take, before anything of the protocol leaves.
        for words in ["rows were read", "age_days=0", "matching begins", "expected_memory_bytes="] {
            assert!(node.log().contains(words), "{words}: {}", node.log());
        }
    }

    // The coordinator remembers its jobs.
    assert_eq!(coordinator.signal(Signal::SIGTERM), Some(0), "{}", coordinator.log());
    let mut coordinator = site.start("coordinator");
    assert_eq!(site.ask(&["show", id])["state"], "Succeeded");
    for (server, signal) in
        [(&mut shanghai, Signal::SIGTERM), (&mut anhui, Signal::SIGINT), (&mut coordinator, Signal::SIGINT)]
    {
        assert_eq!(server.signal(signal), Some(0), "{}", server.log());
        server.says("ended in order");
    }
}

#[test]
fn a_node_that_is_stopped_tells_the_others_and_its_jobs_go_on_when_it_is_back() {
    let site = Site::new(40_000, 40_000, 100);
    let _coordinator = site.start("coordinator");
    let (_shanghai, mut anhui) = (site.start("shanghai"), site.start("anhui"));
    let id = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    anhui.says("rows were read");
    site.until_state(&id, &["Running"]);
    assert_eq!(anhui.signal(Signal::SIGTERM), Some(0), "{}", anhui.log());
    let job = site.until_state(&id, &["Queued"]);
    let cause = job["cause"].as_str().unwrap();
    assert!(cause.contains("anhui") && cause.contains("shutting down"), "{cause}");
    assert!(site.sealed("anhui").is_empty());
    // The job waits when the first of the two says so; the other may still be removing what it began.
    until("the end of what was begun", || site.sealed("shanghai").is_empty().then_some(()));

    let _anhui = site.start("anhui");
    site.until_state(&id, &["Succeeded"]);
    assert_eq!(site.sealed("shanghai"), [format!("{id}.sealed")]);
    let job = site.ask(&[
        "submit",
        "--watch",
        "--file",
        &site.job(&[("\"labelled\"", "\"cardinality\""), ("label_columns", "# label_columns")]),
    ]);
    assert_eq!(job["state"], "Succeeded");
}

#[test]
fn a_node_that_dies_is_named_and_its_job_waits_for_it() {
    let site = Site::new(40_000, 40_000, 100);
    let _coordinator = site.start("coordinator");
    let (_shanghai, mut anhui) = (site.start("shanghai"), site.start("anhui"));
    let id = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    site.until_state(&id, &["Running"]);
    anhui.signal(Signal::SIGKILL);
    let job = site.until_state(&id, &["Queued"]);
    assert!(job["cause"].as_str().unwrap().contains("anhui: its node left"), "{job}");
    assert!(site.sealed("shanghai").is_empty());
    let cancelled = site.ask(&["cancel", &id]);
    assert_eq!(cancelled["state"], "Cancelled", "{cancelled}");
    // Nothing of it is kept.
    until("the end of what is kept", || (names(&site.path("shanghai/runs")) == ["storage.key"]).then_some(()));
}

#[test]
fn a_running_job_is_cancelled_on_both_sides() {
    let site = Site::new(40_000, 40_000, 100);
    let _coordinator = site.start("coordinator");
    let (shanghai, anhui) = (site.start("shanghai"), site.start("anhui"));
    let id = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    site.until_state(&id, &["Running"]);
    site.ask(&["cancel", &id, "--reason", "asked for by mistake"]);
    let job = site.until_state(&id, &["Cancelled"]);
    assert!(job["cause"].as_str().unwrap().contains("asked for by mistake"), "{job}");
    shanghai.says("job ended without a result");
    anhui.says("job ended without a result");
    assert!(site.sealed("shanghai").is_empty());
}

/// Issues a certificate with the identity of `whose`, and puts it where `server` has its own.
fn renew(site: &Site, server: &str, whose: &str, days: &str) {
    let [identity, cert, key] =
        ["identity.key", "new.crt", "new.key"].map(|file| site.path(&format!("{whose}/{file}")));
    let options = ["--identity", &identity, "--participant", server, "--out-cert", &cert, "--out-key", &key];
    let issued = support::yuandang(&[&["cert", "issue", "--days", days], &options[..]].concat());
    assert_eq!(issued.status.code(), Some(0), "{}", support::errors(&issued));
    fs::rename(key, site.path(&format!("{server}/tls.key"))).unwrap();
    fs::rename(cert, site.path(&format!("{server}/tls.crt"))).unwrap();
}

#[test]
fn certificates_are_renewed_while_servers_run_and_an_operator_has_one_of_its_own() {
    let site = Site::new(100, 100, 10);
    let coordinator = site.start("coordinator");
    let (shanghai, anhui) = (site.start("shanghai"), site.start("anhui"));
    for (name, server, days) in
        [("coordinator", &coordinator, "90"), ("shanghai", &shanghai, "20"), ("anhui", &anhui, "90")]
    {
        renew(&site, name, name, days);
        server.says("a new certificate is in use");
    }
    shanghai.says("the certificate ends soon");
    assert!(!anhui.log().contains("ends soon"), "{}", anhui.log());
    renew(&site, "anhui", "shanghai", "90");
    anhui.says("THE NEW CERTIFICATE IS NOT USABLE");

    let [identity, cert, key] =
        ["identity.key", "k-17.crt", "k-17.key"].map(|file| site.path(&format!("shanghai/{file}")));
    let options = ["--identity", &identity, "--participant", "shanghai", "--out-cert", &cert, "--out-key", &key];
    let issued =
        support::yuandang(&[&["cert", "issue", "--person", "k-17", "--duty", "operator"], &options[..]].concat());
    assert_eq!(issued.status.code(), Some(0), "{}", support::errors(&issued));
    let config = fs::read_to_string(site.path("coordinator/config.toml")).unwrap();
    let listens = config.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"');
    let (endpoint, pin) =
        (format!("https://{listens}"), fs::read_to_string(site.path("coordinator/identity.pub")).unwrap());
    let target = ["--coordinator", &endpoint, "--coordinator-identity", pin.trim(), "--participant", "shanghai"];
    let own = ["--cert", &cert, "--key", &key, "--format", "json"];
    let job = json(&[&["job", "submit", "--watch", "--file", &site.job(&[])], &target[..], &own].concat());
    assert_eq!(job["state"], "Succeeded");
    coordinator.says("operator k-17 of shanghai");
}

#[test]
fn a_configuration_with_mistakes_is_refused_with_all_of_them() {
    let site = Site::new(10, 10, 1);
    let path = site.path("shanghai/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("max_sessions = 8", "max_sessions = 0\ncolour = 1").replace("students.csv", "x.parquet"),
    )
    .unwrap();
    let said = support::fails(2, &["node", "--config", &path]);
    for part in ["max_sessions", "colour", "config.toml:"] {
        assert!(said.contains(part), "no {part}: {said}");
    }
    support::fails(2, &["coordinator", "--config", &site.path("absent.toml")]);
}

#[test]
fn a_node_that_cannot_serve_says_so_before_it_listens() {
    let site = Site::new(10, 10, 1);
    fs::remove_file(site.path("shanghai/students.csv")).unwrap();
    fs::remove_dir_all(site.path("shanghai/results")).unwrap();
    fs::write(site.path("shanghai/results"), "").unwrap();
    let said = support::fails(2, &["node", "--config", &site.path("shanghai/config.toml")]);
    assert!(said.contains("results: ") && said.contains("students.csv"), "{said}");
    assert!(!said.contains("listening"), "{said}");
}
