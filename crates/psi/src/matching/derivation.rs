//! From outputs of the OPRF to tags, keys and claim tokens.
//!
//! Of an output that is a hash: SHA-512(context ‖ mode ‖ session id ‖ F(x)), cut into fields. Context and
//! mode are padded so that everything before F(x) fills one block of the hash, whose state is kept: one
//! block for each item.
//!
//! | bytes | membership | both | labelled |
//! |---|---|---|---|
//! | 0..16 | tag, cut to its first bits | tag, cut to its first bits | committing tag |
//! | 16..32 | | claim token | committing tag |
//! | 32..64 | | | key of the label |
//!
//! Of a value u that is none, the fields of 16 bytes come from permutations (`permutations`), and those of
//! mode labelled, which need a hash that is binding, from SHA-512 as above with u ‖ x in the place of F(x)
//! and a mode of their own.
//!
//! Fields of one hash are independent as long as F(x) is unknown, and modes do not share any.

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::permutations::Permutations;
use crate::oprf::{Derive, OprfOutput, Outputs};
use crate::tag::TagWidth;

/// The function for one mode and session.
#[derive(Clone)]
pub(super) struct Expansion {
    before_output: Sha512,
}

impl Expansion {
    /// `mode` names the mode; it has at most 64 bytes.
    pub(super) fn new(mode: &[u8], session_id: &[u8; 32]) -> Self {
        let context: &[u8; 32] = b"yuandang matching derivation v1\0";
        let mut name = [0; 64];
        debug_assert!(mode.len() <= name.len());
        name.iter_mut().zip(mode).for_each(|(to, from)| *to = *from);
        Self { before_output: Sha512::new().chain_update(context).chain_update(name).chain_update(session_id) }
    }

    pub(super) fn expand(&self, input: &[u8]) -> Zeroizing<[u8; 64]> {
        let mut digest = self.before_output.clone().chain_update(input).finalize();
        let fields = Zeroizing::new(digest.into());
        digest.as_mut_slice().zeroize();
        fields
    }
}

/// What a tag of `bits` bits keeps of 128: the most significant ones.
fn cut(field: u128, bits: u32) -> u128 {
    field.checked_shr(128u32.saturating_sub(bits)).unwrap_or(0)
}

/// Tags of mode membership.
pub(super) struct TagOnly {
    expansion: Expansion,
    permutations: Permutations<1>,
    bits: u32,
}

impl TagOnly {
    /// Tags of `bits` bits.
    pub(super) fn new(session_id: &[u8; 32], bits: u32) -> Self {
        let expansion = Expansion::new(b"membership", session_id);
        Self { permutations: Permutations::new(&expansion), expansion, bits }
    }

    fn tag(&self, output: &OprfOutput) -> u128 {
        cut(TagWidth::CLAIM.read(self.expansion.expand(output.as_slice()).as_slice()), self.bits)
    }
}

impl Derive for TagOnly {
    type Derived = u128;

    fn derive(&self, outputs: Outputs<'_>) -> Vec<u128> {
        match outputs {
            Outputs::Hashed(outputs) => outputs.iter().map(|output| self.tag(output)).collect(),
            Outputs::Unhashed { values, items } => self.permutations.derive(values, items, |[tag]| cut(tag, self.bits)),
        }
    }
}

/// Tags and claim tokens of mode both.
pub(super) struct TagAndClaim {
    expansion: Expansion,
    permutations: Permutations<2>,
    bits: u32,
}

impl TagAndClaim {
    /// Tags of `bits` bits.
    pub(super) fn new(session_id: &[u8; 32], bits: u32) -> Self {
        let expansion = Expansion::new(b"both", session_id);
        Self { permutations: Permutations::new(&expansion), expansion, bits }
    }

    fn tag_and_claim(&self, output: &OprfOutput) -> (u128, u128) {
        let fields = self.expansion.expand(output.as_slice());
        let (tag, claim) = fields.split_at(TagWidth::CLAIM.bytes());
        (cut(TagWidth::CLAIM.read(tag), self.bits), TagWidth::CLAIM.read(claim))
    }
}

impl Derive for TagAndClaim {
    /// The tag, and the claim token.
    type Derived = (u128, u128);

    fn derive(&self, outputs: Outputs<'_>) -> Vec<(u128, u128)> {
        match outputs {
            Outputs::Hashed(outputs) => outputs.iter().map(|output| self.tag_and_claim(output)).collect(),
            Outputs::Unhashed { values, items } => {
                self.permutations.derive(values, items, |[tag, claim]| (cut(tag, self.bits), claim))
            }
        }
    }
}

/// A tag that commits to the key beside it, and that key.
pub(super) struct RowSecret {
    /// Goes to the peer.
    pub(super) tag: [u8; 32],
    /// Never does.
    pub(super) key: Zeroizing<[u8; 32]>,
}

impl RowSecret {
    /// Cuts 64 bytes into tag and key.
    pub(super) fn from_fields(fields: &Zeroizing<[u8; 64]>) -> Self {
        let mut row = Self { tag: [0; 32], key: Zeroizing::new([0; 32]) };
        let targets = row.tag.iter_mut().chain(row.key.iter_mut());
        targets.zip(fields.iter()).for_each(|(to, from)| *to = *from);
        row
    }
}

/// Committing tags and keys of mode labelled.
pub(super) struct TagAndKey {
    expansion: Expansion,
    of_unhashed: Expansion,
}

impl TagAndKey {
    pub(super) fn new(session_id: &[u8; 32]) -> Self {
        let of_unhashed = Expansion::new(b"labelled, value and item", session_id);
        Self { expansion: Expansion::new(b"labelled", session_id), of_unhashed }
    }

    fn of_unhashed(&self, value: u128, item: &[u8; 16]) -> RowSecret {
        let mut input = Zeroizing::new([0; 32]);
        let bytes = value.to_le_bytes().into_iter().chain(*item);
        input.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        RowSecret::from_fields(&self.of_unhashed.expand(input.as_slice()))
    }
}

impl Derive for TagAndKey {
    type Derived = RowSecret;

    fn derive(&self, outputs: Outputs<'_>) -> Vec<RowSecret> {
        match outputs {
            Outputs::Hashed(outputs) => {
                let fields = outputs.iter().map(|output| self.expansion.expand(output.as_slice()));
                fields.map(|fields| RowSecret::from_fields(&fields)).collect()
            }
            Outputs::Unhashed { values, items } => {
                values.iter().zip(items).map(|(value, item)| self.of_unhashed(*value, item.as_bytes())).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Item;
    use crate::fixed_key::FixedKey;

    /// The definition at the head of this module, word for word.
    fn by_definition(mode: &str, input: &[u8]) -> Vec<u8> {
        let (name, mode) = (format!("{:\0<32}", "yuandang matching derivation v1"), format!("{mode:\0<64}"));
        let input = [name.as_bytes(), mode.as_bytes(), &[9; 32], input];
        Sha512::digest(input.concat()).to_vec()
    }

    /// The number that the first 16 of `bytes` are.
    fn number(bytes: &[u8]) -> u128 {
        u128::from_be_bytes(bytes[..16].try_into().unwrap())
    }

    #[test]
    fn fields_are_those_of_the_definition() {
        let output = [Zeroizing::new([0x77; 64])];

        let fields = by_definition("membership", &[0x77; 64]);
        for bits in [1, 41, 64, 128] {
            let tags = TagOnly::new(&[9; 32], bits).derive(Outputs::Hashed(&output));
            assert_eq!(tags, [number(&fields) >> (128 - bits)]);
        }

        let fields = by_definition("both", &[0x77; 64]);
        let derived = TagAndClaim::new(&[9; 32], 43).derive(Outputs::Hashed(&output));
        assert_eq!(derived, [(number(&fields) >> 85, number(&fields[16..]))]);

        let fields = by_definition("labelled", &[0x77; 64]);
        let rows = TagAndKey::new(&[9; 32]).derive(Outputs::Hashed(&output));
        assert_eq!((rows[0].tag.as_slice(), rows[0].key.as_slice()), fields.split_at(32));
    }

    /// Block `index` of the value `u` at item `x`, by the definition in `permutations`.
    fn block(mode: &str, index: u8, u: u128, x: u128) -> u128 {
        let permuted = |index: u8, block: u128| {
            let key = by_definition(mode, &[b"permutation".as_slice(), &[index]].concat());
            let mut blocks = [block];
            FixedKey::new(key[..16].try_into().unwrap()).permute(&mut blocks);
            blocks[0]
        };
        let s = permuted(0, u);
        permuted(1 + index, s ^ x) ^ s
    }

    #[test]
    fn so_are_those_of_values_that_are_no_hashes() {
        let count = 300;
        let values: Vec<u128> = (0..count).map(|n| ((n * n * n) << 60) | n).collect();
        let items: Vec<Item> = (0..count).map(|n| Item::from(((n << 70) | 7).to_le_bytes())).collect();
        let outputs = Outputs::Unhashed { values: &values, items: &items };
        let numbers = || values.iter().zip(&items).map(|(u, x)| (*u, u128::from_le_bytes(*x.as_bytes())));

        let expected: Vec<_> = numbers().map(|(u, x)| block("membership", 0, u, x) >> 80).collect();
        assert_eq!(TagOnly::new(&[9; 32], 48).derive(outputs), expected);

        let expected: Vec<_> = numbers().map(|(u, x)| (block("both", 0, u, x) >> 80, block("both", 1, u, x))).collect();
        assert_eq!(TagAndClaim::new(&[9; 32], 48).derive(outputs), expected);

        let rows = TagAndKey::new(&[9; 32]).derive(outputs);
        for (row, (u, x)) in rows.iter().zip(numbers()) {
            let fields = by_definition("labelled, value and item", &[u.to_le_bytes(), x.to_le_bytes()].concat());
            assert_eq!((row.tag.as_slice(), row.key.as_slice()), fields.split_at(32));
        }
        assert_eq!(rows.len(), values.len());
    }

    #[test]
    fn modes_and_sessions_have_nothing_in_common() {
        let (output, value, item) = ([Zeroizing::new([0x77; 64])], [5], [Item::from([6; 16])]);
        let mut tags = Vec::new();
        for outputs in [Outputs::Hashed(&output), Outputs::Unhashed { values: &value, items: &item }] {
            tags.push(TagOnly::new(&[9; 32], 128).derive(outputs)[0]);
            tags.push(TagOnly::new(&[8; 32], 128).derive(outputs)[0]);
            tags.extend(<[u128; 2]>::from(TagAndClaim::new(&[9; 32], 128).derive(outputs)[0]));
            tags.push(number(&TagAndKey::new(&[9; 32]).derive(outputs)[0].tag));
        }
        assert!(tags.iter().enumerate().all(|(i, tag)| !tags[..i].contains(tag)));
    }
}
