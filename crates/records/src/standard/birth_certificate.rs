//! Numbers of birth certificates (出生医学证明编号): a letter and nine digits, of which the first two are the
//! province. There is no check digit, so a number is better scanned than typed.

use super::{
    Value,
    code::{Code, misshapen},
    reason::Reason,
    region::warn_of_province,
    warning::Warnings,
};

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    let code = Code::clean(value, warnings)?.capital(warnings);
    match code.as_bytes() {
        [letter, digits @ ..]
            if digits.len() == 9 && letter.is_ascii_uppercase() && digits.iter().all(u8::is_ascii_digit) =>
        {
            warn_of_province(digits, warnings);
            Ok(Value::short(code))
        }
        other => Err(misshapen(other, 10)),
    }
}
