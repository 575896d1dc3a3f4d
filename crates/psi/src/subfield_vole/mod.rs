//! Silent vector oblivious linear evaluation over a subfield: from a few hundred products to millions, with no
//! further message.
//!
//! The receiver ends with A′ over B and C over F, the sender with Δ of F and B over F, and
//! ```text
//! C = B + Δ·A′
//! ```
//! where A′ looks uniform to the sender and Δ to the receiver. B is [`Gf64`](crate::gf::Gf64), with Δ in its
//! square, or [`Gf128`](crate::gf::Gf128).
//!
//! # How
//! 1. The receiver draws a noise vector e of 2m symbols over B with one noisy symbol y_i in each of t blocks, at
//!    the place p_i ([`Noise`]).
//! 2. Base transfers give shares of y_i·Δ: a_i = b_i + y_i·Δ ([`noise_shares`]).
//! 3. A punctured tree for each block gives the sender pseudorandom v_B of 2m symbols of F, and the receiver the
//!    same but for the places p_i, where it has v_B + b_i ([`pprf`](crate::pprf)). It adds a_i there, and has
//!    v_A = v_B + e·Δ.
//! 4. Both multiply by the code H ([`lpn_code`](crate::lpn_code)): A′ = H·e, C = H·v_A, B = H·v_B.
//!
//! A′ depends on nothing that the sender does, so the receiver has it before the first message came.
//!
//! | paper | here |
//! |---|---|
//! | e, y_i, p_i | [`Noise`], `values`, `points` |
//! | N = 2m, t | [`Shape`] |
//! | H | [`LpnCode`], from a seed that is a hash of the session id |
//!
//! Sources: Boyle, Couteau, Gilboa, Ishai, *Compressing Vector OLE*, CCS 2018; Schoppmann, Gascón, Reichert,
//! Raykova, *Distributed Vector-OLE*, CCS 2019; Raghuraman, Rindal, *Blazing Fast PSI*, CCS 2022, 2.4 (the
//! subfield variant). Semi-honest. A vector serves one run: two different uses of A′ under one Δ would show the
//! sender their difference.

pub mod noise_shares;
mod stretch;
#[cfg(test)]
mod tests;

pub use stretch::Stretch;

use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::gf::{Element, Field};
use crate::lpn_code::noise::Shape;
use crate::lpn_code::{CodeField, LpnCode};
use crate::pprf::{Forest, Points};
use crate::randomness::Randomness;
use crate::{PsiError, Seed};

/// The code of a session: its seed is public, and fixed before any noise is drawn.
///
/// # Errors
/// [`PsiError::Usage`] if there is no code of that size.
pub fn code<B: Field>(session_id: &[u8; 32], shape: Shape) -> Result<LpnCode<B>, PsiError> {
    let digest = Sha512::new().chain_update(b"yuandang vole code v1").chain_update(session_id).finalize();
    let seed = digest.first_chunk().copied().unwrap_or_default();
    LpnCode::new(seed, shape.outputs())
}

/// The trees of a session, one for each block of noise.
///
/// # Errors
/// [`PsiError::Usage`] if there are none of that shape.
pub fn forest(session_id: &[u8; 32], shape: Shape) -> Result<Forest, PsiError> {
    Forest::new(session_id, shape.blocks(), shape.block_len())
}

/// The receiver's noise.
pub struct Noise<B: CodeField> {
    code: LpnCode<B>,
    shape: Shape,
    /// Where in its block each noisy symbol stands.
    points: Points,
    values: Zeroizing<Vec<B::Element>>,
}

impl<B: CodeField> Noise<B> {
    /// Draws noise of this shape, uniform in places and values, from `seed` and the session id.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if there is no code of that size.
    pub fn draw(session_id: &[u8; 32], shape: Shape, seed: &Seed) -> Result<Self, PsiError> {
        let code = code(session_id, shape)?;
        let points = Points::draw(&forest(session_id, shape)?, session_id, seed)?;
        let mut stream = Randomness::new(seed, session_id, "vole noise").stream(0);
        let mut values = Zeroizing::new(Vec::with_capacity(shape.blocks()));
        values.extend((0..shape.blocks()).map(|_| B::Element::truncate(u128::from_le_bytes(stream.next()))));
        Ok(Self { code, shape, points, values })
    }

    /// y_i, one for each block.
    #[must_use]
    pub fn values(&self) -> &[B::Element] {
        &self.values
    }

    /// p_i, where in its block each noisy symbol stands: the leaf at which the block's tree is punctured.
    #[must_use]
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// e, ready to become A′.
    ///
    /// # Errors
    /// [`PsiError::Usage`]: none in fact.
    pub fn masks(&self) -> Result<Stretch<B, B::Element>, PsiError> {
        let mut noise = vec![B::Element::default(); 2 * self.shape.outputs()];
        add_at(&mut noise, self.shape, &self.points, &self.values);
        Stretch::new(self.code.clone(), noise)
    }

    /// v_A, ready to become C: `leaves` of the punctured trees, with the shares `a` added.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if the leaves are not as many as the symbols.
    pub fn products(&self, mut leaves: Vec<u128>, a: &[u128]) -> Result<Stretch<B, u128>, PsiError> {
        add_at(&mut leaves, self.shape, &self.points, a);
        Stretch::new(self.code.clone(), leaves)
    }
}

/// Adds each of `values` at the point in its block.
fn add_at<S: Element>(vector: &mut [S], shape: Shape, points: &Points, values: &[S]) {
    for ((block, point), value) in vector.chunks_mut(shape.block_len()).zip(points.places()).zip(values) {
        if let Some(symbol) = block.get_mut(*point as usize) {
            *symbol ^= *value;
        }
    }
}
