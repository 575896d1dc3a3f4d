//! The command line of Yuandang. Thin: it reads arguments, puts the parts of the other crates
//! together, runs them, and tells people and scripts what came of it.
//!
//! What a script reads goes to standard output and nothing else there; logs, progress and errors go
//! to standard error. The process ends with one of the statuses of [`failure::Status`].

#![warn(missing_docs)]

pub mod agreements;
pub mod bench;
pub mod catalogue;
pub mod cert;
pub mod check;
pub mod choose;
pub mod cli;
pub mod demo;
pub mod desk;
pub mod failure;
pub mod generate;
mod heap;
pub mod identity;
pub mod job;
pub mod logs;
pub mod match_files;
pub mod moment;
pub mod not_built;
pub mod pair;
pub mod party;
pub mod progress;
pub mod receipts;
pub mod resources;
pub mod results;
pub mod screen;
pub mod serve;
pub mod space;
pub mod stop;
pub mod text;
pub mod wording;
