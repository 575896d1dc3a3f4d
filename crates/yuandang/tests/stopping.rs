//! Signals: both parties end, and nothing half-written stays.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Files, borrowed, until};

/// Rows enough that a run is not over before it is stopped.
const MANY: usize = 60_000;

fn start(files: &Files) -> Child {
    let output = files.path("out.csv");
    let arguments = files.matching(&["--label", "kind", "--output", &output]);
    support::command(&borrowed(&arguments)).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // The name in parentheses may hold anything; the state and the parent follow it.
        let after = stat.rsplit_once(") ").map(|(_, after)| after).unwrap_or_default();
        if after.split(' ').nth(1) == Some(parent.to_string().as_str()) {
            found.push(process);
        }
    }
    found
}

fn both_parties(parent: &Child) -> Vec<u32> {
    until("both parties", || Some(children(parent.id())).filter(|found| found.len() == 2))
}

fn is_there(process: &u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn a_signal_ends_both_parties_and_leaves_nothing() {
    let files = Files::new(MANY);
    let before = files.names();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut run = start(&files);
        let parties = both_parties(&run);
        kill(Pid::from_raw(run.id().try_into().unwrap()), signal).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(1), "{signal}");
        assert!(!parties.iter().any(is_there), "{signal} left a party");
        assert_eq!(files.names(), before, "{signal} left a file");
    }
}

#[test]
fn the_parties_end_when_their_parent_is_killed() {
    let files = Files::new(MANY);
    let before = files.names();
    let mut run = start(&files);
    let parties = both_parties(&run);
    run.kill().unwrap();
    run.wait().unwrap();
    until("the parties' end", || (!parties.iter().any(is_there)).then_some(()));
    assert_eq!(files.names(), before);
}
