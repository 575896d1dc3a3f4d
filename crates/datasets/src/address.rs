//! Addresses of datasets: what kind each is of, and which file it names.

use std::path::{Path, PathBuf};

use records::RecordError;

/// Kinds of address that later versions have.
const PLANNED: [&str; 4] = ["postgres", "postgresql", "s3", "oss"];

/// The path of the CSV file that `address` names. Messages never repeat what follows a scheme other
/// than `file`: it may hold a password.
pub(crate) fn csv_path(address: &str) -> Result<PathBuf, RecordError> {
    let path = match address.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            if !path.starts_with('/') {
                return Err(RecordError::Address(format!(
                    "{address:?}: after file:// comes an absolute path; a relative one is written file:{rest} or {rest}"
                )));
            }
            path
        }
        Some((scheme, _)) if PLANNED.iter().any(|planned| scheme.eq_ignore_ascii_case(planned)) => {
            return Err(RecordError::NotBuilt(format!("a dataset at {}://", scheme.to_ascii_lowercase())));
        }
        Some((scheme, _)) if is_scheme(scheme) => {
            return Err(RecordError::Address(format!(
                "there is no kind of dataset address {scheme}://; give the path of a CSV file"
            )));
        }
        _ => address.strip_prefix("file:").unwrap_or(address),
    };
    if path.is_empty() {
        return Err(RecordError::Address("the address of a dataset is empty; give the path of a CSV file".to_owned()));
    }
    let path = Path::new(path);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return Err(RecordError::NotBuilt(format!("{}: Parquet", path.display())));
    }
    Ok(path.to_owned())
}

/// Whether `text` can stand before `://` (RFC 3986 §3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|other| other.is_ascii_alphanumeric() || "+-.".contains(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_they_are() {
        for path in ["a.csv", "/tmp/a", "../学生.csv", "a b.txt", "a:b.csv", "./x://y.csv"] {
            assert_eq!(csv_path(path).unwrap(), Path::new(path));
        }
        assert_eq!(csv_path("file:a.csv").unwrap(), Path::new("a.csv"));
        assert_eq!(csv_path("file:/tmp/a.csv").unwrap(), Path::new("/tmp/a.csv"));
        assert_eq!(csv_path("file:///tmp/a.csv").unwrap(), Path::new("/tmp/a.csv"));
        assert_eq!(csv_path("FILE://localhost/tmp/a.csv").unwrap(), Path::new("/tmp/a.csv"));
    }

    #[test]
    fn wrong_addresses_are_told_apart_from_those_not_built() {
        for wrong in ["", "file:", "file://", "file://a.csv", "http://h/a.csv"] {
            assert!(matches!(csv_path(wrong), Err(RecordError::Address(_))), "{wrong}");
        }
        assert!(matches!(csv_path("S3://b/k.csv"), Err(RecordError::NotBuilt(_))));
        assert!(matches!(csv_path("a.parquet"), Err(RecordError::NotBuilt(_))));
        let error = csv_path("mysql://u:secret@h/d").unwrap_err().to_string();
        assert!(error.contains("mysql://") && !error.contains("secret"), "{error}");
    }
}
