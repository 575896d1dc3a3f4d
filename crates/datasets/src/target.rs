//! Where the bytes of a result go, whatever its format.

use std::{
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use records::{RecordError, Target};
use tempfile::NamedTempFile;

use crate::fault;

/// Bytes that are held before they are written.
const BUFFER: usize = 128 * 1024;

/// What the name of a file that is being written ends with.
const PART: &str = ".part";
/// How old a file is before it can be one that nobody writes: a younger one may not have its lock yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A file in the folder of the result, under another name until [`commit`](Target::commit). It can be read
/// by its owner alone: results are about persons.
pub(crate) struct NewFile {
    place: String,
    target: PathBuf,
    folder: PathBuf,
    overwrite: bool,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Begins the file that will be `target`.
    ///
    /// # Errors
    /// [`RecordError::Exists`] if `target` is there and `overwrite` is not set; [`RecordError::Address`]
    /// if it cannot be the name of a file; [`RecordError::Io`] if its folder cannot be written to.
    pub(crate) fn create(target: &Path, overwrite: bool) -> Result<Self, RecordError> {
        let place = target.display().to_string();
        let folder = check_target(target, overwrite)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // A long name with our additions could exceed what a file name may have.
        let shown: String = name.chars().take(40).collect();
        let prefix = format!(".{shown}.");
        sweep(&folder, &prefix);
        let file = tempfile::Builder::new().prefix(&prefix).suffix(PART).tempfile_in(&folder);
        let file = file.map_err(|cause| RecordError::Io { place: place.clone(), cause })?;
        // Held as long as this process lives. Where there are no locks, nothing is swept either.
        let _ = file.as_file().try_lock();
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { place, target: target.to_owned(), folder, overwrite, file })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Target for NewFile {
    fn place(&self) -> &str {
        &self.place
    }

    fn commit(self: Box<Self>) -> Result<(), RecordError> {
        let Self { place, target, folder, overwrite, file } = *self;
        let io = |cause| fault::of_io(&place, cause);
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
        })
    }
}

/// Removes what processes that were killed left of the same result. It is about persons, and nobody else would.
fn sweep(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let middle = name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(PART));
        if middle.is_none_or(|middle| middle.contains('.')) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > YOUNG) && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
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
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_by_the_next_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, seconds: u64| {
            let path = folder.path().join(name);
            let file = File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
            (path, file)
        };
        let left = made(".out.csv.Ab12Cd.part", 100);
        let others = [".other.csv.Ab12Cd.part", ".out.csv.csv.Ab12Cd.part", "out.csv.Ab12Cd.part", ".out.csv.Ab12Cd"];
        let others = others.map(|name| made(name, 100));
        let young = made(".out.csv.Ef34Gh.part", 10);
        let held = made(".out.csv.Ij56Kl.part", 100);
        held.1.try_lock().unwrap();
        let target = folder.path().join("out.csv");
        let first = NewFile::create(&target, false).unwrap();
        assert!(!left.0.exists());
        assert!(others.iter().chain([&young, &held]).all(|(path, _)| path.exists()));
        // One that is being written stays, however long that takes.
        first.file.get_ref().as_file().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let second = NewFile::create(&target, false).unwrap();
        Box::new(first).commit().unwrap();
        assert!(target.exists());
        assert!(matches!(Box::new(second).commit(), Err(RecordError::Exists(_))));
    }
}
