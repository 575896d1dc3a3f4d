//! `match` against a plain join made here, in every mode: on the FEBRL person files, on made-up keys, and
//! on files of every shape that a CSV file may have. Rows are compared as bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use support::{borrowed, json, yuandang};

type Bytes = Vec<u8>;

/// A file whose records are one line each: its header, and each row with its line end and its key.
struct Lines {
    header: Bytes,
    rows: Vec<(Bytes, Bytes)>,
}

impl Lines {
    /// `key` is the place of the key among the fields, which need no quotes.
    fn read(path: &Path, key: usize) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
        let header = lines.next().unwrap();
        let field = |line: &Bytes| -> Bytes {
            let line = line.trim_ascii_end();
            line.split(|byte| *byte == b',').nth(key).unwrap().to_vec()
        };
        Self { header, rows: lines.map(|line| (line.clone(), field(&line))).collect() }
    }

    fn keys(&self) -> BTreeSet<&Bytes> {
        self.rows.iter().map(|(_, key)| key).filter(|key| !key.is_empty()).collect()
    }

    /// Rows whose key the other has, without line ends.
    fn joined(&self, other: &Self) -> Vec<&[u8]> {
        let keys = other.keys();
        self.rows.iter().filter(|(_, key)| keys.contains(key)).map(|(row, _)| row.trim_ascii_end()).collect()
    }
}

/// Rows of a result without line ends, and its header.
fn delivered(path: &Path) -> (Bytes, Vec<Bytes>) {
    let bytes = fs::read(path).unwrap();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
    (lines.next().unwrap(), lines.collect())
}

/// Two files with the column that matches, and a folder for results.
struct Pair {
    paths: [PathBuf; 2],
    key: &'static str,
    results: tempfile::TempDir,
}

impl Pair {
    fn new(folder: &Path, names: [&str; 2], key: &'static str) -> Self {
        Self { paths: names.map(|name| folder.join(name)), key, results: tempfile::tempdir().unwrap() }
    }

    fn result(&self, name: &str) -> PathBuf {
        self.results.path().join(name)
    }

    fn run(&self, more: &[&str]) -> Value {
        let [receiver, sender] = self.paths.each_ref().map(|path| path.to_str().unwrap());
        let fixed = ["match", "--receiver", receiver, "--sender", sender, "--key", self.key, "--format", "json"];
        json(&[&fixed, more].concat())
    }

    /// Every mode gives what a plain join gives, over both protocols; the key is field number `place` of both.
    fn hold_to_a_plain_join(&self, place: usize, label: (&str, usize)) -> usize {
        let [ours, theirs] = self.paths.each_ref().map(|path| Lines::read(path, place));
        let shared = ours.keys().intersection(&theirs.keys()).count();
        for protocol in ["ecdh", "vole"] {
            self.hold_protocol_to_a_plain_join(protocol, [&ours, &theirs], label);
        }

        let summary = self.run(&["--mode", "cardinality"]);
        assert_eq!(summary["matched"], shared);
        assert!(summary["receiver_rows_written"].is_null() && summary["sender_rows_written"].is_null());
        shared
    }

    /// The modes that say which rows match, over one protocol.
    fn hold_protocol_to_a_plain_join(&self, protocol: &str, [ours, theirs]: [&Lines; 2], label: (&str, usize)) {
        let shared = ours.keys().intersection(&theirs.keys()).count();
        let (one, other) = (self.result("one.csv"), self.result("other.csv"));
        let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
        let run = |more: &[&str]| self.run(&[&["--protocol", protocol], more].concat());
        let summary = run(&["--output", one, "--overwrite"]);
        assert_eq!(summary["protocol"], protocol);
        assert_eq!(summary["matched"], shared);
        let (header, rows) = delivered(Path::new(one));
        assert_eq!(header, ours.header.trim_ascii_end());
        assert_eq!(rows, ours.joined(theirs));

        let summary = run(&["--mode", "both", "--output", one, "--sender-output", other, "--overwrite"]);
        assert_eq!(summary["matched"], shared);
        assert_eq!(delivered(Path::new(one)).1, ours.joined(theirs));
        assert_eq!(delivered(Path::new(other)).1, theirs.joined(ours));

        let summary = run(&["--label", label.0, "--output", one, "--overwrite"]);
        assert_eq!(summary["matched"], shared);
        let labels = BTreeMap::from_iter(Lines::read(&self.paths[1], label.1).rows);
        let label_of = |key: &Bytes| {
            let row = theirs.rows.iter().find(|(_, other)| other == key).map(|(row, _)| row);
            labels[row.unwrap()].clone()
        };
        let keyed: BTreeMap<_, _> = ours.rows.iter().map(|(row, key)| (row.trim_ascii_end(), key)).collect();
        let expected = ours.joined(theirs).into_iter().map(|row| [row, &label_of(keyed[row])].join(&b','));
        assert_eq!(delivered(Path::new(one)).1, expected.collect::<Vec<_>>());
    }
}

#[test]
fn the_febrl_persons_share_4561_numbers() {
    let folder = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/fixtures/febrl");
    let pair = Pair::new(&folder, ["dataset4a.csv", "dataset4b.csv"], "soc_sec_id");
    assert_eq!(pair.hold_to_a_plain_join(10, ("postcode", 7)), 4561);
}

#[test]
fn made_up_keys_of_all_lengths_match_as_a_plain_join() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let numbers = ["--receiver", "3000", "--sender", "2000", "--overlap", "700", "--out-dir", dir];
    let generated = yuandang(&[&["generate", "--strings"], &numbers[..]].concat());
    assert_eq!(generated.status.code(), Some(0));
    let pair = Pair::new(folder.path(), ["receiver.csv", "sender.csv"], "id");
    assert_eq!(pair.hold_to_a_plain_join(0, ("payload", 1)), 700);
}

/// A file, the rows that must be delivered, and what is special about it. Keys are in the column `id`; the
/// other side has a, b and c. A result always ends with a line end.
type Shape = (&'static str, &'static [u8], &'static [u8]);

const SHAPES: [Shape; 12] = [
    ("a byte-order mark", b"\xef\xbb\xbfid,x\na,1\nz,2\n", b"\xef\xbb\xbfid,x\na,1\n"),
    ("CRLF", b"id,x\r\na,1\r\nz,2\r\nb,3\r\n", b"id,x\r\na,1\r\nb,3\r\n"),
    ("no line end at the end", b"id,x\nz,1\na,2", b"id,x\na,2\n"),
    ("a quoted line break", b"id,x\na,\"one\ntwo\"\nz,3\n", b"id,x\na,\"one\ntwo\"\n"),
    ("a quoted key", b"id,x\n\"a\",1\nz,2\n", b"id,x\n\"a\",1\n"),
    ("doubled quotes", b"id,x\na,\"say \"\"so\"\"\"\n", b"id,x\na,\"say \"\"so\"\"\"\n"),
    ("not UTF-8", b"id,x\na,\xd5\xc5\xc8\xfd\n\xff,2\n", b"id,x\na,\xd5\xc5\xc8\xfd\n"),
    ("repeated keys", b"id,x\na,1\na,1\nz,0\na,2\n", b"id,x\na,1\na,1\na,2\n"),
    ("missing keys", b"id,x\n,1\na,2\n,3\n", b"id,x\na,2\n"),
    ("rows that end early", b"x,id\n1\n2,a\n", b"x,id\n2,a\n"),
    ("a header alone", b"id,x\n", b"id,x\n"),
    ("a header alone without line end", b"id,x", b"id,x\n"),
];

#[test]
fn files_of_every_shape_come_back_byte_for_byte_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("other.csv"), "id\na\nb\nc\n").unwrap();
    for (what, content, expected) in SHAPES {
        fs::write(path("shape.csv"), content).unwrap();
        for (receiver, sender, output, protocol) in [
            ("shape.csv", "other.csv", "--output", "ecdh"),
            ("other.csv", "shape.csv", "--sender-output", "ecdh"),
            ("shape.csv", "other.csv", "--output", "vole"),
            ("other.csv", "shape.csv", "--sender-output", "vole"),
        ] {
            let result = path("result.csv");
            let arguments = ["match", "--mode", "both", "--receiver", &path(receiver), "--sender", &path(sender)];
            let more = ["--key", "id", output, &result, "--overwrite", "--format", "json", "--protocol", protocol];
            let all: Vec<String> = arguments.iter().chain(&more).map(|&text| text.to_owned()).collect();
            let summary = json(&borrowed(&all));
            assert_eq!(fs::read(&result).unwrap(), expected, "{what}, {output}, {protocol}: {summary}");
        }
    }
}

#[test]
fn rows_without_a_key_and_repeated_keys_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "id,x\n,1\na,2\na,3\n,4\nz,5\n").unwrap();
    fs::write(folder.path().join("b.csv"), "id\na\nb\na\na\n\"\"\n").unwrap();
    let summary = Pair::new(folder.path(), ["a.csv", "b.csv"], "id").run(&[]);
    for (field, expected) in [
        ("receiver_rows", 5),
        ("receiver_items", 2),
        ("receiver_missing_keys", 2),
        ("receiver_duplicate_rows", 1),
        ("sender_rows", 5),
        ("sender_items", 2),
        ("sender_missing_keys", 1),
        ("sender_duplicate_rows", 2),
        ("matched", 1),
    ] {
        assert_eq!(summary[field], expected, "{field}");
    }
}
