//! The data standard: for each type of key what its values look like, and the one form in which they are
//! matched. `docs/DATA-STANDARD.md` has it in prose, with the standards that it rests on.
//!
//! A value is cleaned, checked and given its canonical form. What cannot be a key has a [`Reason`]; what is
//! odd and can be one has [`Warnings`], which change nothing about the key.

mod birth_certificate;
mod code;
mod date;
mod ebill;
mod mobile;
mod name;
mod organisation_code;
mod reason;
mod region;
pub(crate) mod resident_id;
mod uscc;
mod vocabulary;
mod warning;
mod wording;

use std::{fmt, str::FromStr};

use code::Code;
pub use date::CalendarDate;
pub use reason::{Reason, UnknownReason};
pub use warning::{UnknownWarning, Warning, Warnings};
pub use wording::without_resident_ids;

/// The version of the data standard, as runs state it.
pub const DATA_STANDARD: &str = "v1";

/// What a key column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Bytes as they are.
    Raw,
    /// Resident ID numbers, GB 11643-1999, with residence permits and foreigners' cards.
    ResidentId,
    /// Unified social credit codes, GB 32100-2015.
    Uscc,
    /// Organisation codes, GB 11714.
    OrganisationCode,
    /// Fiscal electronic bills: code, number and check.
    Ebill,
    /// Numbers of birth certificates.
    BirthCertificate,
    /// Mobile numbers of the mainland.
    Mobile,
    /// Names of persons.
    Name,
    /// Days.
    Date,
    /// Region codes, GB/T 2260.
    Region,
}

/// There is no key type of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no key type {0:?}; the types are: {names}", names = KeyType::ALL.map(KeyType::name).join(", "))]
pub struct UnknownKeyType(pub String);

impl KeyType {
    /// All types.
    pub const ALL: [Self; 10] = [
        Self::Raw,
        Self::ResidentId,
        Self::Uscc,
        Self::OrganisationCode,
        Self::Ebill,
        Self::BirthCertificate,
        Self::Mobile,
        Self::Name,
        Self::Date,
        Self::Region,
    ];

    /// The name of the type, on the command line and in canonical keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::ResidentId => "resident-id",
            Self::Uscc => "uscc",
            Self::OrganisationCode => "organisation-code",
            Self::Ebill => "ebill",
            Self::BirthCertificate => "birth-certificate",
            Self::Mobile => "mobile",
            Self::Name => "name",
            Self::Date => "date",
            Self::Region => "region",
        }
    }

    /// The canonical form of `value`, which stands in one column. What is odd about it goes to `warnings`.
    ///
    /// # Errors
    /// [`Flaw::Missing`] for an empty value, and unless the type is raw for one of spaces alone;
    /// [`Flaw::Refused`] with why it makes no key.
    pub fn canonical<'v>(
        self,
        value: &'v [u8],
        settings: &Settings,
        warnings: &mut Warnings,
    ) -> Result<Value<'v>, Flaw> {
        if self.is_missing(value) {
            return Err(Flaw::Missing);
        }
        let canonical = match self {
            Self::Raw => Ok(Value::as_written(value)),
            Self::ResidentId => resident_id::canonical(value, settings, warnings),
            Self::Uscc => uscc::canonical(value, warnings),
            Self::OrganisationCode => organisation_code::canonical(value, warnings),
            Self::Ebill => ebill::canonical(value, warnings),
            Self::BirthCertificate => birth_certificate::canonical(value, warnings),
            Self::Mobile => mobile::canonical(value, warnings),
            Self::Name => name::canonical(value, warnings),
            Self::Date => date::canonical(value, warnings),
            Self::Region => region::canonical(value, warnings),
        };
        canonical.map_err(Flaw::Refused)
    }

    /// Whether there is nothing in `value`.
    pub(crate) fn is_missing(self, value: &[u8]) -> bool {
        match (self, value.first()) {
            (_, None) => true,
            (Self::Raw, _) => false,
            // A quick answer for nearly all values.
            (_, Some(first)) if first.is_ascii_alphanumeric() => false,
            _ => {
                str::from_utf8(value).is_ok_and(|text| text.chars().all(|c| code::is_space(c) || code::is_invisible(c)))
            }
        }
    }
}

/// The canonical form of a bill whose code, number and check stand in a column each.
///
/// # Errors
/// The place of the first part that is refused, and why.
pub(crate) fn bill_of_parts(values: [&[u8]; 3], warnings: &mut Warnings) -> Result<Value<'static>, (usize, Reason)> {
    ebill::of_parts(values, warnings)
}

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(text: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| UnknownKeyType(text.to_owned()))
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a side knows of its own data beyond the values. It decides what is refused and never what a key is,
/// so both sides need not have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The day the data was taken. Nobody in it can be born later; without it any later date passes.
    pub snapshot: Option<CalendarDate>,
}

/// Why a value has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There is nothing in it.
    Missing,
    /// It is not what the type says.
    Refused(Reason),
}

/// A canonical value: UTF-8, unless the type is raw.
#[derive(Clone)]
pub struct Value<'v>(Form<'v>);

/// Where the bytes are: most values are canonical as they stand, and few are long.
#[derive(Clone)]
enum Form<'v> {
    AsWritten(&'v [u8]),
    Short(Code),
    Long(String),
}

impl<'v> Value<'v> {
    fn as_written(value: &'v [u8]) -> Self {
        Self(Form::AsWritten(value))
    }

    fn short(code: Code) -> Self {
        Self(Form::Short(code))
    }

    fn long(text: String) -> Self {
        Self(Form::Long(text))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::AsWritten(value) => value,
            Form::Short(code) => code.as_bytes(),
            Form::Long(text) => text.as_bytes(),
        }
    }
}

// What is printed ends up in logs.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.as_bytes().len())
    }
}

#[cfg(test)]
mod tests;
