//! How long a book of many agreements and uses takes to admit a job, signatures and the disk included.
//!
//! `cargo bench -p node --bench admission`, and with `-- --postgres` the same in a PostgreSQL server of its own, where `initdb` is
//! on the path. `YUANDANG_BENCH_AGREEMENTS` (default 10000), each signed by both parties; `YUANDANG_BENCH_USES` (default 1000000);
//! `YUANDANG_BENCH_SAMPLES` (default 2000); `YUANDANG_BENCH_FOLDER`, where the SQLite file is made and kept, so that a second call
//! finds it. Making it signs three statements for each use, which takes minutes.
//!
//! What is measured is `Book::admit` for a job under a random agreement, and then what the handshake does with the peer's use:
//! its signature, and `Book::admit_use`. Cold means that the process's and the system's memory of the file were dropped before
//! each sample. Rows are made in bulk, as `rows.rs` says; before anything is measured, a small book that was made so is compared
//! with one that `Book` wrote. As a test (`cargo test`) it does that alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

mod rows;
mod world;

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use agreement::{Signed, receipt::Use};
use database::{Database, Location, Row, query};
use node::book::{Book, JobRequest, LAYOUT, Ruling};
use world::World;

/// Admissions that are not measured, before those that are.
const WARMING: u64 = 200;
/// Samples of a cold book.
const COLD: u64 = 100;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Seconds of each part of one admission.
struct Sample {
    admit: Duration,
    peer: Duration,
}

/// Admits a job that is new, and the peer's use of it.
async fn admit(book: &Book, world: &World, sample: u64) -> Sample {
    let index = world::mixed(sample) % world.agreements;
    let (terms, peer) = (world.terms(index), world.peer(index));
    let (digest, spec) = (terms.digest().unwrap(), World::job(&terms));
    let (id, now) = (world::job_id(!sample), world.end());
    let request = JobRequest { id: &id, spec: &spec, now, published: &|_| Some(1), heartbeat: None };
    let began = Instant::now();
    let ruling = book.admit(request).await.unwrap();
    let admit = began.elapsed();
    let Ruling::Admitted(admission) = ruling else { panic!("{ruling:?}") };
    let statement = admission.signed_use.statement().clone();
    let theirs = Signed::sign(statement, &peer.0, &peer.1).unwrap().to_bytes().unwrap();
    let began = Instant::now();
    let theirs: Signed<Use> = Signed::from_bytes(&theirs).unwrap();
    book.admit_use(&theirs, (&id, &digest, &terms), &peer.0).await.unwrap().unwrap();
    Sample { admit, peer: began.elapsed() }
}

/// Prints a row of the table.
fn row(what: &str, mut samples: Vec<Duration>) {
    samples.sort_unstable();
    let at = |part: usize| samples[(samples.len() * part / 1000).min(samples.len() - 1)].as_secs_f64() * 1e3;
    println!(
        "| {what} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
        samples.len(),
        at(500),
        at(950),
        at(990),
        samples[samples.len() - 1].as_secs_f64() * 1e3
    );
}

fn rows(how: &str, samples: &[Sample]) {
    row(&format!("{how}: admit"), samples.iter().map(|sample| sample.admit).collect());
    row(&format!("{how}: the peer's use"), samples.iter().map(|sample| sample.peer).collect());
    row(&format!("{how}: both"), samples.iter().map(|sample| sample.admit + sample.peer).collect());
}

/// Numbers of samples that no earlier call used.
fn fresh() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

async fn measure(location: &Location, world: &World) {
    let begin = fresh();
    println!("| what | samples | median ms | 95 % | 99 % | longest |");
    println!("|---|---:|---:|---:|---:|---:|");
    let mut cold = Vec::new();
    for sample in 0..COLD {
        if let Location::File(path) = location {
            forget(path);
        }
        let book = world.book(location).await;
        cold.push(admit(&book, world, begin + sample).await);
        book.close().await;
    }
    let is_file = matches!(location, Location::File(_));
    rows(if is_file { "cold" } else { "new connections" }, &cold);
    let book = world.book(location).await;
    let mut warm = Vec::new();
    for sample in 0..WARMING + number("YUANDANG_BENCH_SAMPLES", 2000) {
        let took = admit(&book, world, begin + COLD + sample).await;
        if sample >= WARMING {
            warm.push(took);
        }
    }
    rows("warm", &warm);
    book.close().await;
}

/// Drops what the system has of the database's files in memory.
fn forget(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        if Path::new(&file).exists() {
            let mut input = std::ffi::OsString::from("if=");
            input.push(&file);
            // What is not on the disk yet cannot be dropped.
            File::open(&file).unwrap().sync_all().unwrap();
            let done = Command::new("dd").arg(input).args(["iflag=nocache", "count=0", "status=none"]).status();
            assert!(done.unwrap().success());
        }
    }
}

/// What the disk takes for the least that survives a power cut.
fn disk(folder: &Path) {
    let mut file = tempfile::tempfile_in(folder).unwrap();
    let samples = (0..500).map(|_| {
        let began = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        began.elapsed()
    });
    row("4 KiB written to the same disk, and waited for", samples.collect());
}

/// Prints what the database says it does for what was committed.
async fn say_how_durable(location: &Location) {
    let database = Database::open(location, LAYOUT).await.unwrap();
    let settings: &[(&str, &'static str)] = match location {
        Location::Postgres(_) => &[("fsync", "SHOW fsync"), ("synchronous_commit", "SHOW synchronous_commit")],
        _ => &[("journal_mode", "PRAGMA journal_mode"), ("synchronous", "PRAGMA synchronous")],
    };
    for (name, asked) in settings {
        let row = query(*asked).fetch_one(database.pool()).await.unwrap();
        let said = row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()));
        println!("{name} = {}", said.unwrap());
    }
    let counted = query("SELECT COUNT(*) FROM uses").fetch_one(database.pool()).await.unwrap();
    println!("{} uses\n", counted.try_get::<i64, _>(0).unwrap());
    database.close().await;
}

/// Compares a book that is made here in bulk with one that is written.
async fn check_in(folder: &Path) {
    let file = |name| Location::File(folder.join(name));
    rows::check(&file("one"), &file("other")).await;
}

async fn in_sqlite(world: &World) {
    let base = env::var("YUANDANG_BENCH_FOLDER").map_or_else(|_| env::temp_dir(), PathBuf::from);
    let folder = tempfile::tempdir_in(&base).unwrap();
    check_in(folder.path()).await;
    let path = match env::var("YUANDANG_BENCH_FOLDER") {
        Ok(kept) => Path::new(&kept).join(format!("book-{}-{}.sqlite", world.agreements, world.uses)),
        Err(_) => folder.path().join("book.sqlite"),
    };
    if !path.exists() {
        let began = Instant::now();
        let making = path.with_extension("making");
        rows::fill(&Location::File(making.clone()), world).await;
        fs::rename(&making, &path).unwrap();
        println!("made in {} s, {} MB", began.elapsed().as_secs(), fs::metadata(&path).unwrap().len() / 1_000_000);
    }
    let location = Location::File(path);
    say_how_durable(&location).await;
    measure(&location, world).await;
    disk(&base);
}

async fn in_postgres(world: &World) {
    let Some(server) = throwaway::Postgres::durable() else { return };
    let database = || server.database().parse::<Location>().unwrap();
    rows::check(&database(), &database()).await;
    let (location, began) = (database(), Instant::now());
    rows::fill(&location, world).await;
    println!("made in {} s", began.elapsed().as_secs());
    say_how_durable(&location).await;
    measure(&location, world).await;
    disk(&env::temp_dir());
}

fn main() {
    if !env::args().any(|argument| argument == "--bench") {
        let folder = tempfile::tempdir().unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(check_in(folder.path()));
        return;
    }
    let (agreements, uses) = (number("YUANDANG_BENCH_AGREEMENTS", 10_000), number("YUANDANG_BENCH_USES", 1_000_000));
    let (world, runtime) = (World::new(agreements, uses), tokio::runtime::Runtime::new().unwrap());
    if env::args().any(|argument| argument == "--postgres") {
        runtime.block_on(in_postgres(&world));
    } else {
        runtime.block_on(in_sqlite(&world));
    }
}
