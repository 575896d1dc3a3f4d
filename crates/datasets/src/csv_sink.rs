//! Results as CSV, whole or not there ([`Target`]).

use std::{
    io::{self, Write},
    path::Path,
};

use encoding_rs::GB18030;
use records::{Encoding, Record, RecordError, RecordSink, SinkHeader, Target};

use crate::{csv_row::push_csv_field, fault, label_names::ResultColumns, target::NewFile};

/// A CSV file that is being written. Rows stand in it byte for byte as [`Record::raw`] has them.
pub struct CsvSink {
    target: Box<dyn Target>,
    line_end: &'static [u8],
    encoding: Encoding,
    columns: ResultColumns,
    rows: u64,
    line: Vec<u8>,
}

impl CsvSink {
    /// Begins the file that will be `target`, with the header line that `header` has and `labels` as
    /// further columns. A label column whose name is taken gets the suffix `_peer`.
    ///
    /// # Errors
    /// [`RecordError::Exists`] if `target` is there and `overwrite` is not set; [`RecordError::Address`]
    /// if it cannot be the name of a file; [`RecordError::Io`] if its folder cannot be written to.
    pub fn create(target: &Path, header: &SinkHeader, labels: &[String], overwrite: bool) -> Result<Self, RecordError> {
        Self::begin(Box::new(NewFile::create(target, overwrite)?), header, labels)
    }

    /// The same wherever its bytes go.
    pub(crate) fn begin(target: Box<dyn Target>, header: &SinkHeader, labels: &[String]) -> Result<Self, RecordError> {
        let columns = ResultColumns::of(target.place(), header, labels)?;
        let line_end: &[u8] = if header.crlf { b"\r\n" } else { b"\n" };
        let mut sink = Self { target, line_end, encoding: header.encoding, columns, rows: 0, line: Vec::new() };
        sink.line.extend_from_slice(&header.raw);
        for label in &sink.columns.labels {
            sink.line.push(b',');
            push_csv_field(&mut sink.line, &sink.columns.own.encode(label));
        }
        sink.write_line()?;
        Ok(sink)
    }

    fn write_line(&mut self) -> Result<(), RecordError> {
        self.line.extend_from_slice(self.line_end);
        self.target.write_all(&self.line).map_err(|cause| self.io(cause))
    }

    fn io(&self, cause: io::Error) -> RecordError {
        fault::of_io(self.target.place(), cause)
    }
}

impl RecordSink for CsvSink {
    fn write(&mut self, record: &Record, labels: &[&[u8]]) -> Result<(), RecordError> {
        self.columns.admit(self.target.place(), labels)?;
        self.line.clear();
        self.line.extend_from_slice(record.raw());
        if !labels.is_empty() {
            // A short row is filled up, so that labels stand under their names.
            let lacking = self.columns.own.names.len().saturating_sub(record.len());
            self.line.extend(std::iter::repeat_n(b',', lacking));
        }
        for label in labels {
            self.line.push(b',');
            match (self.encoding, std::str::from_utf8(label)) {
                (Encoding::Gb18030, Ok(text)) => push_csv_field(&mut self.line, &GB18030.encode(text).0),
                _ => push_csv_field(&mut self.line, label),
            }
        }
        self.write_line()?;
        self.rows += 1;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<u64, RecordError> {
        self.target.commit()?;
        Ok(self.rows)
    }
}

#[cfg(test)]
#[path = "csv_sink_tests.rs"]
mod tests;
