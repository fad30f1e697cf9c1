//! An order of events that does not depend on the clock.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The last moment that was drawn.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A place in the order in which a process does things, in microseconds since 1970
/// or a little later. Of two that it draws, one is always the earlier, also when the
/// clock is set back; of two times, neither may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// Later than any that was drawn before.
    #[must_use]
    pub fn now() -> Self {
        let clock = Timestamp::now().as_millis().saturating_mul(1000);
        let later = |last: u64| Some(clock.max(last.saturating_add(1)));
        let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        Self(last.map_or(clock, |last| clock.max(last.saturating_add(1))))
    }

    /// Later than any that was drawn before, and than this one, which another
    /// process may have drawn.
    #[must_use]
    pub fn after(earlier: Self) -> Self {
        earlier.is_past();
        Self::now()
    }

    /// Draws none before this one any more, whatever the clock says.
    pub fn is_past(self) {
        LAST.fetch_max(self.0, Ordering::SeqCst);
    }

    /// The moment of so many microseconds.
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In microseconds.
    #[must_use]
    pub fn as_micros(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn what_is_drawn_later_is_later_than_what_another_process_has_drawn() {
        // An hour ahead, as before the clock was set back.
        let ahead = Moment::from_micros(Moment::now().as_micros() + 3_600_000_000);
        let first = Moment::after(ahead);
        assert!(first > ahead);
        assert!(Moment::now() > first);
    }
}
