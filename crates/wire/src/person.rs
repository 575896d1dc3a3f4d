//! Persons of a participant: what their certificates call them, and what they are there for.

use std::{fmt, str::FromStr};

use agreement::ParticipantId;

/// What a certificate calls a person: a staff number with a letter before it, written as a participant's name
/// is. Never the person's own name: handles stand in logs, in consents and in receipts that others keep.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(ParticipantId);

/// What a person is there for. A certificate has one duty; who has two has two certificates, so that it is
/// always plain which of them was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    /// Submits jobs and cancels them.
    Operator,
    /// Says yes or no for the participant.
    Approver,
    /// Watches, and may have something suspended.
    Supervisor,
    /// Reads what was done, and changes nothing.
    Auditor,
}

/// A person of a participant, in one duty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person {
    /// Who it is.
    pub handle: Handle,
    /// What for.
    pub duty: Duty,
}

/// Text that names no handle, or no duty.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PersonError {
    /// No handle.
    #[error("a person's handle is a staff number: 1 to 63 of a-z, 0-9 and -, beginning with a letter, as k-17")]
    Handle,
    /// No duty.
    #[error("a duty is operator, approver, supervisor or auditor")]
    Duty,
}

impl Handle {
    /// The handle.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for Handle {
    type Err = PersonError;

    fn from_str(text: &str) -> Result<Self, PersonError> {
        text.parse().map(Self).map_err(|_| PersonError::Handle)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Duty {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Approver, Self::Supervisor, Self::Auditor];

    /// The word for it, in certificates and everywhere else.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Supervisor => "supervisor",
            Self::Auditor => "auditor",
        }
    }
}

impl FromStr for Duty {
    type Err = PersonError;

    fn from_str(text: &str) -> Result<Self, PersonError> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == text).ok_or(PersonError::Duty)
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.duty, self.handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_labels_of_domain_names_in_lower_case() {
        for good in ["k-17", "s10423", "a", &"z".repeat(63)] {
            assert_eq!(good.parse::<Handle>().unwrap().as_str(), good);
        }
        for bad in ["", "17", "K-17", "k.17", "k_17", "k 17", "k-", "王伟", "*", &"z".repeat(64)] {
            assert_eq!(bad.parse::<Handle>(), Err(PersonError::Handle), "{bad:?}");
        }
    }

    #[test]
    fn duties_are_read_as_they_are_written_and_no_others() {
        for (duty, word) in Duty::ALL.into_iter().zip(["operator", "approver", "supervisor", "auditor"]) {
            assert_eq!((duty.to_string().as_str(), word.parse()), (word, Ok(duty)));
        }
        for bad in ["", "Operator", "operators", "operator ", "node", "manager"] {
            assert_eq!(bad.parse::<Duty>(), Err(PersonError::Duty), "{bad:?}");
        }
    }
}
