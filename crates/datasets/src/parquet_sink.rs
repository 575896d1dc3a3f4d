//! Results as Parquet, whole or not there ([`Target`]).
//!
//! Columns keep the types of a source that was Parquet; all others, and labels, are text. The empty text
//! is written as a missing value.

use std::sync::Arc;

use arrow_array::{ArrayRef, builder::StringBuilder};
use arrow_schema::Schema;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use records::{Record, RecordError, RecordSink, SinkHeader, Target};

use crate::{
    arrow_text::{result_schema, typed_batch},
    label_names::ResultColumns,
    parquet_source::{describe, schema_of},
};

/// Rows that are gathered before they are encoded.
const BATCH_ROWS: usize = 4096;
/// The same in bytes.
const BATCH_BYTES: usize = 8 << 20;
/// Encoded bytes of a row group, all of which is in memory until it is written.
const GROUP_BYTES: usize = 64 << 20;

/// A Parquet file that is being written.
pub(crate) struct ParquetSink {
    place: String,
    writer: ArrowWriter<Box<dyn Target>>,
    schema: Arc<Schema>,
    columns: ResultColumns,
    builders: Vec<StringBuilder>,
    gathered_rows: usize,
    gathered_bytes: usize,
    rows: u64,
}

impl ParquetSink {
    /// Begins a file at `target`, for records of `header` with `labels` as further columns.
    ///
    /// # Errors
    /// [`RecordError`] if it cannot be written.
    pub(crate) fn begin(target: Box<dyn Target>, header: &SinkHeader, labels: &[String]) -> Result<Self, RecordError> {
        let place = target.place().to_owned();
        let columns = ResultColumns::of(&place, header, labels)?;
        let types = header.types.as_deref().and_then(schema_of);
        let own = columns.own.names.iter().map(String::as_str);
        let schema = result_schema(own, types.as_deref(), columns.labels.iter().map(String::as_str));
        let schema = Arc::new(schema);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        let writer = ArrowWriter::try_new(target, Arc::clone(&schema), Some(properties));
        let writer = writer.map_err(|error| describe_writing(&place, error))?;
        let builders = schema.fields().iter().map(|_| StringBuilder::new()).collect();
        Ok(Self { place, writer, schema, columns, builders, gathered_rows: 0, gathered_bytes: 0, rows: 0 })
    }

    fn malformed(&self, problem: String) -> RecordError {
        RecordError::Malformed { place: self.place.clone(), problem }
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        let columns = self.builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let columns: Vec<ArrayRef> = columns.collect();
        let batch = typed_batch(&self.schema, &columns).map_err(|problem| self.malformed(problem))?;
        (self.gathered_rows, self.gathered_bytes) = (0, 0);
        self.writer.write(&batch).map_err(|error| describe_writing(&self.place, error))
    }
}

impl RecordSink for ParquetSink {
    fn write(&mut self, record: &Record, labels: &[&[u8]]) -> Result<(), RecordError> {
        self.columns.admit(&self.place, labels)?;
        let own = (0..self.columns.own.names.len()).map(|index| record.field(index).unwrap_or_default());
        let row = self.rows + 1;
        for (builder, value) in self.builders.iter_mut().zip(own.chain(labels.iter().copied())) {
            let text = std::str::from_utf8(value).map_err(|_| not_text(&self.place, row))?;
            self.gathered_bytes += text.len();
            builder.append_option((!text.is_empty()).then_some(text));
        }
        self.rows = row;
        self.gathered_rows += 1;
        if self.gathered_rows >= BATCH_ROWS || self.gathered_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<u64, RecordError> {
        self.flush()?;
        let Self { place, writer, rows, .. } = *self;
        writer.into_inner().map_err(|error| describe_writing(&place, error))?.commit()?;
        Ok(rows)
    }
}

/// A value that cannot stand in a column of text.
pub(crate) fn not_text(place: &str, row: u64) -> RecordError {
    RecordError::Malformed {
        place: format!("{place}, row {row} of the result"),
        problem: "a value is not UTF-8; declare the encoding of the source: ?encoding=gb18030, or write a CSV file"
            .to_owned(),
    }
}

fn describe_writing(place: &str, error: parquet::errors::ParquetError) -> RecordError {
    match describe(place, error) {
        RecordError::Malformed { place, problem } => {
            RecordError::Io { place, cause: std::io::Error::other(format!("Parquet cannot be written: {problem}")) }
        }
        other => other,
    }
}
