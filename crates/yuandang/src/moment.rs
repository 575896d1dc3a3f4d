//! Moments that two processes of one machine mean alike.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds of the machine's monotonic clock at `moment`, which has passed. 0 where the system does not
/// say.
#[must_use]
pub fn monotonic_nanoseconds(moment: Instant) -> u64 {
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from) else { return 0 };
    let then = now.saturating_sub(moment.elapsed());
    u64::try_from(then.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_is_the_same_number_later_and_in_order() {
        let first = Instant::now();
        let once = monotonic_nanoseconds(first);
        std::thread::sleep(Duration::from_millis(20));
        let (again, later) = (monotonic_nanoseconds(first), monotonic_nanoseconds(Instant::now()));
        assert!(once > 0 && later >= once + 20_000_000, "{once} {later}");
        // Both clocks are read one after the other: a machine that stops between them makes no more of it.
        assert!(again.abs_diff(once) < 20_000_000, "{once} {again}");
    }
}
