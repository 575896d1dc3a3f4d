//! `yuandang catalogue`: what participants offer, published, searched, shown and withdrawn.

mod action;
mod file;
mod import;
mod publisher;
mod report;
mod sample;
mod show;

pub use action::Action;
pub use publisher::Signing;
pub use report::{Report, Wrong};
pub use sample::{Sample, Sampling, Unlike};
pub use show::{Shown, ShownPage, ShownSummary};
