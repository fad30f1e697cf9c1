//! The inputs that are not parameters elsewhere: time and randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, ManualClock, Monotonic, SystemClock};
use crate::model::{Moment, Timestamp};
use crate::random::{Random, SeededRandom, SystemRandom};

/// The time and the randomness of a host. A program makes one and hands it down;
/// copies share everything, the order of [`Moment`]s included.
#[derive(Debug, Clone)]
pub struct Ambient(Arc<Sources>);

#[derive(Debug)]
struct Sources {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The last moment that was drawn, in microseconds.
    last: AtomicU64,
}

impl Ambient {
    /// This clock and this source of randomness.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self(Arc::new(Sources { clock, random, last: AtomicU64::new(0) }))
    }

    /// The machine's clocks and its randomness. A program makes it once: two of them
    /// draw moments that are in no order.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom))
    }

    /// A clock that always shows this time, and predictable randomness, for results that must be
    /// reproducible.
    #[must_use]
    pub fn fixed(time: Timestamp) -> Self {
        Self::new(Arc::new(ManualClock::starting_at(time)), Arc::new(SeededRandom::new(0)))
    }

    /// Returns the wall-clock time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let millis = u64::try_from(self.since_epoch().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(millis).unwrap_or_default()
    }

    /// Returns the wall-clock time since 1970, as exactly as the clock has it.
    pub(crate) fn since_epoch(&self) -> Duration {
        self.0.clock.since_epoch()
    }

    /// Returns a reading that never goes back, for how long something takes.
    #[must_use]
    pub fn monotonic(&self) -> Monotonic {
        Monotonic::read_clock(&*self.0.clock)
    }

    /// Returns the time since an earlier reading.
    #[must_use]
    pub fn elapsed(&self, since: Monotonic) -> Duration {
        self.monotonic().since(since)
    }

    /// Draws a moment: later than all that were drawn before, and by the clock where
    /// that is later still.
    #[must_use]
    pub fn draw_moment(&self) -> Moment {
        let clock = u64::try_from(self.since_epoch().as_micros()).unwrap_or(u64::MAX);
        let later = |last: u64| clock.max(last.saturating_add(1));
        let last = self.0.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(later(last)));
        Moment::from_micros(last.map_or(clock, later))
    }

    /// Draws a moment that is also later than this one, which another process may
    /// have drawn.
    #[must_use]
    pub fn draw_moment_after(&self, earlier: Moment) -> Moment {
        self.pass_moment(earlier);
        self.draw_moment()
    }

    /// Ensures that every later moment is after this one, even if the clock is behind it.
    pub fn pass_moment(&self, moment: Moment) {
        self.0.last.fetch_max(moment.as_micros(), Ordering::SeqCst);
    }

    /// Returns the source of randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.0.random
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::Ambient;
    use crate::clock::ManualClock;
    use crate::model::{Moment, Timestamp};
    use crate::random::SeededRandom;

    fn at_ten() -> (Arc<ManualClock>, Ambient) {
        let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap()));
        (clock.clone(), Ambient::new(clock, Arc::new(SeededRandom::new(1))))
    }

    #[test]
    fn moments_are_in_order_also_when_the_clock_stands_or_is_set_back() {
        let (clock, ambient) = at_ten();
        let first = ambient.draw_moment();
        let second = ambient.draw_moment();
        clock.set("2026-11-26T09:00:00Z".parse().unwrap());
        let third = ambient.draw_moment();
        assert!(first < second && second < third);
        clock.advance(Duration::from_secs(7_200));
        assert_eq!(ambient.draw_moment().as_micros(), ambient.now().as_millis() * 1_000);
    }

    #[test]
    fn a_moment_is_later_than_one_that_another_process_has_drawn() {
        let (_, ambient) = at_ten();
        // An hour ahead, as before the clock was set back.
        let ahead = Moment::from_micros(ambient.draw_moment().as_micros() + 3_600_000_000);
        let first = ambient.draw_moment_after(ahead);
        assert!(first > ahead);
        assert!(ambient.draw_moment() > first);
    }

    #[test]
    fn a_copy_shares_the_clock_and_the_order() {
        let (clock, ambient) = at_ten();
        let (copy, start) = (ambient.clone(), ambient.monotonic());
        let first = ambient.draw_moment();
        assert!(copy.draw_moment() > first);
        clock.advance(Duration::from_millis(1));
        assert_eq!(copy.elapsed(start), Duration::from_millis(1));
        assert_eq!(copy.now(), Timestamp::from_millis(1_795_687_200_001).unwrap());
    }
}
