//! Messages become models at the door, and back. Each check stands here once: what has passed is a
//! type that holds no surprises, within every bound of proto/yuandang/v1 ([`crate::bounds`]).

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

/// Just 32 bytes.
pub(crate) fn digest(field: &'static str, value: &[u8]) -> Result<[u8; 32], ConvertError> {
    value.try_into().map_err(|_| ConvertError::new(field, format!("has {} bytes instead of 32", value.len())))
}

/// 32 bytes, or none at all.
pub(crate) fn optional_digest(field: &'static str, value: &[u8]) -> Result<Option<[u8; 32]>, ConvertError> {
    if value.is_empty() { Ok(None) } else { digest(field, value).map(Some) }
}
