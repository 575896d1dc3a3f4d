//! A file that must stay as it is while it is read.

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use records::{Record, RecordError, RecordSource, SinkHeader};

/// What of a file changes when somebody writes to it or puts another in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// How a file was when it was opened.
pub(crate) struct Watch {
    path: PathBuf,
    stamp: Stamp,
}

impl Watch {
    /// Opens the file at `path`, one that can be read from its beginning more than once: a pipe would
    /// block for ever, and a second pass would find it empty.
    pub(crate) fn open(path: &Path) -> io::Result<(File, Self)> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("is not a regular file"));
        }
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        Ok((file, Self { path: path.to_owned(), stamp }))
    }

    /// # Errors
    /// [`RecordError::Changed`] if what has the name now is not what was opened.
    fn check(&self) -> Result<(), RecordError> {
        match fs::metadata(&self.path) {
            Ok(now) if Stamp::of(&now) == self.stamp => Ok(()),
            _ => Err(RecordError::Changed(self.path.display().to_string())),
        }
    }
}

/// A source whose file is looked at again when it ends. A file that changed is told as that, whatever
/// else seemed wrong with it.
pub(crate) struct Watched<S> {
    pub(crate) source: S,
    pub(crate) watch: Watch,
}

impl<S: RecordSource> RecordSource for Watched<S> {
    fn place(&self) -> &str {
        self.source.place()
    }

    fn columns(&self) -> &[String] {
        self.source.columns()
    }

    fn header(&self) -> SinkHeader {
        self.source.header()
    }

    fn require_text(&mut self) {
        self.source.require_text();
    }

    fn read(&mut self, record: &mut Record) -> Result<bool, RecordError> {
        match self.source.read(record) {
            // Not as it came: to move it takes as long as all the rest of this row.
            Ok(true) => Ok(true),
            ended => self.watch.check().and(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::CsvSource;

    fn rows() -> String {
        "1234567,a\n".repeat(100_000)
    }

    type Change<'a> = &'a dyn Fn(&Path);

    /// What the end of reading is after `change` happened in the middle.
    fn ends_with(change: impl FnOnce(&Path)) -> Result<usize, RecordError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, format!("id,name\n{}", rows())).unwrap();
        let (file, watch) = Watch::open(&path).unwrap();
        let mut source = Watched { source: CsvSource::new("a.csv", file).unwrap(), watch };
        let mut record = Record::default();
        assert!(source.read(&mut record).unwrap());
        change(&path);
        let mut rows = 1;
        while source.read(&mut record)? {
            rows += 1;
        }
        Ok(rows)
    }

    #[test]
    fn a_file_that_stays_is_read() {
        assert_eq!(ends_with(|_| ()).unwrap(), 100_000);
    }

    #[test]
    fn a_file_that_changes_is_told() {
        let append = |path: &Path| {
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"8,b\n").unwrap();
        };
        let shrink = |path: &Path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(400_000).unwrap();
        let replace = |path: &Path| {
            let (other, old) = (path.with_extension("new"), fs::metadata(path).unwrap().modified().unwrap());
            fs::write(&other, format!("id,name\n{}", rows())).unwrap();
            File::options().write(true).open(&other).unwrap().set_modified(old).unwrap();
            fs::rename(other, path).unwrap();
        };
        let remove = |path: &Path| fs::remove_file(path).unwrap();
        let malformed = |path: &Path| fs::write(path, "x,".repeat(600_000)).unwrap();
        let changes: [(&str, Change<'_>); 5] = [
            ("append", &append),
            ("shrink", &shrink),
            ("replace", &replace),
            ("remove", &remove),
            ("malformed", &malformed),
        ];
        for (name, change) in changes {
            let error = ends_with(change).unwrap_err().to_string();
            assert!(error.contains("a.csv changed while it was read"), "{name}: {error}");
        }
    }
}
