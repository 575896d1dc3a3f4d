//! The folder of results: one node's alone, and closed to other users. Each result is [sealed] under a key of its own,
//! and [keys] have a folder within.

mod keys;
mod sealed;
mod sink;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use records::{RecordError, Target};

use self::{
    keys::{Keys, sync_folder},
    sink::NewResult,
};

pub(crate) use self::sealed::Reader;

/// A file that comes and goes, to see whether files can be made.
const PROBE: &str = ".probe.part";
/// How the name of a result ends.
const SEALED: &str = ".sealed";

/// The folder of results of a node. Another process cannot have it as long as this one does.
#[derive(Debug)]
pub struct ResultsFolder {
    path: PathBuf,
    keys: Keys,
    /// Locked, if the file system knows how. The system lets go of it when the process ends, however it does.
    held: Option<File>,
}

impl ResultsFolder {
    /// Takes the folder at `path`, and makes it if it is not there. One that is there keeps its permissions.
    ///
    /// # Errors
    /// If it cannot be made, no file can be made in it, or another process has it.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        make(path)?;
        let held = lock(path)?;
        let results = Self { path: path.to_owned(), keys: Keys::open(path.join("keys"))?, held };
        let probe = path.join(PROBE);
        OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
        fs::remove_file(probe)?;
        Ok(results)
    }

    /// Whether no other process can have it.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Begins the result of a job, whose id is the name of its files (`wire::convert::job_id`).
    ///
    /// # Errors
    /// [`RecordError::Exists`] if it is there and `overwrite` is not set; [`RecordError::Io`].
    pub(crate) fn begin(self: &Arc<Self>, job: &str, overwrite: bool) -> Result<Box<dyn Target>, RecordError> {
        Ok(Box::new(NewResult::begin(self, job, overwrite)?))
    }

    /// Opens the result of a job.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it or its key is not there; [`ErrorKind::InvalidData`] if it is damaged.
    pub(crate) fn open(&self, job: &str) -> io::Result<Reader> {
        Reader::open(File::open(self.path(job))?, &*self.keys.get(job)?, job)
    }

    /// Bytes of the result of a job, as it was before it was sealed.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub(crate) fn bytes(&self, job: &str) -> io::Result<u64> {
        sealed::bytes_in(fs::metadata(self.path(job))?.len())
    }

    /// Destroys the key of a job's result, and then removes the result. What is not there is destroyed.
    ///
    /// # Errors
    /// If something of it is left.
    pub(crate) fn destroy(&self, job: &str) -> io::Result<()> {
        self.keys.destroy(job)?;
        match fs::remove_file(self.path(job)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync_folder(&self.path),
        }
    }

    /// What is missing of the result of a job.
    ///
    /// # Errors
    /// If that cannot be told.
    pub(crate) fn lacks(&self, job: &str) -> io::Result<Option<&'static str>> {
        Ok(match (self.path(job).try_exists()?, self.keys.has(job)?) {
            (true, true) => None,
            (false, true) => Some("its file is missing"),
            (true, false) => Some("its key is missing"),
            (false, false) => Some("its file and its key are missing"),
        })
    }

    /// The jobs of which there is a result or a key.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub(crate) fn jobs(&self) -> io::Result<Vec<String>> {
        let mut jobs = jobs_in(&self.path, SEALED)?;
        jobs.extend(self.keys.jobs()?);
        jobs.sort_unstable();
        jobs.dedup();
        Ok(jobs)
    }

    /// Whether results of an earlier version are there, which are not sealed.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn has_plain(&self) -> io::Result<bool> {
        Ok(!jobs_in(&self.path, ".csv")?.is_empty())
    }

    fn path(&self, job: &str) -> PathBuf {
        self.path.join(format!("{job}{SEALED}"))
    }

    /// Removes what a killed process left half-written.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file not be removed.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        // Without the lock it may be another node that is writing.
        if !self.is_held() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if entry.file_type()?.is_file() && name.starts_with(b".") && name.ends_with(b".part") {
                fs::remove_file(entry.path())?;
                tracing::warn!("removed a half-written result of an earlier process");
            }
        }
        self.keys.sweep()
    }
}

/// The jobs whose files in `folder` end in `end`.
fn jobs_in(folder: &Path, end: &str) -> io::Result<Vec<String>> {
    let mut jobs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let job = name.to_str().and_then(|name| name.strip_suffix(end)).filter(|job| !job.starts_with('.'));
        jobs.extend(job.map(str::to_owned));
    }
    Ok(jobs)
}

/// Results are about persons: the folder is for the node's user alone.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Locks the folder itself, so that no other file stands among the results.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let taken = || io::Error::other("another running node has it; each needs a folder of its own");
    match File::open(path).map_err(TryLockError::Error).and_then(|folder| folder.try_lock().map(|()| folder)) {
        Ok(folder) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(taken()),
        Err(TryLockError::Error(cause)) => {
            tracing::warn!(%cause, "the folder of results cannot be locked: what is half-written in it will stay");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_written_results_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results");
        let results = ResultsFolder::take(&path).unwrap();
        for name in [".job-1.x7.part", "job-1.sealed", ".hidden", "a.part"] {
            fs::write(path.join(name), "x").unwrap();
        }
        fs::create_dir(path.join(".folder.part")).unwrap();
        results.sweep().unwrap();
        let mut left: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".folder.part", ".hidden", "a.part", "job-1.sealed", "keys"]);
    }

    fn folder() -> (tempfile::TempDir, Arc<ResultsFolder>) {
        let folder = tempfile::tempdir().unwrap();
        let results = Arc::new(ResultsFolder::take(&folder.path().join("results")).unwrap());
        (folder, results)
    }

    fn write(results: &Arc<ResultsFolder>, text: &str, overwrite: bool) -> Result<(), RecordError> {
        let mut result = results.begin("job-1", overwrite)?;
        result.write_all(text.as_bytes()).unwrap();
        result.commit()
    }

    fn read(results: &ResultsFolder) -> io::Result<Vec<u8>> {
        let mut reader = results.open("job-1")?;
        let mut all = Vec::new();
        while let Some(chunk) = reader.next()? {
            all.extend(chunk);
        }
        Ok(all)
    }

    #[test]
    fn a_result_is_there_with_its_key_or_not_at_all() {
        let (_folder, results) = folder();
        let mut dropped = results.begin("job-1", false).unwrap();
        dropped.write_all(b"id\n1\n").unwrap();
        drop(dropped);
        assert_eq!((results.jobs().unwrap(), fs::read_dir(&results.path).unwrap().count()), (Vec::new(), 1));
        write(&results, "id\n1\n", false).unwrap();
        assert_eq!((read(&results).unwrap(), results.bytes("job-1").unwrap()), (b"id\n1\n".to_vec(), 5));
        assert_eq!((results.jobs().unwrap(), results.lacks("job-1").unwrap()), (vec!["job-1".to_owned()], None));
    }

    #[test]
    fn only_a_run_that_was_taken_up_again_replaces_its_result() {
        let (_folder, results) = folder();
        write(&results, "first", false).unwrap();
        assert!(matches!(results.begin("job-1", false).err(), Some(RecordError::Exists(_))));
        let key = results.keys.get("job-1").unwrap();
        write(&results, "second", true).unwrap();
        assert_eq!(read(&results).unwrap(), b"second");
        assert_ne!(results.keys.get("job-1").unwrap(), key, "a key seals one result");
    }

    #[test]
    fn nothing_opens_a_result_whose_key_is_destroyed() {
        let (folder, results) = folder();
        write(&results, "id\n1\n", false).unwrap();
        let copy = folder.path().join("copy");
        fs::copy(results.path("job-1"), &copy).unwrap();
        results.destroy("job-1").unwrap();
        results.destroy("job-1").unwrap();
        assert_eq!(read(&results).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(results.jobs().unwrap().is_empty());
        // A backup of the file alone is of no use, not even with the key of another result.
        fs::rename(copy, results.path("job-1")).unwrap();
        assert_eq!(results.lacks("job-1").unwrap(), Some("its key is missing"));
        assert_eq!(read(&results).unwrap_err().kind(), ErrorKind::NotFound);
        results.keys.put("job-1", &Keys::fresh().unwrap()).unwrap();
        assert_eq!(read(&results).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_made_for_its_owner_alone_and_has_one_of_keys() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("of").join("results");
        ResultsFolder::take(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let within: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(within, ["keys"]);
    }

    #[test]
    fn a_folder_that_another_has_is_refused_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = ResultsFolder::take(folder.path()).unwrap();
        let error = ResultsFolder::take(folder.path()).unwrap_err();
        assert!(error.to_string().contains("another running node"), "{error}");
        drop(first);
        ResultsFolder::take(folder.path()).unwrap();
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(ResultsFolder::take(&folder.path().join("file")).is_err());
    }
}
