//! Blocking and unblocking a user.

use std::sync::Arc;

use super::journal::{Entry, EntryKind};
use super::journal_entries::append_entry;
use super::provenance::Provenance;
use super::records::{Records, TxResult};
use super::stored::Stored;
use super::users::{get_user, replace_user};
use crate::model::{Timestamp, User};

/// A request to block or unblock a user.
#[derive(Debug, Clone, PartialEq)]
pub struct SetBlocked {
    /// The user.
    pub user_id: String,
    /// Whether the user is to be blocked.
    pub blocked: bool,
    /// The actor.
    pub provenance: Arc<Provenance>,
    /// The time of the change.
    pub now: Timestamp,
}

/// Blocks or unblocks a user, with an entry in the journal. Does nothing if the user
/// already is in that state.
pub(super) fn set_blocked(records: &mut dyn Records, change: &SetBlocked) -> TxResult<Stored> {
    let stored = get_user(records, &change.user_id)?;
    if stored.user.blocked == change.blocked {
        return Ok(stored);
    }
    let kind = if change.blocked { EntryKind::Block } else { EntryKind::Unblock };
    let sides = [change.user_id.as_str(), &change.user_id];
    let entry = Entry::new(kind, sides, (&change.provenance, change.now), records.ambient());
    append_entry(records, entry)?;
    let user = User { blocked: change.blocked, updated_at: Some(change.now), ..User::clone(&stored.user) };
    replace_user(records, user, stored.version)?;
    get_user(records, &change.user_id)
}
