//! Randomness of a party: everything follows from one seed, by name and by index.

use chacha20::ChaCha20Rng;
use curve25519_dalek::Scalar;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// 32 uniformly random bytes, from which a party makes all that it draws in one session.
pub type Seed = Zeroizing<[u8; 32]>;

/// A named source of random blocks, each 64 bytes long and found by its index, so that what was
/// drawn need not be kept.
#[derive(Clone)]
pub(crate) struct Randomness {
    key: Seed,
}

impl Randomness {
    /// The source named `label` under `seed`, in session `session_id`: a seed that is used twice by
    /// mistake still gives fresh values.
    pub(crate) fn new(seed: &Seed, session_id: &[u8; 32], label: &str) -> Self {
        let mut digest = Sha512::new()
            .chain_update(b"yuandang psi randomness v1")
            .chain_update(seed.as_slice())
            .chain_update(session_id)
            .chain_update(label.as_bytes())
            .finalize();
        let mut key = Seed::default();
        key.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        digest.as_mut_slice().zeroize();
        Self { key }
    }

    /// The blocks from the one at `index` on.
    pub(crate) fn stream(&self, index: u64) -> Blocks {
        let mut stream = ChaCha20Rng::from_seed(*self.key);
        stream.set_block_pos(index);
        Blocks { stream }
    }

    /// 32 bytes for a use that wants a seed of its own.
    pub(crate) fn seed(&self) -> Seed {
        Zeroizing::new(self.stream(0).next())
    }
}

/// Random blocks, one after the other.
pub(crate) struct Blocks {
    stream: ChaCha20Rng,
}

impl Blocks {
    /// The first `N` bytes of the next block.
    pub(crate) fn next<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 64) };
        let mut block = Zeroizing::new([0; 64]);
        self.stream.fill_bytes(block.as_mut_slice());
        let mut out = [0; N];
        out.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        out
    }

    /// A uniformly random scalar that is not zero.
    pub(crate) fn next_scalar(&mut self) -> Scalar {
        let mut block = self.next::<64>();
        let scalar = Scalar::from_bytes_mod_order_wide(&block);
        block.zeroize();
        // Zero comes up once in 2^252 draws; it would undo a whole batch inversion.
        if scalar == Scalar::ZERO { Scalar::ONE } else { scalar }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn randomness(label: &str) -> Randomness {
        Randomness::new(&Seed::new([1; 32]), &[2; 32], label)
    }

    #[test]
    fn blocks_are_found_by_index() {
        let mut from_start = randomness("a").stream(0);
        let blocks: Vec<[u8; 64]> = (0..20).map(|_| from_start.next()).collect();
        for index in [0, 1, 3, 4, 5, 17] {
            let mut stream = randomness("a").stream(index as u64);
            assert_eq!(stream.next::<64>(), blocks[index]);
            assert_eq!(stream.next::<16>(), blocks[index + 1][..16]);
            assert_eq!(stream.next::<64>(), blocks[index + 2]);
        }
    }

    #[test]
    fn label_session_and_seed_all_matter() {
        let seeds = [
            randomness("a").seed(),
            randomness("b").seed(),
            Randomness::new(&Seed::new([1; 32]), &[3; 32], "a").seed(),
            Randomness::new(&Seed::new([0; 32]), &[2; 32], "a").seed(),
        ];
        assert!(seeds.iter().enumerate().all(|(i, seed)| !seeds[..i].contains(seed)));
    }
}
