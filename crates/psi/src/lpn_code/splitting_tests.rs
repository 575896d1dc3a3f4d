//! The splitting attack: it finds all noise of a code without mixing, and none of the one in use.
//!
//! A binary code maps each bit of the symbols by itself, so outputs H·e, read as bit slices, are sums of the
//! columns of H at the noisy places; with no more noisy places than a symbol has bits, the slices span just
//! these columns, and a test of membership gives the noise away. With mixing, multiplication in B ties the
//! bits together and no slice of a column is in that span.

use super::LpnCode;
use crate::fixed_key::FixedKey;
use crate::gf::{Gf64, low};

const OUTPUTS: usize = 512;

/// One bit of each output.
type Slice = [u64; OUTPUTS / 64];

fn compress(code: &LpnCode<Gf64>, noise: &[(usize, u64)]) -> Vec<u64> {
    let mut vector = vec![0; 2 * OUTPUTS];
    noise.iter().for_each(|(place, value)| vector[*place] = *value);
    let mut parity = vector.split_off(OUTPUTS);
    code.accumulate(&mut parity).unwrap();
    code.expand(&parity, 0..OUTPUTS, &mut vector).unwrap();
    vector
}

/// The bit slices of `outputs`, those of zeros left out.
fn slices(outputs: &[u64]) -> Vec<Slice> {
    let slice = |bit: u32| {
        let mut slice = [0; OUTPUTS / 64];
        for (word, outputs) in slice.iter_mut().zip(outputs.chunks(64)) {
            *word = outputs.iter().rev().fold(0, |word, output| word << 1 | output >> bit & 1);
        }
        slice
    };
    (0..64).map(slice).filter(|slice| *slice != [0; OUTPUTS / 64]).collect()
}

/// A basis of a space of slices, each with the place of its first bit, which no other has.
struct Space(Vec<(usize, Slice)>);

impl Space {
    fn spanned_by(slices: &[Slice]) -> Self {
        let mut space = Self(Vec::new());
        for slice in slices {
            let rest = space.reduce(*slice);
            let first = (0..OUTPUTS).find(|place| rest[place / 64] >> (place % 64) & 1 == 1);
            space.0.extend(first.map(|first| (first, rest)));
        }
        space
    }

    fn reduce(&self, mut slice: Slice) -> Slice {
        for (first, member) in &self.0 {
            if slice[first / 64] >> (first % 64) & 1 == 1 {
                slice.iter_mut().zip(member).for_each(|(word, other)| *word ^= other);
            }
        }
        slice
    }

    fn contains(&self, slice: &Slice) -> bool {
        self.reduce(*slice) == [0; OUTPUTS / 64]
    }
}

/// One noisy symbol in each of `blocks` blocks, at a random place and with a random value.
fn noise(blocks: usize) -> Vec<(usize, u64)> {
    let block = 2 * OUTPUTS / blocks;
    let mut draws: Vec<u128> = (0..blocks as u128).collect();
    FixedKey::new(&[8; 16]).permute(&mut draws);
    draws
        .iter()
        .enumerate()
        .map(|(index, draw)| (block * index + usize::from((*draw >> 112) as u16) % block, low(*draw)))
        .collect()
}

/// Places of whose columns a slice is in the span of the outputs' slices.
fn found(code: &LpnCode<Gf64>, noise: &[(usize, u64)]) -> Vec<usize> {
    let space = Space::spanned_by(&slices(&compress(code, noise)));
    let shows = |place: &usize| slices(&compress(code, &[(*place, 1)])).iter().any(|slice| space.contains(slice));
    (0..2 * OUTPUTS).filter(shows).collect()
}

#[test]
fn without_mixing_the_noise_is_read_off_the_outputs() {
    for (seed, blocks) in [(1, 16), (2, 32), (3, 48)] {
        let code = LpnCode::<Gf64>::new([seed; 16], OUTPUTS).unwrap().without_mixing();
        let noise = noise(blocks);
        let places: Vec<_> = noise.iter().map(|(place, _)| *place).collect();
        assert_eq!(found(&code, &noise), places);
    }
}

#[test]
fn with_mixing_the_same_test_finds_nothing() {
    for (seed, blocks) in [(1, 16), (2, 32), (3, 48)] {
        let code = LpnCode::<Gf64>::new([seed; 16], OUTPUTS).unwrap();
        assert_eq!(found(&code, &noise(blocks)), []);
    }
}
