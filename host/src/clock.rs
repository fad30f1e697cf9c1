//! Time: the wall clock and a clock that never goes back.
//!
//! Everything in the host reads the time through a [`Clock`], so that a test sets
//! it: with a [`ManualClock`], an expiry of thirty days takes no time at all.

use std::fmt::Debug;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// A source of time.
pub trait Clock: Debug + Send + Sync {
    /// Returns the wall-clock time since 1970-01-01T00:00:00Z, zero for any earlier
    /// one. It may be set back.
    fn since_epoch(&self) -> Duration;

    /// Returns the time since a fixed origin. It never goes back.
    fn since_origin(&self) -> Duration;
}

/// A reading of a clock that never goes back. Two readings of one clock differ by
/// the time in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(Duration);

impl Monotonic {
    pub(crate) fn read_clock(clock: &dyn Clock) -> Self {
        Self(clock.since_origin())
    }

    /// Returns the time from an earlier reading to this one; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clocks")]
impl SystemClock {
    /// A clock whose monotonic readings begin now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clocks")]
impl Clock for SystemClock {
    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn since_origin(&self) -> Duration {
        Instant::now().saturating_duration_since(self.origin)
    }
}

/// A clock that stands still until a test moves it. To the microsecond.
#[derive(Debug)]
pub struct ManualClock {
    since_epoch: AtomicU64,
    since_origin: AtomicU64,
}

impl ManualClock {
    /// A clock that always shows this time.
    #[must_use]
    pub fn starting_at(time: Timestamp) -> Self {
        let since_epoch = AtomicU64::new(time.as_millis().saturating_mul(1_000));
        Self { since_epoch, since_origin: AtomicU64::new(0) }
    }

    /// Moves both the wall clock and the monotonic readings on.
    pub fn advance(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.since_origin.fetch_add(micros, Ordering::SeqCst);
        self.since_epoch.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the wall clock, forward or back. Monotonic readings do not change.
    pub fn set(&self, time: Timestamp) {
        self.since_epoch.store(time.as_millis().saturating_mul(1_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn since_epoch(&self) -> Duration {
        Duration::from_micros(self.since_epoch.load(Ordering::SeqCst))
    }

    fn since_origin(&self) -> Duration {
        Duration::from_micros(self.since_origin.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, ManualClock, Monotonic, SystemClock};

    #[test]
    fn a_wall_clock_that_is_set_back_moves_no_monotonic_reading() {
        let clock = ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap());
        let before = Monotonic::read_clock(&clock);
        clock.advance(Duration::from_millis(1_500));
        clock.set("2026-11-26T09:00:00Z".parse().unwrap());
        assert_eq!(clock.since_epoch(), Duration::from_secs(1_795_683_600));
        assert_eq!(Monotonic::read_clock(&clock).since(before), Duration::from_millis(1_500));
        assert_eq!(before.since(Monotonic::read_clock(&clock)), Duration::ZERO);
    }

    #[test]
    fn the_system_clock_goes_on() {
        let clock = SystemClock::new();
        let before = Monotonic::read_clock(&clock);
        assert!(Monotonic::read_clock(&clock) >= before);
        assert!(clock.since_epoch() > Duration::from_secs(1_700_000_000));
    }
}
