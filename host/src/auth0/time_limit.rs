//! The end of the time that a call has.

use std::time::Duration;

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The moment at which a call ends, with or without an answer. A login has one limit
/// for all of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeLimit(Monotonic);

impl TimeLimit {
    /// The moment that is this much later than now.
    #[must_use]
    pub fn after(ambient: &Ambient, time: Duration) -> Self {
        Self(ambient.monotonic() + time)
    }

    /// Returns the time that is left; zero once the limit has passed.
    #[must_use]
    pub fn left(self, ambient: &Ambient) -> Duration {
        self.0.since(ambient.monotonic())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::TimeLimit;
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::model::Timestamp;
    use crate::random::SeededRandom;

    #[test]
    fn the_time_left_ends_at_zero() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let limit = TimeLimit::after(&ambient, Duration::from_secs(2));
        clock.advance(Duration::from_millis(500));
        assert_eq!(limit.left(&ambient), Duration::from_millis(1_500));
        clock.advance(Duration::from_secs(5));
        assert_eq!(limit.left(&ambient), Duration::ZERO);
    }
}
