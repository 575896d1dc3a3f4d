//! Tests of Parquet as source and sink, against CSV of the same rows.

use std::{fs, sync::Arc};

use arrow_array::{ArrayRef, Date32Array, Int64Array, ListArray, StringArray, types::Int32Type};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use records::{Datasets, Fingerprint, Fingerprinted};
use tempfile::TempDir;

use super::*;
use crate::{CsvSource, Files};

/// id, name, born; the second row lacks what it can.
fn people() -> RecordBatch {
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("id", Arc::new(Int64Array::from(vec![7, 8, 9])), false),
        ("name", Arc::new(StringArray::from(vec![Some("张三"), None, Some("a, \"b\"")])), true),
        ("born", Arc::new(Date32Array::from(vec![Some(19_782), None, Some(0)])), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

const PEOPLE_CSV: &str = "id,name,born\n7,张三,2024-02-29\n8,,\n9,\"a, \"\"b\"\"\",1970-01-01\n";

fn write(folder: &TempDir, name: &str, batches: &[RecordBatch]) {
    let file = File::create(folder.path().join(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    });
    writer.close().unwrap();
}

fn all(files: &Files, address: &str) -> Result<(Vec<String>, SinkHeader, Vec<Record>), RecordError> {
    let mut source = files.open(address)?;
    let (mut record, mut records) = (Record::default(), Vec::new());
    while source.read(&mut record)? {
        records.push(record.clone());
    }
    assert!(!source.read(&mut record)?, "the end stays the end");
    Ok((source.columns().to_vec(), source.header(), records))
}

fn copy(files: &Files, from: &str, to: &str, labels: &[(&str, &str)]) -> Result<u64, RecordError> {
    let mut source = files.open(from)?;
    let (names, values): (Vec<String>, Vec<&[u8]>) =
        labels.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes())).unzip();
    let mut sink = files.create(to, &source.header(), &names, false)?;
    let mut record = Record::default();
    while source.read(&mut record)? {
        sink.write(&record, &values)?;
    }
    sink.commit()
}

fn place() -> (TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::relative_to(folder.path());
    write(&folder, "people.parquet", &[people(), people()]);
    fs::write(folder.path().join("people.csv"), PEOPLE_CSV).unwrap();
    (folder, files)
}

#[test]
fn the_same_rows_in_parquet_and_csv_are_the_same_records() {
    let (_folder, files) = place();
    for columns in ["", "?columns=born,id", "?columns=name"] {
        let (names, header, rows) = all(&files, &format!("people.parquet{columns}")).unwrap();
        let (csv_names, csv_header, csv_rows) = all(&files, &format!("people.csv{columns}")).unwrap();
        assert_eq!((names, &header.raw), (csv_names, &csv_header.raw));
        assert!(rows == [csv_rows.clone(), csv_rows].concat(), "{columns}");
    }
    let error = all(&files, "people.parquet?columns=absent").unwrap_err().to_string();
    assert!(error.ends_with("there is no column \"absent\"; the columns are: id, name, born"), "{error}");
}

#[test]
fn the_fingerprint_does_not_depend_on_the_kind_of_source() {
    fn fingerprint(source: impl RecordSource) -> Fingerprint {
        let mut source = Fingerprinted::new(source);
        while source.read(&mut Record::default()).unwrap() {}
        source.fingerprint()
    }
    let (folder, _files) = place();
    write(&folder, "once.parquet", &[people()]);
    let path = folder.path().join("once.parquet");
    let open = |wanted: Option<&[String]>| ParquetSource::open(&path, File::open(&path).unwrap(), wanted).unwrap();
    let csv = fingerprint(CsvSource::new("people.csv", PEOPLE_CSV.as_bytes()).unwrap());
    assert!(fingerprint(open(None)) == csv);
    assert!(fingerprint(open(Some(&["id".to_owned()]))) != csv);
}

#[test]
fn rows_go_from_parquet_to_csv_and_to_parquet_with_their_types() {
    let (folder, files) = place();
    assert_eq!(copy(&files, "people.parquet", "out.csv", &[("category", "低保")]).unwrap(), 6);
    let expected: String = PEOPLE_CSV
        .lines()
        .enumerate()
        .fold(String::new(), |text, (index, line)| text + line + if index == 0 { ",category\n" } else { ",低保\n" });
    let written = fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert!(written.starts_with(&expected) && written.lines().count() == 7, "{written}");

    assert_eq!(copy(&files, "people.parquet", "out.parquet", &[("name", "x")]).unwrap(), 6);
    let (names, header, rows) = all(&files, "out.parquet").unwrap();
    assert_eq!(names, ["id", "name", "born", "name_peer"]);
    let types = schema_of(&header.types.unwrap()).unwrap();
    let kinds: Vec<String> = types.fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(kinds, ["Int64", "Utf8", "Date32", "Utf8"]);
    assert_eq!(rows[3].raw(), "7,张三,2024-02-29,x".as_bytes());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing half-written is left");
}

#[test]
fn csv_becomes_text_in_parquet_whatever_its_encoding() {
    let (folder, files) = place();
    copy(&files, "people.csv", "text.parquet", &[]).unwrap();
    assert!(all(&files, "text.parquet").unwrap().2 == all(&files, "people.csv").unwrap().2);
    // 姓名 and 张三 in GBK.
    fs::write(folder.path().join("gbk.csv"), b"\xd0\xd5\xc3\xfb\n\xd5\xc5\xc8\xfd\n").unwrap();
    copy(&files, "gbk.csv?encoding=gb18030", "gbk.parquet", &[]).unwrap();
    let (names, _, rows) = all(&files, "gbk.parquet").unwrap();
    assert_eq!((names[0].as_str(), rows[0].raw()), ("姓名", "张三".as_bytes()));
    let error = copy(&files, "gbk.csv", "no.parquet", &[]).unwrap_err().to_string();
    assert!(error.contains("row 1 of the result: a value is not UTF-8; declare the encoding"), "{error}");
    assert!(!folder.path().join("no.parquet").exists());
}

#[test]
fn many_batches_and_row_groups_come_in_order() {
    let (folder, files) = place();
    let batch = |from: i64| {
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from_iter_values(from..from + 3000)) as ArrayRef)])
    };
    write(&folder, "many.parquet", &[batch(0).unwrap(), batch(3000).unwrap()]);
    let rows = all(&files, "many.parquet").unwrap().2;
    assert!((0..6000).eq(rows.iter().map(|row| std::str::from_utf8(row.raw()).unwrap().parse::<i64>().unwrap())));
}

#[test]
fn nested_columns_are_refused_unless_others_are_chosen() {
    let (folder, files) = place();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let id = Int64Array::from(vec![7]);
    let batch = RecordBatch::try_from_iter([("list", Arc::new(list) as ArrayRef), ("id", Arc::new(id))]).unwrap();
    write(&folder, "nested.parquet", &[batch]);
    let error = all(&files, "nested.parquet").unwrap_err().to_string();
    assert!(error.contains("column \"list\" has values within values; name the columns"), "{error}");
    assert_eq!(all(&files, "nested.parquet?columns=id").unwrap().2[0].raw(), b"7");
}

#[test]
fn what_is_no_parquet_is_named() {
    let (folder, files) = place();
    fs::write(folder.path().join("text.parquet"), "id\n7\n").unwrap();
    let whole = fs::read(folder.path().join("people.parquet")).unwrap();
    fs::write(folder.path().join("cut.parquet"), &whole[..whole.len() / 2]).unwrap();
    for name in ["text.parquet", "cut.parquet"] {
        let error = all(&files, name).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: is not Parquet, or damaged")), "{error}");
    }
    let error = all(&files, "people.parquet?encoding=gb18030").unwrap_err().to_string();
    assert!(error.contains("Parquet says itself"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_damaged_file_is_read_or_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "a.parquet", &[people()]);
        let path = folder.path().join("a.parquet");
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        if cut { bytes.drain(place..bytes.len().min(place + 16)); } else { bytes[place] = byte; }
        fs::write(&path, bytes).unwrap();
        let _ = all(&Files::relative_to(folder.path()), "a.parquet");
    }
}
