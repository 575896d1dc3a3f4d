//! The commitment of a party to its prepared input, made before any key of a run exists.
//!
//! A salted Merkle root over the distinct items (docs/RUN-BINDING.md). It travels in the handshake
//! and stands in both parties' receipts, so that an auditor who is later given the items and the
//! secret can tell whether these were the items of the run, and so that single leaves can be opened.
//! With `‖` for joining bytes:
//!
//! ```text
//! key    = the first 16 bytes of SHA-256("yuandang salt key v4" ‖ secret)
//! salt_i = AES-128 of item_i under key                    16 bytes
//! leaf_i = SHA-256(0x00 ‖ salt_i ‖ item_i)
//! part_p = the tree over the leaves of the items whose first byte is p, in the order of the items
//! tree   = the tree over part_0 to part_255, each a leaf as it is
//! root   = SHA-256("yuandang input commitment v4" ‖ count ‖ tree)      count: eight bytes, big-endian
//! ```
//!
//! A tree is made level by level: sixteen neighbours become SHA-256(0x01 ‖ … ‖ …), and so do the last two to fifteen of a
//! level, while a last one that stands alone rises as it is. The tree over nothing is SHA-256 of nothing. A message's length says
//! how many nodes are in it and its first byte of which kind it is, so no two lists have one root unless SHA-256 has a
//! collision. (RFC 6962 pairs nodes. Sixteens take a third of the time, since a pair is one byte longer than a block.)
//!
//! An item has the size of a cipher's block, so its salt costs a tenth of what a hash would: as a pseudorandom permutation, AES is
//! a pseudorandom function but for n²/2^129, which is 2^-75 at 2^27 items. Without the key an opened leaf's salt says
//! nothing of another's.
//!
//! The parts let a set that is larger than memory be committed to part by part ([`Parts`]).
//!
//! **What it hides.** Items have little entropy: 10^11 possible resident IDs are tried in minutes.
//! The salts keep a root, and any opened leaf's neighbours, from being tried; whoever learns the
//! secret can try them. The count is inside the root and does not show. Whoever is shown an opened leaf and its
//! path learns from its place how many items have its first byte, about, and how many of them come before it. Two
//! leaves that are neighbours show that there is no item between theirs.

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use rayon::prelude::*;
use sha2::{Digest, Sha256, block_api::compress256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::key::CanonicalKey;

const SALT_CONTEXT: &[u8] = b"yuandang salt key v4";
const ROOT_CONTEXT: &[u8] = b"yuandang input commitment v4";

/// The byte that tells leaves from inner nodes, so that neither passes for the other.
const LEAF: u8 = 0;
const INNER: u8 = 1;

/// Hashes that are worked out side by side, since a processor overlaps those that do not wait for each
/// other.
const LANES: usize = 8;
/// Nodes that have one parent.
const ARITY: usize = 16;
/// Leaves that one thread takes at a time: a power of [`ARITY`], so that they are a subtree.
const PIECE: usize = 4096;

type Hash = [u8; 32];
type Block = [u8; 64];
type State = [u32; 8];

/// What SHA-256 starts with (FIPS 180-4, 5.3.3).
const START: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The root over `items`, which are distinct and in any order; `secret` is fresh for each run and
/// kept beside the receipt. Needs 16 bytes of memory for each item, and works in the rayon pool that it
/// is called in.
#[must_use]
pub fn commit(items: &[CanonicalKey], secret: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    let mut parts: Vec<Vec<CanonicalKey>> = vec![Vec::new(); PARTS];
    for item in items {
        if let Some(part) = parts.get_mut(part_of(item)) {
            part.push(*item);
        }
    }
    parts.par_iter_mut().for_each(|items| items.sort_unstable());
    let committed = parts.par_iter().map(|items| Part::new(items, secret)).collect::<Vec<_>>();
    let mut all = Parts::default();
    committed.into_iter().enumerate().for_each(|(index, part)| all.set(index, part));
    all.root()
}

/// Parts of a set, by the first byte of an item.
pub const PARTS: usize = 256;

/// The part that an item belongs to.
#[must_use]
pub fn part_of(item: &CanonicalKey) -> usize {
    let [first, ..] = item.0;
    first.into()
}

/// A part of a set, committed to.
#[derive(Clone, Copy)]
pub struct Part {
    count: u64,
    hash: Hash,
}

impl Part {
    /// Commits to the items of one part, distinct and ascending.
    #[must_use]
    pub fn new(items: &[CanonicalKey], secret: &Zeroizing<[u8; 32]>) -> Self {
        let salting = Salting::new(secret);
        let subtree = |space: &mut Vec<Hash>, items: &[CanonicalKey]| {
            space.resize(items.len(), [0; 32]);
            leaves(items, &salting, space);
            subtree_hash(space)
        };
        // Each piece is done with before it has left the cache.
        let pieces = items.par_chunks(PIECE).map_init(Vec::new, subtree).collect();
        // usize is at most 64 bits wide wherever this compiles.
        Self { count: items.len() as u64, hash: tree_hash(pieces) }
    }

    /// How many items there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// All parts of a set; those that were not set are empty.
pub struct Parts([Part; PARTS]);

impl Default for Parts {
    fn default() -> Self {
        Self([Part { count: 0, hash: Sha256::digest([]).into() }; PARTS])
    }
}

impl Parts {
    /// Sets the part of the items whose first byte is `index`.
    pub fn set(&mut self, index: usize, part: Part) {
        if let Some(place) = self.0.get_mut(index) {
            *place = part;
        }
    }

    /// Items of all parts.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(Part::count).sum()
    }

    /// The root over all of them.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut root = Sha256::new_with_prefix(ROOT_CONTEXT);
        root.update(self.count().to_be_bytes());
        root.update(tree_hash(self.0.iter().map(|part| part.hash).collect()));
        root.finalize().into()
    }
}

/// The leaves of a few items, in order.
fn leaves(items: &[CanonicalKey], salting: &Salting, leaves: &mut [Hash]) {
    let mut lanes = Lanes::default();
    for (leaves, items) in leaves.chunks_mut(LANES).zip(items.chunks(LANES)) {
        salting.leaves(&mut lanes, items, leaves);
    }
}

/// Messages of one block each, and the hashes that take them in. They hold salts on the way.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Lanes {
    blocks: [Block; LANES],
    states: [State; LANES],
}

impl Default for Lanes {
    fn default() -> Self {
        Self { blocks: [[0; 64]; LANES], states: [START; LANES] }
    }
}

impl Lanes {
    fn compress(&mut self) {
        for (state, block) in self.states.iter_mut().zip(&self.blocks) {
            compress256(state, std::slice::from_ref(block));
        }
    }
}

/// The cipher that makes salts. It erases its key when it is dropped.
struct Salting(Aes128);

impl Salting {
    fn new(secret: &Zeroizing<[u8; 32]>) -> Self {
        let hash: Zeroizing<Hash> =
            Zeroizing::new(Sha256::new_with_prefix(SALT_CONTEXT).chain_update(secret).finalize().into());
        let mut key = Array::from(hash.first_chunk::<16>().copied().unwrap_or_default());
        let cipher = Aes128::new(&key);
        key.as_mut_slice().zeroize();
        Self(cipher)
    }

    /// Writes the leaves of up to [`LANES`] items.
    fn leaves(&self, lanes: &mut Lanes, items: &[CanonicalKey], leaves: &mut [Hash]) {
        let mut salts = [Array::from([0; 16]); LANES];
        salts.iter_mut().zip(items).for_each(|(salt, item)| *salt = Array::from(item.0));
        self.0.encrypt_blocks(&mut salts);
        lanes.states = [START; LANES];
        for ((block, salt), item) in lanes.blocks.iter_mut().zip(&salts).zip(items) {
            block[0] = LEAF;
            block[1..17].copy_from_slice(salt);
            block[17..33].copy_from_slice(&item.0);
            end(block, 33, 0);
        }
        salts.iter_mut().for_each(|salt| salt.as_mut_slice().zeroize());
        lanes.compress();
        for (leaf, state) in leaves.iter_mut().zip(&lanes.states) {
            write(state, leaf);
        }
    }
}

/// Ends a message that has `used` bytes in its last block and `before` in the ones before: a bit, zeros, and
/// its length in bits (FIPS 180-4, 5.1.1).
fn end(block: &mut Block, used: u16, before: u16) {
    let (_, padding) = block.split_at_mut(used.into());
    padding.fill(0);
    if let Some(first) = padding.first_mut() {
        *first = 0x80;
    }
    block[62..].copy_from_slice(&((before + used) * 8).to_be_bytes());
}

/// A state as the bytes of its hash, into 32 bytes.
fn write(state: &State, to: &mut [u8]) {
    for (to, word) in to.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
}

/// The tree over `level`. Pieces are subtrees of it.
fn tree_hash(mut level: Vec<Hash>) -> Hash {
    while level.len() > PIECE {
        level = level.par_chunks_mut(PIECE).map(subtree_hash).collect();
    }
    if level.is_empty() { Sha256::digest([]).into() } else { subtree_hash(&mut level) }
}

/// The root over one leaf or more, worked out in place.
fn subtree_hash(nodes: &mut [Hash]) -> Hash {
    let mut width = nodes.len();
    while width > 1 {
        let whole = width / ARITY;
        for first in (0..whole).step_by(LANES) {
            let count = LANES.min(whole - first);
            let children = nodes.get(first * ARITY..(first + count) * ARITY).unwrap_or_default();
            let parents = parents(children.as_chunks().0);
            // Of children that have been read already.
            nodes.iter_mut().skip(first).zip(parents).take(count).for_each(|(node, parent)| *node = parent);
        }
        let rest = nodes.get(whole * ARITY..width).unwrap_or_default();
        let last = match rest {
            [] => None,
            [alone] => Some(*alone),
            several => Some(Sha256::new_with_prefix([INNER]).chain_update(several.as_flattened()).finalize().into()),
        };
        if let (Some(node), Some(last)) = (nodes.get_mut(whole), last) {
            *node = last;
        }
        width = width.div_ceil(ARITY);
    }
    nodes.first().copied().unwrap_or_default()
}

/// The parents of up to [`LANES`] families. A message has 513 bytes: eight blocks, and one byte in a ninth.
fn parents(families: &[[Hash; ARITY]]) -> [Hash; LANES] {
    const BLOCKS: usize = ARITY / 2;
    let mut lanes = Lanes::default();
    for index in 0..=BLOCKS {
        for (block, family) in lanes.blocks.iter_mut().zip(families) {
            let children = family.as_flattened();
            // The byte before them puts every block one byte behind.
            let taken = index * 64;
            if index == 0 {
                block[0] = INNER;
                block[1..].copy_from_slice(children.first_chunk::<63>().unwrap_or(&[0; 63]));
            } else if index < BLOCKS {
                block.copy_from_slice(children.get(taken - 1..taken + 63).unwrap_or_default());
            } else {
                block[0] = children.last().copied().unwrap_or_default();
                end(block, 1, 512);
            }
        }
        lanes.compress();
    }
    lanes.states.map(|state| {
        let mut parent = [0; 32];
        write(&state, &mut parent);
        parent
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Zeroizing<[u8; 32]> {
        Zeroizing::new([7; 32])
    }

    fn items(count: u8) -> Vec<CanonicalKey> {
        (0..count).map(|number| CanonicalKey([number; 16])).collect()
    }

    /// The tree as it is defined, level by level.
    fn defined_tree(leaves: &[Hash]) -> Hash {
        let parent = |nodes: &[Hash]| match nodes {
            [alone] => *alone,
            several => Sha256::digest([&[1], several.as_flattened()].concat()).into(),
        };
        match leaves {
            [] => Sha256::digest([]).into(),
            [root] => *root,
            level => defined_tree(&level.chunks(16).map(parent).collect::<Vec<_>>()),
        }
    }

    #[test]
    fn roots_are_pinned() {
        assert_eq!(
            hex::encode(commit(&[], &secret())),
            "67ae49809270b6e4c209ad20b8ff54ac747b90dfb3ab50655ee99631f1803440"
        );
        assert_eq!(
            hex::encode(commit(&items(1), &secret())),
            "363e67e5f3551f3725e404db8f030db51c3ef7966aa54f7ee5d04298ce0a19f5"
        );
        assert_eq!(
            hex::encode(commit(&items(5), &secret())),
            "a0112a02bcb0fe835b0397f5dba17ab3d73e9d7a1c29ffecf2ea9cf8f2e0023f"
        );
    }

    #[test]
    fn the_tree_is_as_defined() {
        for count in (0..70).chain([255, 256, 257, 272, 273, 2047, 2048, 2049]) {
            let leaves: Vec<Hash> = (0..count).map(|number: u32| Sha256::digest(number.to_be_bytes()).into()).collect();
            assert_eq!(tree_hash(leaves.clone()), defined_tree(&leaves), "{count} leaves");
        }
    }

    /// A leaf by the definition.
    fn defined_leaf(item: &CanonicalKey, secret: &[u8; 32]) -> Hash {
        let hash = Sha256::new_with_prefix("yuandang salt key v4").chain_update(secret).finalize();
        let mut salt = Array::from(item.0);
        Aes128::new_from_slice(&hash[..16]).unwrap().encrypt_block(&mut salt);
        Sha256::new_with_prefix([0]).chain_update(salt).chain_update(item.0).finalize().into()
    }

    fn leaves_of(items: &[CanonicalKey]) -> Vec<Hash> {
        let mut all = vec![[0; 32]; items.len()];
        leaves(items, &Salting::new(&secret()), &mut all);
        all
    }

    #[test]
    fn leaves_are_as_defined_in_every_lane() {
        for count in [1, 7, 8, 9, 40] {
            let expected: Vec<Hash> = items(count).iter().map(|item| defined_leaf(item, &secret())).collect();
            assert_eq!(leaves_of(&items(count)), expected);
        }
    }

    #[test]
    fn pieces_do_not_show() {
        for count in [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17] {
            let leaves: Vec<Hash> =
                (0..count as u64).map(|number| Sha256::digest(number.to_be_bytes()).into()).collect();
            assert_eq!(tree_hash(leaves.clone()), defined_tree(&leaves), "{count} leaves");
        }
        // Of items, of which the leaves are made piece by piece.
        let items: Vec<CanonicalKey> =
            (0..2 * PIECE as u128 + 5).map(|number| CanonicalKey(number.to_be_bytes())).collect();
        assert_eq!(Part::new(&items, &secret()).hash, defined_tree(&leaves_of(&items)));
    }

    #[test]
    fn the_count_is_inside() {
        // Two items of one part, and one of another.
        let items = [[7; 16], [9; 16], std::array::from_fn(|i| 7 + u8::from(i > 0))].map(CanonicalKey);
        let sevens = leaves_of(&[items[0], items[2]]);
        let mut parts = vec![defined_tree(&[]); 256];
        parts[7] = defined_tree(&sevens);
        parts[9] = defined_tree(&leaves_of(&items[1..2]));
        let root = |count: u64| -> Hash {
            let mut bytes = b"yuandang input commitment v4".to_vec();
            bytes.extend(count.to_be_bytes());
            bytes.extend(defined_tree(&parts));
            Sha256::digest(bytes).into()
        };
        assert_eq!(commit(&items, &secret()), root(3));
        assert_ne!(commit(&items, &secret()), root(4));
    }

    #[test]
    fn another_secret_gives_another_root() {
        let mut other = secret();
        other[31] ^= 1;
        assert_ne!(commit(&items(4), &secret()), commit(&items(4), &other));
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_any_change_does(
            set in prop::collection::btree_set(any::<[u8; 16]>(), 1..40),
            rotation in any::<prop::sample::Index>(),
            victim in any::<prop::sample::Index>(),
            bit in 0_usize..128,
        ) {
            let items: Vec<CanonicalKey> = set.iter().copied().map(CanonicalKey).collect();
            let root = commit(&items, &secret());

            let mut turned = items.clone();
            turned.rotate_left(rotation.index(items.len()));
            prop_assert_eq!(commit(&turned, &secret()), root);

            let mut altered = items.clone();
            altered[victim.index(items.len())].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(commit(&altered, &secret()), root);

            let mut shorter = items;
            shorter.remove(victim.index(shorter.len()));
            prop_assert_ne!(commit(&shorter, &secret()), root);
        }
    }
}
