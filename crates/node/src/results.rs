//! The folder of results: one node's alone, and closed to other users.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// A file that comes and goes, to see whether files can be made.
const PROBE: &str = ".probe.part";

/// The folder of results of a node. Another process cannot have it as long as this one does.
#[derive(Debug)]
pub(crate) struct ResultsFolder {
    path: PathBuf,
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
        let results = Self { path: path.to_owned(), held: lock(path)? };
        let probe = path.join(PROBE);
        OpenOptions::new().write(true).create(true).truncate(true).open(&probe)?;
        fs::remove_file(probe)?;
        Ok(results)
    }

    /// Removes what a killed process left half-written.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file not be removed.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        // Without the lock it may be another node that is writing.
        if self.held.is_none() {
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
        Ok(())
    }
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
        for name in [".job-1.csv.x7.part", "job-1.csv", ".hidden", "a.part"] {
            fs::write(path.join(name), "x").unwrap();
        }
        fs::create_dir(path.join(".folder.part")).unwrap();
        results.sweep().unwrap();
        let mut left: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".folder.part", ".hidden", "a.part", "job-1.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_made_for_its_owner_alone_and_left_empty() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("of").join("results");
        ResultsFolder::take(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
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
