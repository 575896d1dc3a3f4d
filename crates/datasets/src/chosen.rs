//! Some columns of a source, in the order that was asked for (`?columns=`).

use records::{Encoding, Record, RecordError, RecordSource, SinkHeader};

use crate::{CsvSource, csv_row::push_csv_row};

/// A source of which only some columns are given. Rows are written anew: in UTF-8, where the encoding is
/// known.
pub(crate) struct Chosen<S> {
    source: S,
    names: Vec<String>,
    columns: Vec<usize>,
    header: SinkHeader,
    whole: Record,
    line: Vec<u8>,
}

impl<S: RecordSource> Chosen<S> {
    /// The columns of `source` that `wanted` names.
    ///
    /// # Errors
    /// As [`RecordSource::column`].
    pub(crate) fn of(source: S, wanted: &[String]) -> Result<Self, RecordError> {
        let columns: Vec<usize> = wanted.iter().map(|name| source.column(name)).collect::<Result<_, _>>()?;
        let names: Vec<String> =
            columns.iter().map(|&column| source.columns().get(column).cloned().unwrap_or_default()).collect();
        let SinkHeader { raw, crlf, encoding, .. } = source.header();
        let mut line = Vec::new();
        let encoding = match encoding {
            // Names are in the unknown encoding of the values.
            Encoding::Unknown => {
                let own = CsvSource::new(source.place(), raw.as_slice())?.into_column_names();
                push_csv_row(&mut line, names.iter().map(|name| own.encode(name)));
                Encoding::Unknown
            }
            Encoding::Utf8 | Encoding::Gb18030 => {
                push_csv_row(&mut line, &names);
                Encoding::Utf8
            }
        };
        let header = SinkHeader { raw: line, crlf, encoding, types: None };
        Ok(Self { source, names, columns, header, whole: Record::default(), line: Vec::new() })
    }
}

impl<S: RecordSource> RecordSource for Chosen<S> {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn columns(&self) -> &[String] {
        &self.names
    }

    fn header(&self) -> SinkHeader {
        self.header.clone()
    }

    fn require_text(&mut self) {
        self.source.require_text();
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        record.clear();
        if !self.source.read(&mut self.whole)? {
            return Ok(false);
        }
        let fields = || self.columns.iter().map(|&column| self.whole.field(column).unwrap_or_default());
        self.line.clear();
        push_csv_row(&mut self.line, fields());
        record.set_raw(&self.line);
        fields().for_each(|field| record.push_field(field));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(data: &[u8], encoding: Encoding, wanted: &[&str]) -> Result<Vec<Vec<u8>>, RecordError> {
        let source = CsvSource::with_encoding("a.csv", data, encoding)?;
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let mut source = Chosen::of(source, &wanted)?;
        let mut lines = vec![source.header().raw];
        let mut record = Record::default();
        while source.read(&mut record)? {
            lines.push(record.raw().to_vec());
        }
        Ok(lines)
    }

    #[test]
    fn columns_stand_in_the_order_that_was_asked_for() {
        let data = b"a, b,c\n1,\"x,\",3\n4\n";
        assert_eq!(chosen(data, Encoding::Unknown, &["c", "b"]).unwrap(), [&b"c, b"[..], b"3,\"x,\"", b","]);
        assert_eq!(chosen(data, Encoding::Unknown, &["c"]).unwrap(), [&b"c"[..], b"3", b"\"\""]);
        let error = chosen(data, Encoding::Unknown, &["d"]).unwrap_err().to_string();
        assert_eq!(error, "a.csv: there is no column \"d\"; the columns are: a,  b, c");
    }

    #[test]
    fn rows_are_in_utf_8_where_the_encoding_is_known() {
        // 姓名, 张三 in GBK.
        let data = b"id,\xd0\xd5\xc3\xfb\n1,\xd5\xc5\xc8\xfd\n";
        assert_eq!(chosen(data, Encoding::Gb18030, &["姓名"]).unwrap(), ["姓名".as_bytes(), "张三".as_bytes()]);
        assert_eq!(chosen(data, Encoding::Unknown, &["姓名"]).unwrap(), [b"\xd0\xd5\xc3\xfb", b"\xd5\xc5\xc8\xfd"]);
    }
}
