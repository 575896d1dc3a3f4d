//! The demonstration, and the commands that it tells people to try.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{errors, fails, files_below, json, text, yuandang};

#[test]
fn the_demo_finds_the_expected_matches_and_says_who_learned_what() {
    let output = yuandang(&["demo", "--students", "300", "--hardship", "200"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let said = text(&output);
    for part in [
        "an approver on each side signed",
        "differs from the agreement in the label columns",
        "20 of its own students",
        "Not: ",
        "Jiangsu        Nothing",
        "exactly those of a plain join",
        "same transcript hash",
        "Signed that it was use 1 of the agreement: admitted, succeeded, delivered, exported.",
        "Signed that it was use 1 of the agreement: admitted, succeeded.",
        "It holds Anhui's receipt, which says the same.",
        "It holds Shanghai's receipt, which says the same.",
        "Both nodes signed that the run was not done. No result is there.",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    let stopped = "seconds later: the agreement is Revoked by anhui: the list is being corrected";
    assert_eq!(said.matches(stopped).count(), 2, "both nodes, and why:\n{said}");
    let chinese = yuandang(&["demo", "--students", "50", "--hardship", "50", "--lang", "zh"]);
    for part in ["数字合约", "直接连接", "持有安徽的回执，内容一致", "没有任何结果"] {
        assert!(text(&chinese).contains(part), "{part:?} is missing:\n{}", text(&chinese));
    }
}

#[test]
fn a_folder_of_ones_own_keeps_everything_and_must_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let dir = dir.to_str().unwrap();
    let output = yuandang(&["demo", "--students", "40", "--hardship", "30", "--dir", dir]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let files = files_below(folder.path());
    let has = |end: &str| files.iter().any(|file| file.ends_with(end));
    for end in [
        "coordinator/coordinator.log",
        "shanghai/shanghai.log",
        "shanghai/students.csv",
        "anhui/anhui.log",
        "anhui/hardship.csv",
        "jiangsu/node.toml",
        "zhejiang/zhejiang.log",
    ] {
        assert!(has(end), "{end} is missing: {files:?}");
    }
    let log = std::fs::read_to_string(folder.path().join("demo/anhui/anhui.log")).unwrap();
    assert!(log.contains("a statement came in"), "{log}");
    assert!(fails(2, &["demo", "--dir", dir]).contains("not empty"));
}

/// The resident IDs of a list.
fn identifiers(path: &Path) -> BTreeSet<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == "id_no").unwrap();
    lines.map(|line| line.split(',').nth(column).unwrap().as_bytes().to_vec()).collect()
}

#[test]
fn no_file_or_log_of_one_side_holds_an_identifier_of_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let arguments = ["demo", "--students", "500", "--hardship", "400", "--dir", dir.to_str().unwrap()];
    let output = yuandang(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let ours = identifiers(&dir.join("shanghai/students.csv"));
    let theirs = identifiers(&dir.join("anhui/hardship.csv"));
    let all: BTreeSet<_> = ours.union(&theirs).cloned().collect();
    let foreign = [
        ("shanghai", &theirs - &ours),
        ("anhui", &ours - &theirs),
        ("jiangsu", all.clone()),
        ("zhejiang", all.clone()),
        ("coordinator", all),
    ];
    for (side, foreign) in foreign {
        let files = files_below(&dir.join(side));
        assert!(!foreign.is_empty() && files.iter().any(|file| file.extension().is_some_and(|end| end == "log")));
        for file in files {
            let content = std::fs::read(&file).unwrap();
            let found = content.windows(18).find(|window| foreign.contains(*window));
            assert!(found.is_none(), "{} holds {:?}", file.display(), found.map(String::from_utf8_lossy));
        }
    }
}

/// A demonstration that goes on running; stopped when it is dropped.
struct Kept {
    process: Child,
    folder: tempfile::TempDir,
}

impl Kept {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("demo");
        let arguments = ["demo", "--keep", "--students", "60", "--hardship", "40", "--dir", dir.to_str().unwrap()];
        let mut process = support::command(&arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("job submit --watch")), "the demo ended early");
        // What it still says needs a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join("demo").join(name).to_str().unwrap().to_owned()
    }

    fn stop(&mut self) -> Option<i32> {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn jobs_are_submitted_listed_shown_watched_and_cancelled() {
    let mut kept = Kept::start();
    let (config, file) = (kept.path("shanghai/node.toml"), kept.path("shanghai/job.toml"));
    let job = |action: &[&str]| {
        let mut arguments = vec!["job"];
        arguments.extend(action);
        arguments.extend(["--config", &config, "--format", "json"]);
        json(&arguments)
    };
    let watched = job(&["submit", "--watch", "--file", &file]);
    assert_eq!((&watched["state"], &watched["mode"]), (&"Succeeded".into(), &"labelled".into()));
    let id = watched["job_id"].as_str().unwrap();
    let listed = job(&["list"]);
    // The demonstration's own three, and this one.
    assert_eq!(listed.as_array().unwrap().len(), 4);
    assert!(listed.as_array().unwrap().iter().any(|job| job["job_id"] == id));
    assert_eq!(job(&["show", id])["submitted_by"], "shanghai");
    assert_eq!(job(&["watch", id])["state"], "Succeeded");

    // A job with a participant that has no such dataset fails, and the status of watching it says so.
    let text = std::fs::read_to_string(&file).unwrap().replace("\"hardship\"", "\"absent\"");
    let broken = kept.path("broken.toml");
    std::fs::write(&broken, text).unwrap();
    let output = yuandang(&["job", "submit", "--watch", "--file", &broken, "--config", &config]);
    assert_ne!(output.status.code(), Some(0));
    assert!(errors(&output).contains("absent"), "{}", errors(&output));

    let said = fails(2, &["job", "show", "no-such-job", "--config", &config]);
    assert!(said.contains("no-such-job") || said.contains("job"), "{said}");
    let output = yuandang(&["job", "cancel", id, "--config", &config]);
    assert_ne!(output.status.code(), None, "cancelling what has ended is answered");
    assert_eq!(kept.stop(), Some(0));
    let output = yuandang(&["job", "list", "--config", &config]);
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
}

#[test]
fn the_options_name_a_coordinator_as_well_as_a_configuration() {
    let kept = Kept::start();
    let config = std::fs::read_to_string(kept.path("anhui/node.toml")).unwrap();
    let coordinator = config.split("[coordinator]").nth(1).unwrap();
    let value = |key: &str| {
        let line = coordinator.lines().find(|line| line.starts_with(key)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (endpoint, identity) = (value("endpoint"), value("identity"));
    let (cert, key) = (kept.path("anhui/tls.crt"), kept.path("anhui/tls.key"));
    let mut arguments = vec!["job", "list", "--format", "json", "--coordinator", &endpoint];
    arguments.extend(["--participant", "anhui", "--cert", &cert, "--key", &key, "--coordinator-identity"]);
    let with = |pin: &str| {
        let mut all = arguments.clone();
        all.push(pin);
        yuandang(&all)
    };
    let listed: serde_json::Value = serde_json::from_slice(&with(&identity).stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let wrong = std::fs::read_to_string(kept.path("zhejiang/identity.pub")).unwrap();
    assert_eq!(with(wrong.trim()).status.code(), Some(5), "somebody else's pin was accepted");
}
