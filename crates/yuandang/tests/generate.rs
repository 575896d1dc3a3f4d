//! Made-up residents and keys.
#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::BTreeSet, path::Path};

use support::{fails, yuandang};

/// Values of one column. Made-up values need no quotes.
fn column(folder: &Path, file: &str, name: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let mut lines = text.lines();
    let index = lines.next().unwrap().split(',').position(|column| column == name).unwrap();
    lines.map(|line| line.split(',').nth(index).unwrap().to_owned()).collect()
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
