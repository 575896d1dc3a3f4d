//! From an output of the OPRF to tags, keys and claim tokens.
//!
//! SHA-512(context ‖ mode ‖ session id ‖ F(x)), cut into fields. Context and mode are padded so that
//! everything before F(x) fills one block of the hash, whose state is kept: one block for each item.
//!
//! | bytes | membership | both | labelled |
//! |---|---|---|---|
//! | 0..16 | tag, cut to its width | tag, cut to its width | committing tag |
//! | 16..32 | | claim token | committing tag |
//! | 32..64 | | | key of the label |
//!
//! Fields of one hash are independent as long as F(x) is unknown, and modes do not share any.

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::oprf::{Derive, OprfOutput};
use crate::tag::TagWidth;

/// The function for one mode and session.
#[derive(Clone)]
struct Expansion {
    before_output: Sha512,
}

impl Expansion {
    /// `mode` names the mode; it has at most 64 bytes.
    fn new(mode: &[u8], session_id: &[u8; 32]) -> Self {
        let context: &[u8; 32] = b"yuandang matching derivation v1\0";
        let mut name = [0; 64];
        debug_assert!(mode.len() <= name.len());
        name.iter_mut().zip(mode).for_each(|(to, from)| *to = *from);
        Self { before_output: Sha512::new().chain_update(context).chain_update(name).chain_update(session_id) }
    }

    fn expand(&self, output: &OprfOutput) -> Zeroizing<[u8; 64]> {
        let mut digest = self.before_output.clone().chain_update(output.as_slice()).finalize();
        let fields = Zeroizing::new(digest.into());
        digest.as_mut_slice().zeroize();
        fields
    }
}

/// Tags of mode membership.
pub(super) struct TagOnly {
    expansion: Expansion,
    width: TagWidth,
}

impl TagOnly {
    pub(super) fn new(session_id: &[u8; 32], width: TagWidth) -> Self {
        Self { expansion: Expansion::new(b"membership", session_id), width }
    }
}

impl Derive for TagOnly {
    type Derived = u128;

    fn derive(&self, output: &OprfOutput) -> u128 {
        self.width.read(self.expansion.expand(output).as_slice())
    }
}

/// Tags and claim tokens of mode both.
pub(super) struct TagAndClaim {
    expansion: Expansion,
    width: TagWidth,
}

impl TagAndClaim {
    pub(super) fn new(session_id: &[u8; 32], width: TagWidth) -> Self {
        Self { expansion: Expansion::new(b"both", session_id), width }
    }
}

impl Derive for TagAndClaim {
    /// The tag, and the claim token.
    type Derived = (u128, u128);

    fn derive(&self, output: &OprfOutput) -> (u128, u128) {
        let fields = self.expansion.expand(output);
        let (tag, claim) = fields.split_at(TagWidth::CLAIM.bytes());
        (self.width.read(tag), TagWidth::CLAIM.read(claim))
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
}

impl TagAndKey {
    pub(super) fn new(session_id: &[u8; 32]) -> Self {
        Self { expansion: Expansion::new(b"labelled", session_id) }
    }
}

impl Derive for TagAndKey {
    type Derived = RowSecret;

    fn derive(&self, output: &OprfOutput) -> RowSecret {
        RowSecret::from_fields(&self.expansion.expand(output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition at the head of this module, word for word.
    fn by_definition(mode: &str, output: &OprfOutput) -> Vec<u8> {
        let (name, mode) = (format!("{:\0<32}", "yuandang matching derivation v1"), format!("{mode:\0<64}"));
        let input = [name.as_bytes(), mode.as_bytes(), &[9; 32], output.as_slice()];
        Sha512::digest(input.concat()).to_vec()
    }

    #[test]
    fn fields_are_those_of_the_definition() {
        let output = Zeroizing::new([0x77; 64]);
        let width = TagWidth::new(6).unwrap();

        let fields = by_definition("membership", &output);
        let tag = TagOnly::new(&[9; 32], width).derive(&output);
        assert_eq!(width.write(&[tag]), fields[..6]);

        let fields = by_definition("both", &output);
        let (tag, claim) = TagAndClaim::new(&[9; 32], width).derive(&output);
        assert_eq!(width.write(&[tag]), fields[..6]);
        assert_eq!(TagWidth::CLAIM.write(&[claim]), fields[16..32]);

        let fields = by_definition("labelled", &output);
        let row = TagAndKey::new(&[9; 32]).derive(&output);
        assert_eq!((row.tag.as_slice(), row.key.as_slice()), fields.split_at(32));
    }

    #[test]
    fn modes_and_sessions_have_nothing_in_common() {
        let output = Zeroizing::new([0x77; 64]);
        let width = TagWidth::new(16).unwrap();
        let tags = [
            TagOnly::new(&[9; 32], width).derive(&output),
            TagOnly::new(&[8; 32], width).derive(&output),
            TagAndClaim::new(&[9; 32], width).derive(&output).0,
            TagWidth::CLAIM.read(&TagAndKey::new(&[9; 32]).derive(&output).tag),
        ];
        assert!(tags.iter().enumerate().all(|(i, tag)| !tags[..i].contains(tag)));
    }
}
