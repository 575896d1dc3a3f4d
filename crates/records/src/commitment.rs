//! The commitment of a party to its prepared input, made before any key of a run exists.
//!
//! A salted Merkle root over the distinct items (docs/RUN-BINDING.md). It travels in the handshake
//! and stands in both parties' receipts, so that an auditor who is later given the items and the
//! secret can tell whether these were the items of the run, and so that single leaves can be opened.
//! With `‖` for joining bytes:
//!
//! ```text
//! salt_i = HMAC-SHA-256(secret, "yuandang input salt v1" ‖ item_i)
//! leaf_i = SHA-256(0x00 ‖ salt_i ‖ item_i)
//! tree   = the tree hash of RFC 6962 §2.1 over the leaves in ascending order, inner nodes SHA-256(0x01 ‖ left ‖ right)
//! root   = SHA-256("yuandang input commitment v1" ‖ count ‖ tree)      count: eight bytes, big-endian
//! ```
//!
//! **What it hides.** Items have little entropy: 10^11 possible resident IDs are tried in minutes.
//! The salts keep a root, and any opened leaf's neighbours, from being tried; whoever learns the
//! secret can try them. The count is inside the root and does not show.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::key::CanonicalKey;

const SALT_CONTEXT: &[u8] = b"yuandang input salt v1";
const ROOT_CONTEXT: &[u8] = b"yuandang input commitment v1";

/// The prefix that tells leaves from inner nodes, so that neither passes for the other.
const LEAF: [u8; 1] = [0];
const INNER: [u8; 1] = [1];

type Hash = [u8; 32];

/// The root over `items`, which are distinct and in any order; `secret` is fresh for each run and
/// kept beside the receipt. Needs 32 bytes of memory for each item.
#[must_use]
pub fn commit(items: &[CanonicalKey], secret: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    let keyed = salting(secret);
    let mut leaves: Vec<Hash> = items.iter().map(|item| leaf(&keyed, item)).collect();
    leaves.sort_unstable();
    // usize is at most 64 bits wide wherever this compiles.
    let count = leaves.len() as u64;
    let mut root = Sha256::new_with_prefix(ROOT_CONTEXT);
    root.update(count.to_be_bytes());
    root.update(tree_hash(leaves));
    root.finalize().into()
}

/// HMAC under `secret`, set up once for all items.
fn salting(secret: &Zeroizing<[u8; 32]>) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to the hash's block; done here, so that no length can be wrong.
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(secret.iter()) {
        *to = *from;
    }
    let mut keyed = Hmac::<Sha256>::new((&*block).into());
    keyed.update(SALT_CONTEXT);
    keyed
}

fn leaf(keyed: &Hmac<Sha256>, item: &CanonicalKey) -> Hash {
    let salt = keyed.clone().chain_update(item.0).finalize().into_bytes();
    Sha256::new_with_prefix(LEAF).chain_update(salt).chain_update(item.0).finalize().into()
}

/// The tree hash of RFC 6962, worked out level by level in place.
///
/// The RFC splits at the largest power of two below the count. That is the same tree as pairing
/// neighbours and letting an odd last node rise unpaired.
fn tree_hash(mut level: Vec<Hash>) -> Hash {
    while level.len() > 1 {
        let mut parents = 0;
        for child in (0..level.len()).step_by(2) {
            let parent = match (level.get(child), level.get(child + 1)) {
                (Some(left), Some(right)) => {
                    Sha256::new_with_prefix(INNER).chain_update(left).chain_update(right).finalize().into()
                }
                (Some(unpaired), None) => *unpaired,
                (None, _) => continue,
            };
            if let Some(place) = level.get_mut(parents) {
                *place = parent;
            }
            parents += 1;
        }
        level.truncate(parents);
    }
    level.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
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

    /// The definition of RFC 6962 §2.1, word for word, over hashes of leaves.
    fn rfc_tree_hash(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [only] => *only,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                let mut node = vec![1];
                node.extend(rfc_tree_hash(left));
                node.extend(rfc_tree_hash(right));
                Sha256::digest(node).into()
            }
        }
    }

    #[test]
    fn roots_are_pinned() {
        assert_eq!(
            hex::encode(commit(&[], &secret())),
            "295b77d84af2ded34828a1c4d14f6747e11e3814099c525f5980a6033156e69a"
        );
        assert_eq!(
            hex::encode(commit(&items(1), &secret())),
            "ce0b74a30dc9cd8e742048536e13fcbb0c8c3856f3aadd8310df56bde68eb06e"
        );
        assert_eq!(
            hex::encode(commit(&items(5), &secret())),
            "7b5efcf1adc204bcb20728a86f0317be6c6d15f6654d6b1d0d266f3962191eee"
        );
    }

    #[test]
    fn the_tree_is_that_of_rfc_6962() {
        for count in 0..70_u8 {
            let leaves: Vec<Hash> = (0..count).map(|number| [number; 32]).collect();
            assert_eq!(tree_hash(leaves.clone()), rfc_tree_hash(&leaves), "{count} leaves");
        }
    }

    #[test]
    fn the_count_is_inside() {
        let leaves: Vec<Hash> = {
            let keyed = salting(&secret());
            let mut leaves: Vec<Hash> = items(3).iter().map(|item| leaf(&keyed, item)).collect();
            leaves.sort_unstable();
            leaves
        };
        let root = |count: u64| -> Hash {
            let mut bytes = b"yuandang input commitment v1".to_vec();
            bytes.extend(count.to_be_bytes());
            bytes.extend(rfc_tree_hash(&leaves));
            Sha256::digest(bytes).into()
        };
        assert_eq!(commit(&items(3), &secret()), root(3));
        assert_ne!(commit(&items(3), &secret()), root(4));
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
