//! Whether what an entry says of a dataset holds for the first rows of its source.

use agreement::catalogue::{Entry, Key};
use clap::Args;
use datasets::Files;
use node::{
    NodeConfig,
    config::Dataset,
    quality::{self, Question},
};
use records::{Datasets, Record, RecordError, RecordSink, RecordSource, SinkHeader, Target, find_column};
use serde::Serialize;
use session::ComputePool;
use tokio_util::sync::CancellationToken;

use crate::{
    failure::{Failure, Status},
    match_files::threads,
};

/// Options of commands that look at datasets before they publish.
#[derive(Clone, Debug, Args)]
pub struct Sampling {
    /// Publish what is not at this node without having seen a row of it; the entry says so
    #[arg(long)]
    pub(super) no_sample: bool,
    /// Rows that are looked at, from the first
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) sample_rows: u64,
    /// Refuse a dataset if more than so many percent of these rows are refused or have no key
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = crate::check::percent)]
    pub(super) fail_above: f64,
}

/// What was found in a sample for one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Its columns and type.
    pub key: String,
    /// Rows that were looked at.
    pub rows: u64,
    /// Those of them that are refused or have no key.
    pub unusable: u64,
}

impl Sample {
    fn percent(&self) -> f64 {
        // Rows are far below 2^53.
        if self.rows == 0 { 0.0 } else { self.unusable as f64 * 100.0 / self.rows as f64 }
    }
}

/// Why a dataset is not what its entry says.
#[derive(Clone, Debug, PartialEq)]
pub enum Unlike {
    /// The node does not offer it, and nobody said that this is right.
    NotHere,
    /// The node offers another version.
    Version(u32),
    /// A data item is no column of the source.
    NoColumn(String),
    /// The source has no row.
    Empty,
    /// Too many rows make no key.
    Refused(Sample, f64),
    /// The source cannot be read.
    Unreadable(String),
}

impl Sampling {
    /// Holds the entry to the source that the node's configuration names for it; an entry of a dataset that is not at the
    /// node passes if `--no-sample` was given. Whether a sample was taken. For a thread that may block.
    ///
    /// # Errors
    /// [`Failure`] if this machine cannot do it.
    pub(super) fn hold(
        &self,
        entry: &Entry,
        config: Option<&NodeConfig>,
        stop: &CancellationToken,
    ) -> Result<Result<bool, Unlike>, Failure> {
        let offered = config.and_then(|config| config.datasets.iter().find(|one| one.name == entry.dataset.name));
        match offered {
            None if self.no_sample => Ok(Ok(false)),
            None => Ok(Err(Unlike::NotHere)),
            Some(dataset) => self.hold_to(entry, dataset, stop),
        }
    }

    fn hold_to(
        &self,
        entry: &Entry,
        dataset: &Dataset,
        stop: &CancellationToken,
    ) -> Result<Result<bool, Unlike>, Failure> {
        if dataset.version != entry.dataset.version {
            return Ok(Err(Unlike::Version(dataset.version)));
        }
        let files = FirstRows { files: Files::new(), most: self.sample_rows };
        if let Err(unlike) = has_columns(entry, dataset, &files) {
            return Ok(Err(unlike));
        }
        let pool = ComputePool::new(threads(None)).map_err(Failure::other)?;
        for key in &entry.keys {
            let sample = match sample(key, dataset, (&files, &pool), stop) {
                Ok(sample) => sample,
                Err(_) if stop.is_cancelled() => return Err(Failure::stopped()),
                Err(failure) => return Ok(Err(Unlike::Unreadable(failure.message))),
            };
            if sample.rows == 0 {
                return Ok(Err(Unlike::Empty));
            }
            if sample.percent() > self.fail_above {
                return Ok(Err(Unlike::Refused(sample, self.fail_above)));
            }
        }
        // The data standard is about keys: of rows without one there was nothing to hold to it.
        Ok(Ok(!entry.keys.is_empty()))
    }
}

fn has_columns(entry: &Entry, dataset: &Dataset, files: &FirstRows) -> Result<(), Unlike> {
    let unreadable = |error: RecordError| Unlike::Unreadable(error.to_string());
    let source = files.open(&dataset.source).map_err(unreadable)?;
    let missing = entry.items.iter().find(|item| find_column("", source.columns(), &item.name).is_err());
    missing.map_or(Ok(()), |item| Err(Unlike::NoColumn(item.name.clone())))
}

fn sample(
    key: &Key,
    dataset: &Dataset,
    (files, pool): (&FirstRows, &ComputePool),
    stop: &CancellationToken,
) -> Result<Sample, Failure> {
    let question = Question {
        source: dataset.source.clone(),
        key_columns: key.columns.clone(),
        key_types: vec![key.key_type],
        settings: dataset.examining.settings,
        dates: None,
        rejects: None,
    };
    let space = node::Space::default();
    let quality = quality::examine(files, &question, &space, pool, stop, &|_| {})
        .map_err(|error| Failure::new(Status::Data, error))?;
    let rows = quality.tally.rows();
    let unusable = rows.saturating_sub(quality.tally.keyed());
    Ok(Sample { key: format!("{}:{}", key.columns.join("+"), key.key_type), rows, unusable })
}

/// Sources that end after so many rows.
struct FirstRows {
    files: Files,
    most: u64,
}

impl Datasets for FirstRows {
    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError> {
        Ok(Box::new(Beginning { source: self.files.open(address)?, left: self.most }))
    }

    fn create(
        &self,
        address: &str,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        self.files.create(address, header, labels, overwrite)
    }

    fn write_csv(
        &self,
        target: Box<dyn Target>,
        header: &SinkHeader,
        labels: &[String],
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        self.files.write_csv(target, header, labels)
    }
}

/// The beginning of a source.
struct Beginning {
    source: Box<dyn RecordSource>,
    left: u64,
}

impl RecordSource for Beginning {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn columns(&self) -> &[String] {
        self.source.columns()
    }

    fn header(&self) -> SinkHeader {
        self.source.header()
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(false) };
        self.left = left;
        self.source.read(record)
    }

    fn require_text(&mut self) {
        self.source.require_text();
    }
}

#[cfg(test)]
mod tests;
