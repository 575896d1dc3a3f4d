//! Datasets on disk behind the traits of [`records`]: where a node's records come from and where
//! its results go.
//!
//! This version has CSV files ([`CsvSource`], [`CsvSink`]). Parquet, PostgreSQL and object stores
//! are recognised by their addresses and refused as not built yet.

#![warn(missing_docs)]

mod address;
mod csv_row;
mod csv_sink;
mod csv_source;
mod framing;
mod header;
#[cfg(test)]
mod round_trip_tests;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

use records::{Datasets, RecordError, RecordSink, RecordSource, SinkHeader};

pub use csv_row::{push_csv_field, push_csv_row};
pub use csv_sink::CsvSink;
pub use csv_source::{CsvSource, MAX_COLUMNS, MAX_RECORD_BYTES};

/// Datasets in files.
///
/// An address is a path, with or without `file:` before it, or `file:///an/absolute/path`.
#[derive(Clone, Debug, Default)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Relative paths are taken from the process's working folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Relative paths are taken from `folder`, for instance that of a configuration file.
    #[must_use]
    pub fn relative_to(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// When the file at `address` was last changed.
    ///
    /// # Errors
    /// [`RecordError`] if there is no such file, or its system does not say.
    pub fn modified(&self, address: &str) -> Result<SystemTime, RecordError> {
        let path = self.path(address)?;
        let modified = fs::metadata(&path).and_then(|found| found.modified());
        modified.map_err(|cause| RecordError::Io { place: path.display().to_string(), cause })
    }

    /// The path of the file that `address` names.
    ///
    /// # Errors
    /// [`RecordError`] if it names none.
    pub fn path(&self, address: &str) -> Result<PathBuf, RecordError> {
        Ok(self.folder.join(address::csv_path(address)?))
    }
}

impl Datasets for Files {
    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError> {
        let path = self.path(address)?;
        let place = path.display().to_string();
        let file = open_regular(&path).map_err(|cause| RecordError::Io { place: place.clone(), cause })?;
        Ok(Box::new(CsvSource::new(place, file)?))
    }

    fn create(
        &self,
        address: &str,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        Ok(Box::new(CsvSink::create(&self.path(address)?, header, labels, overwrite)?))
    }
}

/// Opens a file that can be read from its beginning more than once; a pipe would block for ever, and
/// a second pass would find it empty.
fn open_regular(path: &Path) -> std::io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("is not a regular file"));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use records::Record;

    use super::*;

    #[test]
    fn a_file_is_opened_by_path_by_file_address_and_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        fs::write(&path, "id\n7\n").unwrap();
        let absolute = path.to_str().unwrap();
        let here = Files::relative_to(folder.path());
        for (files, address) in [
            (&Files::new(), absolute.to_owned()),
            (&Files::new(), format!("file:{absolute}")),
            (&Files::new(), format!("file://{absolute}")),
            (&here, "people.csv".to_owned()),
            (&here, "file:people.csv".to_owned()),
            (&here, absolute.to_owned()),
        ] {
            let mut source = files.open(&address).unwrap();
            let mut record = Record::default();
            assert!(source.read(&mut record).unwrap(), "{address}");
            assert_eq!(record.raw(), b"7");
            assert_eq!(source.place(), absolute);
            assert_eq!(files.modified(&address).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
        }
        assert!(here.modified("absent.csv").unwrap_err().to_string().contains("absent.csv: No such file"));
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::relative_to(folder.path());
        let error = files.open("absent.csv").err().unwrap().to_string();
        assert!(error.contains("absent.csv: No such file"), "{error}");
        fs::create_dir(folder.path().join("sub.csv")).unwrap();
        let error = files.open("sub.csv").err().unwrap().to_string();
        assert!(error.ends_with("sub.csv: is not a regular file"), "{error}");
    }

    #[test]
    fn addresses_of_later_versions_are_not_built_yet() {
        let header = SinkHeader { raw: b"id".to_vec(), crlf: false };
        for address in [
            "a.parquet",
            "file:a.PARQUET",
            "postgres://u:secret@h/d?table=t",
            "postgresql://h/d",
            "s3://b/k",
            "OSS://b/k",
        ] {
            for error in [Files::new().open(address).err(), Files::new().create(address, &header, &[], true).err()] {
                let error = error.unwrap();
                assert!(matches!(error, RecordError::NotBuilt(_)), "{address}: {error}");
                assert!(error.to_string().contains("is not built yet"), "{error}");
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }
}
