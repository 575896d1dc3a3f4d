//! What it takes to compare an input with earlier ones that are close to it, so that all of each is read.
//!
//! `cargo bench -p node --bench guard`; `YUANDANG_BENCH_KEYS` (default `1000000,10000000`) are the keys of each,
//! `YUANDANG_BENCH_EARLIER` (default `0,1,10`) how many earlier ones there are, `YUANDANG_BENCH_MEMORY` (default 64) is the limit
//! in MiB, `YUANDANG_BENCH_FOLDER` where files go. Each row of the table is a process of its own, whose peak memory is the
//! system's figure for it. Keys are made when they are read, so neither time nor memory of reading a source is in it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use agreement::Moment;
use node::{
    RunError, Space,
    guard::{Entering, Guard, Keeping, KeyParts, Scope},
};
use records::{CanonicalKey, commitment::PARTS};

/// Names the folder to a process that compares.
const FOLDER: &str = "YUANDANG_BENCH_GUARD";

fn text(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// A set of so many keys, one of which is another in each variant.
struct Made {
    count: u64,
    variant: u64,
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl KeyParts for Made {
    fn largest(&self) -> u64 {
        16 * self.count.div_ceil(PARTS as u64)
    }

    fn read(&self, part: usize, keys: &mut Vec<CanonicalKey>) -> Result<(), RunError> {
        let part = part as u64;
        keys.extend((0..self.count).skip(usize::try_from(part).unwrap()).step_by(PARTS).map(|number| {
            let varied = if number == 0 { self.variant << 40 } else { number };
            let high = (mixed(varied) >> 8) | (part << 56);
            CanonicalKey(((u128::from(high) << 64) | u128::from(mixed(!varied))).to_be_bytes())
        }));
        Ok(())
    }
}

/// Enters a variant, and gives the seconds that it took.
fn enter(guard: &Guard, count: u64, variant: u64, smallest: u64) -> (String, Duration) {
    let scope =
        Scope { peer: "anhui".parse().unwrap(), dataset: "residents".to_owned(), key: "resident_id".to_owned() };
    let at = Moment::from_seconds(1_800_000_000).unwrap();
    let entering = Entering { scope: &scope, job_id: "job", at, count, smallest, approved: None };
    let memory = text("YUANDANG_BENCH_MEMORY", "64").parse::<u64>().unwrap() << 20;
    let space = Space { memory, ..Space::default() };
    let begun = Instant::now();
    let verdict = guard.admit(&entering, &Made { count, variant }, &space, &|| Ok(())).unwrap();
    let verdict = format!("{verdict:?}").split(['(', ' ']).next().unwrap().to_owned();
    (verdict, begun.elapsed())
}

/// Enters one more, and prints a row of the table.
fn compare(folder: &Path, count: u64, earlier: u64) {
    let guard = Guard::open(folder, Keeping::default()).unwrap();
    // The first is admitted, the others are not, so that each row can be measured again.
    let (verdict, took) = enter(&guard, count, earlier, 1000);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: f64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    println!("| {count} | {earlier} | {verdict} | {:.2} | {:.0} |", took.as_secs_f64(), peak * 1024.0 / 1e6);
}

fn main() {
    if let Ok(folder) = env::var(FOLDER) {
        let number = |name: &str| text(name, "").parse().unwrap();
        return compare(Path::new(&folder), number("YUANDANG_BENCH_KEYS"), number("YUANDANG_BENCH_EARLIER"));
    }
    let base = env::var("YUANDANG_BENCH_FOLDER").map_or_else(|_| env::temp_dir(), Into::into);
    println!("| keys | earlier inputs | verdict | seconds | peak MB |");
    println!("|---:|---:|---|---:|---:|");
    for count in text("YUANDANG_BENCH_KEYS", "1000000,10000000").split(',') {
        for earlier in text("YUANDANG_BENCH_EARLIER", "0,1,10").split(',') {
            let folder = tempfile::tempdir_in(&base).unwrap();
            let guard = Guard::open(folder.path(), Keeping::default()).unwrap();
            for variant in 0..earlier.parse().unwrap() {
                enter(&guard, count.parse().unwrap(), variant, 1);
            }
            drop(guard);
            let mut process = Command::new(env::current_exe().unwrap());
            process.env(FOLDER, folder.path()).env("YUANDANG_BENCH_KEYS", count);
            let status = process.env("YUANDANG_BENCH_EARLIER", earlier).status().unwrap();
            assert!(status.success());
        }
    }
}
