//! Blocking a user, and letting them in again.

use std::sync::Arc;

use super::Stored;
use super::journal::{Entry, Kind, Provenance};
use super::journal_query::write_down;
use super::records::{Done, Records};
use super::users::{change, existing};
use crate::model::{Timestamp, User};

/// A user that is to be blocked or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Which one.
    pub user_id: String,
    /// Whether it is to be blocked.
    pub blocked: bool,
    /// The actor that wants it.
    pub provenance: Arc<Provenance>,
    /// When it happens.
    pub now: Timestamp,
}

/// With its entry in the journal. A user that is so already stays as it is, without
/// one.
pub(super) fn block(records: &mut dyn Records, block: &Block) -> Done<Stored> {
    let stored = existing(records, &block.user_id)?;
    if stored.user.blocked == block.blocked {
        return Ok(stored);
    }
    let kind = if block.blocked { Kind::Block } else { Kind::Unblock };
    let sides = [block.user_id.as_str(), &block.user_id];
    let entry = Entry::new(kind, sides, (&block.provenance, block.now), records.ambient());
    write_down(records, entry)?;
    let user = User { blocked: block.blocked, updated_at: Some(block.now), ..User::clone(&stored.user) };
    change(records, user, stored.version)?;
    existing(records, &block.user_id)
}
