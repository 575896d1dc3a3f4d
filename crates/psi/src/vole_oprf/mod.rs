//! Oblivious pseudorandom function from a vector oblivious linear evaluation and a key-value store: Raghuraman
//! and Rindal, *Blazing Fast PSI from Improved OKVS and Subfield VOLE*, CCS 2022, Figure 11, against
//! semi-honest parties.
//!
//! # The function
//! The receiver encodes its items as a vector P over B with ⟨row(x), P⟩ = h(x) ([`okvs`](crate::okvs)), and the
//! parties have C = B + Δ·A′ ([`subfield_vole`](crate::subfield_vole)). The receiver sends A = P + A′. The sender
//! has K = B + Δ·A = C + Δ·P, and so
//! ```text
//! receiver at x:  ⟨row(x), C⟩                    sender at y:  ⟨row(y), K⟩ + Δ·h(y)
//! ```
//! are the same if ⟨row(y), P⟩ = h(y), and otherwise differ by a multiple of Δ that is not zero. F is a hash of
//! this value and the item, which `matching` takes.
//!
//! # Messages
//! ```text
//! receiver                                              sender
//!   T                         ── BaseKey ──▶
//!                             ◀── BaseChoices ──          P_i, one for each bit of its two secrets
//!   columns of choices        ── Transfers ──▶
//!   masked noise              ── MaskedNoise ──▶
//!   which seed                ── RowSeed ──▶
//!                             ◀── Corrections ──          one element for each tree
//!   A                         ── MaskedVector ──▶
//! ```
//! The first two cross, and so do the last ones: A needs nothing of what the sender sends, and is on its way while
//! the sender still grows trees and the receiver has not seen them.
//!
//! | paper | here |
//! |---|---|
//! | Δ, A′, B, C | [`subfield_vole`](crate::subfield_vole) |
//! | P, row, r | [`okvs`](crate::okvs): a vector, [`Rows`](crate::okvs::Rows), [`RowSeed`](crate::okvs::RowSeed) |
//! | A, K | `MaskedVector`, the columns of an `Evaluation` |
//! | H_B | h: [`Rows::values`](crate::okvs::Rows::values) |
//! | H_o | [`Outputs::Unhashed`](crate::oprf::Outputs::Unhashed), hashed by `matching` |
//! | choice of B, ε, w, t | [`Plan`] |
//!
//! # Security
//! Semi-honest, with computational assumptions that docs/PROTOCOLS.md lists: that the code's outputs look
//! random (LPN with regular noise for an expand-convolute code with mixing; heuristic), the transfers (CDH in
//! ristretto255, random oracle), AES as a random permutation for trees, rows and hashes. What each side learns
//! is what an OPRF gives, but for one statistical term: with probability n_y/2^ℓ some item of the sender that
//! the receiver does not hold has a value free of Δ, and the receiver could test guesses of that item by itself.
//! [`Plan`] chooses ℓ so that this, and the failure of the store, stay within the error budget.
//!
//! A dishonest receiver can encode more items than n_x, and a dishonest party can learn bits of secrets by wrong
//! messages: nothing here checks for it. The malicious profile (the same paper, Figure 10 with its checks) is
//! another implementation of the traits that this one has.

mod encoding;
mod evaluation;
mod message;
mod own;
mod plan;
mod receiver;
mod sender;

pub use plan::{FieldChoice, MOST_ITEMS, Plan};
pub use receiver::Receiver;
pub use sender::Sender;

use crate::gf::Field;
use crate::lpn_code::CodeField;
use crate::okvs::Value;

/// A field that the function can be computed over.
trait VoleField: CodeField + Field<Element: Value> {}

impl VoleField for crate::gf::Gf64 {}
impl VoleField for crate::gf::Gf128 {}

#[cfg(test)]
mod tests;
