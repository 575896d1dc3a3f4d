//! Nanoseconds for one value: its canonical form alone, and its key with the SHA-256; clean as most values
//! are, and dirty as some are.

#![allow(clippy::expect_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use records::{KeySpec, KeyType, Record, Warnings, standard::Settings};

/// Each type with a value as it should be, and one as it is found.
const VALUES: [(KeyType, &str, &str); 10] = [
    (KeyType::Raw, "31019919850101001X", "３１０１９９１９８５０１０１００１ｘ"),
    (KeyType::ResidentId, "31019919850101001X", "３１０１９９１９８５０１０１００１ｘ"),
    (KeyType::Uscc, "91350100M000100Y43", " 91350100-m000100y-43"),
    (KeyType::OrganisationCode, "M000100Y4", "m000100y-4"),
    (KeyType::Ebill, "34060124|0000000001|1234ab", "３４０６０１２４ 0000000001 1234ab"),
    (KeyType::BirthCertificate, "R320000001", "ｒ320000001"),
    (KeyType::Mobile, "13800000000", "+86 138-0000-0000"),
    (KeyType::Name, "欧阳建国", "阿卜杜拉 \u{2022} 艾合买提"),
    (KeyType::Date, "20240229", "2024年2月29日"),
    (KeyType::Region, "310199", "３１０１９９"),
];

fn canonical_forms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("canonical");
    for (key_type, clean, dirty) in VALUES {
        for (kind, value) in [("clean", clean), ("dirty", dirty)] {
            group.bench_function(format!("{key_type}/{kind}"), |bencher| {
                bencher.iter(|| {
                    let mut warnings = Warnings::NONE;
                    let value = key_type.canonical(black_box(value.as_bytes()), &Settings::default(), &mut warnings);
                    value.map(|value| value.as_bytes().len())
                });
            });
        }
    }
    group.finish();
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key");
    for (key_type, clean, dirty) in VALUES {
        let spec = KeySpec::new(&[key_type]).expect("one type");
        for (kind, value) in [("clean", clean), ("dirty", dirty)] {
            let mut record = Record::default();
            record.push_field(value.as_bytes());
            group.bench_function(format!("{key_type}/{kind}"), |bencher| {
                bencher.iter(|| spec.key(black_box(&record), &[0]));
            });
        }
    }
    let spec = KeySpec::new(&[KeyType::ResidentId, KeyType::Name]).expect("two types");
    let mut record = Record::default();
    record.push_field(b"31019919850101001X");
    record.push_field("欧阳建国".as_bytes());
    group.bench_function("resident-id+name/clean", |bencher| bencher.iter(|| spec.key(black_box(&record), &[0, 1])));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(500));
    targets = canonical_forms, keys
}
criterion_main!(benches);
