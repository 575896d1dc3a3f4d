//! Temporary files and runs that do not fit: the error says so, what was kept before comes back, and nothing else is left.

use std::fs;

use crate::{
    checkpoint::{Begun, Checkpoints},
    findings::BinFindings,
    spill::Spill,
};

#[test]
fn what_does_not_fit_is_told_and_nothing_is_left() {
    let Some(folder) = throwaway::full_disk("full_disk_tests::what_does_not_fit_is_told_and_nothing_is_left") else {
        return;
    };
    let spill = Spill::new(&folder);
    // More than waits to be written is put before the first failure can be told.
    let put = (0..100).try_for_each(|_| spill.put(vec![vec![7; 500_000]]).map(drop));
    let error = put.unwrap_err().to_string();
    assert!(error.contains(folder.to_str().unwrap()) && error.contains("File too large"), "{error}");
    drop(spill);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "a temporary file has a name");

    let begun = Begun { job_key: vec![1; 32], secret: vec![2; 32], bins: 100, ..Begun::default() };
    let run = Checkpoints::open(&folder).unwrap().begin("job", &begun, None).unwrap();
    let findings = BinFindings { matched: Some(1), unreadable_labels: 0, rows: vec![9; 500_000], labelled: false };
    let finished = |bin: &u32| run.finished(*bin, [3; 32], &findings).is_err();
    let failed = (0..100).find(finished).unwrap();
    assert!(failed > 0, "the limit is too low for a single bin");
    let error = run.finished(failed, [3; 32], &findings).unwrap_err().to_string();
    assert!(error.contains(folder.to_str().unwrap()) && error.contains("File too large"), "{error}");
    // Another process has the bins before, and no half of this one.
    let saved = Checkpoints::open(&folder).unwrap().load("job").unwrap().unwrap();
    let mut kept = Vec::new();
    saved
        .each(|bin, _, findings| {
            assert_eq!(findings.rows.len(), 500_000);
            kept.push(bin);
            Ok(())
        })
        .unwrap();
    assert_eq!(kept, (0..failed).collect::<Vec<_>>());
    throwaway::held();
}
