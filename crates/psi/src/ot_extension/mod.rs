//! Many oblivious transfers from 128: the extension of Ishai, Kilian, Nissim and Petrank (CRYPTO 2003,
//! Section 3) for semi-honest parties.
//!
//! The roles turn round: who sent in the [base transfers](crate::base_ot) receives here. It has 128
//! pairs of keys k_j,0 and k_j,1 and a bit c_i for each transfer i; the other side has Δ of 128 bits
//! and the keys k_j,Δj.
//!
//! # Message
//! ```text
//! receiver                                          sender
//!   u_j = G(k_j,0) ⊕ G(k_j,1) ⊕ c   ── 128 columns ──▶   q_j = G(k_j,Δj) ⊕ Δj·u_j
//!   rows t_i of the columns G(k_j,0)                rows q_i = t_i ⊕ c_i·Δ
//!   key H(i, t_i)                                   keys H(i, q_i), H(i, q_i ⊕ Δ)
//! ```
//! For k transfers a column is ⌈k/8⌉ bytes, bit i at place i mod 8 of byte ⌊i/8⌋. G is AES-128 of the
//! numbers 0, 1, … under the base key. H(i, v) = π(π(v) ⊕ i) ⊕ π(v), where π is AES-128 under a public
//! key of the session: `TMMO` of Guo, Katz, Wang and Yu (S&P 2020).
//!
//! # Security
//! Semi-honest. A column is masked by G(k_j,1−Δj), which the sender does not know: it learns nothing of
//! the bits if AES is a pseudorandom function, nor does the length say more than k. That the receiver
//! learns nothing of the keys that it did not choose rests on Δ being uniformly random and H tweakably
//! correlation robust, which it is if π is a random permutation. Δ and the base keys must serve one
//! extension only. A dishonest receiver may send columns of different c and so learn bits of Δ: nothing
//! here checks that.
//!
//! The time depends on the number of transfers alone.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;
mod transpose;

pub use receiver::receive;
pub use sender::send;

use zeroize::Zeroizing;

use crate::PsiError;
use crate::fixed_key::FixedKey;
use transpose::{WIDTH, transpose};

/// Base transfers, and bits of Δ: κ of the paper.
pub const BASE_TRANSFERS: usize = WIDTH;

/// Bytes of one of the 128 columns of the message for `transfers` transfers.
#[must_use]
pub fn column_bytes(transfers: usize) -> usize {
    transfers.div_ceil(8)
}

/// The refusal of a wrong number of base keys.
const BASE_KEYS: PsiError = PsiError::Usage("an extension takes 128 base transfers");

/// G, as far as `transfers` bits need it: 128 bits a block.
fn column(key: u128, transfers: usize) -> Zeroizing<Vec<u128>> {
    let mut blocks = Zeroizing::new((0..).take(transfers.div_ceil(WIDTH)).collect::<Vec<_>>());
    FixedKey::new(&key.to_le_bytes()).permute(&mut blocks);
    blocks
}

/// The rows of the matrix that has `columns`, 128 of them, of `transfers` bits each.
fn rows(columns: &[Zeroizing<Vec<u128>>], transfers: usize) -> Zeroizing<Vec<u128>> {
    let mut rows = Zeroizing::new(vec![0; transfers.next_multiple_of(WIDTH)]);
    let (squares, _) = rows.as_chunks_mut::<WIDTH>();
    for (i, square) in squares.iter_mut().enumerate() {
        for (row, column) in square.iter_mut().zip(columns) {
            *row = column.get(i).copied().unwrap_or_default();
        }
        transpose(square);
    }
    rows.truncate(transfers);
    rows
}

/// H.
struct Hash {
    permutation: FixedKey,
}

impl Hash {
    fn new(session_id: &[u8; 32]) -> Self {
        Self { permutation: FixedKey::public(session_id, "ot extension") }
    }

    /// Puts H(i, v) in the place of each v, where i is its place.
    fn apply(&self, rows: &mut [u128]) {
        let mut images = Zeroizing::new(vec![0; rows.len()]);
        self.permutation.permute_into(rows, &mut images);
        for ((row, image), i) in rows.iter_mut().zip(images.iter()).zip(0..) {
            *row = image ^ i;
        }
        self.permutation.permute(rows);
        rows.iter_mut().zip(images.iter()).for_each(|(row, image)| *row ^= image);
    }
}
