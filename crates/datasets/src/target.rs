//! Where the bytes of a result go, whatever its format.

use std::{
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use records::{RecordError, Target};
use tempfile::NamedTempFile;

use crate::fault;

/// Bytes that are held before they are written.
const BUFFER: usize = 128 * 1024;

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
        let file = tempfile::Builder::new().prefix(&format!(".{shown}.")).suffix(".part").tempfile_in(&folder);
        let file = file.map_err(|cause| RecordError::Io { place: place.clone(), cause })?;
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
