//! Oblivious pseudorandom function from Diffie–Hellman on ristretto255: RFC 9497, base mode,
//! ristretto255-SHA512.
//!
//! # Messages
//! ```text
//! receiver                                     sender
//!   blind_i · H(x_i)   ── Blinded, 32 bytes ──▶
//!                      ◀── Evaluated, 32 bytes ──  key · blind_i · H(x_i), in the same order
//!   F(x_i)                                     F
//! ```
//! F(x) = SHA-512(len(x) ‖ x ‖ len(N) ‖ N ‖ "Finalize"), N = key · H(x).
//!
//! | RFC 9497 | here |
//! |---|---|
//! | `input` | an item, x_i: 16 bytes |
//! | `blind` | drawn for each item, by its index, from one seed; drawn again when it is inverted |
//! | `skS` | [`rfc9497::SecretKey`] |
//! | `blindedElement`, `evaluatedElement` | elements of the two messages |
//! | `output` | [`OprfOutput`](crate::oprf::OprfOutput) |
//!
//! # Security
//! Semi-honest. Each blind is uniformly random and used once, so that a blinded element is a
//! uniformly random element whatever the item: what the sender learns of the items is their padded
//! number and nothing else, even with unbounded computing power. That what the receiver learns of F
//! elsewhere is nothing rests on the one-more gap Diffie–Hellman assumption in ristretto255
//! (about 2^126), with the hashes as random oracles. The key is drawn for one session and never
//! used in another.
//!
//! Base mode proves nothing about the key: a dishonest sender can use another for each element, and
//! so make matches fail as it likes. It cannot add a match without knowing the item.

mod receiver;
pub mod rfc9497;
mod sender;
#[cfg(test)]
mod voprf_tests;

pub use receiver::Receiver;
pub use sender::Sender;
