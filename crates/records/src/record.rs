//! Reading and writing records: the traits between a node and wherever a department keeps its data.

use std::ops::Range;

/// Why records could not be read or written. Every message names the place and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The address of a source or sink is wrong, or of a kind that is not built.
    #[error("{0}")]
    Address(String),
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

/// One record: the bytes that stood in the source, and where its fields are, decoded.
///
/// `raw` has no line terminator. A field is the value without quoting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    raw: Vec<u8>,
    values: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    /// Empties the record and keeps its memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.values.clear();
        self.ends.clear();
    }

    /// Sets the bytes as they stood in the source.
    pub fn set_raw(&mut self, raw: &[u8]) {
        self.raw.clear();
        self.raw.extend_from_slice(raw);
    }

    /// Appends a field.
    pub fn push_field(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len());
    }

    /// The bytes as they stood in the source.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Field `index`, or nothing if the record has fewer.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.values.get(Range { start, end })
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

    /// Where column `wanted` stands.
    ///
    /// # Errors
    /// [`RecordError::MissingColumn`], which names those that there are.
    fn column(&self, wanted: &str) -> Result<usize, RecordError> {
        let columns = self.columns();
        columns.iter().position(|name| name == wanted).ok_or_else(|| RecordError::MissingColumn {
            place: self.place().to_owned(),
            wanted: wanted.to_owned(),
            present: columns.join(", "),
        })
    }
}

/// How records of a source are framed, so that a sink delivers them byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkHeader {
    /// The header line as it stood, without terminator, with its byte-order mark if it had one.
    pub raw: Vec<u8>,
    /// Whether lines end in CR LF.
    pub crlf: bool,
}

/// Where results go. Nothing shows under the final name until [`commit`](RecordSink::commit); a sink
/// dropped before that leaves nothing behind.
pub trait RecordSink: Send {
    /// Writes a record as it stood, followed by label values.
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

/// Opens sources and sinks by their address. A node is handed one, so that it knows no format.
pub trait Datasets: Send + Sync {
    /// Opens a source for one pass.
    ///
    /// # Errors
    /// [`RecordError`] if there is none, or of a kind that is not built.
    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError>;

    /// Creates a sink for records framed as `header`, with `labels` as further columns.
    ///
    /// # Errors
    /// [`RecordError::Exists`] unless `overwrite`; otherwise where it cannot be created.
    fn create(&self, address: &str, header: &SinkHeader, labels: &[String], overwrite: bool) -> Result<Box<dyn RecordSink>, RecordError>;
}
