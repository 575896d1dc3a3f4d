//! Made-up residents and keys.
#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::BTreeSet, path::Path};

use support::{fails, yuandang};

/// Values of one column. Made-up values have no commas or quotes.
fn column(folder: &Path, file: &str, name: &str) -> BTreeSet<String> {
    column_in_order(folder, file, name).into_iter().collect()
}

fn column_in_order(folder: &Path, file: &str, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let mut lines = text.lines();
    let index = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
    lines.map(|line| line.split(',').nth(index).unwrap().trim_matches('"').to_owned()).collect()
}

#[test]
fn residents_overlap_as_asked_and_follow_from_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |seed: &str, dir: &str| {
        let dir = folder.path().join(dir);
        let arguments = [
            "generate",
            "--students",
            "300",
            "--hardship",
            "100",
            "--overlap",
            "40",
            "--seed",
            seed,
            "--out-dir",
            dir.to_str().unwrap(),
        ];
        assert_eq!(yuandang(&arguments).status.code(), Some(0));
        [column(&dir, "students.csv", "id_no"), column(&dir, "hardship.csv", "id_no")]
    };
    let first = run("1", "a");
    assert_eq!((first[0].len(), first[1].len(), first[0].intersection(&first[1]).count()), (300, 100, 40));
    assert_eq!(run("1", "b"), first);
    assert_ne!(run("2", "c"), first);
    let there = folder.path().join("a");
    fails(2, &["generate", "--out-dir", there.to_str().unwrap()]);
    fails(2, &["generate", "--students", "5", "--hardship", "5", "--overlap", "6", "--out-dir", "x"]);
}

#[test]
fn strings_have_one_to_a_hundred_characters() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let arguments =
        ["generate", "--strings", "--receiver", "400", "--sender", "700", "--overlap", "150", "--out-dir", dir];
    assert_eq!(yuandang(&arguments).status.code(), Some(0));
    let (ours, theirs) = (column(folder.path(), "receiver.csv", "id"), column(folder.path(), "sender.csv", "id"));
    assert_eq!((ours.len(), theirs.len(), ours.intersection(&theirs).count()), (400, 700, 150));
    assert!(theirs.iter().all(|key| (1..=100).contains(&key.chars().count())));
    fails(2, &["generate", "--strings", "--receiver", "4", "--out-dir", dir]);
}

/// Rows that are written differently match, rows that are damaged do not, and both are as many as asked.
#[test]
fn dirty_lists_match_under_the_data_standard() {
    let folder = tempfile::tempdir().unwrap();
    let generate = |dir: &str, more: &[&str]| {
        let dir = folder.path().join(dir);
        let mut arguments = vec!["generate", "--residents", "--receiver", "400", "--sender", "700", "--overlap", "150"];
        arguments.extend(["--out-dir", dir.to_str().unwrap()]);
        arguments.extend(more);
        assert_eq!(yuandang(&arguments).status.code(), Some(0));
        ["receiver.csv", "sender.csv"].map(|file| column_in_order(&dir, file, "id_no"))
    };
    let [clean, dirty] = [generate("clean", &[]), generate("dirty", &["--dirt", "40,2.5"])];
    let keyed = |list: usize| {
        let rows = clean[list].iter().zip(&dirty[list]);
        rows.filter(|(_, dirty)| canonical(dirty).is_some()).map(|(clean, _)| clean.as_str()).collect::<BTreeSet<_>>()
    };
    let [ours, theirs] = [keyed(0), keyed(1)];
    assert_eq!((ours.len(), theirs.len()), (400 - 10, 700 - 17));
    let differing = clean[0].iter().zip(&dirty[0]).filter(|(clean, dirty)| clean != dirty).count();
    assert_eq!(differing, 160 + 10);
    let path = |file: &str| folder.path().join("dirty").join(file).display().to_string();
    let (receiver, sender) = (path("receiver.csv"), path("sender.csv"));
    let matched = |key_type: &str| {
        let arguments =
            ["match", "--receiver", &receiver, "--sender", &sender, "--key", "id_no", "--key-type", key_type];
        let output = yuandang(&[&arguments[..], &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["matched"].as_u64().unwrap()
    };
    let expected = ours.intersection(&theirs).count() as u64;
    assert!((130..150).contains(&expected), "{expected}");
    assert_eq!(matched("resident-id"), expected);
    assert!(matched("raw") < expected);
    for wrong in ["101", "60,50", "few"] {
        fails(2, &["generate", "--dirt", wrong, "--out-dir", "x"]);
    }
    fails(2, &["generate", "--residents", "--strings", "--receiver", "4", "--sender", "4", "--out-dir", "x"]);
}

/// The canonical resident ID, if there is one.
fn canonical(value: &str) -> Option<String> {
    let mut warnings = records::Warnings::NONE;
    let settings = records::standard::Settings::default();
    let value = records::KeyType::ResidentId.canonical(value.as_bytes(), &settings, &mut warnings).ok()?;
    String::from_utf8(value.as_bytes().to_vec()).ok()
}
