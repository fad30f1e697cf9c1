//! The results of repairing changes that were interrupted between two requests.

use serde::Serialize;

use super::journal::Entry;

/// An unfinished entry of the journal, and the result of repairing it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repair {
    /// The entry as it was found, without its snapshot.
    pub entry: Entry,
    /// The result.
    pub outcome: RepairOutcome,
}

/// The result of repairing an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RepairOutcome {
    /// The change had begun, and is complete now.
    Finished {
        /// The differences from an uninterrupted change, one sentence each.
        notes: Vec<String>,
    },
    /// The change had not happened, and does not happen any more.
    Abandoned,
    /// The change began a short time ago, and may still be under way.
    UnderWay {
        /// The seconds after which it can be repaired.
        wait_s: u64,
    },
    /// The change cannot be repaired now.
    Unresolved {
        /// The reason, with advice.
        why: String,
    },
}

impl RepairOutcome {
    /// Returns whether the entry is finished now.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Finished { .. } | Self::Abandoned)
    }
}
