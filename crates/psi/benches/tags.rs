//! Sets of tags: sorted and written by the sender, own ones sorted and met by the receiver.
//!
//! `cargo bench -p psi --bench tags`. Sizes are 2^16, 2^20 and 2^22 on both sides; half of the tags are
//! common. Figures are for one thread.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::hint::black_box;

use chacha20::ChaCha20Rng;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use psi::matching::tag_set::{OwnTags, Shape, TagReader, TagSet};
use psi::{ErrorBudget, Sizes};
use rand::{Rng, SeedableRng};

/// Tags of both sides, in no order.
struct Tags {
    shape: Shape,
    sender: Vec<u128>,
    receiver: Vec<u128>,
}

impl Tags {
    fn new(count: usize) -> Self {
        let sizes = Sizes { receiver: count as u64, sender: count as u64 };
        let bits = ErrorBudget::new(40).expect("a budget").widths(sizes).expect("widths").tag_bits();
        let mut random = ChaCha20Rng::from_seed([7; 32]);
        let mut tag = || (u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())) >> (128 - bits);
        let sender: Vec<u128> = (0..count).map(|_| tag()).collect();
        let mut receiver: Vec<u128> = sender.iter().rev().step_by(2).copied().collect();
        receiver.resize_with(count, tag);
        // A step that is prime to the size puts common tags anywhere.
        let receiver = (0..count).map(|i| receiver[i * 1_000_003 % count]).collect();
        Self { shape: Shape::new(count, bits).expect("a shape"), sender, receiver }
    }

    fn arrange(&self) -> TagSet {
        TagSet::new(self.shape, &self.sender, |tag| *tag, || unreachable!("no repeats")).expect("a set")
    }

    fn own(&self) -> OwnTags {
        OwnTags::new(self.shape.tag_bits(), &self.receiver, |i, tag| Some((*tag, i as u32))).expect("own tags")
    }
}

/// Both messages, in the pieces that a driver would send.
fn write(set: &TagSet) -> (Vec<u8>, Vec<Vec<u8>>) {
    let count = set.shape().lows().count as usize;
    (set.highs(0..usize::MAX), (0..count).step_by(1024).map(|first| set.lows(first..first + 1024)).collect())
}

fn tags(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    for log in [16, 20, 22] {
        let tags = pool.install(|| Tags::new(1 << log));
        let mut group = criterion.benchmark_group(format!("tags/2^{log}"));
        group.throughput(Throughput::Elements(1 << log)).sample_size(10);
        group.bench_function("arrange", |bencher| pool.install(|| bencher.iter(|| tags.arrange())));
        let set = pool.install(|| tags.arrange());
        group.bench_function("write", |bencher| pool.install(|| bencher.iter(|| write(&set))));
        group.bench_function("own", |bencher| pool.install(|| bencher.iter(|| tags.own())));
        let (own, (highs, lows)) = pool.install(|| (tags.own(), write(&set)));
        let walk = |mut reader: TagReader| {
            reader.highs(&highs).expect("high bits");
            let found: usize = lows.iter().map(|lows| reader.lows(lows, &own).expect("low bits").len()).sum();
            assert_eq!(found, 1 << (log - 1));
            black_box(reader)
        };
        group.bench_function("walk", |bencher| {
            pool.install(|| bencher.iter_batched(|| TagReader::new(tags.shape), walk, BatchSize::SmallInput));
        });
        group.finish();
    }
}

criterion_group!(benches, tags);
criterion_main!(benches);
