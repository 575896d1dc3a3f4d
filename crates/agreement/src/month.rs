//! Calendar months in China, by which use is counted.

use std::{fmt, str::FromStr};

use time::{Date, PrimitiveDateTime, Time};

use crate::moment::{Moment, china};

/// A month of the years 1970 to 9998, written 2026-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    /// From 1.
    month: u8,
}

/// Text that is no month.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a month is written 2026-01, from 1970 to 9998")]
pub struct MonthError;

impl Month {
    /// The month that a moment lies in.
    #[must_use]
    pub fn of(moment: Moment) -> Self {
        let day = moment.china_day();
        Self { year: day.year(), month: day.month().into() }
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year.saturating_add(1), month: 1 },
            month => Self { month: month.saturating_add(1), ..self },
        }
    }

    /// Its first moment.
    ///
    /// # Errors
    /// [`MonthError`] after the year 9999, which has no moments.
    pub fn begin(self) -> Result<Moment, MonthError> {
        let month = self.month.try_into().map_err(|_| MonthError)?;
        let day = Date::from_calendar_date(self.year, month, 1).map_err(|_| MonthError)?;
        let midnight = PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_offset(china());
        // January 1970 begins before the first moment.
        Moment::from_seconds(midnight.unix_timestamp().max(0)).map_err(|_| MonthError)
    }

    /// How many months there are from this one to `last`, both counted; 0 if that is earlier.
    #[must_use]
    pub fn until(self, last: Self) -> u32 {
        let count = |month: Self| i64::from(month.year) * 12 + i64::from(month.month);
        u32::try_from(count(last) - count(self) + 1).unwrap_or(0)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let read = Self { year: year.parse().map_err(|_| MonthError)?, month: month.parse().map_err(|_| MonthError)? };
        let known = (1970..=9998).contains(&read.year) && (1..=12).contains(&read.month);
        if known && read.to_string() == text { Ok(read) } else { Err(MonthError) }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_is_written_as_it_is_read() {
        for good in ["1970-01", "2026-09", "2026-12", "9998-12"] {
            assert_eq!(month(good).to_string(), good);
        }
        for bad in ["2026-1", "2026-13", "2026-00", "26-01", "2026", "2026-01-01", "1969-12", "9999-01", "+026-01", ""]
        {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }

    #[test]
    fn a_month_begins_at_midnight_in_china() {
        assert_eq!(month("2026-03").begin().unwrap().to_string(), "2026-02-28T16:00:00Z");
        assert_eq!(month("1970-01").begin().unwrap().seconds(), 0);
        let of = |text: &str| Month::of(text.parse().unwrap()).to_string();
        assert_eq!([of("2026-02-28T15:59:59Z"), of("2026-02-28T16:00:00Z")], ["2026-02", "2026-03"]);
    }

    #[test]
    fn months_follow_each_other() {
        assert_eq!(month("2026-12").next(), month("2027-01"));
        assert_eq!(month("2026-01").until(month("2026-01")), 1);
        assert_eq!(month("2025-11").until(month("2026-02")), 4);
        assert_eq!(month("2026-02").until(month("2026-01")), 0);
        assert!(month("9998-12").next().begin().is_ok());
    }
}
