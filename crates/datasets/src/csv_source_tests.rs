//! Tests of [`super`]: what real files look like, and what broken ones get.

use super::*;

/// A record's raw bytes and fields.
type Parts = (Vec<u8>, Vec<Vec<u8>>);

fn read(data: &[u8]) -> Result<Vec<Parts>, RecordError> {
    let mut source = CsvSource::new("a.csv", data)?;
    let mut record = Record::default();
    let mut records = Vec::new();
    while source.read(&mut record)? {
        let fields = (0..record.len()).map(|index| record.field(index).unwrap().to_vec()).collect();
        records.push((record.raw().to_vec(), fields));
    }
    assert!(!source.read(&mut record).unwrap(), "the end stays the end");
    Ok(records)
}

fn raws(data: &[u8]) -> Vec<Vec<u8>> {
    read(data).unwrap().into_iter().map(|(raw, _)| raw).collect()
}

fn fields(data: &[u8]) -> Vec<Vec<Vec<u8>>> {
    read(data).unwrap().into_iter().map(|(_, fields)| fields).collect()
}

fn error(data: &[u8]) -> String {
    read(data).unwrap_err().to_string()
}

fn header(data: &[u8]) -> SinkHeader {
    CsvSource::new("a.csv", data).unwrap().header()
}

#[test]
fn every_line_end_ends_a_record_and_is_not_part_of_it() {
    for data in [
        "h,i\na,b\nc,d\n",
        "h,i\r\na,b\r\nc,d\r\n",
        "h,i\ra,b\rc,d\r",
        "h,i\na,b\r\nc,d",
        "h,i\n\n\r\na,b\n\r\nc,d\r\r\n\n",
    ] {
        assert_eq!(raws(data.as_bytes()), [b"a,b", b"c,d"], "{data:?}");
    }
    assert!(!header(b"h\na\r\n").crlf);
    assert!(header(b"h\r\na\n").crlf);
    assert!(header(b"h\r\n").crlf);
    assert!(!header(b"h\ra\r").crlf);
    assert!(!header(b"h").crlf);
}

#[test]
fn quoting_is_undone_in_fields_and_kept_in_raw_records() {
    let data = b"h,\"i\"\n\"a\",\"b,\"\"c\"\"\"\n\"two\r\nlines\",\"\n\"\r\n\"x\"y,z\"z\n\"\",";
    assert_eq!(raws(data), [&b"\"a\",\"b,\"\"c\"\"\""[..], b"\"two\r\nlines\",\"\n\"", b"\"x\"y,z\"z", b"\"\","]);
    assert_eq!(fields(data), [[&b"a"[..], b"b,\"c\""], [b"two\r\nlines", b"\n"], [b"xy", b"z\"z"], [b"", b""]]);
    assert_eq!(header(data).raw, b"h,\"i\"");
}

#[test]
fn values_may_be_in_any_encoding() {
    // 张三 in GBK, then bytes that are in no encoding, a NUL among them.
    let data = b"id,name\n1,\xd5\xc5\xc8\xfd\n2,\xff\x00\x80\n";
    assert_eq!(fields(data), [[&b"1"[..], b"\xd5\xc5\xc8\xfd"], [b"2", b"\xff\x00\x80"]]);
}

#[test]
fn a_byte_order_mark_goes_to_the_header_and_into_no_name() {
    for data in [&b"\xef\xbb\xbfid,name\r\n1,a\r\n"[..], b"\xef\xbb\xbf\"id\",name\r\n1,a\r\n"] {
        let source = CsvSource::new("a.csv", data).unwrap();
        assert_eq!(source.columns(), ["id", "name"]);
        assert_eq!(source.column("id").unwrap(), 0);
        assert!(source.header().raw.starts_with(b"\xef\xbb\xbf"));
        assert_eq!(raws(data), [b"1,a"]);
    }
}

#[test]
fn a_chinese_header_is_read_in_gb_18030_as_well() {
    // 身份证号,name in GBK.
    let source = CsvSource::new("a.csv", &b"\xc9\xed\xb7\xdd\xd6\xa4\xba\xc5,name\n"[..]).unwrap();
    assert_eq!(source.column("身份证号").unwrap(), 0);
    assert_eq!(source.header().raw, b"\xc9\xed\xb7\xdd\xd6\xa4\xba\xc5,name");
}

#[test]
fn names_with_spaces_stay_and_are_found_without_them() {
    let source = CsvSource::new("a.csv", &b"rec_id, soc_sec_id\n"[..]).unwrap();
    assert_eq!(source.columns(), ["rec_id", " soc_sec_id"]);
    assert_eq!(source.column("soc_sec_id").unwrap(), 1);
    let missing = source.column("id").unwrap_err().to_string();
    assert_eq!(missing, "a.csv: there is no column \"id\"; the columns are: rec_id,  soc_sec_id");
}

#[test]
fn an_empty_file_has_no_header() {
    for data in [&b""[..], b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"] {
        assert_eq!(error(data), "a.csv: is empty: there is no header line", "{data:?}");
    }
}

#[test]
fn a_header_alone_has_no_records() {
    for data in ["id,name", "id,name\n", "id,name\r\n", "id,name\r\n\r\n", "\n\nid,name\n"] {
        assert_eq!(read(data.as_bytes()).unwrap(), [], "{data:?}");
        assert_eq!(header(data.as_bytes()).raw, b"id,name");
    }
}

#[test]
fn a_last_row_needs_no_line_end() {
    for data in [&b"h\na"[..], b"h\n\"a\"", b"h,i\na,", b"h,i\n,"] {
        let records = read(data).unwrap();
        assert_eq!(records.len(), 1, "{data:?}");
        assert!(data.ends_with(&records[0].0));
    }
}

#[test]
fn a_row_shorter_than_the_header_lacks_its_last_fields() {
    assert_eq!(fields(b"a,b,c\n1\n1,2\n"), [vec![b"1".to_vec()], vec![b"1".to_vec(), b"2".to_vec()]]);
}

#[test]
fn a_short_row_at_a_cut_end_is_refused() {
    for data in ["a,b,c\n1,2,3\n1,2", "a,b,c\n1,2,3\n1", "a,b,c\n1,2,3\n\"1\",2"] {
        let error = error(data.as_bytes());
        assert!(
            error.starts_with("a.csv, line 3: the file ends within this row, which has fewer than the 3"),
            "{error}"
        );
    }
    assert_eq!(raws(b"a,b,c\n1,2\n").len(), 1);
}

#[test]
fn a_file_in_two_encodings_is_refused_with_the_line() {
    let mixed = "id,name\n1,张三\n2,".as_bytes();
    let error_of = |data: &[u8]| error(&[mixed, data].concat());
    // The whole of it stands in the beginning that is looked at, so nothing is known.
    assert_eq!(fields(&[mixed, b"\xd5\xc5\xc8\xfd\n"].concat()).len(), 2);
    let filler = "3,a\n".repeat(100_000);
    let error = error_of([b"b\n", filler.as_bytes(), b"4,\xd5\xc5\xc8\xfd\n"].concat().as_slice());
    assert!(error.starts_with("a.csv, line 100004: the row is not UTF-8, as what stands before it is"), "{error}");
    let declared = |data: &[u8], encoding| {
        let mut source = CsvSource::with_encoding("a.csv", data, encoding)?;
        while source.read(&mut Record::default())? {}
        Ok::<_, RecordError>(())
    };
    let error = declared(b"id\nx\n\xd5\xc5\xc8\xfd\n", Encoding::Utf8).unwrap_err().to_string();
    assert!(error.starts_with("a.csv, line 3: the row is not UTF-8"), "{error}");
    let error = declared(b"id\n\xd5\xc5\n\xff\xff\n", Encoding::Gb18030).unwrap_err().to_string();
    assert!(error.starts_with("a.csv, line 3: the row is not GB 18030, which was declared"), "{error}");
}

#[test]
fn declared_gb_18030_is_read_as_text_and_kept_raw() {
    let data: &[u8] = b"id,\xd0\xd5\xc3\xfb\n1,\xd5\xc5\xc8\xfd\n2,\"\xd5\xc5,\"\n";
    let mut source = CsvSource::with_encoding("a.csv", data, Encoding::Gb18030).unwrap();
    assert_eq!(source.columns(), ["id", "姓名"]);
    assert_eq!(source.header().encoding, Encoding::Gb18030);
    let mut record = Record::default();
    assert!(source.read(&mut record).unwrap());
    assert_eq!((record.raw(), record.field(1)), (&b"1,\xd5\xc5\xc8\xfd"[..], Some("张三".as_bytes())));
    assert!(source.read(&mut record).unwrap());
    assert_eq!((record.raw(), record.field(1)), (&b"2,\"\xd5\xc5,\""[..], Some("张,".as_bytes())));
}

#[test]
fn undeclared_gb_18030_is_named_where_text_is_required() {
    let data: &[u8] = b"id,name\n1,\xd5\xc5\xc8\xfd\n";
    let mut source = CsvSource::new("a.csv", data).unwrap();
    source.require_text();
    let error = source.read(&mut Record::default()).unwrap_err().to_string();
    assert!(error.ends_with("it looks like GB 18030; add ?encoding=gb18030 to the address"), "{error}");
}

#[test]
fn a_row_longer_than_the_header_is_refused_with_its_line() {
    let expected = "a.csv, line 5: the row has more than the 2 fields of the header";
    assert_eq!(error(b"a,b\n1,\"x\ny\"\n\n1,2,3\n"), expected);
    assert_eq!(error(b"a,b\r\n1,\"x\r\ny\"\r\n\r\n1,2,3\r\n"), expected);
    assert_eq!(error(b"a,b\r1,\"x\ry\"\r\r1,2,"), expected);
}

#[test]
fn open_quotation_marks_are_refused_with_the_line_they_open_on() {
    let expected = "a.csv, line 3: the file ends within quotation marks that this record opens";
    for data in ["a,b\n1,2\n\"3,4\n5,6\n", "a,b\n1,2\n3,\"4", "a,b\n1,2\n3,\"", "a,b\n1,2\n\"3\"\"\n"] {
        assert_eq!(error(data.as_bytes()), expected, "{data:?}");
    }
    assert!(error(b"\"a,b\n1,2\n").starts_with("a.csv, line 1: the file ends within"));
}

#[test]
fn a_record_without_end_is_refused_before_it_fills_memory() {
    let endless = b"a,b\n1,2\n3,\"".chain(std::io::repeat(b'\n'));
    let mut source = CsvSource::with_limit("a.csv".to_owned(), endless, Encoding::Unknown, 1 << 20).unwrap();
    let mut record = Record::default();
    assert!(source.read(&mut record).unwrap());
    let error = source.read(&mut record).unwrap_err().to_string();
    assert_eq!(error, "a.csv, line 3: the record has more than 1048576 bytes; is a quotation mark not closed?");
}

#[test]
fn a_record_may_be_as_long_as_the_limit() {
    let read_with = |limit: usize, end: &str| {
        let data = format!("a\n{}{end}", "x".repeat(1000));
        let mut source = CsvSource::with_limit("a.csv".to_owned(), data.as_bytes(), Encoding::Unknown, limit).unwrap();
        source.read(&mut Record::default())
    };
    for end in ["", "\n", "\r\n"] {
        assert!(read_with(1000, end).unwrap(), "{end:?}");
        assert!(read_with(999, end).is_err(), "{end:?}");
    }
}

#[test]
fn empty_lines_without_end_take_no_memory() {
    // Far more than a record may have; they are skipped and not kept.
    let blank = std::io::repeat(b'\n').take(3_000_000);
    let data = b"a\n".chain(blank).chain(&b"7,8"[..]);
    let mut source = CsvSource::with_limit("a.csv".to_owned(), data, Encoding::Unknown, 1000).unwrap();
    let error = source.read(&mut Record::default()).unwrap_err().to_string();
    assert_eq!(error, "a.csv, line 3000002: the row has more than the 1 fields of the header");
}

#[test]
fn too_many_columns_are_refused() {
    let header = ",".repeat(MAX_COLUMNS);
    assert_eq!(error(header.as_bytes()), "a.csv, line 1: the row has more than the 65536 fields of the header");
    assert!(read(&header.as_bytes()[1..]).is_ok());
}

#[test]
fn other_kinds_of_file_are_named() {
    assert!(error(b"\xff\xfei\0d\0\n\0").contains("is UTF-16"));
    assert!(error(b"\xfe\xff\0i\0d\0\n").contains("is UTF-16"));
    assert!(error(b"PK\x03\x04\x14\0").contains("spreadsheet"));
    assert!(error(b"\x1f\x8b\x08\0").contains("gzip"));
    assert!(error(b"PAR1\x15\x04").contains("Parquet"));
}

#[test]
fn a_failing_read_is_passed_on() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let mut source = CsvSource::new("a.csv", b"id\n1\n2".chain(Fails)).unwrap();
    let mut record = Record::default();
    assert!(source.read(&mut record).unwrap());
    assert_eq!(source.read(&mut record).unwrap_err().to_string(), "a.csv: the disk is gone");
}
