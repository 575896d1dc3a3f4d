//! Days of the Gregorian calendar, for birth dates and validity.

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i64);

/// A day as year, month and day of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CivilDate {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

impl Day {
    /// The first day of `month` in `year`.
    pub(crate) const fn first_of(year: i64, month: i64) -> Self {
        // Years begin in March here, so that the leap day is the last one of a year.
        let shifted_year = if month > 2 { year } else { year - 1 };
        let shifted_month = (month + 9) % 12;
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let day_of_year = (153 * shifted_month + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * DAYS_OF_ERA + day_of_era - DAYS_BEFORE_1970)
    }

    /// The calendar date of this day.
    pub(crate) fn civil(self) -> CivilDate {
        let days = self.0 + DAYS_BEFORE_1970;
        let era = days.div_euclid(DAYS_OF_ERA);
        let day_of_era = days.rem_euclid(DAYS_OF_ERA);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        CivilDate { year, month, day }
    }

    /// The day as `YYYYMMDD`.
    pub(crate) fn compact(self) -> String {
        let CivilDate { year, month, day } = self.civil();
        format!("{year:04}{month:02}{day:02}")
    }
}

/// Days of 400 years.
const DAYS_OF_ERA: i64 = 146_097;

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_each_other_as_in_the_calendar() {
        let mut day = Day::first_of(1899, 12);
        for year in 1900..=2100 {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(lengths) {
                if (year, month) == (1900, 1) {
                    day = Day(day.0 + 31);
                }
                assert_eq!(day, Day::first_of(year, month));
                for date in 1..=length {
                    assert_eq!(day.civil(), CivilDate { year, month, day: date });
                    day = Day(day.0 + 1);
                }
            }
        }
        assert_eq!(Day::first_of(1970, 1), Day(0));
        assert_eq!(Day(19_782).compact(), "20240229");
    }
}
