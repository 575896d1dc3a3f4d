//! Working days, by which authorities have to answer (政务数据共享条例, State Council Decree 809).

use std::{collections::BTreeSet, fmt, str::FromStr};

use time::{Date, Month, Weekday};

use crate::moment::Moment;

/// Working days to answer a request for data that is shared unconditionally.
pub const UNCONDITIONAL: u32 = 1;
/// Working days to answer a request for data that is shared on conditions.
pub const CONDITIONAL: u32 = 10;
/// Working days from an approval to the first provision.
pub const PROVISION: u32 = 20;

/// A day, written 2026-02-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

/// Text that is no day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a day is written 2026-02-16")]
pub struct DayError;

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let mut parts = text.splitn(3, '-');
        let mut next = |length| parts.next().filter(|part| part.len() == length).ok_or(DayError);
        let (year, month, day) = (next(4)?, next(2)?, next(2)?);
        let month = Month::try_from(month.parse::<u8>().map_err(|_| DayError)?).map_err(|_| DayError)?;
        let (year, day) = (year.parse().map_err(|_| DayError)?, day.parse().map_err(|_| DayError)?);
        let day = Self(Date::from_calendar_date(year, month, day).map_err(|_| DayError)?);
        if day.to_string() == text { Ok(day) } else { Err(DayError) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

/// Which days are worked on: Monday to Friday, but for holidays, and the weekend days that are worked on in their place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    holidays: BTreeSet<Day>,
    worked: BTreeSet<Day>,
}

/// A day that is said to be both.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is both a holiday and worked on")]
pub struct CalendarError(Day);

impl Calendar {
    /// With these holidays, and these days that are worked on although they are of a weekend.
    ///
    /// # Errors
    /// [`CalendarError`] if a day is both.
    pub fn new(
        holidays: impl IntoIterator<Item = Day>,
        worked: impl IntoIterator<Item = Day>,
    ) -> Result<Self, CalendarError> {
        let (holidays, worked): (BTreeSet<Day>, BTreeSet<Day>) =
            (holidays.into_iter().collect(), worked.into_iter().collect());
        match holidays.intersection(&worked).next() {
            Some(both) => Err(CalendarError(*both)),
            None => Ok(Self { holidays, worked }),
        }
    }

    /// Whether the day is worked on.
    #[must_use]
    pub fn is_working(&self, day: Day) -> bool {
        let weekend = matches!(day.0.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.worked.contains(&day) || (!weekend && !self.holidays.contains(&day))
    }

    /// The last day on which something is in time that is due within so many working days. The day of `from`, in China, does
    /// not count.
    #[must_use]
    pub fn due(&self, from: Moment, working_days: u32) -> Day {
        let mut day = Day(from.china_day());
        let mut left = working_days;
        while left > 0 {
            // The calendar ends in the year 9999.
            let Some(next) = day.0.next_day() else { return day };
            day = Day(next);
            left -= u32::from(self.is_working(day));
        }
        day
    }

    /// Whether `due` is over at `now`.
    #[must_use]
    pub fn is_over(due: Day, now: Moment) -> bool {
        now.china_day() > due.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_written_as_it_is_read() {
        assert_eq!(day("2026-02-16").to_string(), "2026-02-16");
        for bad in ["2026-2-16", "2026-02-30", "26-02-16", "2026-02-16T", "2026-13-01", "", "20260216", "+026-02-16"] {
            assert_eq!(bad.parse::<Day>(), Err(DayError), "{bad}");
        }
    }

    #[test]
    fn weekends_do_not_count() {
        let calendar = Calendar::default();
        // A Friday.
        let friday = at("2026-01-09T01:00:00Z");
        assert_eq!(calendar.due(friday, 1), day("2026-01-12"));
        assert_eq!(calendar.due(friday, 10), day("2026-01-23"));
        assert_eq!(calendar.due(friday, 20), day("2026-02-06"));
        assert_eq!(calendar.due(friday, 0), day("2026-01-09"));
        // Already Saturday in China.
        assert_eq!(calendar.due(at("2026-01-09T16:00:00Z"), 1), day("2026-01-12"));
    }

    #[test]
    fn holidays_and_shifted_days_are_those_of_the_configuration() {
        // A week off, and the Saturday before it worked on.
        let holidays = (16..=20).map(|number| day(&format!("2026-02-{number}")));
        let calendar = Calendar::new(holidays, [day("2026-02-14")]).unwrap();
        let thursday = at("2026-02-12T01:00:00Z");
        assert_eq!(calendar.due(thursday, 2), day("2026-02-14"));
        assert_eq!(calendar.due(thursday, 3), day("2026-02-23"));
        assert!(!calendar.is_working(day("2026-02-15")));
        assert!(Calendar::new([day("2026-02-14")], [day("2026-02-14")]).is_err());
    }

    #[test]
    fn a_day_is_over_at_midnight_in_china() {
        let due = day("2026-01-12");
        assert!(!Calendar::is_over(due, at("2026-01-12T15:59:59Z")));
        assert!(Calendar::is_over(due, at("2026-01-12T16:00:00Z")));
    }
}
