//! A result that is being written: it and its key are there together, or neither.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    sync::Arc,
};

use records::{RecordError, Target};
use tempfile::NamedTempFile;

use super::{
    ResultsFolder,
    keys::{Key, Keys, sync_folder},
    sealed::Writer,
};

/// A sealed file under another name, and a key that is in memory alone until [`commit`](Target::commit).
pub(super) struct NewResult {
    place: String,
    job: String,
    results: Arc<ResultsFolder>,
    overwrite: bool,
    key: Key,
    file: Writer<NamedTempFile>,
}

impl NewResult {
    /// Begins the result of `job`.
    ///
    /// # Errors
    /// [`RecordError::Exists`] if there is one and `overwrite` is not set; [`RecordError::Io`].
    pub(super) fn begin(results: &Arc<ResultsFolder>, job: &str, overwrite: bool) -> Result<Self, RecordError> {
        let target = results.path(job);
        let place = target.display().to_string();
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(RecordError::Exists(place));
        }
        let begun = || {
            let file =
                tempfile::Builder::new().prefix(&format!(".{job}.")).suffix(".part").tempfile_in(&results.path)?;
            let key = Keys::fresh()?;
            Ok((Writer::begin(file, &key, job)?, key))
        };
        match begun() {
            Ok((file, key)) => {
                let (job, results) = (job.to_owned(), Arc::clone(results));
                Ok(Self { place, job, results, overwrite, key, file })
            }
            Err(cause) => Err(RecordError::Io { place, cause }),
        }
    }
}

impl Write for NewResult {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Target for NewResult {
    fn place(&self) -> &str {
        &self.place
    }

    fn commit(self: Box<Self>) -> Result<(), RecordError> {
        let Self { place, job, results, overwrite, key, file } = *self;
        let target = results.path(&job);
        let settled = || {
            let file = file.finish()?;
            file.as_file().sync_all()?;
            if overwrite {
                results.destroy(&job)?;
            } else if target.symlink_metadata().is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            // Before the result shows. A process that ends here leaves a key of nothing.
            results.keys.put(&job, &key)?;
            file.persist_noclobber(&target).map_err(|error| error.error)?;
            sync_folder(&results.path).inspect_err(|_| {
                // The name may not survive a power cut, so the result counts as absent.
                drop(fs::remove_file(&target));
            })
        };
        settled().map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => RecordError::Exists(place),
            _ => {
                drop(results.keys.destroy(&job));
                RecordError::Io { place, cause }
            }
        })
    }
}
