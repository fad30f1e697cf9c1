//! Logins of the same accounts at the same time.

use std::sync::Arc;

use super::{Guard, LINK};
use crate::directory::Stored;
use crate::model::{ApiError, Identity, LinkRequest, User};

impl Guard {
    /// The accounts that this login was to be linked with, and was not because
    /// they or it had changed meanwhile; also those that it had got already.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        &self.lost
    }

    /// The primary, if the link was made and only the answer was
    /// lost: the secondary's own identity is among them.
    pub(super) fn linked_all_the_same(&self, request: &LinkRequest, secondary: &Stored) -> Option<Arc<User>> {
        let moved = secondary.user.identities.first()?.as_user_id();
        let primary = self.directory.get(&request.primary).ok()?;
        let is_there = primary.user.identities.iter().any(|identity| identity.as_user_id() == moved);
        is_there.then_some(primary.user)
    }

    /// The refusal of a link that another login may have overtaken. It names the other
    /// login's link rather than an error that followed from it.
    pub(super) fn race_lost(&mut self, request: &LinkRequest, why: Option<ApiError>) -> ApiError {
        for user_id in [&request.secondary, &request.primary] {
            if let Some(owner) = self.linked_elsewhere(user_id) {
                self.note(LINK, "another login was faster");
                return ApiError::AlreadyLinked(format!("{user_id} is already an identity of {owner}"));
            }
        }
        why.unwrap_or(ApiError::StateChanged("the accounts have changed".to_owned()))
    }

    /// Identities of the login's user that the event does not know of: whoever
    /// decides on the event alone would not see that all is done.
    pub(super) fn grown(&self, user: &User) -> Vec<String> {
        if self.linked.is_some() {
            return Vec::new();
        }
        let known = &self.login.event.account().identities;
        let new = user.identities.iter().filter(|it| !known.iter().any(|own| own.key() == it.key()));
        new.map(Identity::as_user_id).collect()
    }

    /// Keeps the other account of a link that was not made because something
    /// had changed.
    pub(super) fn not_linked(&mut self, request: &LinkRequest, why: ApiError) -> ApiError {
        if let ApiError::AlreadyLinked(_) | ApiError::StateChanged(_) | ApiError::NotFound(_) = why {
            let is_primary = request.primary == self.user_id;
            let other = if is_primary { &request.secondary } else { &request.primary };
            self.lost.push(other.clone());
        }
        why
    }

    /// The user who has this user's identity, if it is another user by now.
    fn linked_elsewhere(&self, user_id: &str) -> Option<String> {
        let seen = self.seen.get(user_id).map(|seen| &seen.user);
        let own = self.login.event.account();
        let user = seen.or_else(|| (own.user_id == user_id).then_some(own))?;
        let owner = self.directory.owner(user.identities.first()?.key()).ok()??;
        (owner.user.user_id != user_id).then(|| owner.user.user_id.clone())
    }
}
