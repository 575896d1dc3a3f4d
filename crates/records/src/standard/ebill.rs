//! Fiscal electronic bills (财政电子票据): eight digits of code, ten of number, six characters of check.
//!
//! Code and number can be guessed; the check cannot, so it belongs to the key. It is opaque: capital and
//! small letters are different ones, as they were issued. The three stand in one column, joined by `|`, `-`, a
//! space or nothing, or in a column each. The canonical value is `code|number|check` either way.

use super::{
    Value,
    code::{Code, misshapen, not_digits},
    reason::Reason,
    warning::Warnings,
};

/// Characters of code, number and check.
const LENGTHS: [usize; 3] = [8, 10, 6];

/// A bill that stands in one column.
pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    if let Some(part) = short_part(value) {
        return Err(part);
    }
    let code = Code::clean_but(value, |c| c == '|', warnings)?;
    let [code_length, number_length, _] = LENGTHS;
    let parts = code.as_bytes().split_at_checked(code_length).and_then(|(code, rest)| {
        let (number, check) = rest.split_at_checked(number_length)?;
        Some([code, number, check])
    });
    let Some(parts) = parts.filter(|_| code.as_bytes().len() == 24) else {
        return Err(misshapen(code.as_bytes(), 24));
    };
    for (place, part) in parts.into_iter().enumerate() {
        check(place, part)?;
    }
    join(parts)
}

/// A bill that stands in three columns; the place of the one that is refused comes with the reason.
pub(super) fn of_parts(values: [&[u8]; 3], warnings: &mut Warnings) -> Result<Value<'static>, (usize, Reason)> {
    let mut parts = [Code::EMPTY; 3];
    for (place, (part, value)) in parts.iter_mut().zip(values).enumerate() {
        *part = Code::clean(value, warnings).map_err(|reason| (place, reason))?;
        check(place, part.as_bytes()).map_err(|reason| (place, reason))?;
    }
    let [code, number, check] = &parts;
    join([code.as_bytes(), number.as_bytes(), check.as_bytes()]).map_err(|reason| (0, reason))
}

/// Checks code, number or check.
fn check(place: usize, part: &[u8]) -> Result<(), Reason> {
    let length = LENGTHS.get(place).copied().unwrap_or_default();
    if place == 2 {
        let shaped = part.len() == length && part.iter().all(u8::is_ascii_alphanumeric);
        return if shaped { Ok(()) } else { Err(misshapen(part, length)) };
    }
    match not_digits(part, length) {
        None => Ok(()),
        Some(Reason::WrongLength) if part.len() < length && part.iter().all(u8::is_ascii_digit) => {
            Err(Reason::LostZeros)
        }
        Some(reason) => Err(reason),
    }
}

/// Why one of three parts that are joined by separators is too short; nothing if none is.
fn short_part(value: &[u8]) -> Option<Reason> {
    let parts: [&[u8]; 3] = split(value)?;
    let short = parts.into_iter().zip(LENGTHS).take(2).any(|(part, length)| part.len() < length);
    let digits = parts.into_iter().take(2).all(|part| part.iter().all(u8::is_ascii_digit));
    (short && digits).then_some(Reason::LostZeros)
}

/// Three parts, none of them empty, between two separators.
fn split(value: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = value.split(|byte| matches!(byte, b'|' | b'-' | b' ')).filter(|part| !part.is_empty());
    let three = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(three)
}

fn join([code, number, check]: [&[u8]; 3]) -> Result<Value<'static>, Reason> {
    let mut all = Code::EMPTY;
    for bytes in [code, b"|", number, b"|", check] {
        bytes.iter().try_for_each(|&byte| all.push(byte))?;
    }
    Ok(Value::short(all))
}
