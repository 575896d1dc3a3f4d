//! Whole protocols, from both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_possible_truncation)]

mod bad_input;
mod costs;
mod drive;
mod garbage;
mod joins;
mod large;
mod other_oprf;
mod pinned;
mod shapes;
mod victim;
mod world;
