//! Writing CSV fields (RFC 4180 §2).

/// Appends `value` to `line`, quoted if it has to be.
pub fn push_csv_field(line: &mut Vec<u8>, value: &[u8]) {
    if !value.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        line.extend_from_slice(value);
        return;
    }
    line.push(b'"');
    for &byte in value {
        if byte == b'"' {
            line.push(b'"');
        }
        line.push(byte);
    }
    line.push(b'"');
}

/// Appends `values` to `line` as one row, without line terminator.
///
/// A row of one empty value is written as `""`: an empty line would be no row at all.
pub fn push_csv_row<T: AsRef<[u8]>>(line: &mut Vec<u8>, values: impl IntoIterator<Item = T>) {
    let before = line.len();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            line.push(b',');
        }
        push_csv_field(line, value.as_ref());
    }
    if line.len() == before {
        line.extend_from_slice(b"\"\"");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(values: &[&str]) -> String {
        let mut line = Vec::new();
        push_csv_row(&mut line, values);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn only_what_has_to_be_quoted_is() {
        assert_eq!(row(&["a b", "", " 低保 ", "1'2"]), "a b,, 低保 ,1'2");
        assert_eq!(
            row(&["a,b", "say \"hi\"", "two\nlines", "cr\r"]),
            "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"cr\r\""
        );
        assert_eq!(row(&[""]), "\"\"");
        assert_eq!(row(&["", ""]), ",");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_the_csv_crate(values in prop::collection::vec("[a\",\r\n \u{4f4e}]{0,6}", 1..6)) {
            let mut line = Vec::new();
            push_csv_row(&mut line, &values);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
            let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows, [csv::StringRecord::from(values)]);
        }
    }
}
