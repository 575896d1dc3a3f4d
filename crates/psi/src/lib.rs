//! Private set intersection protocols, without I/O, clocks or a source of randomness of their own.
//!
//! Two parties hold sets of [`Item`]s. The *receiver* learns which of its items the *sender* holds
//! too ([`matching`]), with a label of the sender for each if they so agree, or their number alone
//! ([`dh_commutative`]). A party is a chain of [`party::Round`]s: it takes and gives vectors of
//! fixed-size elements, and a driver elsewhere moves them.
//!
//! | module | what it is | source |
//! |---|---|---|
//! | [`oprf`] | what `matching` needs of an oblivious pseudorandom function | |
//! | [`dh_oprf`] | one for small sets | RFC 9497, base mode |
//! | [`vole_oprf`] | one for large sets | Raghuraman, Rindal 2022 |
//! | [`matching`] | membership, labelled, both sides learn | |
//! | [`matching::tag_set`] | sorted tags, compressed | Elias 1974; Fano 1971 |
//! | [`dh_commutative`] | cardinality | Meadows 1986; Huberman, Franklin, Hogg 1999 |
//! | [`budget`] | from a statistical error to widths of tags | |
//! | [`bins`] | cutting a job into runs of a bounded size | |
//! | [`cost`] | what a run will take, and which engine is the sooner | |
//!
//! What these are made of:
//!
//! | module | what it is | source |
//! |---|---|---|
//! | [`hash_to_group`] | bytes to a ristretto255 element | RFC 9380, RFC 9496 |
//! | [`gf`] | the fields of 2^64 and 2^128 elements | |
//! | [`fixed_key`] | AES as a permutation | FIPS 197 |
//! | [`base_ot`] | oblivious transfer, one out of two | Bellare, Micali 1989; Naor, Pinkas 2001 |
//! | [`ot_extension`] | many transfers from 128 | Ishai, Kilian, Nissim, Petrank 2003; Guo and others 2020 |
//! | [`pprf`] | punctured trees of pseudorandom blocks | Goldreich, Goldwasser, Micali 1984; Boyle and others 2019 |
//! | [`lpn_code`] | a code that stretches noise | Raghuraman, Rindal, Tanguy 2023 |
//! | [`subfield_vole`] | products with a secret, by the million | Boyle and others 2018; Raghuraman, Rindal 2022 |
//! | [`okvs`] | a vector that gives a value for each key | Bienstock, Patel, Seo, Yeo 2023 |
//!
//! All protocols here are secure against **semi-honest** parties: such as follow the protocol and
//! study what they received. Every element of a peer is checked all the same, and a bad one is a
//! [`PsiError::Peer`]. No protocol stops a party from entering items that it only guesses.

#![warn(missing_docs)]

pub mod base_ot;
pub mod bins;
pub mod budget;
pub mod choices;
pub mod cost;
pub mod dh_commutative;
pub mod dh_oprf;
pub mod error;
pub mod fixed_key;
pub mod gf;
pub mod hash_to_group;
pub mod item;
pub mod lpn_code;
pub mod matching;
pub mod okvs;
pub mod oprf;
pub mod ot_extension;
pub mod parameters;
pub mod party;
mod points;
pub mod pprf;
mod randomness;
mod sorted;
pub mod subfield_vole;
mod tag;
pub mod vole_oprf;

pub use budget::{ErrorBudget, Widths};
pub use error::PsiError;
pub use item::Item;
pub use parameters::{Outcome, Parameters, Sizes};
pub use randomness::Seed;
