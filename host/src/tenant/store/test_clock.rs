//! A clock that the tests of the stores move.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::clock::ManualClock;
use crate::random::SeededRandom;

/// A clock that stands at ten, and the time and randomness with it.
pub(crate) fn at_ten() -> (Arc<ManualClock>, Ambient) {
    let clock = Arc::new(ManualClock::at("2026-11-26T10:00:00Z".parse().unwrap()));
    (clock.clone(), Ambient::new(clock, Arc::new(SeededRandom::new(1))))
}
