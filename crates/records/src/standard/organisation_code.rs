//! Organisation codes, GB 11714: eight digits or letters and a check character. They live on as
//! characters 9 to 17 of the unified social credit code.

use super::{
    Value,
    code::{Code, misshapen},
    reason::Reason,
    warning::Warnings,
};

const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    let code = Code::clean(value, warnings)?.capital(warnings);
    let shaped = code.as_bytes().as_array::<9>().filter(|code| {
        let [body @ .., check] = code;
        body.iter().all(u8::is_ascii_alphanumeric) && (check.is_ascii_digit() || *check == b'X')
    });
    match shaped {
        None => Err(misshapen(code.as_bytes(), 9)),
        Some(shaped) if is_checked(shaped) => Ok(Value::short(code)),
        Some(_) => Err(Reason::CheckDigit),
    }
}

/// Whether the last character is the check of the others, which are digits and capitals.
pub(super) fn is_checked(code: &[u8; 9]) -> bool {
    let [body @ .., check] = code;
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(&byte, weight)| value(byte) * weight).sum();
    let expected = match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => u8::try_from(digit).unwrap_or(0) + b'0',
    };
    *check == expected
}

/// 0 to 9 for digits, 10 to 35 for capitals.
fn value(byte: u8) -> u32 {
    let from_a = byte.wrapping_sub(b'A');
    u32::from(if from_a < 26 { from_a + 10 } else { byte & 0x0f })
}
