//! The memory of one node with eight sessions at once. Takes minutes: CONTRIBUTING.md says how to run it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::{peak, site::Site};

/// Items of each side.
const ITEMS: u64 = 100_000;
/// Sessions at once.
const SESSIONS: u64 = 8;

/// Starts fresh nodes, runs so many jobs at once, and gives both nodes' peaks in KiB.
fn peaks(site: &Site, jobs: u64) -> [u64; 2] {
    let nodes = ["shanghai", "anhui"].map(|name| site.start(name));
    let file = site.job(&[("deadline_seconds = 600", "deadline_seconds = 1800")]);
    let submit = || site.ask(&["submit", "--file", &file])["job_id"].as_str().unwrap().to_owned();
    let submitted: Vec<String> = (0..jobs).map(|_| submit()).collect();
    for id in submitted {
        let job = site.until_state(&id, &["Succeeded", "Failed", "TimedOut", "Rejected", "Cancelled"]);
        assert_eq!(job["state"], "Succeeded", "{job}");
    }
    nodes.map(|node| peak(node.id()) / 1024)
}

#[test]
#[ignore = "takes minutes; its figures stand in docs/PERFORMANCE.md"]
fn eight_sessions_need_eight_times_the_memory_of_one() {
    let site = Site::new(ITEMS, ITEMS, 5000);
    let _coordinator = site.start("coordinator");
    let (idle, one, many) = (peaks(&site, 0), peaks(&site, 1), peaks(&site, SESSIONS));
    for (index, name) in ["shanghai (receiver)", "anhui (sender)"].into_iter().enumerate() {
        let (idle, one, many) = (idle[index], one[index], many[index]);
        let most = (idle + SESSIONS * (one - idle)) * 12 / 10;
        println!("{name}: idle {idle} KiB, one session {one} KiB, {SESSIONS} sessions {many} KiB, at most {most} KiB");
        assert!(many <= most, "{name}");
    }
}
