//! A clock that tests of the stores can move.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::clock::ManualClock;
use crate::random::SeededRandom;

/// Returns a clock stopped at 10:00, and an environment with that clock and seeded randomness.
pub(crate) fn at_ten() -> (Arc<ManualClock>, Ambient) {
    let clock = Arc::new(ManualClock::starting_at("2026-11-26T10:00:00Z".parse().unwrap()));
    (clock.clone(), Ambient::new(clock, Arc::new(SeededRandom::new(1))))
}
