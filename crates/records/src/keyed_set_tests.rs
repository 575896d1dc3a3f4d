//! Tests of [`super`]: what is counted, kept and refused.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{record::SinkHeader, standard::KeyType};

/// Rows that stand in memory.
struct Rows {
    columns: Vec<String>,
    rows: std::vec::IntoIter<Vec<Vec<u8>>>,
}

impl Rows {
    fn new<const N: usize>(rows: &[[&str; N]]) -> Self {
        Self::of(rows.iter().map(|row| row.iter().map(|value| value.as_bytes().to_vec()).collect()).collect())
    }

    fn of(rows: Vec<Vec<Vec<u8>>>) -> Self {
        Self { columns: Vec::new(), rows: rows.into_iter() }
    }
}

impl RecordSource for Rows {
    fn place(&self) -> &str {
        "rows"
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn header(&self) -> SinkHeader {
        SinkHeader::default()
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        record.clear();
        let Some(row) = self.rows.next() else { return Ok(false) };
        row.iter().for_each(|value| record.push_field(value));
        Ok(true)
    }
}

fn raw() -> KeySpec {
    KeySpec::new(&[KeyType::Raw]).unwrap()
}

fn key_of(value: &str) -> CanonicalKey {
    let mut record = Record::default();
    record.push_field(value.as_bytes());
    raw().key(&record, &[0]).unwrap().key
}

fn labelled(rows: &mut Rows, longest: usize) -> Result<LabelledSet, RecordError> {
    LabelledSet::collect(rows, KeyColumns::new(&raw(), &[0]).unwrap(), &[1], longest)
}

#[test]
fn keys_are_distinct_sorted_and_counted() {
    let mut rows = Rows::new(&[["c"], ["a"], [""], ["c"], ["b"], ["c"]]);
    let set = KeyedSet::collect(&mut rows, KeyColumns::new(&raw(), &[0]).unwrap()).unwrap();
    let mut expected = vec![key_of("a"), key_of("b"), key_of("c")];
    expected.sort();
    assert_eq!(set.keys(), expected);
    assert_eq!(
        set.counts(),
        RowCounts { rows: 6, missing_keys: 1, refused_rows: 0, duplicate_rows: 2, label_conflicts: 0 }
    );
    assert_eq!(set.position(&expected[1]), Some(1));
    assert_eq!(set.position(&key_of("d")), None);
    assert_eq!(set.into_keys(), expected);
}

#[test]
fn a_source_without_rows_gives_an_empty_set() {
    let set = KeyedSet::collect(&mut Rows::of(vec![]), KeyColumns::new(&raw(), &[0]).unwrap()).unwrap();
    assert_eq!((set.keys(), set.counts()), (&[][..], RowCounts::default()));
    let set = labelled(&mut Rows::of(vec![]), 10).unwrap();
    assert_eq!((set.set().keys().len(), set.longest_label(), set.label(0)), (0, 0, None));
}

#[test]
fn a_row_too_short_for_the_key_has_no_key() {
    let mut rows = Rows::of(vec![vec![b"a".to_vec()], vec![b"a".to_vec(), b"b".to_vec()]]);
    let set = KeyedSet::collect(&mut rows, KeyColumns::new(&raw(), &[1]).unwrap()).unwrap();
    assert_eq!((set.keys(), set.counts().missing_keys), (&[key_of("b")][..], 1));
}

#[test]
fn more_rows_than_numbers_are_refused() {
    let (spec, columns) = (raw(), [0]);
    let collect = |most| {
        let key = KeyColumns::new(&spec, &columns).unwrap();
        KeyedSet::collect_at_most(&mut Rows::new(&[["a"], [""], ["b"]]), key, most)
    };
    assert_eq!(collect(2).unwrap().keys().len(), 2);
    assert_eq!(collect(1).unwrap_err().to_string(), "rows: there are more than 1 rows with a key; split the data");
}

#[test]
fn columns_that_do_not_pair_up_are_refused() {
    assert!(KeyColumns::new(&raw(), &[0, 1]).is_err());
    assert!(KeyColumns::new(&raw(), &[]).is_err());
}

#[test]
fn the_first_row_of_a_key_gives_its_label_and_conflicts_are_counted() {
    let mut rows = Rows::new(&[["a", "one"], ["b", "two"], ["a", "other"], ["", "x"], ["b", "two"], ["a", "one"]]);
    let set = labelled(&mut rows, 100).unwrap();
    assert_eq!(
        set.set().counts(),
        RowCounts { rows: 6, missing_keys: 1, refused_rows: 0, duplicate_rows: 3, label_conflicts: 1 }
    );
    let label = |key: &str| set.label(set.set().position(&key_of(key)).unwrap()).unwrap();
    assert_eq!(label_list::decode(label("a"), 1).unwrap(), [b"one"]);
    assert_eq!(label_list::decode(label("b"), 1).unwrap(), [b"two"]);
    assert_eq!(set.longest_label(), 5);
    assert!(set.labels().eq((0..2).map(|index| set.label(index).unwrap())));
}

#[test]
fn labels_that_do_not_fit_are_refused_with_their_row() {
    let rows = || Rows::new(&[["a", "12345"], ["b", "123456"]]);
    assert!(labelled(&mut rows(), 8).is_ok());
    let error = labelled(&mut rows(), 7).unwrap_err();
    assert_eq!(error.to_string(), "rows, row 2: the labels have 8 bytes, framing included; at most 7 fit");
    let long = "x".repeat(label_list::MAX_VALUE + 1);
    let error = labelled(&mut Rows::new(&[["a", &long]]), usize::MAX).unwrap_err();
    assert!(error.to_string().starts_with("rows, row 1: the value of label column 1 has 65536 bytes"), "{error}");
}

#[test]
fn a_printed_set_shows_sizes_alone() {
    let set = labelled(&mut Rows::new(&[["a", "secret"]]), 100).unwrap();
    let text = format!("{set:?}");
    assert!(text.starts_with("LabelledSet { set: KeyedSet { keys: 1, counts: "), "{text}");
    assert!(text.ends_with("label_bytes: 8 }"), "{text}");
}

proptest! {
    #[test]
    fn both_sets_are_what_maps_from_the_standard_library_say(
        rows in prop::collection::vec(("[a-d]{0,2}", "[xy]{0,2}"), 0..60),
    ) {
        let table: Vec<[&str; 2]> = rows.iter().map(|(key, label)| [key.as_str(), label.as_str()]).collect();
        let mut first = BTreeMap::new();
        for [key, label] in table.iter().filter(|[key, _]| !key.is_empty()) {
            first.entry(key_of(key)).or_insert(*label);
        }
        let plain = KeyedSet::collect(&mut Rows::new(&table), KeyColumns::new(&raw(), &[0]).unwrap()).unwrap();
        let set = labelled(&mut Rows::new(&table), 100).unwrap();
        prop_assert!(first.keys().eq(plain.keys()));
        prop_assert!(first.keys().eq(set.set().keys()));
        for (list, label) in set.labels().zip(first.values()) {
            prop_assert_eq!(label_list::decode(list, 1).unwrap(), [label.as_bytes()]);
        }
        let conflicts = table.iter().filter(|[key, label]| !key.is_empty() && first[&key_of(key)] != *label).count();
        let counts = set.set().counts();
        prop_assert_eq!(counts.label_conflicts, conflicts as u64);
        prop_assert_eq!(RowCounts { label_conflicts: 0, ..counts }, plain.counts());
        prop_assert_eq!(counts.rows, counts.missing_keys + counts.duplicate_rows + first.len() as u64);
        let distinct: BTreeSet<_> = plain.keys().iter().collect();
        prop_assert_eq!(distinct.len(), plain.keys().len());
    }
}
