//! Two nodes match whole provinces, on one machine, from CSV to CSV. Takes minutes: CONTRIBUTING.md says how to run it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    thread,
    time::{Duration, Instant},
};

use support::{errors, files_below, peak, site::Site, yuandang};

/// Bytes on disk that a node has beside its list: files below its folder, and files without a name that its process holds.
fn room(site: &Site, name: &str, process: u32) -> u64 {
    let held = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten().filter_map(|entry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.ends_with(" (deleted)").then(|| fs::metadata(entry.path()).ok())?
    });
    let named = files_below(site.path(name).as_ref())
        .into_iter()
        .filter(|path| path.extension().is_none_or(|end| end != "csv"));
    held.chain(named.filter_map(|path| fs::metadata(path).ok())).map(|found| found.blocks() * 512).sum()
}

#[test]
#[ignore = "takes minutes; its figures stand in docs/PERFORMANCE.md"]
fn two_nodes_match_all_residents_of_two_provinces() {
    let rows: u64 = env::var("YUANDANG_PROVINCE_ROWS").map_or(10_000_000, |rows| rows.parse().unwrap());
    let overlap = rows / 10 * 4;
    let site = Site::new(10, 10, 5);
    let lists = site.path("residents");
    let numbers = [rows, rows, overlap].map(|number| number.to_string());
    let sizes = ["--receiver", &numbers[0], "--sender", &numbers[1], "--overlap", &numbers[2], "--out-dir", &lists];
    let made = yuandang(&[&["generate", "--residents", "--seed", "1"], &sizes[..]].concat());
    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    for (from, name, list) in [("receiver", "shanghai", "students"), ("sender", "anhui", "hardship")] {
        fs::rename(format!("{lists}/{from}.csv"), site.path(&format!("{name}/{list}.csv"))).unwrap();
        fs::create_dir(site.path(&format!("{name}/temp"))).unwrap();
    }
    site.configure("[space]\nmemory_mib = 384\nfolder = \"temp\"\n");
    let _coordinator = site.start("coordinator");
    let nodes = ["shanghai", "anhui"].map(|name| (name, site.start(name)));
    let file = site.job(&[
        ("mode = \"labelled\"", "mode = \"membership\""),
        ("protocol = \"auto\"", "protocol = \"vole\""),
        ("deadline_seconds = 600", "deadline_seconds = 3600"),
        ("label_columns = ", "# label_columns = "),
    ]);
    let begun = Instant::now();
    let id = site.ask(&["submit", "--file", &file])["job_id"].as_str().unwrap().to_owned();
    let mut most = [0; 2];
    let ended = loop {
        for (most, (name, node)) in most.iter_mut().zip(&nodes) {
            *most = room(&site, name, node.id()).max(*most);
        }
        let job = site.ask(&["show", &id]);
        if !["Pending", "AwaitingApproval", "Queued", "Running", "Suspended"].contains(&job["state"].as_str().unwrap())
        {
            break job;
        }
        thread::sleep(Duration::from_millis(300));
    };
    let matched_in = begun.elapsed().as_secs_f64();
    assert_eq!(ended["state"], "Succeeded", "{ended}");
    let output = site.path("shanghai/out.csv");
    let why = ["--purpose", "a measurement", "--case", "2026/7", "--output", &output];
    site.results("shanghai", &[&["export", &id], &why[..]].concat());
    let whole = begun.elapsed().as_secs_f64();
    // One of them is the header.
    let lines = BufReader::new(fs::File::open(output).unwrap()).lines().count() as u64;
    assert_eq!(lines, overlap + 1);
    println!(
        "{rows} × {rows} rows, {overlap} in common: result sealed after {matched_in:.1} s, exported after {whole:.1} s"
    );
    for (most, (name, node)) in most.into_iter().zip(&nodes) {
        println!(
            "{name}: peak memory {} MB; on disk at most {} MB beside the list",
            peak(node.id()) / 1_000_000,
            most / 1_000_000
        );
    }
    println!("{:.1} bytes of disk for each item", most.iter().sum::<u64>() as f64 / (2 * rows) as f64);
}
