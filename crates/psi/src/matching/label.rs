//! Labels: padded to one size, sealed under keys from the OPRF.
//!
//! A padded label of size L is its length in two bytes (big-endian), its bytes, and zeros up to L.
//! A row on the wire is a committing tag of 32 bytes and the padded label under ChaCha20-Poly1305
//! (RFC 8439): key from the same hash as the tag, nonce zero, since a key seals one label; associated
//! data session id ‖ tag. ChaCha20-Poly1305 alone does not commit to its key; the tag does, since tag
//! and key are halves of one SHA-512 value.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use zeroize::Zeroizing;

use super::derivation::RowSecret;
use crate::PsiError;

/// Bytes of a committing tag.
pub(super) const TAG_BYTES: usize = 32;

/// Bytes of a row beside its label: the committing tag, and 16 that sealing adds.
const ROW_OVERHEAD: u32 = 32 + 16;

/// Bytes before a padded label that hold its length.
const LENGTH_BYTES: usize = 2;

/// Smallest size of a padded label: its length alone.
pub const MIN_LABEL_SIZE: u32 = 2;

/// Largest size of a padded label.
pub const MAX_LABEL_SIZE: u32 = 2 + u16::MAX as u32;

/// Pads `label` to `size` bytes, the two of its length included.
///
/// # Errors
/// [`PsiError::Usage`] if it does not fit.
pub fn pad_label(label: &[u8], size: u32) -> Result<Vec<u8>, PsiError> {
    let mut padded = Vec::new();
    pad_into(label, size, &mut padded)?;
    Ok(padded)
}

fn pad_into(label: &[u8], size: u32, out: &mut Vec<u8>) -> Result<(), PsiError> {
    const TOO_LONG: PsiError = PsiError::Usage("a label is longer than the agreed size");
    let length = u16::try_from(label.len()).map_err(|_| TOO_LONG)?;
    let zeros = (size as usize).checked_sub(LENGTH_BYTES + label.len()).ok_or(TOO_LONG)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(label);
    out.resize(out.len() + zeros, 0);
    Ok(())
}

/// The label in `padded`.
///
/// # Errors
/// [`PsiError::Peer`] if it is not one that [`pad_label`] gives: the peer padded it.
pub fn unpad_label(padded: &[u8]) -> Result<&[u8], PsiError> {
    padded
        .split_first_chunk::<LENGTH_BYTES>()
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))))
        .filter(|(_, zeros)| zeros.iter().all(|byte| *byte == 0))
        .map(|(label, _)| label)
        .ok_or(PsiError::Peer("a label that is not padded as agreed"))
}

/// Labels of a sender, one for each item in the order of the items, all padded to one size.
pub struct Labels {
    size: u32,
    bytes: Vec<u8>,
    count: usize,
}

impl Labels {
    /// Pads each of `labels` to `size` bytes, the two of its length included.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if one does not fit, or the size is not from [`MIN_LABEL_SIZE`] to [`MAX_LABEL_SIZE`].
    pub fn new<L: AsRef<[u8]>>(size: u32, labels: impl IntoIterator<Item = L>) -> Result<Self, PsiError> {
        let mut out = Self { size: checked_size(size)?, bytes: Vec::new(), count: 0 };
        labels.into_iter().try_for_each(|label| out.push(label.as_ref()))?;
        Ok(out)
    }

    /// Adds the label of the next item.
    ///
    /// # Errors
    /// [`PsiError::Usage`] if it does not fit.
    pub fn push(&mut self, label: &[u8]) -> Result<(), PsiError> {
        pad_into(label, self.size, &mut self.bytes)?;
        self.count += 1;
        Ok(())
    }

    /// Bytes of a padded label.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Labels so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The padded label of item `index`; of an item that is padding, an empty one.
    fn get(&self, index: usize) -> Vec<u8> {
        let size = self.size as usize;
        let range = index.saturating_mul(size)..index.saturating_add(1).saturating_mul(size);
        self.bytes.get(range).map_or_else(|| vec![0; size], <[u8]>::to_vec)
    }
}

/// `size`, if labels may have it.
pub(super) fn checked_size(size: u32) -> Result<u32, PsiError> {
    if (MIN_LABEL_SIZE..=MAX_LABEL_SIZE).contains(&size) {
        Ok(size)
    } else {
        Err(PsiError::Usage("the size of a padded label is from 2 to 65,537 bytes"))
    }
}

/// Bytes of a row with labels of `size`, which is at most [`MAX_LABEL_SIZE`].
pub(super) fn row_width(size: u32) -> u32 {
    ROW_OVERHEAD.saturating_add(size)
}

/// Seals and opens the rows of one session.
pub(super) struct Rows {
    pub(super) session_id: [u8; 32],
}

impl Rows {
    /// The row of `secret`, with the label that stands at `index`, at the end of `out`.
    pub(super) fn seal(
        &self,
        secret: &RowSecret,
        labels: &Labels,
        index: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), PsiError> {
        let label = Zeroizing::new(labels.get(index));
        let payload = Payload { msg: &label, aad: &self.associated(&secret.tag) };
        let sealed = cipher(secret).encrypt(&Nonce::default(), payload);
        out.extend_from_slice(&secret.tag);
        out.extend_from_slice(&sealed.map_err(|_| PsiError::Usage("a label cannot be sealed"))?);
        Ok(())
    }

    /// The label that `sealed` holds, under the key that belongs to its tag; nothing if that key does not
    /// open it.
    pub(super) fn open(&self, secret: &RowSecret, sealed: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: sealed, aad: &self.associated(&secret.tag) };
        let label = Zeroizing::new(cipher(secret).decrypt(&Nonce::default(), payload).ok()?);
        Some(unpad_label(&label).ok()?.to_vec())
    }

    fn associated(&self, tag: &[u8; 32]) -> Vec<u8> {
        [self.session_id.as_slice(), tag].concat()
    }
}

fn cipher(secret: &RowSecret) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new((&*secret.key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> RowSecret {
        RowSecret::from_fields(&Zeroizing::new([byte; 64]))
    }

    #[test]
    fn padding_is_length_label_zeros() {
        assert_eq!(pad_label(b"abc", 8).unwrap(), *b"\x00\x03abc\0\0\0");
        assert_eq!(pad_label(b"", 2).unwrap(), [0, 0]);
        assert_eq!(pad_label(b"\xff", 3).unwrap(), [0, 1, 0xff]);
    }

    #[test]
    fn what_was_padded_comes_back() {
        for length in [0, 1, 17, 18] {
            let label = vec![0xee; length];
            assert_eq!(unpad_label(&pad_label(&label, 20).unwrap()), Ok(label.as_slice()));
        }
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        assert!(matches!(pad_label(b"abc", 4), Err(PsiError::Usage(_))));
        assert!(matches!(pad_label(b"", 1), Err(PsiError::Usage(_))));
        assert!(matches!(pad_label(&[0; 1 << 16], MAX_LABEL_SIZE + 1), Err(PsiError::Usage(_))));
        assert!(matches!(Labels::new(1, [b""; 0]), Err(PsiError::Usage(_))));
        assert!(matches!(Labels::new(MAX_LABEL_SIZE + 1, [b""; 0]), Err(PsiError::Usage(_))));
        assert!(pad_label(&[7; u16::MAX as usize], MAX_LABEL_SIZE).is_ok());
    }

    #[test]
    fn bad_padding_is_the_peers_fault() {
        let bad: [&[u8]; 5] = [b"", b"\0", b"\0\x04abc", b"\0\x01ab", b"\xff\xff"];
        for padded in bad {
            assert!(matches!(unpad_label(padded), Err(PsiError::Peer(_))), "{padded:?}");
        }
    }

    #[test]
    fn rows_open_under_their_own_secret_and_session_alone() {
        let labels = Labels::new(10, [b"first".as_slice(), b"second"]).unwrap();
        let (rows, other_session) = (Rows { session_id: [1; 32] }, Rows { session_id: [2; 32] });
        let mut row = Vec::new();
        rows.seal(&secret(5), &labels, 1, &mut row).unwrap();
        assert_eq!(row.len(), row_width(10) as usize);
        let (tag, sealed) = row.split_at(TAG_BYTES);
        assert_eq!(tag, [5; 32]);
        assert_eq!(rows.open(&secret(5), sealed), Some(b"second".to_vec()));
        let mut other_tag = secret(5);
        other_tag.tag[0] = 6;
        for (rows, secret) in [(&rows, secret(6)), (&other_session, secret(5)), (&rows, other_tag)] {
            assert_eq!(rows.open(&secret, sealed), None);
        }
    }

    #[test]
    fn random_items_have_an_empty_label() {
        let labels = Labels::new(6, [b"abc"]).unwrap();
        assert_eq!(labels.get(0), *b"\0\x03abc\0");
        assert_eq!(labels.get(1), [0; 6]);
        assert_eq!((labels.len(), labels.is_empty(), labels.size()), (1, false, 6));
    }
}
