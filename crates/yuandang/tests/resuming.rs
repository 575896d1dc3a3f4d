//! Nodes that are killed in the middle of a job of many bins: it goes on from the bins that are missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{collections::BTreeSet, fs, thread::sleep, time::Duration};

use nix::sys::signal::Signal;
use support::site::{Server, Site};

/// Bins of the job, and how many are matched at a time.
const BINS: u32 = 32;
const IN_FLIGHT: u32 = 2;

/// The rows of the students that are on the hardship list, by a plain join.
fn expected(site: &Site) -> Vec<String> {
    let read = |file| fs::read_to_string(site.path(file)).unwrap();
    let listed: BTreeSet<String> =
        read("anhui/hardship.csv").lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect();
    let students = read("shanghai/students.csv");
    let id = |row: &str| row.split(',').nth(1).unwrap().to_owned();
    students.lines().skip(1).filter(|row| listed.contains(&id(row))).map(str::to_owned).collect()
}

fn finished_bins(log: &str) -> u32 {
    log.lines().map(|line| u32::from(line.contains("bin finished"))).sum()
}

/// Kills one of the nodes again and again while a job of so many students runs, each time at another moment.
fn killed_while_it_runs(students: u64, kills: u32) {
    let site = Site::new(students, students, students / 3);
    site.configure(&format!("[space]\nbin_items = {}\nin_flight = {IN_FLIGHT}\n", students / u64::from(BINS)));
    let _coordinator = site.start("coordinator");
    let mut nodes: [Server; 2] = ["shanghai", "anhui"].map(|name| site.start(name));
    let job = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    let (mut matched, mut moment) = (0, 17_u64);
    for kill in 0..kills {
        let state = site.until_state(&job, &["Running", "Succeeded"]);
        assert_eq!(state["state"], "Running", "the job was done after {kill} kills: it is too small");
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(Duration::from_millis(moment >> 33 & 0x7f));
        let (which, name) = if kill % 2 == 0 { (0, "shanghai") } else { (1, "anhui") };
        assert_eq!(nodes[which].signal(Signal::SIGKILL), None);
        matched += if which == 0 { finished_bins(&nodes[0].log()) } else { 0 };
        nodes[which] = site.start(name);
    }
    let ended = site.until_state(&job, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
    assert_eq!(ended["state"], "Succeeded", "{ended}");
    matched += finished_bins(&nodes[0].log());

    let result = site.result("shanghai", &job);
    // The labels stand behind the five columns of the students.
    let rows: Vec<String> =
        result.lines().skip(1).map(|row| row.split(',').take(5).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(rows, expected(&site));
    // Each kill can cost the bins that were in flight, and no other.
    let most = BINS + kills * IN_FLIGHT;
    assert!((BINS..=most).contains(&matched), "{matched} bins were matched");
    for name in ["shanghai", "anhui"] {
        let left = support::site::names(&site.path(&format!("{name}/runs")));
        // The note that it was delivered, and nothing of what was found.
        assert_eq!(
            BTreeSet::from_iter(left),
            BTreeSet::from(["storage.key".to_owned(), format!("{job}.done")]),
            "{name}"
        );
    }
}

#[test]
fn a_job_whose_nodes_are_killed_ends_with_the_exact_result() {
    killed_while_it_runs(16_000, 3);
}

#[test]
fn a_job_whose_nodes_are_killed_twenty_times_ends_with_the_exact_result() {
    killed_while_it_runs(64_000, 20);
}

/// Kills a node when its last bin is finished: before or after it has told its peer, delivered, or reported.
#[test]
fn a_node_that_is_killed_at_the_very_end_of_a_job_loses_nothing() {
    let site = Site::new(1600, 1600, 500);
    site.configure("[space]\nbin_items = 400\nin_flight = 2\n");
    let _coordinator = site.start("coordinator");
    let mut nodes: [Server; 2] = ["shanghai", "anhui"].map(|name| site.start(name));
    for round in 0..8_u64 {
        let job = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
        let (which, name) = if round % 2 == 0 { (0, "shanghai") } else { (1, "anhui") };
        // Each process serves one job after its start, or two.
        let before = if round < 2 { round } else { 1 } * 4;
        support::until("the last bin", || (u64::from(finished_bins(&nodes[which].log())) >= before + 4).then_some(()));
        sleep(Duration::from_millis(round / 2 * 3));
        assert_eq!(nodes[which].signal(Signal::SIGKILL), None);
        nodes[which] = site.start(name);
        let ended = site.until_state(&job, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
        assert_eq!(ended["state"], "Succeeded", "round {round}: {ended}");
        let result = site.result("shanghai", &job);
        assert_eq!(result.lines().count(), expected(&site).len() + 1, "round {round}");
    }
}

/// Before a gated job delivers, its size is asked in a run of its own, which is not asked twice.
#[test]
fn a_gated_job_whose_nodes_are_killed_is_one_use_and_asks_for_one_size() {
    let site = Site::new(16_000, 16_000, 5000);
    site.configure("[space]\nbin_items = 2000\nin_flight = 2\n");
    let _coordinator = site.start("coordinator");
    let mut nodes: [Server; 2] = ["shanghai", "anhui"].map(|name| site.start(name));
    let file = site.job_under(&[], |agreement| {
        agreement.limits.smallest_result = Some(5000);
        agreement.delivery.gated = true;
        agreement.limits.runs = 1;
    });
    let job = site.ask(&["submit", "--file", &file])["job_id"].as_str().unwrap().to_owned();
    for kill in 0..6_u64 {
        let state = site.until_state(&job, &["Running", "Succeeded"]);
        if state["state"] == "Succeeded" {
            break;
        }
        sleep(Duration::from_millis(kill * 150));
        let (which, name) = if kill % 2 == 0 { (0, "shanghai") } else { (1, "anhui") };
        assert_eq!(nodes[which].signal(Signal::SIGKILL), None);
        nodes[which] = site.start(name);
    }
    let ended = site.until_state(&job, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
    assert_eq!(ended["state"], "Succeeded", "{ended}");
    for name in ["shanghai", "anhui"] {
        let left = support::site::names(&site.path(&format!("{name}/runs")));
        assert!(!left.iter().any(|name| name.contains("-gate")), "{left:?}");
    }
}
