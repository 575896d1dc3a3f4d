//! The driver over a channel in memory: real protocols and made-up ones, honest peers and others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod deadlines;
mod flow;
mod hostile;
mod line;
mod matching;
mod parties;
mod plain;
mod vole;
