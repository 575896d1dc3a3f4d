//! Regions, GB/T 2260: two digits of province, two of city, two of county.
//!
//! Only the province is looked up. Counties are founded, merged and abolished every year, and old codes
//! stay in old records, so none is refused.

use super::{
    Value,
    code::{Code, not_digits},
    reason::Reason,
    warning::{Warning, Warnings},
};

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    let code = Code::clean(value, warnings)?;
    if let Some(reason) = not_digits(code.as_bytes(), 6) {
        return Err(reason);
    }
    warn_of_province(code.as_bytes(), warnings);
    Ok(Value::short(code))
}

/// Warns unless the first two characters are those of a province.
pub(super) fn warn_of_province(region: &[u8], warnings: &mut Warnings) {
    if !region.first_chunk().is_some_and(|province| is_province(*province)) {
        warnings.add(Warning::UnknownProvince);
    }
}

/// Whether two digits are those of a province, municipality, autonomous region or special
/// administrative region; 81 to 83 with the meaning they have in residence permits.
pub(super) fn is_province(digits: [u8; 2]) -> bool {
    matches!(
        &digits,
        b"11"
            | b"12"
            | b"13"
            | b"14"
            | b"15"
            | b"21"
            | b"22"
            | b"23"
            | b"31"
            | b"32"
            | b"33"
            | b"34"
            | b"35"
            | b"36"
            | b"37"
            | b"41"
            | b"42"
            | b"43"
            | b"44"
            | b"45"
            | b"46"
            | b"50"
            | b"51"
            | b"52"
            | b"53"
            | b"54"
            | b"61"
            | b"62"
            | b"63"
            | b"64"
            | b"65"
            | b"71"
            | b"81"
            | b"82"
            | b"83"
    )
}
