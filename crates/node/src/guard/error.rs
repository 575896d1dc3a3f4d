//! Why the guard could not say whether an input is too close to an earlier one.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::error::RunError;

/// Why an input could not be compared with the earlier ones, or not be kept. It is not admitted then.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The folder cannot be used.
    #[error("the folder of earlier inputs, {}: {cause}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why it cannot be used.
        cause: io::Error,
    },
    /// The disk takes no more.
    #[error("the disk of the folder of earlier inputs, {}, is full", .0.display())]
    Full(PathBuf),
    /// Another process has the folder.
    #[error("another process uses the folder of earlier inputs, {}", .0.display())]
    InUse(PathBuf),
    /// A file is not what was written. What it held cannot be compared with, so nothing is admitted until it is back.
    #[error("{}, where an earlier input is kept, {what}: put back the one that was written", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Other inputs came in between, again and again.
    #[error("too many inputs came at once: run the job again")]
    Busy,
    /// More earlier inputs than an index holds.
    #[error("too many earlier inputs are kept: keep fewer of each, or for a shorter time")]
    TooMany,
    /// The input cannot be read, or the run has to end.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A fault of this program.
    #[error("a fault in this program: {0}")]
    Fault(&'static str),
}

impl GuardError {
    /// Of a file or folder in `folder`.
    pub(super) fn of(folder: &Path) -> impl Fn(io::Error) -> Self {
        |cause| match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(folder.to_owned()),
            _ => Self::Folder { folder: folder.to_owned(), cause },
        }
    }

    /// Of a file that is not what was written.
    pub(super) fn unusable(file: &Path, what: &'static str) -> Self {
        Self::Unusable { file: file.to_owned(), what }
    }
}

impl From<GuardError> for RunError {
    /// Without the names of files, since the text is told to others: whoever has the error logs it first.
    fn from(error: GuardError) -> Self {
        Self::Own(match error {
            GuardError::Run(error) => return error,
            GuardError::Full(_) => "the disk of the folder of earlier inputs is full".to_owned(),
            GuardError::Busy | GuardError::TooMany | GuardError::Fault(_) => error.to_string(),
            GuardError::Folder { .. } | GuardError::InUse(_) | GuardError::Unusable { .. } => {
                "earlier inputs cannot be compared with".to_owned()
            }
        })
    }
}
