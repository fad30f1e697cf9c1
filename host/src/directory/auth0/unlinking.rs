//! Unlinking an identity of a tenant's user, step by step.

use std::sync::Arc;

use super::Auth0Directory;
use super::reading::has_identity;
use crate::auth0::TimeLimit;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryKind};
use crate::directory::unlink::Unlink;
use crate::model::{ApiError, Identity, User, mask_addresses, note_separation};

impl Auth0Directory {
    /// Makes a linked identity a separate user, and starts the pair's cool-down.
    pub(super) fn unlink_identity(&self, unlink: &Unlink, limit: TimeLimit) -> Result<Arc<User>, ApiError> {
        let Unlink { primary, provider, user_id, restores: _, keeps_factors: _, provenance, now } = unlink;
        let separated = format!("{provider}|{user_id}");
        let pair = [primary.as_str(), separated.as_str()];
        self.require_writing()?;
        self.settle(pair, None)?;
        let seen = self.journal.last_place(pair)?;
        let user = self.read_user(primary, limit)?;
        let identity = match user.identities.iter().position(|it| it.as_user_id() == separated) {
            None => return Ok(Arc::new(user)),
            Some(0) => return Err(ApiError::Invalid("the main identity cannot be removed".to_owned())),
            Some(place) => user.identities[place].clone(),
        };
        let entry = Entry {
            state: EntryState::Intended,
            ..Entry::new(EntryKind::Unlink, pair, (provenance, *now), &self.ambient)
        };
        self.journal.begin(&entry, seen)?;
        if let Err(interrupted) = self.request_unlink(primary, &identity, limit) {
            if interrupted.is_untouched {
                self.end_or_warn(&entry, false);
                return Err(interrupted.error);
            }
            return Err(self.half_done(&entry, interrupted.error));
        }
        match self.complete_unlink(&entry, limit) {
            Ok(rest) => {
                self.end_or_warn(&entry, true);
                Ok(Arc::new(rest))
            }
            // The identity is a user again, which is what the caller wants to know.
            Err(error) => {
                tracing::warn!(entry = %entry.id, error = %mask_addresses(&error.to_string()), "an unlink happened, and its cool-down could not be written; `ligature journal repair` writes it");
                let identities = user.identities.iter().filter(|it| it.as_user_id() != separated).cloned();
                Ok(Arc::new(User { identities: identities.collect(), ..user }))
            }
        }
    }

    /// Returns whether an intended unlink happened.
    pub(super) fn did_unlink(&self, entry: &Entry, limit: TimeLimit) -> Result<bool, ApiError> {
        let primary = self.find_user(&entry.primary, limit)?;
        Ok(!primary.is_some_and(|primary| has_identity(&primary, &entry.secondary)))
    }

    /// Marks both users of an unlink as separated, and returns the one that had the
    /// identity.
    pub(super) fn complete_unlink(&self, entry: &Entry, limit: TimeLimit) -> Result<User, ApiError> {
        let rest = self.read_user(&entry.primary, limit)?;
        let by = entry.provenance.actor.separation_mark();
        if let Some(separated) = self.find_user(&entry.secondary, limit)? {
            let mut marked = separated.clone();
            let staying: Vec<String> = rest.identities.iter().map(Identity::as_user_id).collect();
            warn_unmarked(&mut marked, &staying, by, entry);
            let changed = self.change_user(separated, &marked, limit);
            changed.map_err(|error| self.failed_of(error, &entry.secondary))?;
        }
        let mut marked = rest.clone();
        warn_unmarked(&mut marked, std::slice::from_ref(&entry.secondary), by, entry);
        self.change_user(rest, &marked, limit).map_err(|error| self.failed_of(error, &entry.primary))
    }
}

/// Marks a user as separated from others. Warns if its metadata does not allow it.
fn warn_unmarked(user: &mut User, others: &[String], by: Option<&str>, entry: &Entry) {
    if let Err(why) = note_separation(user, others.iter().map(String::as_str), by, entry.at) {
        tracing::warn!(user = &*mask_addresses(&user.user_id), %why, "an unlink was not recorded: the pair may be linked again");
    }
}
