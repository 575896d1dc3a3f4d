//! The LPN code and the arithmetic under it, one thread: nanoseconds for each symbol.
//!
//! `cargo bench -p psi --bench code`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use psi::gf::{Field, Gf64, Gf128};
use psi::lpn_code::LpnCode;
use psi::lpn_code::noise::Shape;
use rayon::ThreadPoolBuilder;

/// Outputs of a code for 2^20 items.
const OUTPUTS: usize = 1_153_690;

fn field(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("field");
    group.throughput(Throughput::Elements(4096));
    let (elements, mut sums) = (vec![0x1234_5678_9abc_def0_u64; 4096], vec![0_u128; 4096]);
    group.bench_function("GF(2^64) squared, scale and add", |bench| {
        bench.iter(|| Gf64::add_scaled(black_box(0xfeed << 64 | 0xbeef), &elements, &mut sums));
    });
    let elements = vec![0x1234_5678_9abc_def0_u128; 4096];
    group.bench_function("GF(2^128), scale and add", |bench| {
        bench.iter(|| Gf128::add_scaled(black_box(0xfeed << 64 | 0xbeef), &elements, &mut sums));
    });
    group.finish();
}

fn code(criterion: &mut Criterion) {
    let pool = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let outputs = Shape::for_outputs(OUTPUTS).unwrap().outputs();
    let mut group = criterion.benchmark_group("code");
    group.throughput(Throughput::Elements(outputs as u64)).sample_size(20);
    let (small, large) =
        (LpnCode::<Gf64>::new([1; 16], outputs).unwrap(), LpnCode::<Gf128>::new([1; 16], outputs).unwrap());
    let mut elements: Vec<u64> = (0..outputs as u64).collect();
    let mut blocks: Vec<u128> = (0..outputs as u128).collect();
    let (mut left, mut left_blocks) = (vec![0_u64; outputs], vec![0_u128; outputs]);
    group.bench_function("accumulate, 64 bits", |bench| bench.iter(|| small.accumulate(&mut elements).unwrap()));
    group.bench_function("accumulate, 2 x 64 bits", |bench| bench.iter(|| small.accumulate(&mut blocks).unwrap()));
    group.bench_function("accumulate, 128 bits", |bench| bench.iter(|| large.accumulate(&mut blocks).unwrap()));
    group.bench_function("expand, 64 bits", |bench| {
        bench.iter(|| pool.install(|| small.expand(&elements, 0..outputs, &mut left).unwrap()));
    });
    group.bench_function("expand, 128 bits", |bench| {
        bench.iter(|| pool.install(|| small.expand(&blocks, 0..outputs, &mut left_blocks).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, field, code);
criterion_main!(benches);
