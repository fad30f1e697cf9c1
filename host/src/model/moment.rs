//! An order of events that does not depend on the clock.

use serde::{Deserialize, Serialize};

/// A place in the order in which a process does things, in microseconds since 1970
/// or a little later. [`Ambient`](crate::ambient::Ambient) draws them: of two, one is
/// always the earlier, also when the clock is set back; of two times, neither may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
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
