//! This machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agreement::{Moment, moment::MomentError};
use records::standard::CalendarDate;

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Now, as statements carry it.
///
/// # Errors
/// [`MomentError`] for a clock beyond the year 9999.
pub fn now() -> Result<Moment, MomentError> {
    Moment::from_seconds(i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX))
}

/// The day that it is in China, if the calendar has it.
pub(crate) fn today() -> Option<CalendarDate> {
    const BEIJING: Duration = Duration::from_secs(8 * 3600);
    let since = since_1970().checked_add(BEIJING)?;
    CalendarDate::of_days(i64::try_from(since.as_secs() / 86_400).ok()?)
}

/// Now, in milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}
