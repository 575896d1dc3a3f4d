//! Two lists of the same residents, each written in its own way: under the data standard all are found, as raw text
//! many are missed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use support::{errors, json, yuandang};

const SHARED: u64 = 1000;

/// Makes both lists with this dirt; gives their paths.
fn lists(folder: &std::path::Path, dirt: &str) -> [String; 2] {
    let out = folder.join(dirt.replace(',', "-"));
    let shared = SHARED.to_string();
    let made = yuandang(&[
        "generate",
        "--students",
        "4000",
        "--hardship",
        "3000",
        "--overlap",
        &shared,
        "--seed",
        "7",
        "--dirt",
        dirt,
        "--out-dir",
        out.to_str().unwrap(),
    ]);
    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    ["students.csv", "hardship.csv"].map(|name| out.join(name).to_str().unwrap().to_owned())
}

fn matched([students, hardship]: &[String; 2], key_type: &str, output: &str) -> Value {
    json(&[
        "match",
        "--receiver",
        students,
        "--sender",
        hardship,
        "--key",
        "id_no",
        "--key-type",
        key_type,
        "--output",
        output,
        "--overwrite",
        "--format",
        "json",
    ])
}

/// The students' numbers, which hold the resident ID of each, in a result.
fn names(file: &str) -> BTreeSet<String> {
    let rows = fs::read_to_string(file).unwrap();
    rows.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect()
}

#[test]
fn residents_that_are_written_differently_are_found_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (clean, dirty) = (lists(folder.path(), "0"), lists(folder.path(), "70"));
    let of_clean = matched(&clean, "resident-id", &output("clean.csv"));
    let of_dirty = matched(&dirty, "resident-id", &output("dirty.csv"));
    for summary in [&of_clean, &of_dirty] {
        assert_eq!(summary["matched"], SHARED, "{summary}");
        assert_eq!(summary["receiver_refused_rows"], 0, "{summary}");
    }
    assert_eq!(names(&output("clean.csv")).len() as u64, SHARED);
    assert_eq!(fs::read_to_string(output("dirty.csv")).unwrap().lines().count() as u64, SHARED + 1);

    // As raw text each pair is missed of which one is written in another way.
    let of_raw = matched(&dirty, "raw", &output("raw.csv"));
    let missed = SHARED - of_raw["matched"].as_u64().unwrap();
    assert!((SHARED / 2..SHARED).contains(&missed), "{missed} of {SHARED} were missed");
}

#[test]
fn damaged_rows_are_refused_with_their_reasons_and_cost_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("o.csv").to_str().unwrap().to_owned();
    let summary = matched(&lists(folder.path(), "40,10"), "resident-id", &output);
    let refused = summary["receiver_refused_rows"].as_u64().unwrap();
    let missing = summary["receiver_missing_keys"].as_u64().unwrap();
    assert!((300..500).contains(&(refused + missing)), "{summary}");
    let reasons = summary["receiver_refusals"].as_array().unwrap();
    assert_eq!(reasons.iter().map(|reason| reason["rows"].as_u64().unwrap()).sum::<u64>(), refused);
    // A pair is lost if either of its rows is damaged: about a fifth.
    let found = summary["matched"].as_u64().unwrap();
    assert!((740..=880).contains(&found), "{summary}");
}
