//! Samples of datasets.

use std::{fs, path::PathBuf};

use agreement::{
    KeyType,
    catalogue::{Item, ItemType, draft},
};
use tempfile::TempDir;

use super::*;

/// A folder with a source of ten residents, of whom so many have a wrong number.
fn source(wrong: usize) -> (TempDir, Dataset) {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("people.csv");
    let rows = (0..10).map(|row| if row < wrong { "310199198501010011,x\n" } else { "320199198501010011,x\n" });
    fs::write(&path, format!("id_no,name\n{}", rows.collect::<String>())).unwrap();
    let source = path.to_str().unwrap().to_owned();
    (
        folder,
        Dataset {
            name: "people".to_owned(),
            source,
            version: 1,
            examining: quality::Examining::default(),
            entry: None,
        },
    )
}

fn entry() -> Entry {
    let sample = include_str!("../../../../../examples/catalogue.csv");
    let mut lines = sample.lines();
    let names = lines.next().unwrap().split(',').map(|name| name.parse().unwrap());
    let fields = names.zip(lines.next().unwrap().split(',').map(str::to_owned)).collect();
    let mut entry = draft::read(&fields, false).unwrap();
    entry.dataset.name = "people".to_owned();
    let item = |name: &str| Item { name: name.to_owned(), item_type: ItemType::Text, length: None };
    entry.items = vec![item("id_no"), item("name")];
    entry
}

fn held(entry: &Entry, dataset: &Dataset, sample_rows: u64, fail_above: f64) -> Result<bool, Unlike> {
    let sampling = Sampling { no_sample: false, sample_rows, fail_above };
    sampling.hold_to(entry, dataset, &CancellationToken::new()).unwrap()
}

#[test]
fn a_source_is_held_to_the_share_that_may_be_refused() {
    let (_folder, dataset) = source(2);
    assert_eq!(held(&entry(), &dataset, 100, 20.0), Ok(true));
    let sample = Sample { key: "id_no:resident-id".to_owned(), rows: 10, unusable: 2 };
    assert_eq!(held(&entry(), &dataset, 100, 19.9), Err(Unlike::Refused(sample, 19.9)));
    // Of two rows that are looked at, both are wrong.
    let sample = Sample { key: "id_no:resident-id".to_owned(), rows: 2, unusable: 2 };
    assert_eq!(held(&entry(), &dataset, 2, 20.0), Err(Unlike::Refused(sample, 20.0)));
    let (_folder, right) = source(0);
    assert_eq!(held(&entry(), &right, 100, 0.0), Ok(true));
}

#[test]
fn what_the_entry_says_of_the_source_has_to_be_so() {
    let (folder, dataset) = source(0);
    let mut other = entry();
    other.items[1].name = "income".to_owned();
    assert_eq!(held(&other, &dataset, 100, 5.0), Err(Unlike::NoColumn("income".to_owned())));
    let newer = Dataset { version: 2, ..dataset.clone() };
    assert_eq!(held(&entry(), &newer, 100, 5.0), Err(Unlike::Version(2)));
    let gone = Dataset { source: "/nowhere/people.csv".to_owned(), ..dataset.clone() };
    assert!(matches!(held(&entry(), &gone, 100, 5.0), Err(Unlike::Unreadable(_))));
    fs::write(folder.path().join("people.csv"), "id_no,name\n").unwrap();
    assert_eq!(held(&entry(), &dataset, 100, 5.0), Err(Unlike::Empty));
    // Without a key there is nothing that the data standard says of the rows.
    let mut keyless = entry();
    (keyless.keys, keyless.modes) = (Vec::new(), Vec::new());
    assert_eq!(held(&keyless, &dataset, 100, 5.0), Ok(false));
    let mut mobile = entry();
    mobile.keys[0].key_type = KeyType::Mobile;
    fs::write(folder.path().join("people.csv"), "id_no,name\n320199198501010011,x\n").unwrap();
    assert!(matches!(held(&mobile, &dataset, 100, 5.0), Err(Unlike::Refused(..))));
}

#[test]
fn what_is_not_here_needs_to_be_said_to_be_elsewhere() {
    let mut sampling = Sampling { no_sample: false, sample_rows: 10, fail_above: 5.0 };
    let stop = CancellationToken::new();
    assert_eq!(sampling.hold(&entry(), None, &stop).unwrap(), Err(Unlike::NotHere));
    sampling.no_sample = true;
    assert_eq!(sampling.hold(&entry(), None, &stop).unwrap(), Ok(false));
}
