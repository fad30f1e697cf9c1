//! The wall-clock deadline of one login.

use std::time::Duration;

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The time at which a login has to be decided.
pub(super) struct Deadline {
    ambient: Ambient,
    at: Monotonic,
    limit: Duration,
}

/// The deadline had passed at this call.
#[derive(Debug, thiserror::Error)]
#[error("the login's {} ms were up in {during}", limit.as_millis())]
pub(super) struct DeadlinePassed {
    pub(super) limit: Duration,
    pub(super) during: &'static str,
}

impl Deadline {
    /// Starts the time of a login.
    pub(super) fn start(limit: Duration, ambient: &Ambient) -> Self {
        Self { at: ambient.monotonic() + limit, limit, ambient: ambient.clone() }
    }

    /// Returns an error that names the call if the deadline has passed.
    pub(super) fn check(&self, during: &'static str) -> Result<(), DeadlinePassed> {
        let has_passed = self.ambient.monotonic() > self.at;
        if has_passed { Err(DeadlinePassed { limit: self.limit, during }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Deadline;
    use crate::ambient::Ambient;
    use crate::clock::ManualClock;
    use crate::model::Timestamp;
    use crate::random::SeededRandom;

    #[test]
    fn a_login_may_take_its_last_millisecond_and_no_more() {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let deadline = Deadline::start(Duration::from_millis(50), &ambient);
        clock.advance(Duration::from_millis(50));
        assert!(deadline.check("a call").is_ok());
        clock.advance(Duration::from_millis(1));
        let passed = deadline.check("a call").unwrap_err();
        assert_eq!(passed.to_string(), "the login's 50 ms were up in a call");
    }
}
