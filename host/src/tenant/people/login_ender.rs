//! The end of the logins that a change of the directory concerns, whoever makes it.

use std::sync::Arc;

use crate::model::{Identity, User};
use crate::tenant::observed::{Change, Observer, Separated};
use crate::tenant::people::state::People;

/// Ends logins when accounts become one, when an identity leaves an account, and when a user is
/// blocked. Every change of the tenant's directory is reported to it, so that no way to do that leaves
/// a login open.
pub(crate) struct LoginEnder {
    pub(crate) people: Arc<People>,
}

impl Observer for LoginEnder {
    fn note(&self, change: &Change<'_>) {
        match change {
            Change::Linked(linked) => {
                self.people.end_refresh_tokens(&linked.user.identities, &linked.user.user_id);
            }
            Change::Separated(separated) => self.end_separated(separated),
            // None of the logins works after the user is unblocked.
            Change::Updated(user) if user.blocked => self.people.revoke_logins(user),
            Change::Created(_) | Change::Updated(_) | Change::Deleted { .. } => {}
        }
    }
}

impl LoginEnder {
    /// Ends the logins of the account that is a user again: it may belong to another person, and it
    /// may have got the second factor of the account that it has left.
    fn end_separated(&self, separated: &Separated<'_>) {
        let identities = match (separated.after[1], separated.before) {
            (Some(after), _) => after.user.identities.clone(),
            // The account could not be read afterwards.
            (None, Some(before)) => {
                let is_separated = |it: &&Identity| it.as_user_id() == separated.secondary;
                before.identities.iter().filter(is_separated).cloned().collect()
            }
            (None, None) => Vec::new(),
        };
        self.people.end_logins(&User { identities, ..User::default() });
    }
}
