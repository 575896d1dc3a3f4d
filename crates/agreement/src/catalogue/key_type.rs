//! A key type in JSON: by its name in the data standard.

use records::KeyType;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

// The signature is serde's.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(super) fn serialize<S: Serializer>(key_type: &KeyType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key_type.name())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyType, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
