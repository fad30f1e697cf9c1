//! Blocking and unblocking a user of a tenant.

use serde_json::json;

use super::Auth0Directory;
use super::reading::store;
use crate::auth0::TimeLimit;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryKind};
use crate::directory::set_blocked::SetBlocked;
use crate::directory::stored::Stored;
use crate::model::ApiError;

impl Auth0Directory {
    /// Blocks or unblocks a user, with an entry in the journal. Does nothing if the user
    /// already is in that state.
    pub(super) fn change_block(&self, change: &SetBlocked, limit: TimeLimit) -> Result<Stored, ApiError> {
        let SetBlocked { user_id, blocked, provenance, now } = change;
        self.require_writing()?;
        self.settle([user_id, user_id], None)?;
        let seen = self.journal.last_place([user_id, user_id])?;
        let user = self.read_user(user_id, limit)?;
        if user.blocked == *blocked {
            return store(user);
        }
        let kind = if *blocked { EntryKind::Block } else { EntryKind::Unblock };
        let entry = Entry {
            state: EntryState::Intended,
            ..Entry::new(kind, [user_id, user_id], (provenance, *now), &self.ambient)
        };
        self.journal.begin(&entry, seen)?;
        match self.api.patch_user(user_id, &json!({ "blocked": blocked }), limit) {
            Ok(user) if user.blocked == *blocked => {
                self.end_or_warn(&entry, true);
                store(user.with_own_identity(""))
            }
            Ok(_) => {
                self.end_or_warn(&entry, false);
                Err(ApiError::Unavailable(format!("the tenant did not change the block of {user_id}")))
            }
            Err(error) if error.may_have_effect() => match self.did_change_block(&entry, limit) {
                Ok(true) => {
                    self.end_or_warn(&entry, true);
                    store(self.read_user(user_id, limit)?)
                }
                _ => Err(self.half_done(&entry, self.failed_of(error, user_id))),
            },
            Err(error) => {
                self.end_or_warn(&entry, false);
                Err(self.failed_of(error, user_id))
            }
        }
    }

    /// Returns whether an intended block or unblock happened.
    pub(super) fn did_change_block(&self, entry: &Entry, limit: TimeLimit) -> Result<bool, ApiError> {
        let user = self.find_user(&entry.primary, limit)?;
        Ok(user.is_some_and(|user| user.blocked == (entry.kind == EntryKind::Block)))
    }
}
