//! The messages: their bytes are pinned, their bounds hold, and what they become is what they were.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bounds;
mod conversions;
mod golden;
mod models;
mod samples;
mod served;
