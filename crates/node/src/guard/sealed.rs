//! Blocks of a file, each sealed under a key of that file and bound to its place in it.
//!
//! ```text
//! key of a file = HKDF-SHA-256(salt: id of the file, sealing key, "yuandang earlier input v1")
//! block         = ChaCha20-Poly1305(key, nonce: number of the block, bound to: id ‖ number)
//! ```
//!
//! An id is drawn for each file and a number is used once in it, so no nonce is used twice under one key.

use std::{fmt, str::FromStr};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use zeroize::Zeroizing;

use super::error::GuardError;
use crate::prepare::random;

const CONTEXT: &[u8] = b"yuandang earlier input v1";

/// Bytes that sealing adds to a block.
pub(super) const SEAL: usize = 16;

/// What tells a file from all others; its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(pub(super) [u8; 16]);

impl FileId {
    /// One that no file has.
    pub(super) fn fresh() -> Result<Self, GuardError> {
        let bytes = random()?;
        Ok(Self(bytes.first_chunk().copied().unwrap_or_default()))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for FileId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// Seals and opens the blocks of one file.
pub(super) struct Sealing {
    id: FileId,
    key: LessSafeKey,
}

impl Sealing {
    pub(super) fn new(sealing_key: &[u8; 32], id: FileId) -> Result<Self, GuardError> {
        let key = derived(&id.0, sealing_key, &[CONTEXT])?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice());
        Ok(Self { id, key: LessSafeKey::new(key.map_err(|_| GuardError::Fault("a key of the wrong length"))?) })
    }

    /// Seals what is in `bytes` from `from` on, as block `number`.
    pub(super) fn seal(&self, number: u64, bytes: &mut Vec<u8>, from: usize) -> Result<(), GuardError> {
        let (nonce, bound) = self.place(number);
        let block = bytes.get_mut(from..).unwrap_or_default();
        let tag = self.key.seal_in_place_separate_tag(nonce, bound, block);
        bytes.extend_from_slice(tag.map_err(|_| GuardError::Fault("a block could not be sealed"))?.as_ref());
        Ok(())
    }

    /// Opens block `number` where it is; nothing if it is not what was sealed.
    pub(super) fn open<'a>(&self, number: u64, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (nonce, bound) = self.place(number);
        self.key.open_in_place(nonce, bound, sealed).ok().map(|block| &*block)
    }

    fn place(&self, number: u64) -> (Nonce, Aad<[u8; 24]>) {
        let (mut nonce, mut bound) = ([0; 12], [0; 24]);
        nonce.iter_mut().zip(number.to_le_bytes()).for_each(|(to, byte)| *to = byte);
        bound.iter_mut().zip(self.id.0.into_iter().chain(number.to_le_bytes())).for_each(|(to, byte)| *to = byte);
        (Nonce::assume_unique_for_key(nonce), Aad::from(bound))
    }
}

/// 32 bytes that follow from a secret and say nothing of it.
pub(super) fn derived(salt: &[u8], secret: &[u8; 32], info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, GuardError> {
    let mut bytes = Zeroizing::new([0; 32]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let expanded = extracted.expand(info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut_slice()));
    expanded.map(|()| bytes).map_err(|_| GuardError::Fault("no key could be derived"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(sealing: &Sealing, number: u64) -> Vec<u8> {
        let mut bytes = b"headblock".to_vec();
        sealing.seal(number, &mut bytes, 4).unwrap();
        bytes.split_off(4)
    }

    #[test]
    fn a_block_opens_in_its_own_place_alone() {
        let of = |key: u8, id: u8| Sealing::new(&[key; 32], FileId([id; 16])).unwrap();
        let block = sealed(&of(1, 1), 7);
        assert_eq!(block.len(), 5 + SEAL);
        assert_eq!(of(1, 1).open(7, &mut block.clone()), Some(b"block".as_slice()));
        for (key, id, number) in [(2, 1, 7), (1, 2, 7), (1, 1, 8)] {
            assert_eq!(of(key, id).open(number, &mut block.clone()), None, "{key} {id} {number}");
        }
        for place in 0..block.len() {
            let mut changed = block.clone();
            changed[place] ^= 1;
            assert_eq!(of(1, 1).open(7, &mut changed), None);
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = FileId::fresh().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("12".parse::<FileId>().is_err() && "g".repeat(32).parse::<FileId>().is_err());
    }
}
