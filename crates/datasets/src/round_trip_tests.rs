//! Any CSV file, in any style of writing, read in pieces of any size: fields are those that the csv
//! crate finds, and records are the bytes that stood in the file.

use std::{io::Read, path::Path};

use proptest::prelude::*;
use records::{Datasets, Record, RecordSource};

use crate::{CsvSource, Files};

/// One field as it stands in a file, with its value.
#[derive(Clone, Debug)]
struct Written {
    bytes: Vec<u8>,
    value: Vec<u8>,
}

/// A field in quotation marks, any bytes inside, with or without stray text behind the closing mark.
fn quoted() -> impl Strategy<Value = Written> {
    let inside =
        prop::collection::vec(prop_oneof![3 => any::<u8>(), 2 => prop::sample::select(b"\",\r\n ".to_vec())], 0..12);
    (inside, prop_oneof![5 => Just(&b""[..]), 1 => Just(&b" z"[..])]).prop_map(|(inside, stray)| {
        let mut bytes = b"\"".to_vec();
        for &byte in &inside {
            bytes.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
        }
        bytes.push(b'"');
        bytes.extend(stray);
        Written { bytes, value: [&inside, stray].concat() }
    })
}

/// A field without quotation marks around it.
fn plain() -> impl Strategy<Value = Written> {
    let byte = any::<u8>().prop_filter("not special", |byte| !b",\"\r\n".contains(byte));
    prop::collection::vec(byte, 0..12).prop_map(|bytes| Written { value: bytes.clone(), bytes })
}

fn row(columns: usize) -> impl Strategy<Value = Vec<Written>> {
    let field = prop_oneof![plain(), quoted()];
    prop::collection::vec(field, 1..=columns)
        .prop_filter("an empty line is no row", |row| row.len() > 1 || !row[0].bytes.is_empty())
}

fn terminator() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![4 => Just(&b"\n"[..]), 4 => Just(&b"\r\n"[..]), 2 => Just(&b"\r"[..]), 1 => Just(&b"\n\n"[..]), 1 => Just(&b"\r\n\r\n\n"[..])]
}

#[derive(Clone, Debug)]
struct File {
    mark: bool,
    rows: Vec<(Vec<Written>, &'static [u8])>,
    open_end: bool,
}

const HEADER: &[u8] = b"a,\"b\",c,d";

impl File {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = if self.mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        bytes.extend_from_slice(HEADER);
        bytes.extend_from_slice(b"\r\n");
        for (index, (row, end)) in self.rows.iter().enumerate() {
            bytes.extend(raw(row));
            if !(self.open_end && index + 1 == self.rows.len()) {
                bytes.extend_from_slice(end);
            }
        }
        bytes
    }
}

fn raw(row: &[Written]) -> Vec<u8> {
    let fields: Vec<&[u8]> = row.iter().map(|field| field.bytes.as_slice()).collect();
    fields.join(&b","[..])
}

fn file() -> impl Strategy<Value = File> {
    (any::<bool>(), prop::collection::vec((row(4), terminator()), 0..8), any::<bool>())
        .prop_map(|(mark, rows, open_end)| File { mark, rows, open_end })
        .prop_map(|mut file| {
            // A marked file is UTF-8, and one that ends within a short row was cut.
            file.mark &= std::str::from_utf8(&file.bytes()).is_ok();
            file.open_end &= file.rows.last().is_some_and(|(row, _)| row.len() == 4);
            file
        })
}

/// Gives at most `piece` bytes at a time, and is interrupted in between.
struct Pieces<'a> {
    data: &'a [u8],
    piece: usize,
    interrupt: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let length = self.piece.min(buffer.len());
        self.data.read(&mut buffer[..length])
    }
}

fn read_all(data: &[u8], piece: usize) -> Vec<Record> {
    let mut source = CsvSource::new("file", Pieces { data, piece, interrupt: false }).unwrap();
    let mut records = Vec::new();
    let mut record = Record::default();
    while source.read(&mut record).unwrap() {
        records.push(record.clone());
    }
    records
}

fn values(record: &Record) -> Vec<&[u8]> {
    (0..record.len()).map(|index| record.field(index).unwrap()).collect()
}

proptest! {
    #[test]
    fn records_are_the_bytes_that_stood_there(file in file(), piece in prop_oneof![1_usize..6, Just(usize::MAX)]) {
        let bytes = file.bytes();
        let records = read_all(&bytes, piece);
        prop_assert_eq!(records.len(), file.rows.len());
        for (record, (row, _)) in records.iter().zip(&file.rows) {
            prop_assert_eq!(record.raw(), raw(row));
            prop_assert_eq!(values(record), row.iter().map(|field| field.value.as_slice()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn fields_are_those_of_the_csv_crate(
        body in prop::collection::vec(prop_oneof![2 => prop::sample::select(b"\",\r\n".to_vec()), 1 => any::<u8>()], 0..60),
        piece in prop_oneof![1_usize..6, Just(usize::MAX)],
    ) {
        // Any bytes at all. Enough columns for whatever they are parsed into.
        let mut bytes = vec![b','; 63];
        bytes.push(b'\n');
        bytes.extend(&body);
        let mut source = CsvSource::new("file", Pieces { data: &bytes, piece, interrupt: false }).unwrap();
        let mut theirs = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
        let mut ours = Record::default();
        let mut raw_bytes = 0;
        for their in theirs.byte_records() {
            let their = their.unwrap();
            match source.read(&mut ours) {
                Ok(found) => prop_assert!(found),
                // The csv crate takes a record whose quotation marks are open at the end; we do not.
                Err(error) => {
                    let error = error.to_string();
                    let cut = error.contains("within this row") && their.len() < 64;
                    prop_assert!(cut || error.contains("within quotation marks"), "{}", error);
                    return Ok(());
                }
            }
            prop_assert_eq!(values(&ours), their.iter().collect::<Vec<_>>());
            // Parsed on its own, the raw record is the same record, and labels can be put behind it.
            let line = [ours.raw(), b",label"].concat();
            let mut alone = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
            let again = alone.byte_records().next().unwrap().unwrap();
            prop_assert_eq!(again.iter().collect::<Vec<_>>(), [values(&ours), vec![&b"label"[..]]].concat());
            raw_bytes += ours.raw().len();
        }
        prop_assert!(!source.read(&mut ours).unwrap());
        let terminators = body.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
        prop_assert!(raw_bytes <= body.len() && raw_bytes + terminators >= body.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn delivering_every_row_copies_the_file(file in file()) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::relative_to(folder.path());
        std::fs::write(folder.path().join("in.csv"), file.bytes()).unwrap();
        copy(&files, "in.csv", "out.csv");
        // Alike but for line ends, which are now all those of the header.
        let mut expected = if file.mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        for line in std::iter::once(HEADER.to_vec()).chain(file.rows.iter().map(|(row, _)| raw(row))) {
            expected.extend(line);
            expected.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(std::fs::read(folder.path().join("out.csv")).unwrap(), expected);
    }
}

fn copy(files: &Files, from: &str, to: &str) -> u64 {
    let mut source = files.open(from).unwrap();
    let mut sink = files.create(to, &source.header(), &[], false).unwrap();
    let mut record = Record::default();
    while source.read(&mut record).unwrap() {
        sink.write(&record, &[]).unwrap();
    }
    sink.commit().unwrap()
}

/// Real person files: one with CR LF and no last line end, one with LF.
#[test]
fn the_febrl_files_are_read_and_delivered_byte_for_byte() {
    let fixtures = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/fixtures/febrl");
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new();
    let mut identifiers = Vec::new();
    for (name, missing_end) in [("dataset4a.csv", &b"\r\n"[..]), ("dataset4b.csv", b"")] {
        let (from, to) = (fixtures.join(name), folder.path().join(name));
        assert_eq!(copy(&files, from.to_str().unwrap(), to.to_str().unwrap()), 5000);
        let expected = [std::fs::read(&from).unwrap(), missing_end.to_vec()].concat();
        assert!(std::fs::read(&to).unwrap() == expected, "{name} was delivered with changes");

        let mut source = files.open(from.to_str().unwrap()).unwrap();
        let column = source.column("soc_sec_id").unwrap();
        let mut record = Record::default();
        let mut of_file = std::collections::BTreeSet::new();
        while source.read(&mut record).unwrap() {
            of_file.insert(record.field(column).unwrap().to_vec());
        }
        identifiers.push(of_file);
    }
    assert_eq!(identifiers[0].intersection(&identifiers[1]).count(), 4561);
}
