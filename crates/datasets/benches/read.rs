//! How fast records are read: rows of 60 bytes in six columns, from memory.
//!
//! `cargo bench -p datasets --bench read`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datasets::CsvSource;
use records::{Encoding, Record, RecordSource};

const ROWS: u64 = 200_000;

/// A header and [`ROWS`] rows of 60 bytes, line end included, each with `name` as its second value.
fn data(name: &[u8], quoted: bool) -> Vec<u8> {
    let mut data = b"id,name,born,region,category,number\n".to_vec();
    for row in 0..ROWS {
        let mut line = format!("{:018},", 310_199_198_501_010_000 + row).into_bytes();
        line.extend_from_slice(name);
        let filler = 60_usize.saturating_sub(line.len() + 21 + if quoted { 2 } else { 0 });
        let quote = if quoted { "\"" } else { "" };
        line.extend(format!(",19850101,310199,{quote}A{quote},{:0>filler$}\n", row % 10).bytes());
        data.extend(line);
    }
    data
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("csv");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    let cases = [
        ("ascii", data(b"Zhang San", false), Encoding::Unknown),
        ("utf-8", data("张三".as_bytes(), false), Encoding::Unknown),
        ("gb18030", data(b"\xd5\xc5\xc8\xfd", false), Encoding::Gb18030),
        ("quoted", data(b"Zhang San", true), Encoding::Unknown),
    ];
    for (name, bytes, encoding) in &cases {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let Ok(mut source) = CsvSource::with_encoding("data", bytes.as_slice(), *encoding) else { return 0 };
                let (mut record, mut sum) = (Record::default(), 0);
                while let Ok(true) = source.read(&mut record) {
                    sum += black_box(record.field(0)).map_or(0, <[u8]>::len);
                }
                sum
            });
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
