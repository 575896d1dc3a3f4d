//! What is kept of a key instead of it: its tag.
//!
//! ```text
//! key and check of a scope = HKDF-SHA-256(tag secret, "yuandang tag v1" ‖ each part of the scope after its length)
//! tag of a key             = AES-128 of it under the key of its scope
//! ```
//!
//! A key has the size of a cipher's block, and AES is a permutation of blocks: two keys have one tag only if they are one
//! key, so comparing tags is exact. Without the secret tags are random bytes that do not repeat, and those of two scopes have
//! nothing in common.

use std::fmt;

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use agreement::ParticipantId;
use records::CanonicalKey;
use zeroize::Zeroize;

use super::{error::GuardError, sealed::derived};

const CONTEXT: &[u8] = b"yuandang tag v1";
const CHECK: &[u8] = b"yuandang tag secret v1";

/// Blocks that go into the cipher together.
const LANES: usize = 8;

/// Which inputs are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// With whom they were run.
    pub peer: ParticipantId,
    /// The dataset of the *peer* that they were matched with. Whoever changes the input can also give this node's own
    /// dataset another name, but not the peer's.
    pub dataset: String,
    /// The key, as its types are named.
    pub key: String,
}

/// A tag, as a number whose order is that of its bytes.
pub(super) type Tag = u128;

/// Makes the tags of one scope. The cipher erases its key when it is dropped.
pub(super) struct Tagging {
    cipher: Aes128,
    /// Tells whether the tags in a file are of this scope and secret.
    pub(super) check: [u8; 16],
}

impl fmt::Debug for Tagging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tagging(..)")
    }
}

impl Tagging {
    pub(super) fn new(secret: &[u8; 32], scope: &Scope) -> Result<Self, GuardError> {
        let parts = [scope.peer.as_str(), &scope.dataset, &scope.key].map(str::as_bytes);
        let lengths = parts.map(|part| (part.len() as u64).to_le_bytes());
        let [peer, dataset, key] = parts;
        let [of_peer, of_dataset, of_key] = &lengths;
        let derived = derived(&[], secret, &[CONTEXT, of_peer, peer, of_dataset, dataset, of_key, key])?;
        let (key, check) = derived.split_at(16);
        let mut key = Array::from(key.first_chunk::<16>().copied().unwrap_or_default());
        let cipher = Aes128::new(&key);
        key.as_mut_slice().zeroize();
        Ok(Self { cipher, check: check.first_chunk().copied().unwrap_or_default() })
    }

    /// The tags of `keys`, each once, ascending.
    pub(super) fn tags(&self, keys: &[CanonicalKey], tags: &mut Vec<Tag>) {
        tags.clear();
        tags.reserve(keys.len());
        let mut blocks = [Array::from([0; 16]); LANES];
        for keys in keys.chunks(LANES) {
            blocks.iter_mut().zip(keys).for_each(|(block, key)| *block = Array::from(key.0));
            self.cipher.encrypt_blocks(&mut blocks);
            tags.extend(blocks.iter().take(keys.len()).map(|block| Tag::from_be_bytes(block.0)));
        }
        tags.sort_unstable();
        tags.dedup();
    }
}

/// Tells whether a tag secret is the one that the files of a folder were made with.
pub(super) fn check_of(secret: &[u8; 32]) -> Result<[u8; 32], GuardError> {
    derived(&[], secret, &[CHECK]).map(|check| *check)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn scope(peer: &str, dataset: &str, key: &str) -> Scope {
        Scope { peer: peer.parse().unwrap(), dataset: dataset.to_owned(), key: key.to_owned() }
    }

    fn tags(tagging: &Tagging, keys: &[CanonicalKey]) -> Vec<Tag> {
        let mut tags = vec![7];
        tagging.tags(keys, &mut tags);
        tags
    }

    #[test]
    fn tags_are_the_cipher_of_each_key_sorted_and_once() {
        let tagging = Tagging::new(&[1; 32], &scope("anhui", "people", "resident_id")).unwrap();
        for count in [0, 1, 7, 8, 9, 50] {
            let keys: Vec<_> = (0..count).map(|number: u8| CanonicalKey([number / 2; 16])).collect();
            let one_by_one: BTreeSet<Tag> = keys.iter().flat_map(|key| tags(&tagging, &[*key])).collect();
            assert_eq!(tags(&tagging, &keys), one_by_one.into_iter().collect::<Vec<_>>(), "{count}");
        }
    }

    #[test]
    fn tags_are_pinned() {
        // By HKDF and AES of other programs. Tags that are made in another way would be unlike all that are kept.
        let tagging = Tagging::new(&[1; 32], &scope("anhui", "people", "resident_id")).unwrap();
        let tag = tags(&tagging, &[CanonicalKey([5; 16])])[0];
        assert_eq!(hex::encode(tag.to_be_bytes()), "f4ed6417a19afc66b6206563120d2f8a");
        assert_eq!(hex::encode(tagging.check), "af8df704ec69d4d08fd9562a1299b10f");
        assert_eq!(
            hex::encode(check_of(&[1; 32]).unwrap()),
            "0a402b2ef6a4e56044e7cc948b808165b6784b838255d3a59572efa880336a67"
        );
    }

    #[test]
    fn each_scope_and_each_secret_has_tags_of_its_own() {
        let scopes = [
            (1, scope("anhui", "people", "resident_id")),
            (2, scope("anhui", "people", "resident_id")),
            (1, scope("shanghai", "people", "resident_id")),
            (1, scope("anhui", "peopl", "eresident_id")),
            (1, scope("anhui", "peopler", "esident_id")),
        ];
        let all: BTreeSet<_> = scopes
            .iter()
            .map(|(secret, scope)| {
                let tagging = Tagging::new(&[*secret; 32], scope).unwrap();
                (tagging.check, tags(&tagging, &[CanonicalKey([5; 16])]))
            })
            .collect();
        assert_eq!(all.len(), scopes.len());
        let values: BTreeSet<_> = all.iter().map(|(_, tags)| tags[0]).collect();
        assert_eq!(values.len(), scopes.len());
    }
}
