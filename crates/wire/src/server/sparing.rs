//! Saying at most once a second what others can bring about as often as they like.

use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Sparing {
    last: Option<Instant>,
    unsaid: u64,
}

impl Sparing {
    /// Whether it is to be said now; if so, how often it was not since the last time.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            self.unsaid = self.unsaid.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_and_the_next_after_a_pause_with_the_number_between() {
        let (mut sparing, began) = (Sparing::default(), Instant::now());
        let said = [0, 10, 999, 1000, 1001, 5000].map(|after| sparing.due(began + Duration::from_millis(after)));
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
