//! Private set intersection protocols, without I/O, clocks or a source of randomness of their own.

pub mod error;
pub mod party;

pub use error::PsiError;
