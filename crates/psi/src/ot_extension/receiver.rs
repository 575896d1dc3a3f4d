//! The receiver: chooses one key of each transfer.

use zeroize::Zeroizing;

use super::{BASE_KEYS, BASE_TRANSFERS, Hash, column, column_bytes, rows};
use crate::PsiError;
use crate::choices::Choices;

/// The chosen key of each transfer, one transfer a bit of `choices`, and the message: the 128 columns
/// one after the other.
///
/// `base` are the pairs of keys from base transfers in which this side was the sender.
///
/// # Errors
/// [`PsiError::Usage`] unless there are 128 of them.
pub fn receive(
    session_id: &[u8; 32],
    base: &[[u128; 2]],
    choices: &Choices,
) -> Result<(Zeroizing<Vec<u128>>, Vec<u8>), PsiError> {
    if base.len() != BASE_TRANSFERS {
        return Err(BASE_KEYS);
    }
    let mut message = Vec::with_capacity(BASE_TRANSFERS * column_bytes(choices.len()));
    let columns = base.iter().map(|[zero, one]| {
        let (zero, one) = (column(*zero, choices.len()), column(*one, choices.len()));
        let masks = zero.iter().zip(one.iter()).flat_map(|(zero, one)| (zero ^ one).to_le_bytes());
        message.extend(choices.as_bytes().iter().zip(masks).map(|(choices, mask)| choices ^ mask));
        zero
    });
    let mut keys = rows(&columns.collect::<Vec<_>>(), choices.len());
    Hash::new(session_id).apply(&mut keys);
    Ok((keys, message))
}
