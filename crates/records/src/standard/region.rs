//! Regions, GB/T 2260: two digits of province, two of city, two of county.
//!
//! Only the province is looked up. Counties are founded, merged and abolished every year, and old codes
//! stay in old records, so none is refused.

use super::{
    Value,
    code::{Code, not_digits, number},
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
    digits.iter().all(u8::is_ascii_digit)
        && matches!(number(&digits), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}
