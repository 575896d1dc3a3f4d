//! Shares of the noise values times Δ: the few products from which the silent part makes the many.
//!
//! Gilboa's multiplication, on base oblivious transfers: for bit j of Δ both keys k_{j,0}, k_{j,1} are the
//! receiver's, and k_{j,Δ_j} is the sender's. With G the stream of a key, and X^j the basis element of bit j,
//! the receiver sends u_j = G(k_{j,0}) + G(k_{j,1}) + y·X^j for the vector y of noise values. The sum over j of
//! G(k_{j,Δ_j}) + Δ_j·u_j, each put in the plane of its bit, is b, and that of G(k_{j,0}) is a; then
//! a = b + y·Δ.
//!
//! Sources: Gilboa, *Two Party RSA Key Generation*, CRYPTO 1999; Boyle, Couteau, Gilboa, Ishai, *Compressing
//! Vector OLE*, CCS 2018. What it leaks: nothing but the number of values, if the sender's other keys look
//! random to it.

use zeroize::{Zeroize, Zeroizing};

use crate::PsiError;
use crate::fixed_key::FixedKey;
use crate::gf::{Element, Field};

/// Bits of Δ, and base transfers that the shares take.
pub const DELTA_BITS: usize = 128;

/// The receiver's message, one row of `values.len()` elements for each bit of Δ, and its shares a.
///
/// # Errors
/// [`PsiError::Usage`] unless there is a pair of keys for each bit of Δ.
pub fn offer<B: Field>(keys: &[[u128; 2]], values: &[B::Element]) -> Result<(Vec<u8>, Vec<u128>), PsiError> {
    if keys.len() != DELTA_BITS {
        return Err(PsiError::Usage("the number of base transfers is not that of the bits of the secret"));
    }
    let mut message = Vec::with_capacity(DELTA_BITS * values.len() * B::Element::BYTES);
    let mut shares = vec![0; values.len()];
    for (bit, [zero, one]) in keys.iter().enumerate() {
        let (power, plane) = B::basis(bit);
        let (zero, one) = (stream::<B>(*zero, values.len()), stream::<B>(*one, values.len()));
        shares.iter_mut().zip(zero.iter()).for_each(|(share, own)| *share ^= B::place(*own, plane));
        let masked = values.iter().zip(zero.iter().zip(one.iter()));
        let masked: Vec<_> = masked.map(|(value, (zero, one))| *zero ^ *one ^ B::mul(*value, power)).collect();
        B::Element::write(&masked, &mut message);
    }
    Ok((message, shares))
}

/// The sender's shares b, which grow row by row.
pub struct Taken<B: Field> {
    delta: Zeroizing<u128>,
    keys: Zeroizing<Vec<u128>>,
    shares: Zeroizing<Vec<u128>>,
    rows: usize,
    field: std::marker::PhantomData<B>,
}

impl<B: Field> Taken<B> {
    /// For `count` values; `keys` are those that the bits of `delta` chose.
    ///
    /// # Errors
    /// [`PsiError::Usage`] unless there is a key for each bit of Δ.
    pub fn new(delta: u128, keys: Zeroizing<Vec<u128>>, count: usize) -> Result<Self, PsiError> {
        if keys.len() != DELTA_BITS {
            return Err(PsiError::Usage("the number of base transfers is not that of the bits of the secret"));
        }
        let shares = Zeroizing::new(vec![0; count]);
        Ok(Self { delta: Zeroizing::new(delta), keys, shares, rows: 0, field: std::marker::PhantomData })
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.shares.len() * B::Element::BYTES
    }

    /// Takes the next rows of the receiver's message.
    ///
    /// # Errors
    /// [`PsiError::Peer`] for a part of a row, or more rows than there are bits.
    pub fn absorb(&mut self, rows: &[u8]) -> Result<(), PsiError> {
        if self.row_bytes() == 0 || !rows.len().is_multiple_of(self.row_bytes()) {
            return Err(PsiError::Peer("a part of a row of masked noise"));
        }
        for row in rows.chunks_exact(self.row_bytes()) {
            let key = self.keys.get(self.rows).ok_or(PsiError::Peer("more masked noise than agreed"))?;
            let own = stream::<B>(*key, self.shares.len());
            let chosen = B::Element::truncate((*self.delta >> self.rows & 1).wrapping_neg());
            let (_, plane) = B::basis(self.rows);
            for (share, (own, sent)) in self.shares.iter_mut().zip(own.iter().zip(B::Element::read(row))) {
                *share ^= B::place(*own ^ (sent & chosen), plane);
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// b, once all rows are there.
    ///
    /// # Errors
    /// [`PsiError::Peer`] if some are missing.
    pub fn finish(mut self) -> Result<Zeroizing<Vec<u128>>, PsiError> {
        if self.rows != DELTA_BITS {
            return Err(PsiError::Peer("less masked noise than agreed"));
        }
        Ok(std::mem::take(&mut self.shares))
    }
}

/// The first `count` elements of the stream of `key`.
fn stream<B: Field>(key: u128, count: usize) -> Zeroizing<Vec<B::Element>> {
    let mut bytes = key.to_le_bytes();
    let stream = FixedKey::new(&bytes);
    bytes.zeroize();
    let mut blocks = Zeroizing::new((0..count as u128).collect::<Vec<_>>());
    blocks.truncate((count * B::Element::BYTES).div_ceil(16));
    stream.permute(&mut blocks);
    let mut elements = Zeroizing::new(Vec::with_capacity(blocks.len() * 16 / B::Element::BYTES));
    elements.extend(blocks.iter().flat_map(|block| B::Element::cut(*block)));
    elements.truncate(count);
    elements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gf::{Gf64, Gf128};

    const DELTA: u128 = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3211;

    fn keys() -> Vec<[u128; 2]> {
        (0..DELTA_BITS as u128).map(|bit| [3 * bit + 1, 5 << 64 | bit]).collect()
    }

    fn chosen() -> Zeroizing<Vec<u128>> {
        let choose = |(bit, [zero, one]): (usize, &[u128; 2])| if DELTA >> bit & 1 == 1 { *one } else { *zero };
        Zeroizing::new(keys().iter().enumerate().map(choose).collect())
    }

    fn shares_differ_by_delta_times_the_value<B: Field>(values: &[B::Element]) {
        let (message, own) = offer::<B>(&keys(), values).unwrap();
        let mut taken = Taken::<B>::new(DELTA, chosen(), values.len()).unwrap();
        let row = taken.row_bytes();
        assert_eq!(message.len(), 128 * row);
        for part in [0..row, row..40 * row, 40 * row..128 * row] {
            taken.absorb(&message[part]).unwrap();
        }
        let theirs = taken.finish().unwrap();
        for ((own, theirs), value) in own.iter().zip(theirs.iter()).zip(values) {
            assert_eq!(own ^ theirs, B::scale(DELTA, *value));
        }
    }

    #[test]
    fn shares_are_correlated() {
        shares_differ_by_delta_times_the_value::<Gf64>(&[1, 2, 0, u64::MAX, 0x1234_5678_9abc_def0]);
        shares_differ_by_delta_times_the_value::<Gf128>(&[1, 0, u128::MAX, 0x1234 << 100 | 77]);
    }

    const PINNED_SHARE: u128 = 82_119_927_088_645_279_423_333_829_043_627_811_726;

    #[test]
    fn bytes_are_pinned() {
        let (message, shares) = offer::<Gf64>(&keys(), &[7, 9]).unwrap();
        assert_eq!(hex::encode(&message[..16]), "795324e9e51bb77c6fa3c26051fb8896");
        assert_eq!(shares[0], PINNED_SHARE);
    }

    #[test]
    fn rows_that_do_not_fit_are_the_peers_fault() {
        let taken = || Taken::<Gf64>::new(DELTA, chosen(), 3).unwrap();
        assert!(matches!(taken().absorb(&[0; 23]), Err(PsiError::Peer(_))));
        assert!(matches!(taken().absorb(&vec![0; 24 * 129]), Err(PsiError::Peer(_))));
        let mut short = taken();
        short.absorb(&vec![0; 24 * 127]).unwrap();
        assert!(matches!(short.finish(), Err(PsiError::Peer(_))));
        assert!(matches!(offer::<Gf64>(&keys()[1..], &[1]), Err(PsiError::Usage(_))));
        assert!(matches!(Taken::<Gf64>::new(0, Zeroizing::new(vec![0; 127]), 1), Err(PsiError::Usage(_))));
    }
}
