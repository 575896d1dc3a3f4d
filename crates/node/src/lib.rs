//! The provincial node: runs beside a department's data, agrees with a peer's node on a run, drives
//! it, and delivers the result.
//!
//! [`serve`] is a node under a coordinator. [`dial`] and [`listen_once`] are one run without one, for
//! trying one's own files and for benchmarks. In both the same code prepares, agrees, runs and delivers.
//!
//! What a node does not believe: its peer (every message is checked, see `handshake` and `session`),
//! and its coordinator (jobs are checked against the node's own configuration, see `admission`, and against the
//! agreement that their parties signed, see [`book`]).

#![warn(missing_docs)]

mod access;
mod admission;
mod agent;
mod bin_marks;
mod bins;
pub mod book;
mod buckets;
mod channel;
pub mod checkpoint;
pub mod choice;
pub mod clock;
mod conclude;
mod conduct;
pub mod config;
mod current;
mod deliver;
mod desk;
mod direct;
mod engine;
pub mod error;
mod exchange;
mod findings;
pub mod forecast;
#[cfg(test)]
mod full_disk_tests;
pub mod gate;
pub mod guard;
mod guarding;
mod handshake;
mod jobs;
mod lines;
pub mod link;
mod plan;
mod prepare;
mod proportions;
pub mod quality;
mod receipt_retention;
pub mod rehearsal;
mod rendezvous;
mod reports;
mod result_retention;
mod results;
mod resume;
pub mod run;
mod service;
mod space;
mod spill;
mod stop;
mod under;

pub use checkpoint::Checkpoints;
pub use choice::{Facts, ProtocolHook};
pub use config::NodeConfig;
pub use direct::{dial, listen_once};
pub use error::{NodeError, RunError};
pub use link::Link;
pub use results::ResultsFolder;
pub use run::{Guarding, Input, Output, Run, RunReport, Stage, run_over};
pub use service::serve;
pub use space::Space;
pub use under::{Under, made_up_agreement};
