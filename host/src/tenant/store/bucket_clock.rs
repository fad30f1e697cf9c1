//! The clock by which token buckets are refilled.

use governor::clock::Clock;
use governor::nanos::Nanos;

use crate::ambient::Ambient;
use crate::clock::Monotonic;

/// The tenant's monotonic clock, for the library of token buckets.
#[derive(Debug, Clone)]
pub(crate) struct BucketClock {
    ambient: Ambient,
    origin: Monotonic,
}

impl BucketClock {
    pub(crate) fn new(ambient: &Ambient) -> Self {
        Self { ambient: ambient.clone(), origin: ambient.monotonic() }
    }
}

impl Clock for BucketClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.ambient.elapsed(self.origin).into()
    }
}
