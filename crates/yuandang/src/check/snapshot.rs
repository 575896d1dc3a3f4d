//! How old a record set is. Days are those of Beijing time.

use std::{
    convert::Infallible,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use node::quality::Dates;
use records::{RecordError, standard::CalendarDate};
use serde::{Serialize, Serializer};

use crate::failure::Failure;

/// What Beijing is ahead of universal time.
const BEIJING: Duration = Duration::from_secs(8 * 3600);

/// What `--snapshot-date` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SnapshotDate {
    /// A day.
    Day(CalendarDate),
    /// A column of dates.
    Column(String),
}

impl FromStr for SnapshotDate {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let day = CalendarDate::read(text.as_bytes()).ok().filter(|_| digits);
        Ok(day.map_or_else(|| Self::Column(text.to_owned()), Self::Day))
    }
}

/// The day on which the data was taken, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Age {
    /// The day; none if the column that was to tell it has no date.
    #[serde(serialize_with = "as_text")]
    pub date: Option<CalendarDate>,
    /// Days from then until now.
    pub age_days: Option<i64>,
    /// What tells the day.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What tells the day on which data was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Origin {
    /// The command line.
    Given,
    /// The newest date in a column that is not in the future.
    Column {
        /// The column.
        column: String,
        /// Rows with a date in the future.
        later_dates: u64,
        /// Rows with a value that is no date.
        unreadable_dates: u64,
    },
    /// The time at which the file was last changed.
    FileModified,
    /// The source is no file: it was read as it stood on the day.
    Read,
}

/// The day that it is.
///
/// # Errors
/// If the machine's clock is before 1970 or beyond the calendar.
pub(super) fn today() -> Result<CalendarDate, Failure> {
    day_of(SystemTime::now()).ok_or_else(|| Failure::other("this machine's clock tells no day of the calendar"))
}

fn day_of(moment: SystemTime) -> Option<CalendarDate> {
    let since = moment.duration_since(UNIX_EPOCH).ok()?.checked_add(BEIJING)?;
    CalendarDate::of_days(i64::try_from(since.as_secs() / 86_400).ok()?)
}

/// How old data is, of which `given` is known beforehand and `dates` were found.
///
/// # Errors
/// What `modified` has, if it is asked.
pub(super) fn age(
    given: Option<&SnapshotDate>,
    dates: Option<Dates>,
    today: CalendarDate,
    modified: impl FnOnce() -> Result<Option<SystemTime>, RecordError>,
) -> Result<Age, Failure> {
    let (date, origin) = match given {
        Some(SnapshotDate::Day(day)) => (Some(*day), Origin::Given),
        Some(SnapshotDate::Column(column)) => {
            let Dates { newest, later, unreadable } = dates.unwrap_or_default();
            let column = column.clone();
            (newest, Origin::Column { column, later_dates: later, unreadable_dates: unreadable })
        }
        None => match modified()? {
            Some(modified) => (day_of(modified), Origin::FileModified),
            None => (Some(today), Origin::Read),
        },
    };
    Ok(Age { date, age_days: date.map(|date| today.days() - date.days()), origin })
}

fn as_text<S: Serializer>(date: &Option<CalendarDate>, to: S) -> Result<S::Ok, S::Error> {
    match date {
        Some(date) => to.collect_str(date),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: u16, month: u8, day: u8) -> CalendarDate {
        CalendarDate::new(year, month, day).unwrap()
    }

    #[test]
    fn a_day_is_eight_digits_and_anything_else_a_column() {
        let read = |text: &str| text.parse::<SnapshotDate>().unwrap();
        assert_eq!(read("20260301"), SnapshotDate::Day(date(2026, 3, 1)));
        for column in ["valid_to", "20260231", "2026-03-01", "截止日期", ""] {
            assert_eq!(read(column), SnapshotDate::Column(column.to_owned()));
        }
    }

    #[test]
    fn a_day_begins_when_it_does_in_beijing() {
        let at = |seconds| day_of(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(16 * 3600 - 1), Some(date(1970, 1, 1)));
        assert_eq!(at(16 * 3600), Some(date(1970, 1, 2)));
        assert_eq!(day_of(UNIX_EPOCH - Duration::from_secs(86_400)), None);
    }

    #[test]
    fn the_age_says_what_it_rests_on() {
        let (today, changed) = (date(2026, 3, 10), || Ok(Some(UNIX_EPOCH)));
        let given = SnapshotDate::Day(date(2026, 3, 1));
        let known = age(Some(&given), None, today, changed).unwrap();
        assert_eq!((known.age_days, known.origin), (Some(9), Origin::Given));
        let column = SnapshotDate::Column("day".to_owned());
        let dates = Dates { newest: Some(date(2025, 3, 10)), later: 2, unreadable: 3 };
        let found = age(Some(&column), Some(dates), today, changed).unwrap();
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["date"], "2025-03-10");
        assert_eq!(
            (&json["age_days"], &json["from"], &json["later_dates"]),
            (&365.into(), &"column".into(), &2.into())
        );
        let none = age(Some(&column), Some(Dates::default()), today, changed).unwrap();
        assert_eq!((none.date, none.age_days), (None, None));
        let file = age(None, None, today, changed).unwrap();
        assert_eq!((file.date, file.origin), (Some(date(1970, 1, 1)), Origin::FileModified));
        let table = age(None, None, today, || Ok(None)).unwrap();
        assert_eq!((table.date, table.origin), (Some(today), Origin::Read));
    }
}
