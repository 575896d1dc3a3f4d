//! Unified social credit codes of legal persons and other organisations, GB 32100-2015: registrar, kind,
//! six digits of region, nine characters of organisation code (GB 11714), check character.
//!
//! The alphabet has no I, O, S, V and Z. That the organisation code inside has a wrong check digit of its
//! own is a warning, since the check character over the whole is what the standard rests on.

use super::{
    Value,
    code::{Code, misshapen},
    organisation_code,
    reason::Reason,
    region::warn_of_province,
    warning::{Warning, Warnings},
};

const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Powers of 3 modulo 31.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    let code = Code::clean(value, warnings)?.capital(warnings);
    let Some(number) = code.as_bytes().as_array::<18>() else { return Err(misshapen(code.as_bytes(), 18)) };
    let [registrar, kind, region @ .., _, _, _, _, _, _, _, _, _, check] = number;
    let [_, _, _, _, _, _, _, _, organisation @ .., _] = number;
    let [body @ .., _] = number;
    let (Some(sum), Some(check)) = (sum(body), index(*check)) else { return Err(misshapen(number, 18)) };
    if [registrar, kind].iter().any(|byte| index(**byte).is_none()) || !region.iter().all(u8::is_ascii_digit) {
        return Err(Reason::UnexpectedCharacter);
    }
    if (sum + check) % 31 != 0 {
        return Err(if number.ends_with(b"000") { Reason::LostDigits } else { Reason::CheckDigit });
    }
    if !organisation_code::is_checked(organisation) {
        warnings.add(Warning::OrganisationCheck);
    }
    // What the whole country registers has 10 in place of a province.
    if !region.starts_with(b"10") {
        warn_of_province(region, warnings);
    }
    Ok(Value::short(code))
}

/// The weighted sum; nothing if a character is not of the alphabet.
fn sum(body: &[u8; 17]) -> Option<u32> {
    body.iter().zip(WEIGHTS).try_fold(0, |sum, (&byte, weight)| Some(sum + index(byte)? * weight))
}

/// The place of a character in the alphabet.
fn index(byte: u8) -> Option<u32> {
    const PLACES: [u8; 128] = places();
    let place = *PLACES.get(usize::from(byte))?;
    (place < 31).then_some(u32::from(place))
}

const fn places() -> [u8; 128] {
    let mut places = [u8::MAX; 128];
    let mut place = 0;
    while place < 31 {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        {
            places[ALPHABET[place as usize] as usize] = place;
        }
        place += 1;
    }
    places
}
