//! AES-128 under a fixed key, as a permutation of 16-byte blocks (FIPS 197).
//!
//! Blocks are numbers, the first byte the least significant.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// Blocks that go through the cipher at a time.
const BATCH: usize = 64;

/// The permutation for one key.
#[derive(Clone)]
pub struct FixedKey {
    cipher: Aes128,
}

impl FixedKey {
    /// The permutation for `key`.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self { cipher: Aes128::new(&Array::from(*key)) }
    }

    /// Puts the image of each block in its place.
    pub fn permute(&self, blocks: &mut [u128]) {
        let mut batch = [Array::from([0; 16]); BATCH];
        for blocks in blocks.chunks_mut(BATCH) {
            batch.iter_mut().zip(blocks.iter()).for_each(|(to, from)| *to = Array::from(from.to_le_bytes()));
            if let Some(batch) = batch.get_mut(..blocks.len()) {
                self.cipher.encrypt_blocks(batch);
            }
            blocks.iter_mut().zip(&batch).for_each(|(to, from)| *to = u128::from_le_bytes((*from).into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_fips_197() {
        // Appendix C.1.
        let key: Vec<u8> = (0..16).collect();
        let mut blocks =
            [u128::from_le_bytes(hex::decode("00112233445566778899aabbccddeeff").unwrap().try_into().unwrap()); 70];
        FixedKey::new(key.as_slice().try_into().unwrap()).permute(&mut blocks);
        assert!(blocks.iter().all(|block| hex::encode(block.to_le_bytes()) == "69c4e0d86a7b0430d8cdb78070b4c55a"));
    }
}
