//! Results as CSV files: whole or not there.
//!
//! Rows go to a temporary file in the folder of the result. [`commit`](RecordSink::commit) makes it
//! durable and renames it; before that nothing stands under the result's name, and a dropped sink
//! leaves nothing. The file can be read by its owner alone: results are about persons.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use records::{Record, RecordError, RecordSink, SinkHeader};
use tempfile::NamedTempFile;

use crate::{CsvSource, csv_row::push_csv_field};

/// What a label column's name ends in where the receiver has a column of that name itself.
const PEER_SUFFIX: &str = "_peer";

/// A CSV file that is being written.
pub struct CsvSink {
    place: String,
    target: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    file: BufWriter<NamedTempFile>,
    line_end: &'static [u8],
    columns: usize,
    labels: usize,
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
        let place = target.display().to_string();
        let folder = check_target(target, overwrite)?;
        let (head, columns) = head_line(&place, header, labels)?;
        let io = |cause| RecordError::Io { place: place.clone(), cause };
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // A long name with our additions could exceed what a file name may have.
        let shown: String = name.chars().take(40).collect();
        let file =
            tempfile::Builder::new().prefix(&format!(".{shown}.")).suffix(".part").tempfile_in(&folder).map_err(io)?;
        let line_end: &[u8] = if header.crlf { b"\r\n" } else { b"\n" };
        let mut file = BufWriter::with_capacity(128 * 1024, file);
        file.write_all(&head).and_then(|()| file.write_all(line_end)).map_err(io)?;
        Ok(Self {
            place,
            target: target.to_owned(),
            folder,
            overwrite,
            file,
            line_end,
            columns,
            labels: labels.len(),
            rows: 0,
            line: Vec::new(),
        })
    }

    fn io(&self, cause: io::Error) -> RecordError {
        RecordError::Io { place: self.place.clone(), cause }
    }
}

impl RecordSink for CsvSink {
    fn write(&mut self, record: &Record, labels: &[&[u8]]) -> Result<(), RecordError> {
        if labels.len() != self.labels {
            let problem = format!("{} label values for {} label columns", labels.len(), self.labels);
            return Err(RecordError::Malformed { place: self.place.clone(), problem });
        }
        self.line.clear();
        self.line.extend_from_slice(record.raw());
        if !labels.is_empty() {
            // A short row is filled up, so that labels stand under their names.
            let lacking = self.columns.saturating_sub(record.len());
            self.line.extend(std::iter::repeat_n(b',', lacking));
        }
        for label in labels {
            self.line.push(b',');
            push_csv_field(&mut self.line, label);
        }
        self.line.extend_from_slice(self.line_end);
        self.file.write_all(&self.line).map_err(|cause| self.io(cause))?;
        self.rows += 1;
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<u64, RecordError> {
        let Self { place, target, folder, overwrite, file, rows, .. } = *self;
        let io = |cause| RecordError::Io { place: place.clone(), cause };
        let file = file.into_inner().map_err(|error| io(error.into_error()))?;
        file.as_file().sync_all().map_err(io)?;
        let renamed = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
        renamed.map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => RecordError::Exists(place.clone()),
            _ => io(error.error),
        })?;
        sync_folder(&folder).map_err(|cause| {
            // The name may not survive a power cut, so the result counts as absent.
            let _ = fs::remove_file(&target);
            io(cause)
        })?;
        Ok(rows)
    }
}

/// The folder of `target`, if a file of this name can be written there.
fn check_target(target: &Path, overwrite: bool) -> Result<PathBuf, RecordError> {
    let place = target.display();
    if target.file_name().is_none() {
        return Err(RecordError::Address(format!("{place} cannot be the name of a file")));
    }
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(RecordError::Address(format!("{place}: there is no folder {}; make it first", folder.display())));
    }
    // Renaming replaces whatever has the name: a device, too, where one may write to its folder.
    if fs::metadata(target).is_ok_and(|found| !found.is_file()) {
        return Err(RecordError::Address(format!("{place} is a folder or a device; name a regular file")));
    }
    // A link is in the way, wherever it leads.
    if !overwrite && target.symlink_metadata().is_ok() {
        return Err(RecordError::Exists(place.to_string()));
    }
    Ok(folder.to_owned())
}

/// The header line with the label columns, and how many columns the source has.
fn head_line(place: &str, header: &SinkHeader, labels: &[String]) -> Result<(Vec<u8>, usize), RecordError> {
    let source = CsvSource::new(place, header.raw.as_slice())?;
    let own = source.column_names();
    let mut taken: HashSet<String> = own.names.iter().map(|name| name.trim().to_owned()).collect();
    let mut line = header.raw.clone();
    for label in labels {
        let mut name = label.clone();
        while !taken.insert(name.trim().to_owned()) {
            name.push_str(PEER_SUFFIX);
        }
        line.push(b',');
        push_csv_field(&mut line, &own.encode(&name));
    }
    Ok((line, own.names.len()))
}

/// Makes the entries of `folder` durable, where its file system knows how.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if is_unsupported(error.kind()) => Ok(()),
        result => result,
    }
}

/// Network file systems refuse to sync a folder, and a folder that may be written may not be readable.
fn is_unsupported(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}

#[cfg(test)]
#[path = "csv_sink_tests.rs"]
mod tests;
