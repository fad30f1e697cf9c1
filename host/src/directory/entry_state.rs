//! The states of an entry of the journal.

use serde::{Deserialize, Serialize};

/// The state of an entry. In a directory of its own, a change and its entry are one
/// transaction, so every entry is done. At a tenant of Auth0, a change takes several
/// requests, and the entry records how far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// The change was about to be requested. It may or may not have happened.
    Intended,
    /// The accounts are linked, but the primary's metadata is not written yet.
    Linked,
    /// The change is complete.
    #[default]
    Done,
    /// The change did not happen.
    Abandoned,
}

impl EntryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Intended, Self::Linked, Self::Done, Self::Abandoned];

    /// The name of the state in JSON and in databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Linked => "linked",
            Self::Done => "done",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns the state with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Returns whether steps of the change are still to be made, or to be found out about.
    #[must_use]
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Intended | Self::Linked)
    }
}
