//! Records from CSV (RFC 4180, read leniently).
//!
//! - Lines end in LF, CR LF or CR; empty lines are skipped; a byte-order mark is kept for the sink and is
//!   not part of a name.
//! - A row may be shorter than the header: spreadsheets leave trailing empty fields out. What it
//!   lacks is missing. A longer row is refused, since then no field can be trusted to stand under
//!   its name, and so is a short one that ends where the file does, without line end: the file was cut.
//! - Memory is bounded: a record above [`MAX_RECORD_BYTES`], as an unclosed quotation mark makes it,
//!   is refused with its line.
//! - How bytes are understood is told in [`crate::text`].

use std::io::{Cursor, Read};

use records::{Encoding, Record, RecordError, RecordSource, SinkHeader};

use crate::{
    csv_row::push_csv_row,
    fault,
    framing::{FramingError, RecordLimits, RecordReader},
    header::ColumnNames,
    text::Text,
};

/// The most bytes of one record, header included.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// The most columns of a source.
pub const MAX_COLUMNS: usize = 1 << 16;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What other kinds of file begin with, so that they are told by name and not by their first odd byte.
const OTHER_FORMATS: [(&[u8], &str); 5] = [
    (b"\xff\xfe", "is UTF-16; save it as CSV in UTF-8"),
    (b"\xfe\xff", "is UTF-16; save it as CSV in UTF-8"),
    (b"PK\x03\x04", "is a spreadsheet or a ZIP archive; save it as CSV"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it"),
    (b"PAR1", "is Parquet; give it a name that ends in .parquet"),
];

/// The beginning of a file: long enough for each of the above.
type Beginning = Cursor<Vec<u8>>;

/// A CSV file, or any other stream of CSV bytes, read once from its beginning to its end.
pub struct CsvSource<R> {
    place: String,
    columns: ColumnNames,
    header: SinkHeader,
    reader: RecordReader<std::io::Chain<Beginning, R>>,
    limits: RecordLimits,
    text: Text,
}

impl<R: Read> CsvSource<R> {
    /// Reads the header from `input`, which `place` names in messages. Its encoding is not known.
    ///
    /// # Errors
    /// [`RecordError::Io`] if it cannot be read; [`RecordError::Malformed`] without a header line, or
    /// if it is another kind of file.
    pub fn new(place: impl Into<String>, input: R) -> Result<Self, RecordError> {
        Self::with_encoding(place, input, Encoding::Unknown)
    }

    /// The same of an input whose encoding was declared.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if the header is in another encoding.
    pub fn with_encoding(place: impl Into<String>, input: R, declared: Encoding) -> Result<Self, RecordError> {
        Self::with_limit(place.into(), input, declared, MAX_RECORD_BYTES)
    }

    fn with_limit(place: String, mut input: R, declared: Encoding, bytes: usize) -> Result<Self, RecordError> {
        let mut beginning = read_beginning(&mut input).map_err(|cause| fault::of_io(&place, cause))?;
        let other = OTHER_FORMATS.iter().find(|(magic, _)| beginning.starts_with(magic));
        if let Some((_, problem)) = other {
            return Err(RecordError::Malformed { place, problem: (*problem).to_owned() });
        }
        let mut raw = Vec::new();
        if beginning.starts_with(BYTE_ORDER_MARK) {
            raw = beginning.drain(..BYTE_ORDER_MARK.len()).collect();
        }
        let mut reader = RecordReader::new(Cursor::new(beginning).chain(input));
        let mut text = Text::of(declared, !raw.is_empty(), reader.beginning());
        let mut limits = RecordLimits { bytes, fields: MAX_COLUMNS };
        let mut record = Record::default();
        let found = reader.next(&mut record, limits).map_err(|error| describe(&place, limits, error))?;
        if !found {
            return Err(RecordError::Malformed { place, problem: "is empty: there is no header line".to_owned() });
        }
        let crlf = reader.ended_in_crlf().map_err(|error| describe(&place, limits, error))?;
        raw.extend_from_slice(record.raw());
        limits.fields = record.len();
        let columns = ColumnNames::of(&record, text.encoding());
        text.check(&mut record).map_err(|problem| at_line(&place, reader.line(), problem))?;
        let header = SinkHeader { raw, crlf, encoding: text.encoding(), types: None };
        Ok(Self { place, columns, header, reader, limits, text })
    }

    /// Rows in UTF-8 without a header line, of columns called `names`. Nothing is read yet.
    pub(crate) fn of_rows(place: String, names: Vec<String>, input: R) -> Self {
        let mut raw = Vec::new();
        push_csv_row(&mut raw, &names);
        Self {
            place,
            limits: RecordLimits { bytes: MAX_RECORD_BYTES, fields: names.len() },
            columns: ColumnNames::in_utf_8(names),
            header: SinkHeader { raw, crlf: false, encoding: Encoding::Utf8, types: None },
            reader: RecordReader::new(Cursor::new(Vec::new()).chain(input)),
            text: Text::of(Encoding::Utf8, false, &[]),
        }
    }

    /// The names of the columns, with their encoding.
    pub(crate) fn into_column_names(self) -> ColumnNames {
        self.columns
    }
}

impl<R: Read + Send> RecordSource for CsvSource<R> {
    fn place(&self) -> &str {
        &self.place
    }

    fn columns(&self) -> &[String] {
        &self.columns.names
    }

    fn header(&self) -> SinkHeader {
        self.header.clone()
    }

    fn require_text(&mut self) {
        self.text.require();
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        let found = self.reader.next(record, self.limits).map_err(|error| describe(&self.place, self.limits, error))?;
        if !found {
            return Ok(false);
        }
        if self.reader.open_end() && record.len() < self.limits.fields {
            let problem = format!(
                "the file ends within this row, which has fewer than the {} fields of the header and no line end; \
                 is the file whole?",
                self.limits.fields
            );
            return Err(at_line(&self.place, self.reader.line(), problem));
        }
        if !(self.reader.is_utf_8() && self.text.is_satisfied_by_utf_8()) {
            self.text.check(record).map_err(|problem| at_line(&self.place, self.reader.line(), problem))?;
        }
        Ok(true)
    }
}

/// Up to the four bytes that an input begins with; a pipe may give them one at a time.
fn read_beginning(input: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    input.take(4).read_to_end(&mut beginning)?;
    Ok(beginning)
}

fn at_line(place: &str, line: u64, problem: impl Into<String>) -> RecordError {
    RecordError::Malformed { place: format!("{place}, line {line}"), problem: problem.into() }
}

fn describe(place: &str, limits: RecordLimits, error: FramingError) -> RecordError {
    match error {
        FramingError::Io(cause) => fault::of_io(place, cause),
        FramingError::TooLong { line } => at_line(
            place,
            line,
            format!("the record has more than {} bytes; is a quotation mark not closed?", limits.bytes),
        ),
        FramingError::TooManyFields { line } => {
            at_line(place, line, format!("the row has more than the {} fields of the header", limits.fields))
        }
        FramingError::Unclosed { line } => {
            at_line(place, line, "the file ends within quotation marks that this record opens")
        }
    }
}

#[cfg(test)]
#[path = "csv_source_tests.rs"]
mod tests;
