//! Resident ID numbers, GB 11643-1999: six digits of region, eight of birth date, three of sequence, and a
//! check character by ISO 7064 MOD 11-2.
//!
//! The same shape have residence permits for Hong Kong, Macao and Taiwan residents (81, 82 and 83 in
//! front) and, since December 2023, foreigners' permanent residence cards (9 in front). Older cards of
//! foreigners are three letters and twelve digits. They cannot be converted; the number stands as it is,
//! with a warning.
//!
//! Fifteen digits, as issued before 1999, become eighteen: `19` before the year, and the check character
//! behind. No county code is ever refused: abolished ones live on in numbers.

use super::{
    Settings, Value,
    code::{Code, misshapen},
    date::CalendarDate,
    reason::Reason,
    region::is_province,
    warning::{Warning, Warnings},
};

/// What the check sum stands for, by its remainder.
const CHECK: &[u8; 11] = b"10X98765432";

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// The year of the earliest birth date.
const EARLIEST_BIRTH: u16 = 1850;

/// The check character of the first seventeen digits. Other bytes than digits give a character of no
/// meaning.
#[must_use]
pub fn check_character(digits: &[u8; 17]) -> char {
    char::from(check_byte(digits))
}

fn check_byte(digits: &[u8; 17]) -> u8 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit & 0x0f) * weight).sum();
    CHECK.get((sum % 11) as usize).copied().unwrap_or_default()
}

pub(super) fn canonical<'v>(
    value: &'v [u8],
    settings: &Settings,
    warnings: &mut Warnings,
) -> Result<Value<'v>, Reason> {
    if let Some(number) = value.as_array().filter(|number| is_shaped(number)) {
        check(number, settings, warnings)?;
        return Ok(Value::as_written(value));
    }
    let code = Code::clean(value, warnings)?.capital(warnings);
    if let Some(number) = code.as_bytes().as_array().filter(|number| is_shaped(number)) {
        check(number, settings, warnings)?;
        Ok(Value::short(code))
    } else if let Some(digits) = code.as_bytes().as_array().filter(|digits| digits.iter().all(u8::is_ascii_digit)) {
        let number = from_fifteen(digits, warnings)?;
        check(&number, settings, warnings)?;
        Code::from_bytes(&number).map(Value::short)
    } else if is_old_foreign_card(code.as_bytes()) {
        warnings.add(Warning::OldForeignCard);
        Ok(Value::short(code))
    } else {
        // Of two lengths that may be, fifteen is as good as eighteen.
        let length = if code.as_bytes().len() == 15 { 15 } else { 18 };
        Err(misshapen(code.as_bytes(), length))
    }
}

fn is_shaped(number: &[u8; 18]) -> bool {
    let [digits @ .., check] = number;
    digits.iter().all(u8::is_ascii_digit) && (check.is_ascii_digit() || *check == b'X')
}

/// Checks a number of the right shape.
fn check(number: &[u8; 18], settings: &Settings, warnings: &mut Warnings) -> Result<(), Reason> {
    let [digits @ .., check] = number;
    let ends_in_zeros = number.ends_with(b"000");
    if check_byte(digits) != *check {
        return Err(if ends_in_zeros { Reason::LostDigits } else { Reason::CheckDigit });
    }
    let [p1, p2, _, _, _, _, birth @ .., _, _, _, _] = number;
    let born = CalendarDate::of_digits(birth).ok_or(Reason::ImpossibleDate)?;
    if born.year() < EARLIEST_BIRTH {
        return Err(Reason::DateTooEarly);
    }
    if settings.snapshot.is_some_and(|snapshot| born > snapshot) {
        return Err(Reason::DateAfterSnapshot);
    }
    if *p1 != b'9' && !is_province([*p1, *p2]) {
        warnings.add(Warning::UnknownProvince);
    }
    if ends_in_zeros {
        warnings.add(Warning::EndsInZeros);
    }
    Ok(())
}

/// Eighteen characters of a number of fifteen digits.
fn from_fifteen(digits: &[u8; 15], warnings: &mut Warnings) -> Result<[u8; 18], Reason> {
    let [r1, r2, r3, r4, r5, r6, y1, y2, m1, m2, d1, d2, s1, s2, s3] = *digits;
    if matches!(r1, b'8' | b'9') {
        return Err(Reason::NotConvertible);
    }
    warnings.add(Warning::FromFifteen);
    if [s1, s2] == *b"99" && s3 >= b'6' {
        warnings.add(Warning::Centenarian);
    }
    let body = [r1, r2, r3, r4, r5, r6, b'1', b'9', y1, y2, m1, m2, d1, d2, s1, s2, s3];
    let mut number = [0; 18];
    let [all @ .., last] = &mut number;
    *all = body;
    *last = check_byte(&body);
    Ok(number)
}

/// Three letters and twelve digits: a foreigner's permanent residence card from before December 2023.
fn is_old_foreign_card(code: &[u8]) -> bool {
    let Some((letters, digits)) = code.split_first_chunk::<3>() else { return false };
    letters.iter().all(u8::is_ascii_uppercase) && digits.len() == 12 && digits.iter().all(u8::is_ascii_digit)
}
