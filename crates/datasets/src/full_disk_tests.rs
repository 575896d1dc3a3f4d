//! A result that does not fit: the error says so, and nothing is left.

use std::fs;

use records::{Datasets, Record, SinkHeader};

use crate::Files;

#[test]
fn a_result_that_does_not_fit_leaves_nothing() {
    let Some(folder) = throwaway::full_disk("full_disk_tests::a_result_that_does_not_fit_leaves_nothing") else {
        return;
    };
    let mut record = Record::default();
    record.set_plain(&[b'x'; 1000], std::iter::empty());
    for name in ["out.csv", "out.parquet"] {
        let files = Files::relative_to(&folder);
        let mut sink = files.create(name, &SinkHeader::of_line(b"id"), &[], false).unwrap();
        // Different in every row, so that no format makes little of them.
        let written = (0..20_000_u32).try_for_each(|row| {
            let text: String =
                (0..100_u32).map(|part| format!("{:08x}", (row * 100 + part).wrapping_mul(2_654_435_761))).collect();
            record.set_plain(text.as_bytes(), std::iter::empty());
            sink.write(&record, &[])
        });
        let error = written.and_then(|()| sink.commit().map(drop)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("File too large"), "{error}");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "something was left");
    throwaway::held();
}
