//! All parties in one process, for tests: a coordinator and any number of nodes on loopback with
//! mutual TLS, made-up records from a seed, a plain join to hold results against, and a link between
//! two runs that a test may tamper with.

pub mod agreements;
pub mod hostile;
pub mod outsider;
pub mod participants;
pub mod results;
pub mod rows;
pub mod world;

pub use hostile::Hostile;
pub use outsider::Outsider;
pub use participants::Participant;
pub use rows::{Table, plain_join, table_pair};
pub use world::{World, WorldSpec};
