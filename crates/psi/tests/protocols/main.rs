//! Whole protocols, from both sides.

mod bad_input;
mod drive;
mod joins;
mod other_oprf;
mod pinned;
mod shapes;
mod world;
