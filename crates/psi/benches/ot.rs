//! What the silent setup is made of: an AES block, the base transfers, their extension, a leaf of a
//! punctured tree. `RAYON_NUM_THREADS=1 cargo bench -p psi --bench ot` is the cost on one thread.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use psi::base_ot::{Receiver, Sender};
use psi::choices::Choices;
use psi::fixed_key::FixedKey;
use psi::pprf::{self, Forest, Points};
use psi::{Seed, ot_extension};

fn aes(c: &mut Criterion) {
    let key = FixedKey::new(&[1; 16]);
    let mut group = c.benchmark_group("aes");
    for count in [1, 4, 13, 32, 256, 4096] {
        let mut blocks = vec![2u128; count];
        let mut to = blocks.clone();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("permute {count}"), |b| b.iter(|| key.permute(black_box(&mut blocks))));
        group.bench_function(format!("feed forward {count}"), |b| {
            b.iter(|| key.feed_forward(&blocks, black_box(&mut to)));
        });
    }
    group.finish();
}

fn base_transfers(c: &mut Criterion) {
    let (session, seed) = ([3; 32], Seed::new([4; 32]));
    let choices = || Choices::from_blocks(&[0x0123_4567_89ab_cdef, !0]);
    let sender = || Sender::new(&session, &seed, 256).unwrap();
    let receiver = || Receiver::new(&session, &seed, choices()).unwrap();
    let (to_receiver, to_sender) = (sender().1, receiver().1);
    let mut group = c.benchmark_group("256 base transfers");
    group.bench_function("sender, its message", |b| b.iter(sender));
    group.bench_function("sender, its keys", |b| {
        b.iter_batched(|| sender().0, |sender| sender.finish(&to_sender), BatchSize::SmallInput);
    });
    group.bench_function("receiver, its message", |b| b.iter(receiver));
    group.bench_function("receiver, its keys", |b| {
        b.iter_batched(|| receiver().0, |receiver| receiver.finish(&to_receiver), BatchSize::SmallInput);
    });
    group.finish();
}

/// The trees of a run at 2^20 items.
fn punctured_trees(c: &mut Criterion) {
    const TREES: usize = 352;
    const LEAVES: usize = 6554;
    let (session, seed) = ([3; 32], Seed::new([4; 32]));
    let forest = Forest::new(&session, TREES, LEAVES).unwrap();
    let points = Points::draw(&forest, &session, &seed).unwrap();
    let pairs = vec![[5; 2]; forest.transfers()];
    let sender = pprf::Sender::new(forest.clone(), &session, &seed);
    let keys = vec![5; forest.transfers()].into();
    let receiver = pprf::Receiver::new(forest, points, keys).unwrap();
    let mut leaves = vec![0; TREES * LEAVES];
    let sums = sender.expand(0, &mut leaves).unwrap();
    let elements = sender.elements(&sums, &pairs, &[6; TREES]).unwrap();
    let mut group = c.benchmark_group("punctured trees");
    group.throughput(Throughput::Elements((TREES * LEAVES) as u64));
    group.bench_function("sender, a leaf", |b| b.iter(|| sender.expand(0, &mut leaves)));
    group.bench_function("receiver, a leaf", |b| b.iter(|| receiver.reconstruct(0, &elements, &mut leaves)));
    group.finish();
}

/// The transfers that those trees take.
fn extension(c: &mut Criterion) {
    const TRANSFERS: usize = 352 * 13;
    let choices = Choices::collect([true; TRANSFERS], TRANSFERS);
    let (_, message) = ot_extension::receive(&[3; 32], &[[1, 2]; 128], &choices).unwrap();
    let mut group = c.benchmark_group("extension");
    group.throughput(Throughput::Elements(TRANSFERS as u64));
    group.bench_function("receiver, a transfer", |b| {
        b.iter(|| ot_extension::receive(&[3; 32], &[[1, 2]; 128], &choices));
    });
    group.bench_function("sender, a transfer", |b| {
        b.iter(|| ot_extension::send(&[3; 32], &[1; 128], 0, TRANSFERS, &message));
    });
    group.finish();
}

criterion_group!(benches, aes, base_transfers, extension, punctured_trees);
criterion_main!(benches);
