//! Mobile numbers of the mainland: eleven digits that begin with 13 to 19. `+86`, `86` or `0086` in front
//! is dropped, and so are brackets. Numbers are given to others again, so one alone identifies nobody.

use super::{
    Value,
    code::{Code, misshapen},
    reason::Reason,
    warning::{Warning, Warnings},
};

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    let code = Code::clean_but(value, |c| matches!(c, '(' | ')'), warnings)?;
    let written = code.as_bytes();
    if is_mobile(written) {
        return Ok(Value::short(code));
    }
    let prefixes: [&[u8]; 3] = [b"+86", b"86", b"0086"];
    for number in prefixes.into_iter().filter_map(|prefix| written.strip_prefix(prefix)) {
        if is_mobile(number) {
            warnings.add(Warning::CountryCode);
            return Code::from_bytes(number).map(Value::short);
        }
    }
    if written.len() == 11 && written.iter().all(u8::is_ascii_digit) {
        return Err(Reason::NotMobile);
    }
    Err(misshapen(written, 11))
}

fn is_mobile(number: &[u8]) -> bool {
    matches!(number, [b'1', b'3'..=b'9', ..]) && number.len() == 11 && number.iter().all(u8::is_ascii_digit)
}
