//! AES-128 under a fixed key, as a permutation of 16-byte blocks (FIPS 197).
//!
//! Blocks are numbers, the first byte the least significant.
//!
//! Where a key is public and the permutation stands for a random one, π(v) ⊕ v cannot be inverted
//! ([`FixedKey::feed_forward`]); where it is secret, the images of counters are a stream of random
//! blocks. The time depends on the number of blocks alone where the processor has AES instructions,
//! and in the bitsliced code that serves elsewhere.

#[cfg(target_arch = "x86_64")]
mod vaes;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use sha2::{Digest, Sha512};

/// What the derivation of a public key begins with.
const PUBLIC_CONTEXT: &[u8] = b"yuandang psi fixed key v1";

/// Blocks that go through the portable cipher at a time.
const BATCH: usize = 64;

/// The permutation for one key. The key is overwritten when it is dropped.
#[derive(Clone)]
pub struct FixedKey {
    cipher: Cipher,
}

#[derive(Clone)]
enum Cipher {
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::Kernel),
    Portable(Portable),
}

impl FixedKey {
    /// The permutation for `key`.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = vaes::Kernel::new(key) {
            return Self { cipher: Cipher::Vaes(kernel) };
        }
        Self { cipher: Cipher::Portable(Portable::new(key)) }
    }

    /// The permutation under a public key, one for each session and `label`: the first 16 bytes of
    /// SHA-512("yuandang psi fixed key v1" ‖ session id ‖ label).
    #[must_use]
    pub fn public(session_id: &[u8; 32], label: &str) -> Self {
        let digest = Sha512::new()
            .chain_update(PUBLIC_CONTEXT)
            .chain_update(session_id)
            .chain_update(label.as_bytes())
            .finalize();
        Self::new(digest.first_chunk().unwrap_or(&[0; 16]))
    }

    /// Puts the image of each block in its place.
    pub fn permute(&self, blocks: &mut [u128]) {
        match &self.cipher {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(kernel) => kernel.in_place::<false>(blocks),
            Cipher::Portable(cipher) => cipher.in_place::<false>(blocks),
        }
    }

    /// Writes the image of each block of `from` to `to`: as many as the shorter of both has.
    pub fn permute_into(&self, from: &[u128], to: &mut [u128]) {
        match &self.cipher {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(kernel) => kernel.apart::<false>(from, to),
            Cipher::Portable(cipher) => cipher.apart::<false>(from, to),
        }
    }

    /// Writes π(v) ⊕ v for each block v of `from` to `to`: as many as the shorter of both has.
    pub fn feed_forward(&self, from: &[u128], to: &mut [u128]) {
        match &self.cipher {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(kernel) => kernel.apart::<true>(from, to),
            Cipher::Portable(cipher) => cipher.apart::<true>(from, to),
        }
    }

    /// Puts π(v) ⊕ v in the place of each block v.
    pub fn feed_forward_in_place(&self, blocks: &mut [u128]) {
        match &self.cipher {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(kernel) => kernel.in_place::<true>(blocks),
            Cipher::Portable(cipher) => cipher.in_place::<true>(blocks),
        }
    }
}

/// The cipher of the `aes` crate, which picks among AES instructions and bitsliced code itself.
#[derive(Clone)]
struct Portable(Aes128);

impl Portable {
    fn new(key: &[u8; 16]) -> Self {
        Self(Aes128::new(&Array::from(*key)))
    }

    fn in_place<const FEED: bool>(&self, blocks: &mut [u128]) {
        let mut batch = [Array::from([0; 16]); BATCH];
        for blocks in blocks.chunks_mut(BATCH) {
            batch.iter_mut().zip(blocks.iter()).for_each(|(to, from)| *to = Array::from(from.to_le_bytes()));
            if let Some(batch) = batch.get_mut(..blocks.len()) {
                self.0.encrypt_blocks(batch);
            }
            for (block, image) in blocks.iter_mut().zip(&batch) {
                let fed = if FEED { *block } else { 0 };
                *block = u128::from_le_bytes((*image).into()) ^ fed;
            }
        }
    }

    fn apart<const FEED: bool>(&self, from: &[u128], to: &mut [u128]) {
        for (from, to) in from.chunks(BATCH).zip(to.chunks_mut(BATCH)) {
            let count = from.len().min(to.len());
            if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
                to.copy_from_slice(from);
                self.in_place::<FEED>(to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(hex: &str) -> u128 {
        u128::from_le_bytes(hex::decode(hex).unwrap().try_into().unwrap())
    }

    fn both(key: &[u8; 16]) -> [FixedKey; 2] {
        [FixedKey::new(key), FixedKey { cipher: Cipher::Portable(Portable::new(key)) }]
    }

    /// Appendices B and C.1 of FIPS 197.
    #[test]
    fn the_examples_of_fips_197() {
        let examples = [
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "3243f6a8885a308d313198a2e0370734",
                "3925841d02dc09fbdc118597196a0b32",
            ),
            (
                "000102030405060708090a0b0c0d0e0f",
                "00112233445566778899aabbccddeeff",
                "69c4e0d86a7b0430d8cdb78070b4c55a",
            ),
        ];
        for (key, plain, cipher) in examples {
            for fixed_key in both(&block(key).to_le_bytes()) {
                let mut blocks = [block(plain); 70];
                fixed_key.permute(&mut blocks);
                assert_eq!(blocks, [block(cipher); 70]);
            }
        }
    }

    proptest! {
        /// Every way of calling it, at every length around a batch of the kernel.
        #[test]
        fn all_ways_agree(key: [u8; 16], blocks in prop::collection::vec(any::<u128>(), 200)) {
            let [fast, portable] = both(&key);
            for length in 0..=blocks.len() {
                let input = &blocks[..length];
                let mut images = input.to_vec();
                portable.permute(&mut images);
                let fed: Vec<u128> = images.iter().zip(input).map(|(image, block)| image ^ block).collect();
                for fixed_key in [&fast, &portable] {
                    // One block more on either side, which must stay as it is.
                    let mut buffer = vec![7; length + 2];
                    fixed_key.permute_into(input, &mut buffer[1..=length]);
                    prop_assert_eq!((buffer[0], &buffer[1..=length], buffer[length + 1]), (7, &images[..], 7));
                    fixed_key.feed_forward(input, &mut buffer[1..=length]);
                    prop_assert_eq!((buffer[0], &buffer[1..=length], buffer[length + 1]), (7, &fed[..], 7));
                    buffer[1..=length].copy_from_slice(input);
                    fixed_key.permute(&mut buffer[1..=length]);
                    prop_assert_eq!((buffer[0], &buffer[1..=length], buffer[length + 1]), (7, &images[..], 7));
                    buffer[1..=length].copy_from_slice(input);
                    fixed_key.feed_forward_in_place(&mut buffer[1..=length]);
                    prop_assert_eq!((buffer[0], &buffer[1..=length], buffer[length + 1]), (7, &fed[..], 7));
                }
            }
        }
    }

    #[test]
    fn public_keys_depend_on_session_and_label() {
        let image = |session: [u8; 32], label: &str| {
            let mut blocks = [1];
            FixedKey::public(&session, label).permute(&mut blocks);
            blocks
        };
        let key: [u8; 64] = Sha512::digest([PUBLIC_CONTEXT, &[1; 32], b"a"].concat()).into();
        let mut expected = [1];
        FixedKey::new(key.first_chunk().unwrap()).permute(&mut expected);
        assert_eq!(image([1; 32], "a"), expected);
        assert_ne!(image([1; 32], "b"), expected);
        assert_ne!(image([2; 32], "a"), expected);
    }

    #[test]
    fn the_shorter_side_counts() {
        for fixed_key in both(&[9; 16]) {
            let mut to = [0; 3];
            fixed_key.permute_into(&[1; 150], &mut to);
            assert!(to[0] != 0 && to == [to[0]; 3]);
            let mut longer = [0; 150];
            fixed_key.permute_into(&[1; 3], &mut longer);
            assert_eq!((&longer[..3], &longer[3..]), (&to[..], &[0; 147][..]));
        }
    }
}
