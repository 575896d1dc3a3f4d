//! What a key costs in a key-value store: its row, its share of the vector, and its sum. One thread,
//! 2^20 keys.
//!
//! `cargo bench -p psi --bench okvs`
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use psi::Item;
use psi::okvs::{Decoder, DistinctItems, Expansion, Layout, RowSeed, Rows, Shape, Value};

const KEYS: usize = 1 << 20;

fn store<V: Value>(criterion: &mut Criterion, name: &str, shape: Shape, items: &[Item]) {
    let layout = Layout::new(KEYS, shape).unwrap();
    let items = DistinctItems::new(items).unwrap();
    let rows = || Rows::new(layout, &RowSeed::from([1; 16]), items).unwrap();
    let mut group = criterion.benchmark_group(format!("okvs/{name}"));
    group.throughput(Throughput::Elements(KEYS as u64)).sample_size(20).warm_up_time(Duration::from_secs(1));

    group.bench_function("rows", |bencher| bencher.iter(rows));
    let rows = rows();
    group.bench_function("values", |bencher| bencher.iter(|| rows.values::<V>()));
    let values = rows.values::<V>();
    group.bench_function("encode", |bencher| bencher.iter(|| rows.encode(black_box(&values)).unwrap()));
    let vector = rows.encode(&values).unwrap();
    let push = || {
        let mut decoder = Decoder::new(layout);
        vector.chunks(1 << 14).for_each(|elements| decoder.push(elements).unwrap());
        decoder
    };
    group.bench_function("push", |bencher| bencher.iter(push));
    let decoder = push();
    group.bench_function("decode", |bencher| bencher.iter(|| decoder.decode(&rows, 0..KEYS).unwrap()));
    group.finish();
}

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    let items: Vec<Item> = (1..=KEYS as u128)
        .map(|i| Item::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()))
        .collect();
    let mut criterion = Criterion::default().configure_from_args();
    let fast = Shape::new(Expansion::Percent10, 256).unwrap();
    let short = Shape::new(Expansion::Percent5, 512).unwrap();
    store::<u64>(&mut criterion, "10% 256 u64", fast, &items);
    store::<u128>(&mut criterion, "10% 256 u128", fast, &items);
    store::<u64>(&mut criterion, "5% 512 u64", short, &items);
    store::<u128>(&mut criterion, "5% 512 u128", short, &items);
    criterion.final_summary();
}
