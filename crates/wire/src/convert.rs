//! Messages become models at the door, and back. Each check stands here once: what has passed is a
//! type that holds no surprises, and every bound of proto/yuandang/v1 is enforced.

mod job;
mod run;
mod vocabulary;

pub use job::job_id;

/// A field that a peer filled wrongly.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("field {field}: {problem}")]
pub struct ConvertError {
    /// The field's name in the message.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl ConvertError {
    pub(crate) fn new(field: &'static str, problem: impl std::fmt::Display) -> Self {
        Self { field, problem: problem.to_string() }
    }

    pub(crate) fn missing(field: &'static str) -> Self {
        Self::new(field, "is missing")
    }
}

/// The characters of a text, at most `most` bytes of them.
pub(crate) fn text(field: &'static str, value: String, most: usize) -> Result<String, ConvertError> {
    if value.len() > most {
        return Err(ConvertError::new(field, format!("is longer than {most} bytes")));
    }
    Ok(value)
}

/// At most `most` texts of at most `length` bytes each.
pub(crate) fn texts(
    field: &'static str,
    values: Vec<String>,
    most: usize,
    length: usize,
) -> Result<Vec<String>, ConvertError> {
    few(field, &values, most)?;
    values.into_iter().map(|value| text(field, value, length)).collect()
}

/// Refuses more than `most` elements.
pub(crate) fn few<T>(field: &'static str, values: &[T], most: usize) -> Result<(), ConvertError> {
    if values.len() > most {
        return Err(ConvertError::new(field, format!("has more than {most} elements")));
    }
    Ok(())
}

/// Just 32 bytes.
pub(crate) fn digest(field: &'static str, value: &[u8]) -> Result<[u8; 32], ConvertError> {
    value.try_into().map_err(|_| ConvertError::new(field, format!("has {} bytes instead of 32", value.len())))
}

/// 32 bytes, or none at all.
pub(crate) fn optional_digest(field: &'static str, value: &[u8]) -> Result<Option<[u8; 32]>, ConvertError> {
    if value.is_empty() { Ok(None) } else { digest(field, value).map(Some) }
}
