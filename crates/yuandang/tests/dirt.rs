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

/// The values of a column, as they are written. None has a comma or a quote in it.
fn column(file: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let place = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
    lines.map(|row| row.split(',').nth(place).unwrap().trim_matches('"').to_owned()).collect()
}

/// The canonical resident ID, if there is one.
fn canonical(value: &str) -> Option<String> {
    let mut warnings = records::Warnings::NONE;
    let settings = records::standard::Settings::default();
    let value = records::KeyType::ResidentId.canonical(value.as_bytes(), &settings, &mut warnings).ok()?;
    String::from_utf8(value.as_bytes().to_vec()).ok()
}

/// The canonical IDs of a file's rows, each of which has one of its own.
fn residents(file: &str) -> BTreeSet<String> {
    let rows = column(file, "id_no");
    let residents: BTreeSet<String> = rows.iter().map(|id| canonical(id).unwrap()).collect();
    assert_eq!(residents.len(), rows.len(), "{file} has a resident twice");
    residents
}

/// The values of the IDs that are on both lists, where `read` makes one of what is written.
fn on_both(lists: &[String; 2], read: impl Fn(&str) -> Option<String>) -> BTreeSet<String> {
    let [ours, theirs] =
        lists.each_ref().map(|file| column(file, "id_no").iter().filter_map(|id| read(id)).collect::<BTreeSet<_>>());
    ours.intersection(&theirs).cloned().collect()
}

fn as_written(id: &str) -> Option<String> {
    Some(id.to_owned())
}

#[test]
fn residents_that_are_written_differently_are_found_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (clean, dirty) = (lists(folder.path(), "0"), lists(folder.path(), "70"));
    // The same residents before there is dirt on them: text alone says who is on both lists.
    let shared = on_both(&clean, as_written);
    assert_eq!(shared.len() as u64, SHARED);
    for (lists, name) in [(&clean, "clean.csv"), (&dirty, "dirty.csv")] {
        let summary = matched(lists, "resident-id", &output(name));
        assert_eq!(summary["matched"], SHARED, "{summary}");
        assert_eq!(summary["receiver_refused_rows"], 0, "{summary}");
        assert_eq!(residents(&output(name)), shared, "{name}");
        // The number of a student holds the ID, and has no dirt on it: each row is that of its resident.
        let numbers: BTreeSet<String> = shared.iter().map(|id| format!("G{id}")).collect();
        assert_eq!(BTreeSet::from_iter(column(&output(name), "student_no")), numbers, "{name}");
    }

    // As raw text each pair is missed of which the two are not written in the same way.
    let of_raw = matched(&dirty, "raw", &output("raw.csv"));
    let alike = on_both(&dirty, as_written);
    assert_eq!(BTreeSet::from_iter(column(&output("raw.csv"), "id_no")), alike);
    assert!(residents(&output("raw.csv")).is_subset(&shared));
    let missed = SHARED - of_raw["matched"].as_u64().unwrap();
    assert_eq!(missed, SHARED - alike.len() as u64);
    assert!((SHARED / 2..SHARED).contains(&missed), "{missed} of {SHARED} were missed");
}

#[test]
fn damaged_rows_are_refused_with_their_reasons_and_cost_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("o.csv").to_str().unwrap().to_owned();
    let (clean, damaged) = (lists(folder.path(), "0"), lists(folder.path(), "40,10"));
    let summary = matched(&damaged, "resident-id", &output);
    let refused = summary["receiver_refused_rows"].as_u64().unwrap();
    let missing = summary["receiver_missing_keys"].as_u64().unwrap();
    assert!((300..500).contains(&(refused + missing)), "{summary}");
    let reasons = summary["receiver_refusals"].as_array().unwrap();
    assert_eq!(reasons.iter().map(|reason| reason["rows"].as_u64().unwrap()).sum::<u64>(), refused);
    // A pair is lost if either of its rows is damaged: about a fifth.
    let found = summary["matched"].as_u64().unwrap();
    assert!((740..=880).contains(&found), "{summary}");
    let whole = on_both(&damaged, canonical);
    assert_eq!(residents(&output), whole);
    assert_eq!(whole.len() as u64, found);
    assert!(whole.is_subset(&on_both(&clean, as_written)));
}
