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
