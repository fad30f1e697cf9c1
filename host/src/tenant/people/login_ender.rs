//! The end of the logins that a change of the directory concerns, whoever makes it.

use std::sync::Arc;

use crate::model::{Identity, User};
use crate::tenant::observed::{Change, Observer, Separated};
use crate::tenant::people::state::People;

/// Ends logins when accounts become one, or are separated by an undo. Changes on the account page end
/// them in the same way.
pub(crate) struct LoginEnder {
    pub(crate) people: Arc<People>,
}

impl Observer for LoginEnder {
    fn note(&self, change: &Change<'_>) {
        match change {
            Change::Linked(linked) => {
                self.people.end_refresh_tokens(&linked.user.identities, &linked.user.user_id);
            }
            Change::Separated(separated) if separated.is_undo => self.end_separated(separated),
            Change::Separated(_) | Change::Created(_) | Change::Updated(_) | Change::Deleted { .. } => {}
        }
    }
}

impl LoginEnder {
    /// Ends the logins of the account that is a user again: an undo says that the two belong to
    /// different persons.
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
