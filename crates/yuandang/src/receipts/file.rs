//! Receipts in a file, one on a line as it was signed: what somebody hands to a supervisor.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use agreement::canonical::MOST_BYTES;
use tempfile::NamedTempFile;

use crate::failure::{Failure, Status};

/// A file that appears when it is whole, and replaces none.
pub(super) struct Saved {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Saved {
    /// Begins it.
    ///
    /// # Errors
    /// [`Failure`] if it is there already, or nothing can be written there.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        if path.exists() {
            return Err(Failure::usage(format_args!("{} is there already", path.display())));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".receipts-").tempfile_in(folder);
        let file = file.map_err(|cause| cannot(path, &cause))?;
        Ok(Self { out: BufWriter::new(file), path: path.to_owned() })
    }

    /// Adds a receipt. Canonical JSON has no line's end.
    pub(super) fn line(&mut self, receipt: &[u8]) -> Result<(), Failure> {
        let written = self.out.write_all(receipt).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|cause| cannot(&self.path, &cause))
    }

    /// Puts it where it belongs.
    pub(super) fn keep(self) -> Result<(), Failure> {
        let Self { out, path } = self;
        let file = out.into_inner().map_err(|error| cannot(&path, error.error()))?;
        file.as_file().sync_all().map_err(|cause| cannot(&path, &cause))?;
        file.persist_noclobber(&path).map(drop).map_err(|error| cannot(&path, &error.error))
    }
}

fn cannot(path: &Path, cause: &io::Error) -> Failure {
    Failure::usage(format_args!("{}: {cause}", path.display()))
}

/// The lines of such a file, with their numbers from 1.
pub(super) struct Lines {
    file: BufReader<File>,
    path: PathBuf,
    number: u64,
}

impl Lines {
    /// Opens it.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|cause| unreadable(path, &cause))?;
        Ok(Self { file: BufReader::new(file), path: path.to_owned(), number: 0 })
    }

    /// The next line, if there is one. One that is longer than any receipt is cut, and then is none.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, Failure> {
        let mut line = Vec::new();
        let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(2);
        let read = self.file.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|cause| unreadable(&self.path, &cause))? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        self.number = self.number.saturating_add(1);
        Ok(Some((self.number, line)))
    }
}

fn unreadable(path: &Path, cause: &io::Error) -> Failure {
    Failure::new(Status::Data, format_args!("{}: {cause}", path.display()))
}
