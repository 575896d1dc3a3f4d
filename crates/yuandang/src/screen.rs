//! Where output goes: results to standard output, everything else to standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON value and nothing else on standard output.
    Json,
}

/// Writes a result to standard output, with a line's end.
///
/// # Errors
/// If standard output cannot be written.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::other(format_args!("standard output: {cause}")))
}

/// Writes one JSON value to standard output.
///
/// # Errors
/// If it cannot be written.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).map_err(Failure::other)?)
}

/// Writes one JSON value to standard output, on a line of its own: for a stream of them.
///
/// # Errors
/// If it cannot be written.
pub fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string(value).map_err(Failure::other)?)
}

/// Tells a person something on standard error. If nobody listens there, nothing else can be done.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
