//! What the silent setup is made of: an AES block, the base transfers, a leaf of a punctured tree.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
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

criterion_group!(benches, aes);
criterion_main!(benches);
