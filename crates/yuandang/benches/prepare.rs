//! What it takes to prepare a set of resident IDs: from rows of a CSV file to bins, out of core.
//!
//! `cargo bench -p yuandang --bench prepare`; `YUANDANG_BENCH_ROWS` (default `1000000,10000000`) are the rows,
//! `YUANDANG_BENCH_MEMORY` (default 512) is the limit in MiB, `YUANDANG_BENCH_RUNS` (default 3) how often each is
//! done. Each is a process of its own, whose peak memory is the system's figure for it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use agreement::{ErrorBudget, IdentityKey, JobParty, JobSpec, Mode, Protocol, Role};
use node::{Input, Run, Space, rehearsal::rehearse};
use session::{ComputePool, Limits};
use tokio_util::sync::CancellationToken;

use zeroize::Zeroizing;

/// Names the file to a process that prepares it.
const FILE: &str = "YUANDANG_BENCH_FILE";

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn party(name: &str, role: Role) -> JobParty {
    JobParty {
        participant: name.parse().unwrap(),
        role,
        dataset: "residents".to_owned(),
        key_columns: vec!["id_no".to_owned()],
        label_columns: Vec::new(),
        padded_size: None,
    }
}

/// Prepares the file and prints one row of the table.
async fn prepare(file: &str) {
    let names = ["shanghai", "anhui"].map(|name| name.parse().unwrap());
    let identities = names.clone().map(|name| (name, IdentityKey::from_seed(&Zeroizing::new([7; 32])).public()));
    let [me, listener] = names;
    let run = Run {
        job_id: "rehearsal".to_owned(),
        attempt: 0,
        spec: JobSpec {
            name: String::new(),
            mode: Mode::Membership,
            protocol: Protocol::Vole,
            error_budget: ErrorBudget::default(),
            key_types: vec![agreement::KeyType::ResidentId],
            parties: vec![party("shanghai", Role::Receiver), party("anhui", Role::Sender)],
            listener,
            deadline_seconds: None,
            agreement_digest: None,
        },
        me,
        identities: identities.into(),
        input: Input::Dataset {
            datasets: Arc::new(datasets::Files::new()),
            source: file.to_owned(),
            output: None,
            overwrite: false,
            examining: node::quality::Examining::default(),
        },
        limits: Limits { idle: Duration::from_secs(3600), total: Duration::from_secs(3600) },
        space: Space { memory: number("YUANDANG_BENCH_MEMORY", 512) << 20, ..Space::default() },
        checkpoints: None,
        compute: ComputePool::new(std::thread::available_parallelism().unwrap().get()).unwrap(),
        cancel: CancellationToken::new(),
        progress: None,
        under: None,
        guard: None,
        stage: node::Stage::Whole,
        choose: None,
        network: None,
    };
    let done = rehearse(run).await.unwrap();
    let (prepare, cut) = (done.prepare.as_secs_f64(), done.cut.as_secs_f64());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: f64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    println!(
        "| {} | {} | {} | {prepare:.2} | {cut:.2} | {:.2} | {:.0} |",
        done.rows,
        done.items,
        done.bins,
        done.rows as f64 / (prepare + cut) / 1e6,
        peak * 1024.0 / 1e6
    );
}

fn made_up(folder: &Path, rows: &str) -> String {
    let out = folder.join(rows);
    let made = Command::new(env!("CARGO_BIN_EXE_yuandang"))
        .args(["generate", "--residents", "--receiver", rows, "--sender", "1", "--overlap", "1", "--out-dir"])
        .arg(&out)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    out.join("receiver.csv").to_str().unwrap().to_owned()
}

fn main() {
    if let Ok(file) = env::var(FILE) {
        return tokio::runtime::Runtime::new().unwrap().block_on(prepare(&file));
    }
    let folder = tempfile::tempdir().unwrap();
    println!("| rows | items | bins | to the commitment s | to the bins s | million rows a second | peak MB |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let rows = env::var("YUANDANG_BENCH_ROWS").unwrap_or_else(|_| "1000000,10000000".to_owned());
    for rows in rows.split(',') {
        let file = made_up(folder.path(), rows);
        for _ in 0..number("YUANDANG_BENCH_RUNS", 3) {
            let done = Command::new(env::current_exe().unwrap()).env(FILE, &file).status().unwrap();
            assert!(done.success());
        }
        fs::remove_file(file).unwrap();
    }
}
