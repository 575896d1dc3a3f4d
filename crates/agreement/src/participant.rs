//! Participants and their roles.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A participant's name in the region: 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter and not
/// ending with a hyphen, so that it can stand as a label in a domain name (RFC 1123).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantId(String);

/// A name that no participant can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a participant is 1 to 63 of a-z, 0-9 and -, beginning with a letter and not ending with a hyphen")]
pub struct ParticipantError;

impl ParticipantId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ParticipantId {
    type Err = ParticipantError;

    fn from_str(text: &str) -> Result<Self, ParticipantError> {
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if starts && rest && !text.ends_with('-') && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParticipantError)
        }
    }
}

impl TryFrom<String> for ParticipantId {
    type Error = ParticipantError;

    fn try_from(text: String) -> Result<Self, ParticipantError> {
        text.parse()
    }
}

impl From<ParticipantId> for String {
    fn from(id: ParticipantId) -> Self {
        id.0
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a participant is in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Learns the result.
    Receiver,
    /// Offers its set, and labels where the mode has them.
    Sender,
}

impl Role {
    /// The role of the other one in a run of two.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Receiver => Self::Sender,
            Self::Sender => Self::Receiver,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiver => "receiver",
            Self::Sender => "sender",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_of_domain_names_in_lower_case() {
        let longest = "a".repeat(63);
        for good in ["a", "anhui", "anhui-2", "a1", "a--b", &longest] {
            assert_eq!(good.parse::<ParticipantId>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        let bad = [
            "", "-", "-anhui", "anhui-", "1anhui", "Anhui", "anHui", "an hui", " anhui", "anhui\n", "anhui\0",
            "an_hui", "an.hui", "an/hui", "安徽", "anhuí", &too_long,
        ];
        for bad in bad {
            assert_eq!(bad.parse::<ParticipantId>(), Err(ParticipantError), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_read_from_json_only_if_it_is_one() {
        let anhui: ParticipantId = "anhui".parse().unwrap();
        assert_eq!(serde_json::to_string(&anhui).unwrap(), "\"anhui\"");
        assert_eq!(serde_json::from_str::<ParticipantId>("\"anhui\"").unwrap(), anhui);
        for bad in ["\"Anhui\"", "\"\"", "7"] {
            assert!(serde_json::from_str::<ParticipantId>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles_face_each_other_and_are_written_in_small_letters() {
        for (role, name) in [(Role::Receiver, "receiver"), (Role::Sender, "sender")] {
            assert_ne!(role.other(), role);
            assert_eq!(role.other().other(), role);
            assert_eq!(role.to_string(), name);
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{name}\""));
        }
    }
}
