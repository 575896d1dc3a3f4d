//! Whole protocols, from both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation)]

mod bad_input;
mod drive;
mod engines;
mod joins;
mod other_oprf;
mod pinned;
mod shapes;
mod world;
