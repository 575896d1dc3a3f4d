//! The header line of a CSV file: the names of the columns, and the encoding that they are in.

use encoding_rs::{Encoding, GB18030, UTF_8};
use records::{Encoding as Declared, Record};

/// Column names as text. Only names are ever decoded; values stay the bytes that they are.
pub(crate) struct ColumnNames {
    pub(crate) names: Vec<String>,
    encoding: &'static Encoding,
}

impl ColumnNames {
    /// The names in a header record: in the encoding that is known, or else UTF-8, or else GB 18030 (and
    /// so GBK and GB 2312), as Chinese spreadsheets save them, or else UTF-8 with the wrong bytes replaced.
    pub(crate) fn of(header: &Record, known: Declared) -> Self {
        let decode = |encoding: &'static Encoding| -> Option<Vec<String>> {
            header
                .fields()
                .map(|field| encoding.decode_without_bom_handling_and_without_replacement(field))
                .map(|name| name.map(std::borrow::Cow::into_owned))
                .collect()
        };
        let candidates: &[_] = match known {
            Declared::Unknown => &[UTF_8, GB18030],
            Declared::Utf8 => &[UTF_8],
            Declared::Gb18030 => &[GB18030],
        };
        for &encoding in candidates {
            if let Some(names) = decode(encoding) {
                return Self { names, encoding };
            }
        }
        Self {
            names: header.fields().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            encoding: UTF_8,
        }
    }

    /// Names that are text already.
    pub(crate) fn in_utf_8(names: Vec<String>) -> Self {
        Self { names, encoding: UTF_8 }
    }

    /// `name` in the encoding of the other names.
    pub(crate) fn encode(&self, name: &str) -> Vec<u8> {
        self.encoding.encode(name).0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(fields: &[&[u8]]) -> ColumnNames {
        let mut record = Record::default();
        fields.iter().for_each(|field| record.push_field(field));
        ColumnNames::of(&record, Declared::Unknown)
    }

    #[test]
    fn names_in_utf_8_and_gb_18030_are_read() {
        let utf_8 = names(&["身份证号".as_bytes(), b"name"]);
        assert_eq!(utf_8.names, ["身份证号", "name"]);
        assert_eq!(utf_8.encode("类别"), "类别".as_bytes());

        // 身份证号 in GBK.
        let gbk: &[u8] = b"\xc9\xed\xb7\xdd\xd6\xa4\xba\xc5";
        let gb_18030 = names(&[gbk, b"name"]);
        assert_eq!(gb_18030.names, ["身份证号", "name"]);
        assert_eq!(gb_18030.encode("身份证号"), gbk);
    }

    #[test]
    fn names_in_no_known_encoding_are_still_names() {
        let other = names(&[b"id", b"\xff\xff"]);
        assert_eq!(other.names, ["id", "\u{fffd}\u{fffd}"]);
        assert_eq!(other.encode("类别"), "类别".as_bytes());
    }
}
