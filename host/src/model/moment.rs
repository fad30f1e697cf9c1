//! An order of events that survives changes of the clock.

use serde::{Deserialize, Serialize};

/// A position in the order in which a process acts, in microseconds since 1970 or a
/// little later. [`Ambient`](crate::ambient::Ambient) draws them: they are unique and
/// increase, even when the clock is set back; two timestamps may be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// Creates a moment from microseconds since 1970.
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment in microseconds since 1970.
    #[must_use]
    pub fn as_micros(self) -> u64 {
        self.0
    }
}
