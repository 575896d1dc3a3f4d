//! The dates of a column, from which the age of a record set shows.

use records::{
    Record,
    standard::{CalendarDate, Flaw},
};

/// A column whose dates are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateColumn {
    pub(crate) column: usize,
    /// The day of the pass: no record is from a later one.
    pub(crate) today: CalendarDate,
}

/// What the dates of a column tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// The newest that is not after the day of the pass.
    pub newest: Option<CalendarDate>,
    /// Rows with a date after the day of the pass.
    pub later: u64,
    /// Rows with a value that is no date. An empty one is not among them.
    pub unreadable: u64,
}

impl Dates {
    /// Counts the date of a row.
    pub(crate) fn count(&mut self, column: &DateColumn, record: &Record) {
        match CalendarDate::read(record.field(column.column).unwrap_or_default()) {
            Ok(date) if date > column.today => self.later += 1,
            Ok(date) => self.newest = self.newest.max(Some(date)),
            Err(Flaw::Missing) => {}
            Err(Flaw::Refused(_)) => self.unreadable += 1,
        }
    }

    /// Adds the rows of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.newest = self.newest.max(other.newest);
        self.later += other.later;
        self.unreadable += other.unreadable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_date_is_none_of_the_future() {
        let today = CalendarDate::new(2026, 3, 1).unwrap();
        let mut dates = [Dates::default(); 2];
        for (number, value) in ["20260228", "2027-01-01", "", "2025年1月1日", "soon", "20260301x"].iter().enumerate()
        {
            let mut record = Record::default();
            record.push_field(value.as_bytes());
            dates[number % 2].count(&DateColumn { column: 0, today }, &record);
        }
        let [mut dates, others] = dates;
        dates.merge(&others);
        assert_eq!(dates, Dates { newest: CalendarDate::new(2026, 2, 28), later: 1, unreadable: 2 });
        let mut none = Dates::default();
        none.count(&DateColumn { column: 3, today }, &Record::default());
        assert_eq!(none, Dates::default());
    }
}
