//! Tests of [`super`]: what is written, and that nothing half-written is ever seen.

use std::fs;

use records::RecordSource;
use tempfile::TempDir;

use super::*;
use crate::CsvSource;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn header(raw: &[u8]) -> SinkHeader {
    SinkHeader::of_line(raw)
}

fn names(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

fn record(raw: &[u8], fields: usize) -> Record {
    let mut record = Record::default();
    record.set_raw(raw);
    (0..fields).for_each(|_| record.push_field(b""));
    record
}

fn create(target: &Path, raw: &[u8], labels: &[&str], overwrite: bool) -> Result<Box<CsvSink>, RecordError> {
    CsvSink::create(target, &header(raw), &names(labels), overwrite).map(Box::new)
}

/// The file's bytes after `rows` were written with `labels` to a sink of header `raw`.
fn written(header: &SinkHeader, labels: &[&str], rows: &[(&Record, &[&[u8]])]) -> Vec<u8> {
    let folder = folder();
    let target = folder.path().join("out.csv");
    let mut sink = Box::new(CsvSink::create(&target, header, &names(labels), false).unwrap());
    for (record, values) in rows {
        sink.write(record, values).unwrap();
    }
    assert_eq!(sink.commit().unwrap(), rows.len() as u64);
    fs::read(&target).unwrap()
}

#[test]
fn rows_are_written_as_they_stood_with_the_line_ends_of_the_source() {
    let odd = record(b"\"a\"\"\",\xff,\"x\ny\"", 3);
    assert_eq!(
        written(&header(b"h, i,j"), &[], &[(&odd, &[]), (&record(b",,", 3), &[])]),
        b"h, i,j\n\"a\"\"\",\xff,\"x\ny\"\n,,\n"
    );
    let marked = SinkHeader { crlf: true, ..SinkHeader::of_line(b"\xef\xbb\xbf\"h\",i") };
    assert_eq!(written(&marked, &[], &[(&record(b"1,2", 2), &[])]), b"\xef\xbb\xbf\"h\",i\r\n1,2\r\n");
}

#[test]
fn labels_are_appended_and_quoted_where_they_have_to_be() {
    let rows: [(&Record, &[&[u8]]); 2] =
        [(&record(b"1", 1), &[b"a,\"b\"", b""]), (&record(b"\"2\"", 1), &[b"x\r\n", b" y"])];
    assert_eq!(
        written(&header(b"id"), &["cat,egory", "until"], &rows),
        b"id,\"cat,egory\",until\n1,\"a,\"\"b\"\"\",\n\"2\",\"x\r\n\", y\n"
    );
}

#[test]
fn labels_are_written_in_the_encoding_of_the_rows() {
    // 姓名 and 张三 in GBK.
    let header = SinkHeader { encoding: Encoding::Gb18030, ..SinkHeader::of_line(b"\xd0\xd5\xc3\xfb") };
    let row = record(b"\xd5\xc5\xc8\xfd", 1);
    assert_eq!(
        written(&header, &["类别"], &[(&row, &["低保,".as_bytes()])]),
        b"\xd0\xd5\xc3\xfb,\xc0\xe0\xb1\xf0\n\xd5\xc5\xc8\xfd,\"\xb5\xcd\xb1\xa3,\"\n"
    );
}

#[test]
fn labels_of_a_short_row_stand_under_their_names() {
    let rows: [(&Record, &[&[u8]]); 2] = [(&record(b"1", 1), &[b"x"]), (&record(b"1,2,3", 3), &[b"y"])];
    assert_eq!(written(&header(b"a,b,c"), &["label"], &rows), b"a,b,c,label\n1,,,x\n1,2,3,y\n");
    assert_eq!(written(&header(b"a,b,c"), &[], &[(&record(b"1", 1), &[])]), b"a,b,c\n1\n");
}

#[test]
fn a_label_column_whose_name_is_taken_gets_a_suffix() {
    let line = |raw: &[u8], labels: &[&str]| {
        let mut bytes = written(&header(raw), labels, &[]);
        assert_eq!(bytes.pop(), Some(b'\n'));
        bytes
    };
    assert_eq!(line(b"id,name", &["name", "until"]), b"id,name,name_peer,until");
    assert_eq!(line(b"id, name", &["name"]), b"id, name,name_peer");
    assert_eq!(line(b"name,name_peer", &["name"]), b"name,name_peer,name_peer_peer");
    assert_eq!(line(b"id", &["a", "a"]), b"id,a,a_peer");
    // 姓名 and 类别 in GBK: the names that are added are in the encoding of those that are there.
    assert_eq!(
        line(b"\xd0\xd5\xc3\xfb", &["类别", "姓名"]),
        b"\xd0\xd5\xc3\xfb,\xc0\xe0\xb1\xf0,\xd0\xd5\xc3\xfb_peer"
    );
}

#[test]
fn nothing_has_the_name_before_commit_and_nothing_stays_without_it() {
    let folder = folder();
    let target = folder.path().join("out.csv");
    let entries = || {
        fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect::<Vec<_>>()
    };

    let mut sink = create(&target, b"id", &[], false).unwrap();
    sink.write(&record(b"1", 1), &[]).unwrap();
    let during = entries();
    assert_eq!(during.len(), 1);
    assert!(during[0].starts_with(".out.csv.") && during[0].ends_with(".part"), "{during:?}");
    drop(sink);
    assert_eq!(entries(), [""; 0]);

    create(&target, b"id", &[], false).unwrap().commit().unwrap();
    assert_eq!(entries(), ["out.csv"]);
    assert_eq!(fs::read(&target).unwrap(), b"id\n");
}

#[test]
fn what_is_there_is_overwritten_only_when_asked() {
    let folder = folder();
    let target = folder.path().join("out.csv");
    fs::write(&target, "old").unwrap();
    assert!(matches!(create(&target, b"id", &[], false), Err(RecordError::Exists(_))));

    let sink = create(&target, b"id", &[], true).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"old");
    drop(sink);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    create(&target, b"id", &[], true).unwrap().commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"id\n");
}

#[test]
fn a_file_that_appears_meanwhile_is_not_overwritten() {
    let folder = folder();
    let target = folder.path().join("out.csv");
    let sink = create(&target, b"id", &[], false).unwrap();
    fs::write(&target, "somebody else's").unwrap();
    assert!(matches!(sink.commit(), Err(RecordError::Exists(_))));
    assert_eq!(fs::read(&target).unwrap(), b"somebody else's");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_target_that_is_no_file_in_a_folder_is_refused_with_what_to_do() {
    let folder = folder();
    let error = |target: &Path, overwrite| create(target, b"id", &[], overwrite).err().unwrap().to_string();
    assert!(error(&folder.path().join("absent/out.csv"), true).ends_with("absent; make it first"));
    assert!(error(folder.path(), true).ends_with("is a folder or a device; name a regular file"));
    assert!(error(Path::new("/"), true).ends_with("cannot be the name of a file"));
    assert!(error(Path::new("/dev/null"), true).ends_with("is a folder or a device; name a regular file"));
}

#[test]
#[cfg(unix)]
fn a_dangling_link_is_in_the_way_and_results_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let target = folder.path().join("out.csv");
    std::os::unix::fs::symlink("nowhere", &target).unwrap();
    assert!(matches!(create(&target, b"id", &[], false), Err(RecordError::Exists(_))));
    create(&target, b"id", &[], true).unwrap().commit().unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_very_long_name_is_written() {
    let folder = folder();
    let target = folder.path().join("名".repeat(80) + ".csv");
    create(&target, b"id", &[], false).unwrap().commit().unwrap();
    assert!(target.is_file());
}

#[test]
fn label_values_and_columns_must_pair_up() {
    let folder = folder();
    let mut sink = create(&folder.path().join("out.csv"), b"id", &["a"], false).unwrap();
    assert!(matches!(sink.write(&record(b"1", 1), &[]), Err(RecordError::Malformed { .. })));
    assert!(matches!(sink.write(&record(b"1", 1), &[b"x", b"y"]), Err(RecordError::Malformed { .. })));
    assert!(matches!(create(&folder.path().join("b.csv"), b"", &[], false), Err(RecordError::Malformed { .. })));
}

#[test]
fn a_written_result_reads_as_it_should() {
    let rows: [(&Record, &[&[u8]]); 1] = [(&record(b"\"1,\n\"", 1), &["低保,\"x\"".as_bytes()])];
    let bytes = written(&header(b"id"), &["category"], &rows);
    let mut source = CsvSource::new("out.csv", bytes.as_slice()).unwrap();
    let mut record = Record::default();
    assert!(source.read(&mut record).unwrap());
    assert_eq!(source.columns(), ["id", "category"]);
    assert_eq!((record.field(0), record.field(1)), (Some(&b"1,\n"[..]), Some("低保,\"x\"".as_bytes())));
}
