//! Datasets behind the traits of [`records`]: where a node's records come from and where its results go.
//!
//! All kinds are named by one form of address ([`Files`]), are read as a stream, and are written all or
//! nothing. Bytes go through this crate's own [`std::io`] pieces: a source of CSV reads them from
//! wherever they are, a sink writes them to wherever they go.

#![warn(missing_docs)]

mod address;
mod arrow_text;
mod background;
mod chosen;
mod commas;
mod csv_row;
mod csv_sink;
mod csv_source;
mod fault;
mod framing;
#[cfg(test)]
mod full_disk_tests;
mod header;
mod label_names;
mod objects;
mod parquet_sink;
mod parquet_source;
mod postgres;
#[cfg(test)]
mod round_trip_tests;
mod target;
mod text;
mod watched;

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use records::{Datasets, Encoding, RecordError, RecordSink, RecordSource, SinkHeader, Target};

use crate::{
    address::{Address, Format, Options, Place},
    chosen::Chosen,
    objects::{NewObject, Object},
    parquet_sink::ParquetSink,
    parquet_source::ParquetSource,
    postgres::TableSink,
    target::NewFile,
    watched::{Watch, Watched},
};

pub use csv_row::{push_csv_field, push_csv_row};
pub use csv_sink::CsvSink;
pub use csv_source::{CsvSource, MAX_COLUMNS, MAX_RECORD_BYTES};

/// Datasets by address.
///
/// | Address | What it names |
/// |---|---|
/// | `people.csv`, `file:people.csv`, `file:///data/people.csv` | a file; Parquet if its name ends in `.parquet`, otherwise CSV |
/// | `postgres://user@host:port/database?table=schema.table` or `?query=SELECT…` | a table, or what a query gives |
/// | `s3://bucket/key.csv`, `oss://bucket/key.parquet` | an object, in the same two formats |
///
/// Behind `?` stand options, `name=value` joined by `&`: `columns=a,b` takes those columns alone, in that
/// order, from any source; `encoding=gb18030` says how CSV is encoded. Those of a database stand in
/// docs/OPERATIONS.md.
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

    /// The file that `address` names, if it names one.
    ///
    /// # Errors
    /// [`RecordError::Address`] if it is none.
    pub fn local_path(&self, address: &str) -> Result<Option<PathBuf>, RecordError> {
        Ok(match Address::parse(address, &self.folder)?.place {
            Place::File(path) => Some(path),
            Place::Postgres(_) | Place::Object(_) => None,
        })
    }

    /// When the file at `address` was last changed; nothing for a database or an object.
    ///
    /// # Errors
    /// [`RecordError`] if there is no such file, or its system does not say.
    pub fn modified(&self, address: &str) -> Result<Option<SystemTime>, RecordError> {
        let Some(path) = self.local_path(address)? else { return Ok(None) };
        let modified = fs::metadata(&path).and_then(|found| found.modified());
        modified.map(Some).map_err(|cause| RecordError::Io { place: path.display().to_string(), cause })
    }
}

/// `address` as it may be shown: of a URL of a database without user, password and options.
#[must_use]
pub fn public_name(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) if scheme.to_ascii_lowercase().starts_with("postgres") => {
            // Even where a password has characters that should have been percent-encoded.
            let behind_user = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            let (host, options) = behind_user.split_once('?').unwrap_or((behind_user, ""));
            let table = options.split('&').find_map(|option| option.strip_prefix("table="));
            format!("{scheme}://{host}{}", table.map(|table| format!(", table {table}")).unwrap_or_default())
        }
        _ => address.to_owned(),
    }
}

impl Datasets for Files {
    fn changed(&self, address: &str) -> Option<SystemTime> {
        self.modified(address).ok().flatten()
    }

    fn open(&self, address: &str) -> Result<Box<dyn RecordSource>, RecordError> {
        let Address { place, options } = Address::parse(address, &self.folder)?;
        match place {
            Place::File(path) => open_file(&path, &options),
            Place::Postgres(url) => postgres::open(&url, &options),
            Place::Object(name) => objects::open(Object::of(&name)?, Format::of(Path::new(&name.key)), &options),
        }
    }

    fn create(
        &self,
        address: &str,
        header: &SinkHeader,
        labels: &[String],
        overwrite: bool,
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        let Address { place, options } = Address::parse(address, &self.folder)?;
        match place {
            Place::File(path) => {
                options.admit(&[])?;
                let file = NewFile::create(&path, overwrite)?;
                begin(Box::new(file), Format::of(&path), header, labels)
            }
            Place::Postgres(url) => Ok(Box::new(TableSink::create(&url, &options, header, labels, overwrite)?)),
            Place::Object(name) => {
                options.admit(&[])?;
                let object = NewObject::create(Object::of(&name)?, overwrite)?;
                begin(Box::new(object), Format::of(Path::new(&name.key)), header, labels)
            }
        }
    }

    fn write_csv(
        &self,
        target: Box<dyn Target>,
        header: &SinkHeader,
        labels: &[String],
    ) -> Result<Box<dyn RecordSink>, RecordError> {
        begin(target, Format::Csv, header, labels)
    }
}

fn open_file(path: &Path, options: &Options) -> Result<Box<dyn RecordSource>, RecordError> {
    options.admit(&["columns", "encoding"])?;
    let place = path.display().to_string();
    let (file, watch) = Watch::open(path).map_err(|cause| RecordError::Io { place: place.clone(), cause })?;
    match Format::of(path) {
        Format::Csv => {
            let source = Watched { source: CsvSource::with_encoding(place, file, options.encoding()?)?, watch };
            with_columns(source, options)
        }
        Format::Parquet if options.encoding()? != Encoding::Unknown => {
            Err(address::wrong("the option encoding is for CSV; Parquet says itself what it holds"))
        }
        Format::Parquet => {
            let source = ParquetSource::open(path, file, options.columns()?.as_deref())?;
            Ok(Box::new(Watched { source, watch }))
        }
    }
}

/// A sink that writes `format` to `target`.
fn begin(
    target: Box<dyn Target>,
    format: Format,
    header: &SinkHeader,
    labels: &[String],
) -> Result<Box<dyn RecordSink>, RecordError> {
    Ok(match format {
        Format::Csv => Box::new(CsvSink::begin(target, header, labels)?),
        Format::Parquet => Box::new(ParquetSink::begin(target, header, labels)?),
    })
}

/// `source`, or what of it the options ask for.
fn with_columns(source: impl RecordSource + 'static, options: &Options) -> Result<Box<dyn RecordSource>, RecordError> {
    Ok(match options.columns()? {
        Some(wanted) => Box::new(Chosen::of(source, &wanted)?),
        None => Box::new(source),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            (&here, "people.csv?columns=id".to_owned()),
            (&here, absolute.to_owned()),
        ] {
            let mut source = files.open(&address).unwrap();
            let mut record = Record::default();
            assert!(source.read(&mut record).unwrap(), "{address}");
            assert_eq!(record.raw(), b"7");
            assert_eq!(source.place(), absolute);
            assert_eq!(files.modified(&address).unwrap().unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
        }
        assert!(here.modified("absent.csv").unwrap_err().to_string().contains("absent.csv: No such file"));
    }

    #[test]
    fn a_public_name_has_no_password() {
        let named = public_name("postgres://u:p@ss?w@h:5432/d?connect_timeout=7&table=s.t");
        assert!(!named.contains("ss"), "{named}");
        assert_eq!(
            public_name("postgres://u:secret@h:5432/d?connect_timeout=7&table=s.t"),
            "postgres://h:5432/d, table s.t"
        );
        assert_eq!(public_name("a@b.csv?columns=c"), "a@b.csv?columns=c");
        assert_eq!(public_name("s3://b/k@2.csv"), "s3://b/k@2.csv");
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
}
