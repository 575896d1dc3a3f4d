//! Records from Parquet, one batch of rows in memory at a time.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use arrow_array::RecordBatch;
use arrow_ipc::{reader::StreamReader, writer::StreamWriter};
use arrow_schema::{Schema, SchemaRef};
use futures_util::FutureExt;
use parquet::{
    arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
    errors::ParquetError,
    schema::types::SchemaDescriptor,
};
use records::{Encoding, Record, RecordError, RecordSource, SinkHeader, find_column};

use crate::{
    MAX_COLUMNS, MAX_RECORD_BYTES,
    arrow_text::{TextColumn, is_flat},
    csv_row::push_csv_row,
    fault,
};

/// Rows that are decoded at once.
pub(crate) const BATCH_ROWS: usize = 1024;

/// Batches as they come, each with the columns that were [chosen](Choice).
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, RecordError>> + Send>;

/// Which columns of a Parquet file are read, and in which order they are given.
pub(crate) struct Choice {
    pub(crate) mask: ProjectionMask,
    /// Where each given column stands among those that are read.
    order: Vec<usize>,
    schema: Schema,
}

impl Choice {
    /// The columns that `wanted` names, or all.
    ///
    /// # Errors
    /// As [`RecordSource::column`]; [`RecordError::Malformed`] if a column has no text form.
    pub(crate) fn of(
        place: &str,
        schema: &SchemaRef,
        stored: &SchemaDescriptor,
        wanted: Option<&[String]>,
    ) -> Result<Self, RecordError> {
        let malformed = |problem| RecordError::Malformed { place: place.to_owned(), problem };
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let given: Vec<usize> = match wanted {
            Some(wanted) => wanted.iter().map(|name| find_column(place, &names, name)).collect::<Result<_, _>>()?,
            None => (0..names.len()).collect(),
        };
        if given.is_empty() || given.len() > MAX_COLUMNS {
            return Err(malformed(format!("has {} columns; there may be 1 to {MAX_COLUMNS}", given.len())));
        }
        let mut read = given.clone();
        read.sort_unstable();
        read.dedup();
        let order = given.iter().filter_map(|column| read.binary_search(column).ok()).collect();
        let schema = schema.project(&given).map_err(|error| malformed(error.to_string()))?;
        if let Some(nested) = schema.fields().iter().find(|field| !is_flat(field.data_type())) {
            let problem =
                format!("column {:?} has values within values; name the columns to read with ?columns=", nested.name());
            return Err(malformed(problem));
        }
        Ok(Self { mask: ProjectionMask::roots(stored, read), order, schema })
    }
}

/// Records of Parquet, from wherever its batches come.
pub(crate) struct ParquetSource {
    place: String,
    names: Vec<String>,
    order: Vec<usize>,
    header: SinkHeader,
    batches: Batches,
    columns: Vec<TextColumn>,
    /// The next row in `columns`, and how many they have.
    row: usize,
    rows: usize,
    /// Rows of the batches before.
    before: u64,
    line: Vec<u8>,
}

impl ParquetSource {
    /// Opens `file`, of which `wanted` columns are read, or all.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] if it is no Parquet, and as [`Choice::of`].
    pub(crate) fn open(path: &Path, file: File, wanted: Option<&[String]>) -> Result<Self, RecordError> {
        let place = path.display().to_string();
        let builder = unless_it_panics(&place, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let choice = Choice::of(&place, builder.schema(), builder.parquet_schema(), wanted)?;
        let builder = builder.with_projection(choice.mask.clone()).with_batch_size(BATCH_ROWS);
        let mut reader = unless_it_panics(&place, || builder.build())?;
        let named = place.clone();
        let mut failed = false;
        let batches = std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let batch = unless_it_panics(&named, || reader.next().transpose().map_err(Into::into)).transpose();
            failed = matches!(batch, Some(Err(_)));
            batch
        });
        Self::new(place, choice, Box::new(batches))
    }

    /// Records of `batches`, which have the columns of `choice`.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] if the schema cannot be written down.
    pub(crate) fn new(place: String, choice: Choice, batches: Batches) -> Result<Self, RecordError> {
        let names: Vec<String> = choice.schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut raw = Vec::new();
        push_csv_row(&mut raw, &names);
        let types = Some(schema_bytes(&choice.schema).map_err(|error| describe(&place, error.into()))?);
        let header = SinkHeader { raw, crlf: false, encoding: Encoding::Utf8, types };
        Ok(Self {
            place,
            names,
            order: choice.order,
            header,
            batches,
            columns: Vec::new(),
            row: 0,
            rows: 0,
            before: 0,
            line: Vec::new(),
        })
    }

    /// Decodes the next batch; `false` at the end.
    fn next_batch(&mut self) -> Result<bool, RecordError> {
        self.before += self.rows as u64;
        (self.row, self.rows) = (0, 0);
        let Some(batch) = self.batches.next().transpose()? else { return Ok(false) };
        let columns = batch.columns().iter().map(|array| TextColumn::of(array.as_ref()));
        self.columns = columns.collect::<Result<_, _>>().map_err(|_| {
            self.malformed(format!(
                "a value behind row {} has no text form, as a date outside of all calendars",
                self.before
            ))
        })?;
        self.rows = batch.num_rows();
        Ok(true)
    }

    fn malformed(&self, problem: String) -> RecordError {
        RecordError::Malformed { place: self.place.clone(), problem }
    }

    fn bad_row(&self, problem: String) -> RecordError {
        let row = self.before + self.row as u64 + 1;
        RecordError::Malformed { place: format!("{}, row {row}", self.place), problem }
    }
}

impl RecordSource for ParquetSource {
    fn place(&self) -> &str {
        &self.place
    }

    fn columns(&self) -> &[String] {
        &self.names
    }

    fn header(&self) -> SinkHeader {
        self.header.clone()
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        record.clear();
        while self.row >= self.rows {
            if !self.next_batch()? {
                return Ok(false);
            }
        }
        for &column in &self.order {
            record.push_field(self.columns.get(column).map(|column| column.value(self.row)).unwrap_or_default());
        }
        self.line.clear();
        push_csv_row(&mut self.line, record.fields());
        if self.line.len() > MAX_RECORD_BYTES {
            return Err(self.bad_row(format!("the record has more than {MAX_RECORD_BYTES} bytes")));
        }
        if std::str::from_utf8(&self.line).is_err() {
            return Err(self.bad_row("a value is not UTF-8; choose other columns with ?columns=".to_owned()));
        }
        record.set_raw(&self.line);
        self.row += 1;
        Ok(true)
    }
}

/// What `decode` gives. On damaged files the decoder does not always return an error: it may panic.
fn unless_it_panics<T>(place: &str, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, RecordError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| describe(place, error)),
        Err(_) => Err(malformed(place, "the decoder gave up")),
    }
}

/// The same for what is decoded as it comes over a network.
pub(crate) async fn unless_it_panics_async<T>(
    place: &str,
    decode: impl Future<Output = Result<T, ParquetError>>,
) -> Result<T, RecordError> {
    match AssertUnwindSafe(decode).catch_unwind().await {
        Ok(result) => result.map_err(|error| describe(place, error)),
        Err(_) => Err(malformed(place, "the decoder gave up")),
    }
}

/// What was wrong with the Parquet at `place`.
pub(crate) fn describe(place: &str, error: ParquetError) -> RecordError {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => fault::of_io(place, *cause),
            Err(cause) => match cause.downcast::<RecordError>() {
                Ok(error) => *error,
                Err(cause) => malformed(place, &cause.to_string()),
            },
        },
        other => malformed(place, &other.to_string()),
    }
}

fn malformed(place: &str, cause: &str) -> RecordError {
    RecordError::Malformed { place: place.to_owned(), problem: format!("is not Parquet, or damaged: {cause}") }
}

fn schema_bytes(schema: &Schema) -> Result<Vec<u8>, arrow_schema::ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    writer.finish()?;
    writer.into_inner()
}

/// The schema that [`SinkHeader::types`] holds.
pub(crate) fn schema_of(types: &[u8]) -> Option<SchemaRef> {
    StreamReader::try_new(types, None).ok().map(|reader| reader.schema())
}

#[cfg(test)]
#[path = "parquet_tests.rs"]
mod tests;
