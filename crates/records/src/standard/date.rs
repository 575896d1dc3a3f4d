//! Dates, as GB/T 7408 writes them in its basic form: `YYYYMMDD`.
//!
//! Read are eight digits, and year, month and day with `-`, `/`, `.` or 年 月 日 behind them, in full-width
//! forms as well. What could be several dates is refused, and so is a spreadsheet's count of days.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{
    Flaw, KeyType, Settings, Value,
    code::{Code, is_apostrophe, is_dash, is_invisible, is_space, misshapen, number},
    reason::Reason,
    warning::{Warning, Warnings},
};
use crate::residents::Day;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDate {
    year: u16,
    month: u8,
    day: u8,
}

impl CalendarDate {
    /// The day of these numbers, if there is one; years are 1 to 9999.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        if year >= 1 && year <= 9999 && day >= 1 && day <= length { Some(Self { year, month, day }) } else { None }
    }

    /// The day of eight digits.
    pub(super) fn of_digits(digits: &[u8; 8]) -> Option<Self> {
        let [y1, y2, y3, y4, m1, m2, d1, d2] = *digits;
        let part = |digits: &[u8]| u8::try_from(number(digits)).ok();
        Self::new(u16::try_from(number(&[y1, y2, y3, y4])).ok()?, part(&[m1, m2])?, part(&[d1, d2])?)
    }

    /// The day that is written in `value`, as the type `date` reads it.
    ///
    /// # Errors
    /// [`Flaw`] where nothing, or no date, is written there.
    pub fn read(value: &[u8]) -> Result<Self, Flaw> {
        let canonical = KeyType::Date.canonical(value, &Settings::default(), &mut Warnings::default())?;
        let date = canonical.as_bytes().as_array().and_then(Self::of_digits);
        date.ok_or(Flaw::Refused(Reason::ImpossibleDate))
    }

    /// The day that is so many days after 1970-01-01, if it is one of the years 1 to 9999.
    #[must_use]
    pub fn of_days(days: i64) -> Option<Self> {
        // Far more days than there are in these years, and few enough to reckon with.
        let date = (-1_000_000..=4_000_000).contains(&days).then(|| Day(days).civil())?;
        let (year, month) = (u16::try_from(date.year).ok()?, u8::try_from(date.month).ok()?);
        Self::new(year, month, u8::try_from(date.day).ok()?)
    }

    /// How many days it is after 1970-01-01.
    #[must_use]
    pub fn days(self) -> i64 {
        Day::first_of(self.year.into(), self.month.into()).0 + i64::from(self.day) - 1
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }
}

/// As GB/T 7408 writes it in its extended form: `YYYY-MM-DD`.
impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// The most bytes of a date that are looked at.
const LONGEST_WRITTEN: usize = 128;

pub(super) fn canonical<'v>(value: &'v [u8], warnings: &mut Warnings) -> Result<Value<'v>, Reason> {
    if let Some(digits) = value.as_array::<8>().filter(|digits| digits.iter().all(u8::is_ascii_digit)) {
        return CalendarDate::of_digits(digits).map(|_| Value::as_written(value)).ok_or(Reason::ImpossibleDate);
    }
    let written = clean(value, warnings)?;
    let digits = digits(written.as_bytes())?;
    if written.as_bytes() != digits {
        warnings.add(Warning::DateForm);
    }
    CalendarDate::of_digits(&digits).ok_or(Reason::ImpossibleDate)?;
    Code::from_bytes(&digits).map(Value::short)
}

/// What stands for 年, 月 and 日 while a date is read: control characters, which no date has.
const YEAR: u8 = 1;
const MONTH: u8 = 2;
const DAY: u8 = 3;

/// The characters that count.
fn clean(value: &[u8], warnings: &mut Warnings) -> Result<Code, Reason> {
    let text = str::from_utf8(value).map_err(|_| Reason::InvalidUtf8)?;
    if value.len() > LONGEST_WRITTEN {
        return Err(Reason::WrongLength);
    }
    let mut code = Code::EMPTY;
    for c in text.nfkc() {
        match c {
            _ if is_space(c) => warnings.add(Warning::Spaces),
            _ if is_invisible(c) => warnings.add(Warning::Invisible),
            _ if is_apostrophe(c) && code.as_bytes().is_empty() => warnings.add(Warning::Apostrophe),
            _ if is_dash(c) => code.push(b'-')?,
            '年' => code.push(YEAR)?,
            '月' => code.push(MONTH)?,
            '日' | '号' => code.push(DAY)?,
            char::REPLACEMENT_CHARACTER => return Err(Reason::LostCharacter),
            _ if c.is_control() => return Err(Reason::UnexpectedCharacter),
            _ => code.push(u8::try_from(c).ok().filter(u8::is_ascii).ok_or(Reason::UnexpectedCharacter)?)?,
        }
    }
    // Full-width forms have three bytes for one of ASCII.
    if text.chars().any(|c| matches!(c, '\u{ff01}'..='\u{ff5e}')) {
        warnings.add(Warning::FullWidth);
    }
    Ok(code)
}

/// The eight digits of a date that is written in any of the accepted forms.
fn digits(written: &[u8]) -> Result<[u8; 8], Reason> {
    let written = written.strip_suffix(&[DAY]).unwrap_or(written);
    let plain = written.iter().all(u8::is_ascii_digit);
    match written.len() {
        5 if plain => return Err(Reason::DayNumber),
        6 | 7 if plain => return Err(Reason::AmbiguousDate),
        _ => {}
    }
    let misshapen = || match misshapen(written, 8) {
        // A date in pieces may have any length.
        Reason::WrongLength if !plain => Reason::UnexpectedCharacter,
        reason => reason,
    };
    let (year, rest) = written.split_first_chunk::<4>().ok_or_else(misshapen)?;
    if !year.iter().all(u8::is_ascii_digit) {
        return Err(misshapen());
    }
    let separated = rest.first().is_some_and(|byte| is_separator(*byte, YEAR));
    let rest = if separated { rest.get(1..).unwrap_or_default() } else { rest };
    let run = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (month, day) = rest.split_at_checked(run).ok_or_else(misshapen)?;
    let (month, day) = match (month, day) {
        ([m1, m2, d1, d2], []) => ([*m1, *m2], [*d1, *d2]),
        ([_, _, _], []) => return Err(Reason::AmbiguousDate),
        ([_], _) if !separated => return Err(Reason::AmbiguousDate),
        (month, [separator, day @ ..]) if is_separator(*separator, MONTH) => {
            (two_digits(month).ok_or_else(misshapen)?, two_digits(day).ok_or_else(misshapen)?)
        }
        _ => return Err(misshapen()),
    };
    let ([y1, y2, y3, y4], [m1, m2], [d1, d2]) = (*year, month, day);
    Ok([y1, y2, y3, y4, m1, m2, d1, d2])
}

/// Whether `byte` is one of the separators of either place, or the one of this.
fn is_separator(byte: u8, own: u8) -> bool {
    matches!(byte, b'-' | b'/' | b'.') || byte == own
}

/// One or two digits, with a zero in front.
fn two_digits(digits: &[u8]) -> Option<[u8; 2]> {
    match digits {
        [one] if one.is_ascii_digit() => Some([b'0', *one]),
        [ten, one] if ten.is_ascii_digit() && one.is_ascii_digit() => Some([*ten, *one]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (year, month, day, days) in
            [(1970, 1, 1, 0), (1969, 12, 31, -1), (2024, 2, 29, 19_782), (1, 1, 1, -719_162), (9999, 12, 31, 2_932_896)]
        {
            let date = CalendarDate::new(year, month, day).unwrap();
            assert_eq!((date.days(), CalendarDate::of_days(days)), (days, Some(date)));
            assert!(date.to_string().ends_with(&format!("-{month:02}-{day:02}")), "{date}");
        }
        assert_eq!(CalendarDate::new(12, 3, 4).unwrap().to_string(), "0012-03-04");
        for none in [-719_163, 2_932_897, i64::MIN, i64::MAX] {
            assert_eq!(CalendarDate::of_days(none), None);
        }
    }

    #[test]
    fn a_date_is_read_as_its_type_reads_it() {
        let date = CalendarDate::new(2024, 2, 29);
        assert_eq!(CalendarDate::read("2024年2月29日".as_bytes()).ok(), date);
        assert_eq!(CalendarDate::read(b" "), Err(Flaw::Missing));
        assert_eq!(CalendarDate::read(b"20230229"), Err(Flaw::Refused(Reason::ImpossibleDate)));
    }

    proptest! {
        #[test]
        fn days_and_dates_are_the_same(days in -719_162_i64..=2_932_896) {
            prop_assert_eq!(CalendarDate::of_days(days).map(CalendarDate::days), Some(days));
        }
    }
}
