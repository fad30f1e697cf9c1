//! The WASI profiles.

use serde::{Deserialize, Serialize};

/// The part of WASI that a plugin can import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wasi {
    /// An empty environment, captured standard output and error, and the login's
    /// time.
    #[default]
    Minimal,
    /// For plugins made from JavaScript or Python, whose runtimes import more:
    /// every interface is present, with nothing behind it. No files, no network,
    /// seeded random numbers, and clocks that only advance when a plugin sleeps.
    Virtual,
}

impl Wasi {
    /// The profile's name, as on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Virtual => "virtual",
        }
    }
}
