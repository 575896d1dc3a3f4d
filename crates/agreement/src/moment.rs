//! Moments as statements carry them: whole seconds in UTC, written as RFC 3339 has them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A whole second, in UTC, of the years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(i64);

/// Text or a number that is no moment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a moment is written 2026-01-31T08:00:00Z: whole seconds, in UTC, from 1970 to 9999")]
pub struct MomentError;

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;
/// China's one time zone, in which working days and days of limits are counted.
const CHINA: (i8, i8, i8) = (8, 0, 0);

impl Moment {
    /// The moment so many seconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`MomentError`] before that, or after the year 9999.
    pub fn from_seconds(seconds: i64) -> Result<Self, MomentError> {
        if (0..=LAST).contains(&seconds) { Ok(Self(seconds)) } else { Err(MomentError) }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// So many seconds later; the last moment there is where that would be after it.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(i64::try_from(seconds).map_or(LAST, |seconds| self.0.saturating_add(seconds).min(LAST)))
    }

    /// Seconds from `earlier` to this moment; negative if it is the earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same time of day so many years earlier, in China; 28 February where there is no 29th. The first moment there is
    /// where that would be before it.
    #[must_use]
    pub fn years_before(self, years: u16) -> Self {
        let here = self.utc().to_offset(china());
        let year = here.year().saturating_sub(years.into());
        let earlier = here.replace_year(year).or_else(|_| here.replace_day(28).and_then(|day| day.replace_year(year)));
        Self(earlier.map_or(0, |earlier| earlier.unix_timestamp().max(0)))
    }

    /// The day in China (UTC+8), for working days and for limits by the day.
    #[must_use]
    pub fn china_day(self) -> Date {
        self.utc().to_offset(china()).date()
    }

    /// The seconds since the Unix epoch with which the day in China begins, and with which it is over.
    #[must_use]
    pub fn bounds_of_china_day(self) -> (i64, i64) {
        let begin = self.utc().to_offset(china()).replace_time(time::Time::MIDNIGHT).unix_timestamp();
        (begin, begin.saturating_add(86_400))
    }

    fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// China's offset from UTC.
pub(crate) fn china() -> UtcOffset {
    UtcOffset::from_hms(CHINA.0, CHINA.1, CHINA.2).unwrap_or(UtcOffset::UTC)
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let read = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| MomentError)?;
        let moment = Self::from_seconds(read.unix_timestamp())?;
        // One way to write a moment, so that canonical texts have one.
        if moment.to_string() == text { Ok(moment) } else { Err(MomentError) }
    }
}

impl TryFrom<String> for Moment {
    type Error = MomentError;

    fn try_from(text: String) -> Result<Self, MomentError> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_it_is_read() {
        for (seconds, text) in
            [(0, "1970-01-01T00:00:00Z"), (1_764_201_600, "2025-11-27T00:00:00Z"), (LAST, "9999-12-31T23:59:59Z")]
        {
            let moment = Moment::from_seconds(seconds).unwrap();
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
        }
    }

    #[test]
    fn there_is_one_way_to_write_it() {
        for bad in [
            "2025-11-27T00:00:00+00:00",
            "2025-11-27T08:00:00+08:00",
            "2025-11-27t00:00:00z",
            "2025-11-27T00:00:00.0Z",
            "2025-11-27 00:00:00Z",
            "2025-11-27",
            "2025-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2016-12-31T23:59:60Z",
            "",
        ] {
            assert_eq!(bad.parse::<Moment>(), Err(MomentError), "{bad}");
        }
        assert_eq!(Moment::from_seconds(-1), Err(MomentError));
        assert_eq!(Moment::from_seconds(LAST + 1), Err(MomentError));
    }

    #[test]
    fn days_begin_at_midnight_in_china() {
        let day = |text: &str| text.parse::<Moment>().unwrap().china_day().to_string();
        assert_eq!(day("2025-11-26T15:59:59Z"), "2025-11-26");
        assert_eq!(day("2025-11-26T16:00:00Z"), "2025-11-27");
    }

    #[test]
    fn years_before_are_those_of_the_calendar_in_china() {
        let before = |text: &str, years| text.parse::<Moment>().unwrap().years_before(years).to_string();
        assert_eq!(before("2026-03-01T12:00:00Z", 3), "2023-03-01T12:00:00Z");
        assert_eq!(before("2028-02-29T12:00:00Z", 3), "2025-02-28T12:00:00Z");
        assert_eq!(before("2028-02-29T12:00:00Z", 4), "2024-02-29T12:00:00Z");
        // Already the 29th in China.
        assert_eq!(before("2028-02-28T20:00:00Z", 3), "2025-02-27T20:00:00Z");
        assert_eq!(before("1971-01-01T00:00:00Z", 3), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn adding_stops_at_the_end() {
        let moment = Moment::from_seconds(10).unwrap();
        assert_eq!(moment.plus(5).since(moment), 5);
        assert_eq!(moment.since(moment.plus(5)), -5);
        assert_eq!(moment.plus(u64::MAX).seconds(), LAST);
    }
}
