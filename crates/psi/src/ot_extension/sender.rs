//! The sender: has both keys of each transfer.

use zeroize::Zeroizing;

use super::{BASE_KEYS, BASE_TRANSFERS, Hash, column, column_bytes, rows};
use crate::PsiError;

/// Both keys of each of `transfers` transfers, from the receiver's message.
///
/// `base` are the keys from base transfers in which this side chose by the bits of `delta`, the
/// least significant first.
///
/// # Errors
/// [`PsiError::Peer`] unless the message is 128 columns of [`column_bytes`] bytes,
/// [`PsiError::Usage`] unless there are 128 base keys.
pub fn send(
    session_id: &[u8; 32],
    base: &[u128],
    delta: u128,
    transfers: usize,
    message: &[u8],
) -> Result<Zeroizing<Vec<[u128; 2]>>, PsiError> {
    if base.len() != BASE_TRANSFERS {
        return Err(BASE_KEYS);
    }
    let zeros = correlated(base, delta, transfers, message)?;
    let mut keys = Zeroizing::new(vec![[0; 2]; transfers]);
    let hash = Hash::new(session_id);
    let mut one_side = |offset: u128, side: fn(&mut [u128; 2]) -> &mut u128| {
        let mut rows = zeros.clone();
        rows.iter_mut().for_each(|row| *row ^= offset);
        hash.apply(&mut rows);
        keys.iter_mut().zip(rows.iter()).for_each(|(pair, key)| *side(pair) = *key);
    };
    one_side(0, |[zero, _]| zero);
    one_side(delta, |[_, one]| one);
    Ok(keys)
}

/// The rows q_i, which differ from those of the receiver by Δ where it chose one.
pub(super) fn correlated(
    base: &[u128],
    delta: u128,
    transfers: usize,
    message: &[u8],
) -> Result<Zeroizing<Vec<u128>>, PsiError> {
    let width = column_bytes(transfers);
    if message.len() != BASE_TRANSFERS * width {
        return Err(PsiError::Peer("columns of another length than the number of transfers asks for"));
    }
    // Without transfers there is nothing to cut.
    let received = message.chunks(width.max(1)).chain(std::iter::repeat(&[][..]));
    let columns = base.iter().zip(received).zip(0u32..).map(|((key, received), j)| {
        let mask = 0u128.wrapping_sub(delta >> j & 1);
        let mut column = column(*key, transfers);
        for (block, bytes) in column.iter_mut().zip(received.chunks(16)) {
            let mut padded = [0; 16];
            padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            *block ^= u128::from_le_bytes(padded) & mask;
        }
        column
    });
    Ok(rows(&columns.collect::<Vec<_>>(), transfers))
}
