//! What tests take for a while and throw away. For tests alone: what fails here fails the test, so nothing is handed
//! back as an error.

#![warn(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, Write};

mod disk;
mod objects;
mod postgres;

pub use disk::{full_disk, held};
pub use objects::ObjectServer;
pub use postgres::{PASSWORD, Postgres, USER};

/// Says aloud that something was not tested, and why. Not by a macro, whose words a test harness keeps to itself.
pub fn skipped(why: &str) {
    io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
