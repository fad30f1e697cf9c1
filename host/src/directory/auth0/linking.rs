//! Linking two users of a tenant, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;

use ligature_linking_marks::LINKING;
use serde_json::Value;

use super::Auth0Directory;
use super::reading::has_identity;
use super::requests::LinkEffect;
use crate::auth0::{CallError, CallErrorKind, TimeLimit};
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryKind, PrimaryChange, Snapshot, SnapshotState};
use crate::directory::link::{CheckedLink, ReadPair};
use crate::model::{ApiError, Metadata, User, absorb, carry_over_marks, mask_addresses};

/// A link that the tenant has made, before its metadata is written.
struct MadeLink<'a> {
    entry: &'a Entry,
    snapshot: &'a Snapshot,
    /// The primary with the secondary's identities.
    primary: User,
}

impl Auth0Directory {
    /// Links two users: read both, write the entry `intended` with everything that the
    /// tenant destroys, request the link, write `linked`, write the metadata, write `done`.
    ///
    /// Once the accounts are linked, the result is the primary, even if its metadata could
    /// not be written: the login has to go on as the primary. The entry stays `linked` then,
    /// and a repair writes the metadata.
    pub(super) fn link_users(&self, link: &CheckedLink, limit: TimeLimit) -> Result<Arc<User>, ApiError> {
        let CheckedLink { request, provenance, now, .. } = link;
        if request.primary == request.secondary {
            return Err(ApiError::Invalid("primary and secondary are the same user".to_owned()));
        }
        let pair = [request.primary.as_str(), request.secondary.as_str()];
        let ReadPair { primary, secondary, place } = match &link.read {
            Some(read) => ReadPair::clone(read),
            None => self.read_checked_pair(link, limit)?,
        };
        let (primary, mut secondary) = (User::clone(&primary), User::clone(&secondary));
        let Some(own) = secondary.identities.first().cloned() else {
            return Err(ApiError::Invalid(format!("{} has no identity", request.secondary)));
        };
        let linked = absorb(&primary, &secondary, request, *now);
        if !self.writes()? {
            return Ok(Arc::new(linked));
        }

        let access = self.read_access(&mut secondary, limit)?;
        let touched = PrimaryChange::between(&primary, &linked);
        let snapshot = Snapshot { secondary: Arc::new(secondary), touched, access: Some(Box::new(access)) };
        let entry = Entry {
            kept: SnapshotState::Whole(snapshot.clone()),
            reasons: request.reasons.clone(),
            state: EntryState::Intended,
            ..Entry::new(EntryKind::Link, pair, (provenance, *now), &self.ambient)
        };
        self.journal.begin(&entry, place).map_err(|error| self.explain_overtaken(error, pair, limit))?;
        match self.request_link(&request.primary, &own, limit) {
            LinkEffect::NotLinked(error) => {
                self.end_or_warn(&entry, false);
                Err(self.explain_refused_link(error, pair, limit))
            }
            LinkEffect::Unknown(error) => Err(ApiError::Unavailable(format!(
                "whether {} is linked to {} is not known yet, `ligature journal repair` finds out, entry {}: {}",
                request.secondary,
                request.primary,
                entry.id,
                error.to_sentence()
            ))),
            LinkEffect::Linked(identities) => {
                let primary = User { identities, ..primary };
                let made = MadeLink { entry: &entry, snapshot: &snapshot, primary };
                Ok(Arc::new(self.complete_new_link(made, limit)))
            }
        }
    }

    /// Reads both users of a link, at the versions that it names.
    fn read_checked_pair(&self, link: &CheckedLink, limit: TimeLimit) -> Result<ReadPair, ApiError> {
        let CheckedLink { request, primary_version, secondary_version, .. } = link;
        let pair = [request.primary.as_str(), request.secondary.as_str()];
        self.settle(pair, None)?;
        let place = self.journal.last_place(pair)?;
        let side = |user_id: &str, version| {
            let read = self.read_at_version(user_id, version, limit);
            read.map(Arc::new).map_err(|error| self.explain_missing(user_id, error, limit))
        };
        let primary = side(&request.primary, *primary_version)?;
        let secondary = side(&request.secondary, *secondary_version)?;
        Ok(ReadPair { primary, secondary, place })
    }

    /// Writes the metadata of a link that has just happened, and returns the primary.
    fn complete_new_link(&self, made: MadeLink<'_>, limit: TimeLimit) -> User {
        let MadeLink { entry, snapshot, primary } = made;
        match self.journal.mark_linked(entry) {
            Ok(true) => {}
            Ok(false) => return primary,
            Err(error) => {
                tracing::warn!(entry = %entry.id, error = %mask_addresses(&error.to_string()), "a link happened, and the journal could not record it; `ligature journal repair` completes it");
                return primary;
            }
        }
        let wanted = metadata_after_link(&primary, snapshot).primary;
        match self.change_user(primary.clone(), &wanted, limit) {
            Ok(user) => {
                self.end_or_warn(entry, true);
                user
            }
            Err(error) => {
                tracing::warn!(entry = %entry.id, error = %mask_addresses(&error.to_string()), "a link happened, and its metadata could not be written; `ligature journal repair` writes it");
                primary
            }
        }
    }

    /// Returns the error for a link that the tenant has refused. If the accounts changed
    /// meanwhile, that is the reason to report.
    fn explain_refused_link(&self, error: CallError, pair: [&str; 2], limit: TimeLimit) -> ApiError {
        let may_be_overtaken = matches!(error.kind, CallErrorKind::Refused { status: 400 | 404 | 409, .. });
        let refused = match error.kind {
            CallErrorKind::Refused { status: 409, .. } => {
                self.counted(ApiError::AlreadyLinked(error.to_string()))
            }
            _ => self.failed(error),
        };
        if !may_be_overtaken {
            return refused;
        }
        self.explain_gone(refused, pair, limit)
    }

    /// Returns the error for a link that another change has overtaken. Once that change is
    /// over, it may have linked one of the users, which is the reason to report then.
    fn explain_overtaken(&self, error: ApiError, pair: [&str; 2], limit: TimeLimit) -> ApiError {
        let is_overtaken = matches!(error, ApiError::StateChanged(_)) && self.settle(pair, None).is_ok();
        if is_overtaken { self.explain_gone(error, pair, limit) } else { error }
    }

    /// Returns the error, or the one of a user that is gone meanwhile.
    fn explain_gone(&self, error: ApiError, pair: [&str; 2], limit: TimeLimit) -> ApiError {
        for user_id in [pair[1], pair[0]] {
            if let Ok(None) = self.find_user(user_id, limit) {
                let gone = ApiError::StateChanged(format!("{user_id} is gone"));
                return self.explain_missing(user_id, gone, limit);
            }
        }
        error
    }

    /// Returns the error for a user that is not there or has changed. If it has become an
    /// identity of another user, that is the reason to report.
    fn explain_missing(&self, user_id: &str, error: ApiError, limit: TimeLimit) -> ApiError {
        match error {
            ApiError::StateChanged(_) | ApiError::NotFound(_) => match self.find_holder(user_id, limit) {
                Ok(Some(holder)) if holder.user_id != user_id => {
                    ApiError::AlreadyLinked(format!("{user_id} is already an identity of {}", holder.user_id))
                }
                _ => error,
            },
            other => other,
        }
    }

    /// Finds out whether an intended link happened, without requesting it.
    pub(super) fn did_link(&self, entry: &Entry, limit: TimeLimit) -> Result<bool, ApiError> {
        match self.find_user(&entry.primary, limit)? {
            Some(primary) => Ok(has_identity(&primary, &entry.secondary)),
            None if self.find_user(&entry.secondary, limit)?.is_some() => Ok(false),
            None => Err(ApiError::StateChanged(format!(
                "neither {} nor {} is a user of the tenant any more, so it cannot be found out whether they were linked",
                entry.primary, entry.secondary
            ))),
        }
    }

    /// Writes the metadata of a link that was interrupted after it had happened.
    pub(super) fn complete_link(
        &self,
        entry: &Entry,
        snapshot: &Snapshot,
        limit: TimeLimit,
    ) -> Result<Vec<String>, ApiError> {
        let primary = self.read_user(&entry.primary, limit)?;
        if !has_identity(&primary, &entry.secondary) {
            return Ok(vec![format!(
                "{} was unlinked from {} since, so the metadata of the link was not written.",
                entry.secondary, entry.primary
            )]);
        }
        let MetadataAfterLink { primary: wanted, notes } = metadata_after_link(&primary, snapshot);
        self.change_user(primary, &wanted, limit).map_err(|error| self.failed_of(error, &entry.primary))?;
        Ok(notes)
    }
}

/// The primary with the metadata of a link.
struct MetadataAfterLink {
    primary: User,
    /// The keys that changed meanwhile and keep their values, one sentence each.
    notes: Vec<String>,
}

/// Returns the primary with the metadata that a link gives it. A key that changed since the
/// link was requested keeps its value.
fn metadata_after_link(primary: &User, snapshot: &Snapshot) -> MetadataAfterLink {
    let mut wanted = primary.clone();
    let mut notes = Vec::new();
    for (name, held, change) in [
        ("user_metadata", &mut wanted.user_metadata, &snapshot.touched.user_metadata),
        ("app_metadata", &mut wanted.app_metadata, &snapshot.touched.app_metadata),
    ] {
        let Some(change) = change else { continue };
        let mut object = held.take().unwrap_or_default();
        let keys: BTreeSet<&String> = change.before.keys().chain(change.after.keys()).collect();
        for key in keys {
            let (before, after) = (change.before.get(key), change.after.get(key));
            let now = object.get(key);
            if now == before {
                set_key(&mut object, key, after);
            } else if now != after && key != LINKING {
                notes.push(format!(
                    "`{name}.{key}` of {} was changed meanwhile and keeps its value; the journal's entry has the \
                     value of {}.",
                    primary.user_id, snapshot.secondary.user_id
                ));
            }
        }
        *held = Some(object);
    }
    // A newer value of `linking` gets the marks too: a cool-down must not get lost.
    carry_over_marks(&mut wanted, &snapshot.secondary);
    MetadataAfterLink { primary: wanted, notes }
}

/// Sets a key of metadata, or removes it.
pub(super) fn set_key(metadata: &mut Metadata, key: &str, value: Option<&Value>) {
    match value {
        Some(value) => drop(metadata.insert(key.to_owned(), value.clone())),
        None => drop(metadata.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::metadata_after_link;
    use crate::directory::journal::{PrimaryChange, Snapshot};
    use crate::model::User;

    fn user(metadata: &Value) -> User {
        let user = json!({
            "user_id": "auth0|1", "created_at": "2026-01-01T00:00:00.000Z", "email_verified": false,
            "identities": [{ "provider": "auth0", "user_id": "1", "connection": "c", "isSocial": false }],
            "user_metadata": metadata,
        });
        serde_json::from_value(user).unwrap()
    }

    #[test]
    fn a_key_that_was_changed_meanwhile_keeps_its_value_and_is_named_once() {
        let [before, after, now] = [1, 2, 3].map(|value| user(&json!({ "lang": value, "theme": value })));
        let touched = PrimaryChange::between(&before, &after);
        let snapshot = Snapshot { secondary: Arc::new(user(&json!({}))), touched, access: None };
        let completed = metadata_after_link(&now, &snapshot);
        assert_eq!(completed.primary.user_metadata, now.user_metadata);
        assert_eq!(completed.notes.len(), 2, "{:?}", completed.notes);
    }
}
