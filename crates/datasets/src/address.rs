//! Addresses of datasets: what kind each is of, where it is, and what was asked for behind `?`.
//!
//! Messages never repeat a URL: it may hold a password.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use records::{Encoding, RecordError};

/// Where a dataset is. `Debug` shows no URL of a database.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file on this machine.
    File(PathBuf),
    /// A PostgreSQL database: all before `?`.
    Postgres(String),
    /// An object in a store.
    Object(ObjectName),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
            Self::Object(name) => f.debug_tuple("Object").field(name).finish(),
        }
    }
}

/// Which interface and account an object store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    /// Amazon S3 and what speaks its protocol; settings in `AWS_…`.
    S3,
    /// Alibaba Cloud OSS, by its S3 interface; settings in `OSS_…`.
    Oss,
}

/// An object, by bucket and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    pub(crate) store: Store,
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// A dataset's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) options: Options,
}

/// What stands behind `?`: `name=value`, joined by `&`, percent-encoded where a character has a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options(Vec<(String, String)>);

/// How the bytes of a file or an object are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// By the end of a name: `.parquet`, or else CSV.
    pub(crate) fn of(name: &Path) -> Self {
        match name.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("parquet") => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

impl Address {
    /// Takes `address` apart. Relative paths are taken from `folder`.
    ///
    /// A plain path is taken as it is, but for options behind its first `?`; if a file has the whole of it
    /// as its name, that file is meant. After `file:` stands a URL, in which `%3F` is a question mark.
    pub(crate) fn parse(address: &str, folder: &Path) -> Result<Self, RecordError> {
        match address.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return Err(wrong(format!(
                        "{address:?}: after file:// comes an absolute path; a relative one is written file:{rest} or {rest}"
                    )));
                }
                file_url(path, folder)
            }
            Some((scheme, rest)) if is_scheme(scheme) => other_url(&scheme.to_ascii_lowercase(), address, rest),
            _ => match address.strip_prefix("file:") {
                Some(url) => file_url(url, folder),
                None => plain_path(address, folder),
            },
        }
    }
}

fn plain_path(address: &str, folder: &Path) -> Result<Address, RecordError> {
    let (path, options) = match address.split_once('?') {
        Some((path, options)) if folder.join(address).symlink_metadata().is_err() => (path, Options::parse(options)?),
        _ => (address, Options::default()),
    };
    file(folder, path, options)
}

fn file_url(url: &str, folder: &Path) -> Result<Address, RecordError> {
    let (path, options) = split_options(url)?;
    file(folder, &decode(path)?, options)
}

fn file(folder: &Path, path: &str, options: Options) -> Result<Address, RecordError> {
    if path.is_empty() {
        return Err(wrong("the address of a dataset is empty; give the path of a file"));
    }
    Ok(Address { place: Place::File(folder.join(path)), options })
}

fn other_url(scheme: &str, address: &str, rest: &str) -> Result<Address, RecordError> {
    let store = match scheme {
        "postgres" | "postgresql" => {
            let (database, options) = split_options(address)?;
            return Ok(Address { place: Place::Postgres(database.to_owned()), options });
        }
        "s3" => Store::S3,
        "oss" => Store::Oss,
        _ => {
            return Err(wrong(format!(
                "there is no kind of dataset address {scheme}://; there are paths of files, file:, postgres://, s3:// \
                 and oss://"
            )));
        }
    };
    let (object, options) = split_options(rest)?;
    let (bucket, key) = object.split_once('/').unwrap_or((object, ""));
    let key = decode(key)?;
    if bucket.is_empty() || key.is_empty() || key.ends_with('/') {
        return Err(wrong(format!("an object is named {scheme}://bucket/key.csv or {scheme}://bucket/key.parquet")));
    }
    let name = ObjectName { store, bucket: bucket.to_owned(), key };
    Ok(Address { place: Place::Object(name), options })
}

fn split_options(url: &str) -> Result<(&str, Options), RecordError> {
    match url.split_once('?') {
        Some((before, options)) => Ok((before, Options::parse(options)?)),
        None => Ok((url, Options::default())),
    }
}

impl Options {
    fn parse(text: &str) -> Result<Self, RecordError> {
        let mut options: Vec<(String, String)> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| wrong("behind ? in the address of a dataset stands name=value, joined by &"))?;
            if options.iter().any(|(other, _)| other == name) {
                return Err(wrong(format!("the address of a dataset has the option {name:?} twice")));
            }
            options.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(options))
    }

    /// Refuses options other than `known`.
    pub(crate) fn admit(&self, known: &[&str]) -> Result<(), RecordError> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) if known.is_empty() => {
                Err(wrong(format!("the address has an option {name:?}; there are none here")))
            }
            Some((name, _)) => {
                Err(wrong(format!("the address has an option {name:?}; there are: {}", known.join(", "))))
            }
        }
    }

    /// The value of option `name`, decoded.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, RecordError> {
        self.raw(name).map(decode).transpose()
    }

    /// The value of option `name` as a whole number of seconds.
    pub(crate) fn seconds(&self, name: &str, otherwise: u32) -> Result<u32, RecordError> {
        let Some(value) = self.raw(name) else { return Ok(otherwise) };
        match value.parse() {
            Ok(seconds) if (1..=604_800).contains(&seconds) => Ok(seconds),
            _ => Err(wrong(format!("the option {name} of the address is a whole number of seconds from 1 to 604800"))),
        }
    }

    /// The columns that were asked for: names joined by commas, a comma within a name as `%2C`.
    pub(crate) fn columns(&self) -> Result<Option<Vec<String>>, RecordError> {
        let Some(value) = self.raw("columns") else { return Ok(None) };
        let names: Vec<String> = value.split(',').map(decode).collect::<Result<_, _>>()?;
        if names.iter().any(String::is_empty) {
            return Err(wrong("the option columns of the address has an empty name"));
        }
        Ok(Some(names))
    }

    /// The encoding that was declared.
    pub(crate) fn encoding(&self) -> Result<Encoding, RecordError> {
        match self.raw("encoding").map(str::to_ascii_lowercase).as_deref() {
            None => Ok(Encoding::Unknown),
            Some("utf-8" | "utf8") => Ok(Encoding::Utf8),
            Some("gb18030" | "gbk" | "gb2312") => Ok(Encoding::Gb18030),
            Some(_) => Err(wrong("the option encoding of the address is utf-8 or gb18030")),
        }
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn decode(text: &str) -> Result<String, RecordError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| wrong("the address of a dataset is not UTF-8 behind its percent signs"))
}

pub(crate) fn wrong(problem: impl Into<String>) -> RecordError {
    RecordError::Address(problem.into())
}

/// Whether `text` can stand before `://` (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|other| other.is_ascii_alphanumeric() || "+-.".contains(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(address: &str) -> Result<Address, RecordError> {
        Address::parse(address, Path::new(""))
    }

    fn path(address: &str) -> PathBuf {
        match parse(address).unwrap().place {
            Place::File(path) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_are_taken_as_they_are() {
        for plain in ["a.csv", "/tmp/a", "../学生.csv", "a b.txt", "a:b.csv", "./x://y.csv", "100%25.csv"] {
            assert_eq!(path(plain), Path::new(plain));
        }
        assert_eq!(path("file:a.csv"), Path::new("a.csv"));
        assert_eq!(path("file:/tmp/a.csv"), Path::new("/tmp/a.csv"));
        assert_eq!(path("file:///tmp/a%20b%3F.csv?columns=id"), Path::new("/tmp/a b?.csv"));
        assert_eq!(path("FILE://localhost/tmp/a.csv"), Path::new("/tmp/a.csv"));
    }

    #[test]
    fn a_question_mark_begins_options_unless_a_file_has_it_in_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("who?columns=a.csv"), "").unwrap();
        let parse = |address| Address::parse(address, folder.path()).unwrap();
        assert_eq!(parse("who?columns=a.csv").options, Options::default());
        let other = parse("what?columns=a,b%2Cc&encoding=GBK");
        assert_eq!(other.place, Place::File(folder.path().join("what")));
        assert_eq!(other.options.columns().unwrap().unwrap(), ["a", "b,c"]);
        assert_eq!(other.options.encoding().unwrap(), Encoding::Gb18030);
        assert_eq!(parse("file:who%3Fcolumns=a.csv").place, parse("who?columns=a.csv").place);
    }

    #[test]
    fn databases_and_objects_are_told_apart() {
        let database = parse("postgres://u:p@h:5432/d?table=t").unwrap();
        assert_eq!(database.place, Place::Postgres("postgres://u:p@h:5432/d".to_owned()));
        assert_eq!(database.options.text("table").unwrap().as_deref(), Some("t"));
        let name = ObjectName { store: Store::Oss, bucket: "b".to_owned(), key: "k/学.parquet".to_owned() };
        assert_eq!(parse("OSS://b/k/学.parquet").unwrap().place, Place::Object(name));
    }

    #[test]
    fn wrong_addresses_are_refused_without_what_may_be_secret() {
        for wrong in
            ["", "file:", "file://", "file://a.csv", "http://h/a.csv", "s3://b", "s3:///k", "s3://b/k/", "a?b", "?a=b"]
        {
            assert!(matches!(parse(wrong), Err(RecordError::Address(_))), "{wrong}");
        }
        let error = parse("mysql://u:secret@h/d").unwrap_err().to_string();
        assert!(error.contains("mysql://") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn options_are_checked() {
        let options = |text: &str| parse(&format!("a.csv?{text}")).map(|address| address.options);
        assert!(options("a=1&a=2").unwrap_err().to_string().contains("\"a\" twice"));
        let error = options("colums=id").unwrap().admit(&["columns", "encoding"]).unwrap_err().to_string();
        assert_eq!(error, "the address has an option \"colums\"; there are: columns, encoding");
        assert!(options("columns=a,,b").unwrap().columns().is_err());
        assert!(options("encoding=latin1").unwrap().encoding().is_err());
        assert_eq!(options("t=7").unwrap().seconds("t", 1).unwrap(), 7);
        assert_eq!(options("").unwrap().seconds("t", 1).unwrap(), 1);
        for wrong in ["t=0", "t=-1", "t=1.5", "t=604801"] {
            assert!(options(wrong).unwrap().seconds("t", 1).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text in "\\PC{0,40}", scheme in prop::sample::select(vec!["", "file:", "file:///", "s3://", "postgres://"])) {
            if let Ok(address) = parse(&format!("{scheme}{text}")) {
                let _ = (address.options.columns(), address.options.encoding(), address.options.text("query"));
            }
        }
    }
}
