//! Entries of the journal in their stored form, for a dump.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entry_state::EntryState;

/// A stored entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The columns that hold texts and times.
    pub columns: JournalColumns,
    /// The actor, the evidence and the reasons, as JSON.
    pub record: String,
    /// The snapshot of a link, encrypted if there is a key.
    pub snapshot: Option<Vec<u8>>,
}

/// The columns of a stored entry that hold texts and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalColumns {
    /// The id of the entry.
    pub entry_id: String,
    /// The kind of the entry.
    pub kind: String,
    /// The time, in milliseconds since 1970.
    pub at: u64,
    /// The position in the journal, in microseconds since 1970.
    pub place: u64,
    /// The user that stayed.
    pub primary_id: String,
    /// The user that became identities of the primary, or became a user again.
    pub secondary_id: String,
    /// The state of the entry.
    #[serde(default)]
    pub state: EntryState,
    /// The entry of the undo, for a link that was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
    /// The time of that undo, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<u64>,
}

impl JournalRow {
    /// Returns the record as JSON.
    ///
    /// # Errors
    ///
    /// If the record is not valid JSON.
    pub fn record_json(&self) -> serde_json::Result<&RawValue> {
        serde_json::from_str(&self.record)
    }
}
