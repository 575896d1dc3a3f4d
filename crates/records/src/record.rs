//! Reading and writing records: the traits between a node and wherever a department keeps its data.

use std::{fmt, io::Write, ops::Range, time::SystemTime};

/// Why records could not be read or written. Every message names the place and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The address of a source or sink is wrong.
    #[error("{0}")]
    Address(String),
    /// A source that is no longer what it was when its pass began.
    #[error("{0} changed while it was read; run again when nobody writes to it")]
    Changed(String),
    /// A column that was asked for is not there.
    #[error("{place}: there is no column {wanted:?}; the columns are: {present}")]
    MissingColumn {
        /// The source.
        place: String,
        /// The column that was asked for.
        wanted: String,
        /// The columns that there are.
        present: String,
    },
    /// Several columns have the name that was asked for, so that it names none of them.
    #[error("{place}: more than one column is called {wanted:?}; rename all but one of them")]
    AmbiguousColumn {
        /// The source.
        place: String,
        /// The column that was asked for.
        wanted: String,
    },
    /// The data is not what its format says.
    #[error("{place}: {problem}")]
    Malformed {
        /// The source, with a line where one is known.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The output is there already.
    #[error("{0} exists already; name another output or allow it to be overwritten")]
    Exists(String),
    /// Reading or writing failed.
    #[error("{place}: {cause}")]
    Io {
        /// The source or sink.
        place: String,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
}

/// One record: its row as CSV, and its fields, decoded.
///
/// `raw` has no line terminator; of a CSV source it is the bytes that stood there, of any other the row
/// as CSV in UTF-8. A field is the value without quoting. `Debug` shows lengths alone: a record holds
/// what is known of a person, and what is printed ends up in logs.
#[derive(Clone, Default)]
pub struct Record {
    raw: Vec<u8>,
    values: Vec<u8>,
    /// Where each field ends: in `raw` if that is `split`, otherwise in `values`.
    ends: Vec<usize>,
    /// Fields are what stands between the commas of `raw`.
    split: bool,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("bytes", &self.raw.len()).field("fields", &self.ends.len()).finish()
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.fields().eq(other.fields())
    }
}

impl Eq for Record {}

impl Record {
    /// Empties the record and keeps its memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.values.clear();
        self.ends.clear();
        self.split = false;
    }

    /// Sets the row as CSV. Fields that were pushed stay.
    pub fn set_raw(&mut self, raw: &[u8]) {
        self.unsplit();
        self.raw.clear();
        self.raw.extend_from_slice(raw);
    }

    /// Makes the record the row `raw` without quotation marks, whose commas stand at `commas`, ascending.
    /// Its fields then take no memory of their own.
    pub fn set_plain(&mut self, raw: &[u8], commas: impl Iterator<Item = usize>) {
        self.clear();
        self.raw.extend_from_slice(raw);
        self.ends.extend(commas);
        self.ends.push(raw.len());
        self.split = true;
    }

    /// Appends a field.
    pub fn push_field(&mut self, value: &[u8]) {
        self.unsplit();
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len());
    }

    /// Gives the fields memory of their own.
    fn unsplit(&mut self) {
        if self.split {
            let mut own = Self::default();
            self.fields().for_each(|field| own.push_field(field));
            (self.values, self.ends, self.split) = (own.values, own.ends, false);
        }
    }

    /// The row as CSV.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Field `index`, or nothing if the record has fewer.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            // Behind the comma, where the fields are those of the raw row.
            Some(before) => self.ends.get(before)?.checked_add(usize::from(self.split))?,
            None => 0,
        };
        let bytes = if self.split { &self.raw } else { &self.values };
        bytes.get(Range { start, end })
    }

    /// The fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.field(index).unwrap_or_default())
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// A set of records that is read from its beginning to its end, one at a time.
pub trait RecordSource: Send {
    /// What the source is called in messages to its operator.
    fn place(&self) -> &str;

    /// Names of the columns, in order.
    fn columns(&self) -> &[String];

    /// What a sink needs to write records of this source just as they stand.
    fn header(&self) -> SinkHeader;

    /// Reads the next record into `record`; `false` at the end.
    ///
    /// # Errors
    /// [`RecordError`] if the source cannot be read or is malformed.
    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError>;

    /// Says that values are to be text: from here on, [`read`](Self::read) refuses a record that is not
    /// UTF-8, where it might give one. Whoever compares bytes alone need not ask for it.
    fn require_text(&mut self) {}

    /// Where column `wanted` stands: the column of exactly this name, otherwise the one whose name
    /// is the same but for spaces around it.
    ///
    /// # Errors
    /// [`RecordError::MissingColumn`], which names those that there are;
    /// [`RecordError::AmbiguousColumn`] if several fit equally well.
    fn column(&self, wanted: &str) -> Result<usize, RecordError> {
        find_column(self.place(), self.columns(), wanted)
    }
}

/// The index of `wanted` in `columns` of `place`, by exact name first and by trimmed name second.
///
/// # Errors
/// As [`RecordSource::column`].
pub fn find_column(place: &str, columns: &[String], wanted: &str) -> Result<usize, RecordError> {
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut fitting = columns.iter().enumerate().filter(|(_, name)| fits(name)).map(|(index, _)| index);
        fitting.next().map(|first| match fitting.next() {
            None => Ok(first),
            Some(_) => Err(RecordError::AmbiguousColumn { place: place.to_owned(), wanted: wanted.to_owned() }),
        })
    };
    only(&|name| name == wanted).or_else(|| only(&|name| name.trim() == wanted.trim())).unwrap_or_else(|| {
        Err(RecordError::MissingColumn {
            place: place.to_owned(),
            wanted: wanted.to_owned(),
            present: columns.join(", "),
        })
    })
}

/// The encoding of a source's rows as they stand in [`Record::raw`]. Fields are UTF-8, but for those of a
/// source whose encoding is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes as they are; nobody said what they mean.
    #[default]
    Unknown,
    /// UTF-8.
    Utf8,
    /// GB 18030, of which GBK and GB 2312 are parts.
    Gb18030,
}

/// What a sink needs to know of a source. Rows of a CSV source are delivered to a CSV sink byte for byte;
/// any other pair goes by fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkHeader {
    /// The names of the columns as a CSV line, without terminator: as it stood, with its byte-order mark if
    /// it had one.
    pub raw: Vec<u8>,
    /// Whether lines end in CR LF.
    pub crlf: bool,
    /// The encoding of `raw` and of the rows.
    pub encoding: Encoding,
    /// The types of the columns, if they are more than text: an Arrow schema as an IPC message.
    pub types: Option<Vec<u8>>,
}

impl SinkHeader {
    /// The header of rows of text whose names stand in the CSV line `raw`.
    #[must_use]
    pub fn of_line(raw: &[u8]) -> Self {
        Self { raw: raw.to_vec(), ..Self::default() }
    }
}

/// Where results go. A sink writes the header first, then the rows. Nothing shows under the final name
/// until [`commit`](RecordSink::commit); a sink dropped before that leaves nothing behind.
pub trait RecordSink: Send {
    /// Writes a record, followed by as many label values as there are label columns. Label values are UTF-8.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be written.
    fn write(&mut self, record: &Record, labels: &[&[u8]]) -> Result<(), RecordError>;

    /// Makes the whole result durable and visible under its name, at once. Gives the rows written.
    ///
    /// # Errors
    /// [`RecordError`]; the result is then absent.
    fn commit(self: Box<Self>) -> Result<u64, RecordError>;
}

/// A place for the bytes of a result that shows all of them at once, or nothing. One that is dropped leaves nothing.
///
/// What `Write` fails with may be a [`RecordError`] within.
pub trait Target: Write + Send {
    /// What it is called in messages to its operator.
    fn place(&self) -> &str;

    /// Makes what was written durable and visible.
    ///
    /// # Errors
    /// [`RecordError`]; nothing is visible then.
    fn commit(self: Box<Self>) -> Result<(), RecordError>;
}

/// Opens sources and sinks by their address. A node is handed one, so that it knows no format.
pub trait Datasets: Send + Sync {
    /// Opens a source for one pass.
    ///
    /// # Errors
    /// [`RecordError`] if there is none, or none that can be read.
    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError>;

    /// Creates a sink for records framed as `header`, with `labels` as further columns.
    ///
    /// # Errors
    /// [`RecordError::Exists`] unless `overwrite`; otherwise where it cannot be created.
    fn create(
        &self,
        address: &str,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Box<dyn RecordSink>, RecordError>;

    /// Begins CSV for records framed as `header` in a place of the caller's, with `labels` as further columns.
    ///
    /// # Errors
    /// [`RecordError`] if its first line cannot be written.
    fn write_csv(
        &self,
        target: Box<dyn Target>,
        header: &SinkHeader,
        labels: &[String],
    ) -> Result<Box<dyn RecordSink>, RecordError>;

    /// When the source was last changed; nothing where that is not known, as of a query.
    fn changed(&self, _address: &str) -> Option<SystemTime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn fields_come_back_as_they_were_pushed() {
        let mut record = Record::default();
        record.set_raw(b"a,,\"c\"");
        for field in [b"a".as_slice(), b"", b"c"] {
            record.push_field(field);
        }
        assert_eq!(record.raw(), b"a,,\"c\"");
        assert_eq!(
            (record.field(0), record.field(1), record.field(2)),
            (Some(&b"a"[..]), Some(&b""[..]), Some(&b"c"[..]))
        );
        assert_eq!((record.field(3), record.len(), record.is_empty()), (None, 3, false));
        record.clear();
        assert_eq!(record, Record::default());
        assert_eq!((record.field(0), record.is_empty()), (None, true));
    }

    #[test]
    fn a_plain_row_and_its_fields_are_the_same_record() {
        let mut plain = Record::default();
        plain.set_plain(b"a,,c", [1, 2].into_iter());
        let mut pushed = Record::default();
        pushed.set_raw(b"a,,c");
        for field in [b"a".as_slice(), b"", b"c"] {
            pushed.push_field(field);
        }
        assert_eq!(plain, pushed);
        assert_eq!((plain.field(2), plain.field(3), plain.len()), (Some(&b"c"[..]), None, 3));
        plain.push_field(b"d");
        pushed.push_field(b"d");
        assert_eq!(plain, pushed);
        plain.set_plain(b"", [].into_iter());
        assert_eq!((plain.field(0), plain.len()), (Some(&b""[..]), 1));
        plain.set_raw(b"\"\"");
        assert_eq!((plain.raw(), plain.field(0)), (&b"\"\""[..], Some(&b""[..])));
    }

    #[test]
    fn a_printed_record_shows_no_value() {
        let mut record = Record::default();
        record.set_raw(b"31019919850101001X");
        record.push_field(b"31019919850101001X");
        assert_eq!(format!("{record:?}"), "Record { bytes: 18, fields: 1 }");
    }

    #[test]
    fn a_column_is_found_by_its_exact_name_before_its_trimmed_one() {
        let names = columns(&["id", " id", " name "]);
        assert_eq!(find_column("a.csv", &names, "id").unwrap(), 0);
        assert_eq!(find_column("a.csv", &names, " id").unwrap(), 1);
        assert_eq!(find_column("a.csv", &names, "name").unwrap(), 2);
    }

    #[test]
    fn a_missing_column_is_named_with_those_there_are() {
        let error = find_column("a.csv", &columns(&["id", "name"]), "ID").unwrap_err();
        assert_eq!(error.to_string(), "a.csv: there is no column \"ID\"; the columns are: id, name");
    }

    #[test]
    fn a_name_that_stands_twice_names_no_column() {
        for names in [["id", "id"], [" id", "id "]] {
            let error = find_column("a.csv", &columns(&names), "id").unwrap_err();
            assert!(matches!(error, RecordError::AmbiguousColumn { .. }), "{error}");
        }
    }
}
