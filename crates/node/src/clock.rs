//! This machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agreement::{Moment, moment::MomentError};

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

/// Now, in milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}
