//! Nodes that are killed in the middle of a job of many bins: it goes on from the bins that are missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    thread::sleep,
    time::Duration,
};

use agreement::{Event, Signed, receipt::RunFacts};
use nix::sys::signal::Signal;
use support::site::{Server, Site};

/// Bins of the job, and how many are matched at a time.
const BINS: u32 = 32;
const IN_FLIGHT: u32 = 2;

/// The rows of the students that are on the hardship list with the labels of their entries, by a plain join.
fn expected(site: &Site) -> Vec<String> {
    let read = |file| fs::read_to_string(site.path(file)).unwrap();
    let field = |row: &str, place| row.split(',').nth(place).unwrap().to_owned();
    // Of an entry the category and the last day.
    let listed: BTreeMap<String, String> = read("anhui/hardship.csv")
        .lines()
        .skip(1)
        .map(|row| (field(row, 0), format!("{},{}", field(row, 2), field(row, 5))))
        .collect();
    let students = read("shanghai/students.csv");
    let labelled = |row: &str| listed.get(&field(row, 1)).map(|labels| format!("{row},{labels}"));
    students.lines().skip(1).filter_map(labelled).collect()
}

/// The bins that a log says are finished, in its order. Each was kept before it was logged.
fn finished_bins(log: &str) -> Vec<u32> {
    let fields = log.lines().filter_map(|line| line.split_once("bin finished"));
    fields
        .map(|(_, fields)| fields.split(' ').find_map(|field| field.strip_prefix("bin=")).unwrap().parse().unwrap())
        .collect()
}

/// The bins that each of two nodes has finished, one as often as it was, over all its processes.
struct Progress {
    /// Of the processes that are gone.
    gone: [Vec<u32>; 2],
    /// How many had been finished at the last kill, and when the node that was killed was back.
    at_kill: [usize; 2],
    at_return: [usize; 2],
    /// The bins that both sides had kept before a kill.
    settled: BTreeSet<u32>,
}

impl Progress {
    fn so_far(&self, nodes: &[Server; 2]) -> [Vec<u32>; 2] {
        [0, 1].map(|side| [self.gone[side].as_slice(), finished_bins(&nodes[side].log()).as_slice()].concat())
    }

    /// Checks what was repeated after so many kills; gives all that was finished.
    fn check(&self, nodes: &[Server; 2], kills: u32) -> [Vec<u32>; 2] {
        let finished = self.so_far(nodes);
        for (bins, checked) in finished.iter().zip(self.at_kill) {
            let repeated = bins.len() - bins.iter().collect::<BTreeSet<_>>().len();
            // Each kill can cost the bins that were in flight, and no other.
            assert!(repeated <= (kills * IN_FLIGHT) as usize, "{repeated} were repeated after {kills} kills: {bins:?}");
            let again: Vec<_> = bins[checked..].iter().filter(|bin| self.settled.contains(*bin)).collect();
            assert!(again.is_empty(), "both sides had kept {again:?}: {bins:?}");
        }
        finished
    }

    /// Notes what was finished when one of the nodes was killed.
    fn killed(&mut self, which: usize, finished: [Vec<u32>; 2]) {
        // A bin that one side finished before an earlier kill and the other after it may be dropped again. The side that
        // stayed may log such a one late, so what counts is finished since the other was back.
        let [ours, theirs] = [0, 1].map(|side| finished[side][self.at_return[side]..].iter().collect::<BTreeSet<_>>());
        self.settled.extend(ours.intersection(&theirs).copied());
        self.at_kill = finished.each_ref().map(Vec::len);
        let [first, second] = finished;
        self.gone[which] = if which == 0 { first } else { second };
    }

    fn returned(&mut self, nodes: &[Server; 2]) {
        self.at_return = self.so_far(nodes).each_ref().map(Vec::len);
    }
}

/// Waits until both sides have their receipt of the run. It has a transcript of all bins, which a side has once it has
/// finished each; and it is the same.
fn hold_receipts(site: &Site, job: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let runs: Vec<RunFacts> = support::until("the receipts of both sides", || {
        runtime.block_on(async {
            let mut runs = Vec::new();
            for book in site.books().await {
                let receipts = book.receipts_of(job).await.unwrap();
                let said = receipts.iter().map(Signed::statement).filter(|said| said.event == Event::Succeeded);
                runs.extend(said.filter_map(|said| said.run.clone()));
                book.close().await;
            }
            (runs.len() == 2).then_some(runs)
        })
    });
    assert_eq!(RunFacts::difference(&runs[0], &runs[1]), None);
}

/// Kills one of the nodes again and again while a job of so many students runs, each time at another moment.
fn killed_while_it_runs(students: u64, kills: u32) {
    let site = Site::new(students, students, students / 3);
    site.configure(&format!("[space]\nbin_items = {}\nin_flight = {IN_FLIGHT}\n", students / u64::from(BINS)));
    let _coordinator = site.start("coordinator");
    let mut nodes: [Server; 2] = ["shanghai", "anhui"].map(|name| site.start(name));
    let job = site.ask(&["submit", "--file", &site.job(&[])])["job_id"].as_str().unwrap().to_owned();
    let mut progress =
        Progress { gone: [Vec::new(), Vec::new()], at_kill: [0; 2], at_return: [0; 2], settled: BTreeSet::new() };
    let mut moment = 17_u64;
    for kill in 0..kills {
        let state = site.until_state(&job, &["Running", "Succeeded"]);
        assert_eq!(state["state"], "Running", "the job was done after {kill} kills: it is too small");
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(Duration::from_millis(moment >> 33 & 0x7f));
        let (which, name) = if kill % 2 == 0 { (0, "shanghai") } else { (1, "anhui") };
        assert_eq!(nodes[which].signal(Signal::SIGKILL), None);
        let finished = progress.check(&nodes, kill);
        progress.killed(which, finished);
        nodes[which] = site.start(name);
        progress.returned(&nodes);
    }
    let ended = site.until_state(&job, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
    assert_eq!(ended["state"], "Succeeded", "{ended}");
    for bins in progress.check(&nodes, kills) {
        // A kill can come between keeping a bin and logging it: not each has its line.
        let logged = BTreeSet::from_iter(bins);
        assert!(logged.len() > BINS as usize / 2 && logged.iter().all(|bin| *bin < BINS), "{logged:?}");
    }
    hold_receipts(&site, &job);

    let result = site.result("shanghai", &job);
    let rows: Vec<&str> = result.lines().skip(1).collect();
    assert_eq!(rows, expected(&site));
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
        support::until("the last bin", || {
            (finished_bins(&nodes[which].log()).len() as u64 >= before + 4).then_some(())
        });
        sleep(Duration::from_millis(round / 2 * 3));
        assert_eq!(nodes[which].signal(Signal::SIGKILL), None);
        nodes[which] = site.start(name);
        let ended = site.until_state(&job, &["Succeeded", "Failed", "Rejected", "Cancelled", "TimedOut"]);
        assert_eq!(ended["state"], "Succeeded", "round {round}: {ended}");
        let result = site.result("shanghai", &job);
        assert_eq!(result.lines().skip(1).collect::<Vec<_>>(), expected(&site), "round {round}");
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
