//! Short codes of digits and letters: what is cleaned away before one is checked.
//!
//! NFKC, then spaces, hyphens and invisible characters go, and an apostrophe in front. All that is
//! left must be ASCII. Nothing is allocated.

use unicode_normalization::char::decompose_compatible;

use super::{
    reason::Reason,
    warning::{Warning, Warnings},
};

/// The most characters of a code: more than any type has, so that what is too long is seen.
const LONGEST: usize = 48;

/// The most bytes of a value that are looked at.
const LONGEST_WRITTEN: usize = 512;

/// A code after cleaning: ASCII, at most [`LONGEST`] characters.
#[derive(Clone, Copy)]
pub(super) struct Code {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Code {
    pub(super) const EMPTY: Self = Self { bytes: [0; LONGEST], length: 0 };

    /// What `value` is without the dirt.
    pub(super) fn clean(value: &[u8], warnings: &mut Warnings) -> Result<Self, Reason> {
        Self::clean_but(value, |_| false, warnings)
    }

    /// The same, with other characters that are `dropped` as separators.
    pub(super) fn clean_but(
        value: &[u8],
        dropped: impl Fn(char) -> bool,
        warnings: &mut Warnings,
    ) -> Result<Self, Reason> {
        let mut code = Self::EMPTY;
        if value.len() <= LONGEST && value.iter().all(u8::is_ascii_alphanumeric) {
            code.bytes.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
            code.length = value.len();
            return Ok(code);
        }
        let text = str::from_utf8(value).map_err(|_| Reason::InvalidUtf8)?;
        if value.len() > LONGEST_WRITTEN {
            return Err(Reason::WrongLength);
        }
        let mut problem = None;
        for written in text.chars() {
            if !written.is_ascii() && !is_space(written) && !is_invisible(written) && !is_dash(written) {
                // For what ends as ASCII, decomposing is all that NFKC does.
                let mut compatible = false;
                decompose_compatible(written, |c| {
                    compatible |= c.is_ascii();
                    problem = problem.or(code.take(c, &dropped, warnings).err());
                });
                if compatible {
                    warnings.add(Warning::FullWidth);
                }
            } else {
                problem = problem.or(code.take(written, &dropped, warnings).err());
            }
        }
        problem.map_or(Ok(code), Err)
    }

    /// Takes in one character, or drops it with a warning.
    fn take(&mut self, c: char, dropped: &impl Fn(char) -> bool, warnings: &mut Warnings) -> Result<(), Reason> {
        if is_space(c) {
            warnings.add(Warning::Spaces);
        } else if is_invisible(c) {
            warnings.add(Warning::Invisible);
        } else if is_dash(c) || dropped(c) {
            warnings.add(Warning::Separators);
        } else if self.length == 0 && is_apostrophe(c) {
            warnings.add(Warning::Apostrophe);
        } else {
            let byte = u8::try_from(c).ok().filter(u8::is_ascii).ok_or(lost_or_unexpected(c))?;
            self.push(byte)?;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<(), Reason> {
        *self.bytes.get_mut(self.length).ok_or(Reason::WrongLength)? = byte;
        self.length += 1;
        Ok(())
    }

    /// Makes small letters capital.
    pub(super) fn capital(mut self, warnings: &mut Warnings) -> Self {
        if self.as_bytes().iter().any(u8::is_ascii_lowercase) {
            warnings.add(Warning::LowerCase);
            self.bytes.make_ascii_uppercase();
        }
        self
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Reason> {
        let mut code = Self::EMPTY;
        bytes.iter().try_for_each(|&byte| code.push(byte))?;
        Ok(code)
    }
}

/// As `\s` of most languages: with the separators of ASCII, which Unicode does not count.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Zero-width characters, marks of direction, variation selectors, soft hyphen, byte order mark.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}' | '\u{ad}')
}

/// Hyphens and dashes, and the minus.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{fe63}' | '\u{fe58}')
}

pub(super) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}')
}

fn lost_or_unexpected(c: char) -> Reason {
    if c == char::REPLACEMENT_CHARACTER { Reason::LostCharacter } else { Reason::UnexpectedCharacter }
}

/// The number that digits stand for; other bytes count by their low half.
pub(super) fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0_u32, |number, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit & 0x0f)))
}

/// Why `code` is not `length` digits, if it is not: what spreadsheets do to numbers has names of its own.
pub(super) fn not_digits(code: &[u8], length: usize) -> Option<Reason> {
    if code.len() == length && code.iter().all(u8::is_ascii_digit) { None } else { Some(misshapen(code, length)) }
}

/// What is wrong with a code that is not of the expected shape, and should have `length` characters.
pub(super) fn misshapen(code: &[u8], length: usize) -> Reason {
    match spreadsheet_number(code) {
        Some(damage) => damage,
        None if code.len() != length => Reason::WrongLength,
        None if code.contains(&b'?') => Reason::LostCharacter,
        None => Reason::UnexpectedCharacter,
    }
}

/// `3.10199E+17` and `13800000000.0`.
fn spreadsheet_number(code: &[u8]) -> Option<Reason> {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let (number, exponent) = match code.iter().position(|byte| matches!(byte, b'E' | b'e')) {
        Some(at) => code.split_at_checked(at)?,
        None => (code, &b""[..]),
    };
    let mut parts = number.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next());
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return None;
    }
    match exponent {
        [] => fraction.map(|_| Reason::DecimalNumber),
        [_, b'+', power @ ..] if is_number(power) => Some(Reason::ScientificNotation),
        [_, power @ ..] if fraction.is_some() && is_number(power) => Some(Reason::ScientificNotation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> (Result<String, Reason>, Warnings) {
        let mut warnings = Warnings::NONE;
        let code = Code::clean(text.as_bytes(), &mut warnings);
        (code.map(|code| String::from_utf8(code.as_bytes().to_vec()).unwrap()), warnings)
    }

    #[test]
    fn dirt_goes_and_is_named() {
        for (written, warning) in [
            (" a1\t", Warning::Spaces),
            ("a\u{3000}1", Warning::Spaces),
            ("a\u{a0}1", Warning::Spaces),
            ("\u{feff}a1", Warning::Invisible),
            ("a\u{200b}1", Warning::Invisible),
            ("a-1", Warning::Separators),
            ("a\u{2013}1", Warning::Separators),
            ("a－1", Warning::Separators),
            ("'a1", Warning::Apostrophe),
            ("\u{2019}a1", Warning::Apostrophe),
            ("a１", Warning::FullWidth),
            ("ａ1", Warning::FullWidth),
        ] {
            assert_eq!(clean(written), (Ok("a1".to_owned()), [warning].into_iter().collect()), "{written:?}");
        }
        let mixed: Warnings = [Warning::Apostrophe, Warning::FullWidth].into_iter().collect();
        assert_eq!(clean("＇a1"), (Ok("a1".to_owned()), mixed));
    }

    #[test]
    fn what_cannot_be_cleaned_is_refused() {
        assert_eq!(clean("张1").0, Err(Reason::UnexpectedCharacter));
        assert_eq!(clean("a\u{301}").0, Err(Reason::UnexpectedCharacter));
        assert_eq!(clean("1\u{fffd}").0, Err(Reason::LostCharacter));
        assert_eq!(clean(&"1".repeat(49)).0, Err(Reason::WrongLength));
        assert_eq!(clean(&" ".repeat(513)).0, Err(Reason::WrongLength));
        assert_eq!(Code::clean(b"1\xff", &mut Warnings::NONE.clone()).err(), Some(Reason::InvalidUtf8));
        assert_eq!(clean("a'1").0, Ok("a'1".to_owned()));
    }

    #[test]
    fn numbers_of_spreadsheets_are_known() {
        for (code, reason) in [
            ("3.10199E+17", Some(Reason::ScientificNotation)),
            ("3.10199e+17", Some(Reason::ScientificNotation)),
            ("3E+17", Some(Reason::ScientificNotation)),
            ("3.1E17", Some(Reason::ScientificNotation)),
            ("13800000000.0", Some(Reason::DecimalNumber)),
            ("3E17", None),
            ("3.E+17", None),
            ("E+17", None),
            (".5", None),
            ("", None),
            ("1.2.3", None),
            ("3.1E+", None),
        ] {
            assert_eq!(spreadsheet_number(code.as_bytes()), reason, "{code}");
        }
    }
}
