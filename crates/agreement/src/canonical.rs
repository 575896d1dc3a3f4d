//! JSON in its one canonical form (RFC 8785), which is what is hashed and signed.
//!
//! The form itself is the library's. Here it is made strict: what is read must be, byte for byte, what would be written,
//! so that a digest stands for one text alone. A field that stands twice or is unknown, another order, another way to write
//! a number or a character, space between tokens: all are refused. Numbers are whole and at most 2^53 − 1, since
//! the canonical form writes others as floating point.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The most bytes of a canonical text.
pub const MOST_BYTES: usize = 64 << 10;

/// The largest whole number that every JSON reader keeps as it is: 2^53 − 1.
pub const MOST: u64 = (1 << 53) - 1;

/// Bytes that are no canonical text of what is wanted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CanonicalError {
    /// Too long.
    #[error("it has more than {MOST_BYTES} bytes")]
    Long,
    /// Not JSON, or not of the fields that are wanted.
    #[error("it cannot be read: {0}")]
    Form(String),
    /// Readable, but not the one way to write it.
    #[error("it is not in canonical form (RFC 8785)")]
    NotCanonical,
    /// A number that the canonical form would change.
    #[error("it has a number that is not whole or is above 2^53 - 1")]
    Number,
}

/// Writes a value in canonical form.
///
/// # Errors
/// [`CanonicalError::Number`], or [`CanonicalError::Form`] for what JSON cannot hold.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let form = |error: serde_json::Error| CanonicalError::Form(error.to_string());
    let value = serde_json::to_value(value).map_err(form)?;
    if !whole(&value) {
        return Err(CanonicalError::Number);
    }
    serde_json_canonicalizer::to_vec(&value).map_err(form)
}

/// Reads a value whose canonical form these bytes are.
///
/// # Errors
/// [`CanonicalError`].
pub fn from_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    if bytes.len() > MOST_BYTES {
        return Err(CanonicalError::Long);
    }
    let value: T = serde_json::from_slice(bytes).map_err(|error| CanonicalError::Form(error.to_string()))?;
    if to_canonical(&value)? == bytes { Ok(value) } else { Err(CanonicalError::NotCanonical) }
}

fn whole(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_u64().is_some_and(|number| number <= MOST)
                || number.as_i64().is_some_and(|number| number.unsigned_abs() <= MOST)
        }
        Value::Array(list) => list.iter().all(whole),
        Value::Object(fields) => fields.values().all(whole),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// A SHA-256, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Text that is no digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest is written as 64 hex digits in small letters")]
pub struct DigestError;

impl Digest {
    /// Of these bytes, one after the other.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
    }

    /// Takes 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight digits, as people say it.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError)?;
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Err(DigestError) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        b: u64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        a: Option<String>,
    }

    /// RFC 8785, 3.2.3, the sample of ordering by UTF-16 code units, and 3.2.2.2, the escapes.
    #[test]
    fn the_form_is_that_of_the_rfc() {
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
               "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control",
               "\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let text = String::from_utf8(to_canonical(&value).unwrap()).unwrap();
        let order = ["Carriage Return", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|name| text.find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        let escaped: Value = serde_json::from_str(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#).unwrap();
        assert_eq!(to_canonical(&escaped).unwrap(), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"".as_bytes());
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_that_means_the_same() {
        let sample = Sample { b: MOST, a: Some("元".to_owned()) };
        let bytes = to_canonical(&sample).unwrap();
        assert_eq!(bytes, r#"{"a":"元","b":9007199254740991}"#.as_bytes());
        assert_eq!(from_canonical::<Sample>(&bytes), Ok(sample));
        for other in [
            r#"{"b":1,"a":"x"}"#,
            r#"{"a":"x", "b":1}"#,
            r#"{"a":"\u0078","b":1}"#,
            r#"{"a":null,"b":1}"#,
            r#"{"a":"x","b":1} "#,
        ] {
            assert_eq!(from_canonical::<Sample>(other.as_bytes()), Err(CanonicalError::NotCanonical), "{other}");
        }
        for other in [
            r#"{"a":"x","b":1,"c":2}"#,
            r#"{"a":"x","a":"y","b":1}"#,
            r#"{"b":-1}"#,
            r#"{"b":1.0}"#,
            r#"{"b":1e0}"#,
            "{}",
            "",
            "null",
        ] {
            let read = from_canonical::<Sample>(other.as_bytes());
            assert!(matches!(read, Err(CanonicalError::Form(_))), "{other}: {read:?}");
        }
        assert_eq!(from_canonical::<Sample>(br#"{"b":9007199254740992}"#), Err(CanonicalError::Number));
        assert_eq!(to_canonical(&0.5), Err(CanonicalError::Number));
        assert_eq!(from_canonical::<Sample>(&vec![b' '; MOST_BYTES + 1]), Err(CanonicalError::Long));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = "[".repeat(MOST_BYTES);
        assert!(matches!(from_canonical::<Value>(deep.as_bytes()), Err(CanonicalError::Form(_))));
    }

    #[test]
    fn a_digest_is_written_as_it_is_read() {
        let digest = Digest::of(&[b"a", b"bc"]);
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short(), "ba7816bf");
        let text = digest.to_string();
        for bad in [&text[1..], &text.to_uppercase(), "", &format!("{text}00"), &text.replace('b', "g")] {
            assert_eq!(bad.parse::<Digest>(), Err(DigestError), "{bad}");
        }
    }
}
