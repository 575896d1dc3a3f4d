//! Files of entries.

use std::fs;

use tempfile::TempDir;

use super::*;

const SAMPLE: &str = include_str!("../../../../../examples/catalogue.csv");

fn read_as(name: &str, content: impl AsRef<[u8]>) -> Result<Listing, Failure> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    read(path.to_str().unwrap())
}

fn entries(listing: Listing) -> Vec<Entry> {
    listing.rows.into_iter().map(|row| row.entry.unwrap_or_else(|problems| panic!("{problems:?}"))).collect()
}

/// The sample with the names of its columns in English.
fn in_english() -> String {
    let (header, rows) = SAMPLE.split_once('\n').unwrap();
    let names: Vec<&str> = header.split(',').map(|name| name.parse::<Field>().unwrap().name()).collect();
    format!("{}\n{rows}", names.join(","))
}

#[test]
fn the_sample_is_right_in_every_row_and_names_every_field() {
    let listing = read_as("catalogue.csv", SAMPLE).unwrap();
    assert!(listing.ignored.is_empty());
    let all = entries(listing);
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(|entry| !entry.sampled));
    let header = SAMPLE.lines().next().unwrap();
    let named: BTreeSet<Field> = header.split(',').map(|name| name.parse().unwrap()).collect();
    assert_eq!(named.len(), Field::ALL.len());
}

#[test]
fn names_in_english_other_line_ends_and_json_give_the_same_entries() {
    let expected = entries(read_as("a.csv", SAMPLE).unwrap());
    assert_eq!(entries(read_as("a.csv", in_english()).unwrap()), expected);
    assert_eq!(entries(read_as("a.csv", format!("\u{feff}{}", SAMPLE.replace('\n', "\r\n"))).unwrap()), expected);
    let mut lines = SAMPLE.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let objects = lines.map(|row| {
        let pairs = header.iter().zip(row).map(|(name, value)| ((*name).to_owned(), Value::String(value.to_owned())));
        Value::Object(pairs.collect())
    });
    let json = Value::Array(objects.collect()).to_string();
    assert_eq!(entries(read_as("a.json", json).unwrap()), expected);
}

#[test]
fn json_may_say_numbers_truths_and_lists_as_such() {
    let first = entries(read_as("a.csv", SAMPLE).unwrap()).remove(0);
    let json = serde_json::json!([{
        "dataset": first.dataset.name, "version": 1, "name": first.name, "code": first.code,
        "class": first.classification.class, "division": first.classification.division,
        "subject": first.classification.subject, "detail": first.classification.detail, "domain": "education-culture",
        "department": first.provider.department, "provider_code": first.provider.code, "abstract": first.summary,
        "format": first.format, "items": first.items, "sharing": "conditional", "condition": first.sharing.condition,
        "legal_basis": null, "sharing_mode": first.sharing.mode, "open": false, "update_cycle": "monthly",
        "published": "2026-03-01", "personal_data": "sensitive", "keys": first.keys,
        "modes": ["membership", "cardinality"], "smallest_result": 5, "quota": 24, "注": "x",
    }]);
    let listing = read_as("a.json", json.to_string()).unwrap();
    assert_eq!(listing.ignored, ["注"]);
    assert_eq!(entries(listing), [first]);
}

#[test]
fn rows_keep_their_numbers_and_what_stands_twice_is_the_later_ones_fault() {
    let mut lines: Vec<&str> = SAMPLE.lines().take(3).collect();
    let empty = ",".repeat(27);
    lines.insert(2, &empty);
    lines.push(lines[1]);
    let listing = read_as("a.csv", lines.join("\n")).unwrap();
    let numbers: Vec<u64> = listing.rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [1, 3, 4]);
    assert_eq!(listing.rows[2].called, "students");
    let faults = listing.rows[2].entry.as_ref().unwrap_err();
    let expected = [Field::Dataset, Field::Code].map(|field| Problem::new(field, Fault::EarlierRow(1)));
    assert_eq!(faults.as_slice(), expected);
    assert!(listing.rows[0].entry.is_ok() && listing.rows[1].entry.is_ok());
}

#[test]
fn what_is_no_list_of_entries_is_refused_as_a_whole() {
    let twice = SAMPLE.replacen("version", "名称", 1);
    let header = SAMPLE.lines().next().unwrap();
    for (name, content, words) in [
        ("a.csv", "shoe,size\n1,2\n", "no column is a field"),
        ("a.csv", twice.as_str(), "two columns are field name"),
        ("a.csv", header, "no entry"),
        ("a.csv", "name,code\n\"a,b\n", "quotation marks"),
        ("a.json", "{}", "a.json"),
        ("a.json", "[1]", "a.json"),
        ("a.json", "[]", "no entry"),
        ("a.json", "[{\"name\":\"a\",\"名称\":\"b\"}]", "entry 1: two columns"),
    ] {
        let failure = read_as(name, content).unwrap_err();
        assert!(failure.message.contains(words), "{content}: {failure}");
    }
    assert!(read("/nowhere/catalogue.csv").is_err() && read("/nowhere/catalogue.json").is_err());
}
