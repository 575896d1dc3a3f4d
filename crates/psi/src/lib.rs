//! Private set intersection protocols, without I/O, clocks or a source of randomness of their own.
//!
//! Two parties hold sets of [`Item`]s. The *receiver* learns which of its items the *sender* holds
//! too ([`matching`]), with a label of the sender for each if they so agree, or their number alone
//! ([`dh_commutative`]). A party is a chain of [`party::Round`]s: it takes and gives vectors of
//! fixed-size elements, and a driver elsewhere moves them.
//!
//! | module | what it is | source |
//! |---|---|---|
//! | [`hash_to_group`] | bytes to a ristretto255 element | RFC 9380, RFC 9496 |
//! | [`dh_oprf`] | oblivious pseudorandom function | RFC 9497, base mode |
//! | [`oprf`] | what `matching` needs of any such function | |
//! | [`matching`] | membership, labelled, both sides learn | |
//! | [`dh_commutative`] | cardinality | Meadows 1986; Huberman, Franklin, Hogg 1999 |
//! | [`budget`] | from a statistical error to widths in bytes | |
//! | [`cost`] | what a run will take, and which engine is the sooner | |
//!
//! All protocols here are secure against **semi-honest** parties: such as follow the protocol and
//! study what they received. Every element of a peer is checked all the same, and a bad one is a
//! [`PsiError::Peer`]. No protocol stops a party from entering items that it only guesses.

#![warn(missing_docs)]

pub mod budget;
pub mod cost;
pub mod dh_commutative;
pub mod dh_oprf;
pub mod error;
pub mod fixed_key;
pub mod hash_to_group;
pub mod item;
pub mod matching;
pub mod oprf;
pub mod parameters;
pub mod party;
mod points;
mod randomness;
mod sorted;
mod tag;

pub use budget::{ErrorBudget, Widths};
pub use error::PsiError;
pub use item::Item;
pub use parameters::{Outcome, Parameters, Sizes};
pub use randomness::Seed;
