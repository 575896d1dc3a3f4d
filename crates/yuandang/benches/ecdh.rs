//! What matching by Diffie–Hellman costs, against the sum of its parts: the processor time of each party
//! of `yuandang bench`, and the numbers of group operations that the protocol needs times what one of them
//! costs, measured with criterion right before.
//!
//! `cargo bench -p yuandang --bench ecdh`; `YUANDANG_BENCH_SIZES` (default `2^16,2^18`) are items of each.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::{hint::black_box, path::Path, process::Command};

use criterion::{Criterion, Throughput};
use curve25519_dalek::{RistrettoPoint, Scalar};
use psi::hash_to_group::GroupHash;
use serde_json::Value;

/// Elements that share one inversion: as many as the protocol takes at a time.
const BATCH: u32 = 128;

/// Seconds of one operation on one element.
struct Costs {
    /// An item of 16 bytes to the group.
    map: f64,
    /// An element by a scalar.
    multiply: f64,
    /// Twice an element to its encoding, one of a batch.
    compress: f64,
    /// An encoding to its element.
    decompress: f64,
}

impl Costs {
    fn measure(folder: &Path) -> Self {
        let mut criterion = Criterion::default().output_directory(folder).configure_from_args();
        let hash = GroupHash::new(&[b"HashToGroup-OPRFV1-", b"\0", b"-ristretto255-SHA512"]).unwrap();
        let items: Vec<[u8; 16]> = (0..BATCH).map(|number| u128::from(number).to_le_bytes()).collect();
        let points: Vec<RistrettoPoint> = items.iter().map(|item| hash.point(item)).collect();
        let encodings = RistrettoPoint::double_and_compress_batch(&points);
        let scalar = hash.scalar(&[b"any"]) * Scalar::from(3_u8);

        let mut group = criterion.benchmark_group("ecdh");
        group.throughput(Throughput::Elements(BATCH.into()));
        group.bench_function("map", |bench| {
            bench.iter(|| items.iter().map(|item| hash.point(black_box(item))).collect::<Vec<_>>());
        });
        group.bench_function("multiply", |bench| {
            bench.iter(|| points.iter().map(|point| black_box(point) * black_box(scalar)).collect::<Vec<_>>());
        });
        group.bench_function("compress", |bench| {
            bench.iter(|| RistrettoPoint::double_and_compress_batch(black_box(&points)));
        });
        group.bench_function("decompress", |bench| {
            bench.iter(|| encodings.iter().map(|bytes| black_box(bytes).decompress()).collect::<Vec<_>>());
        });
        group.finish();
        let cost = |name: &str| {
            let path = folder.join("ecdh").join(name).join("new/estimates.json");
            let estimates: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            estimates["mean"]["point_estimate"].as_f64().unwrap() / 1e9 / f64::from(BATCH)
        };
        Self {
            map: cost("map"),
            multiply: cost("multiply"),
            compress: cost("compress"),
            decompress: cost("decompress"),
        }
    }

    /// Blinds each item, and unblinds what comes back.
    fn receiver(&self, own: f64) -> f64 {
        own * (self.map + 2.0 * (self.multiply + self.compress) + self.decompress)
    }

    /// Evaluates what it is sent, and its own items.
    fn sender(&self, sent: f64, own: f64) -> f64 {
        sent * (self.decompress + self.multiply + self.compress) + own * (self.map + self.multiply + self.compress)
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let costs = Costs::measure(folder.path());
    let sizes = std::env::var("YUANDANG_BENCH_SIZES").unwrap_or_else(|_| "2^16,2^18".to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_yuandang"))
        .args(["bench", "--protocol", "ecdh", "--sizes", &sizes, "--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Costs { map, multiply, compress, decompress } = &costs;
    let micro = |seconds: &f64| seconds * 1e6;
    println!(
        "\none operation, in microseconds: map {:.2}, multiply {:.2}, compress {:.2}, decompress {:.2}",
        micro(map),
        micro(multiply),
        micro(compress),
        micro(decompress)
    );
    println!("|   items | wall s | receiver CPU s | of parts | sender CPU s | of parts | cores busy |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    for run in runs.as_array().unwrap() {
        let figure = |name: &str| run[name].as_f64().unwrap();
        let (size, wall) = (figure("size"), figure("total_seconds"));
        let (receiver, sender) = (figure("receiver_cpu_seconds"), figure("sender_cpu_seconds"));
        println!(
            "| {size} | {wall:.2} | {receiver:.2} | {:.3} | {sender:.2} | {:.3} | {:.1} % |",
            receiver / costs.receiver(size),
            sender / costs.sender(size, size),
            100.0 * (receiver + sender) / (wall * cores)
        );
    }
}
