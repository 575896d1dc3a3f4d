//! A coordinator at work, over mutual TLS on loopback. The nodes and operators are played by the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../entries/mod.rs"]
mod entries;

mod callers;
mod catalogue;
mod life;
mod region;
mod restart;
mod waiting;
mod watching;
