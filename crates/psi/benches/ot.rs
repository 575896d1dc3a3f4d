//! What the silent setup is made of: an AES block, the base transfers, a leaf of a punctured tree.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use psi::Seed;
use psi::base_ot::{Receiver, Sender};
use psi::choices::Choices;
use psi::fixed_key::FixedKey;

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
    let sender = || Sender::new(&session, &seed, 256).expect("the tag is short");
    let receiver = || Receiver::new(&session, &seed, choices()).expect("the tag is short");
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

criterion_group!(benches, aes, base_transfers);
criterion_main!(benches);
