//! Undoing a link of a tenant, step by step. Every step may be repeated, so that a repair
//! completes an interrupted undo.

use std::sync::Arc;

use ligature_linking_marks::LINKING;
use serde_json::Value;

use super::Auth0Directory;
use super::linking::set_key;
use super::reading::{TenantReads, contains_identity, has_identity};
use super::requests::{Interrupted, LinkEffect};
use crate::auth0::TimeLimit;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryKind, MetadataChange, Snapshot, SnapshotState};
use crate::directory::records::TxError;
use crate::directory::undo::{Undo, UndoError, UndoPlan, Undoing, plan_undo};
use crate::model::{
    ApiError, Identity, Metadata, User, carry_over_marks, note_separation, revert_carried_marks,
};

/// The users after an undo.
pub(super) struct Separated {
    primary: User,
    secondary: User,
    /// The differences from the state before the link, one sentence each.
    pub(super) notes: Vec<String>,
}

impl Auth0Directory {
    /// Undoes a link: write the entry `intended`, unlink, give metadata, block, roles and
    /// memberships back, write `done`.
    pub(super) fn undo_link(&self, undo: &Undo, limit: TimeLimit) -> Result<Undoing, UndoError> {
        let link = self.journal.journal_entry(&undo.id)?;
        let pair = [link.primary.as_str(), link.secondary.as_str()];
        if !undo.dry_run {
            self.settle(pair, Some(&undo.id))?;
            if link.kind == EntryKind::Link && link.state == EntryState::Abandoned {
                self.repair_late_link(&link, limit)?;
            }
        }
        let seen = self.journal.last_place(pair)?;
        let plan = plan_undo(&mut TenantReads { directory: self, limit }, undo);
        let planned = plan.map_err(|interrupted| match interrupted {
            TxError::Failed(error) => error,
            TxError::Conflict(why) => ApiError::StateChanged(why),
        });
        let mut undoing = planned?.map(UndoPlan::into_undoing)?;
        if undo.dry_run || !self.writes()? {
            undoing.not_restored.push(format!(
                "The tenant creates {} again: it gets a new `created_at` and counts its logins from zero.",
                link.secondary
            ));
            return Ok(undoing);
        }
        let entry = Entry {
            undoes: Some(undo.id.clone()),
            state: EntryState::Intended,
            ..Entry::new(EntryKind::Undo, pair, (&undo.provenance, undo.now), &self.ambient)
        };
        self.journal.begin(&entry, seen)?;
        match self.complete_undo(&entry, limit) {
            Ok(Separated { primary, secondary, notes }) => {
                self.end_or_warn(&entry, true);
                // The plan may have found the same.
                let new = notes.into_iter().filter(|note| !undoing.not_restored.contains(note));
                undoing.not_restored.extend(new.collect::<Vec<_>>());
                Ok(Undoing { primary: Arc::new(primary), secondary: Arc::new(secondary), ..undoing })
            }
            Err(Interrupted { error, is_untouched: true }) => {
                self.end_or_warn(&entry, false);
                Err(error.into())
            }
            Err(Interrupted { error, .. }) => Err(self.half_done(&entry, error).into()),
        }
    }

    /// Returns whether an intended undo has begun: whether the primary lacks one of the
    /// identities.
    pub(super) fn did_begin_undo(&self, entry: &Entry, limit: TimeLimit) -> Result<bool, ApiError> {
        let (_, snapshot) = self.read_undone_link(entry)?;
        let Some(primary) = self.find_user(&entry.primary, limit)? else { return Ok(true) };
        Ok(!snapshot.secondary.identities.iter().all(|it| has_identity(&primary, &it.as_user_id())))
    }

    /// Makes all steps of an undo that are not made yet.
    pub(super) fn complete_undo(&self, entry: &Entry, limit: TimeLimit) -> Result<Separated, Interrupted> {
        let (link, snapshot) = self.read_undone_link(entry)?;
        let primary = self.separate(&link, &snapshot, limit)?;
        let (secondary, mut notes) = self.restore_secondary(entry, &primary.identities, limit)?;

        let mut wanted = primary.clone();
        let touched = &snapshot.touched;
        revert_key_by_key(&mut wanted.user_metadata, touched.user_metadata.as_ref());
        revert_key_by_key(&mut wanted.app_metadata, touched.app_metadata.as_ref());
        mark_separated(&mut wanted, &secondary.identities, entry, &mut Vec::new());
        let primary = self
            .change_user(primary, &wanted, limit)
            .map_err(|error| self.failed_of(error, &link.primary))?;

        if let ([own], true) = (primary.identities.as_slice(), touched.own_profile_added)
            && own.profile_data.is_some()
        {
            notes.push(format!("The identity of {} keeps its `profileData`.", link.primary));
        }
        Ok(Separated { primary, secondary, notes })
    }

    /// Makes the steps of an undo whose primary is gone. Returns the differences from the state
    /// before the link, one sentence each.
    pub(super) fn complete_undo_without_primary(
        &self,
        entry: &Entry,
        limit: TimeLimit,
    ) -> Result<Vec<String>, ApiError> {
        let (_, mut notes) = self.restore_secondary(entry, &[], limit)?;
        notes.insert(0, format!("{} is gone since.", entry.primary));
        Ok(notes)
    }

    /// Gives the separated secondary its identities, metadata, block, roles and memberships back,
    /// and marks it as separated from `others`. Returns it, and the differences from before the
    /// link, one sentence each.
    fn restore_secondary(
        &self,
        entry: &Entry,
        others: &[Identity],
        limit: TimeLimit,
    ) -> Result<(User, Vec<String>), ApiError> {
        let (link, snapshot) = self.read_undone_link(entry)?;
        let (secondary, mut notes) = self.rejoin(&link, &snapshot, limit)?;
        let mut wanted = secondary.clone();
        add_missing(&mut wanted.user_metadata, snapshot.secondary.user_metadata.as_ref());
        add_missing(&mut wanted.app_metadata, snapshot.secondary.app_metadata.as_ref());
        add_missing_marks(&mut wanted, &snapshot.secondary);
        wanted.blocked |= snapshot.secondary.blocked;
        mark_separated(&mut wanted, others, entry, &mut notes);
        let secondary = self
            .change_user(secondary, &wanted, limit)
            .map_err(|error| self.failed_of(error, &link.secondary))?;
        if let Some(access) = &snapshot.access {
            notes.extend(self.restore_access(&link.secondary, access, limit)?);
        }
        notes.extend(list_differences(&snapshot.secondary, &secondary));
        Ok((secondary, notes))
    }

    /// Returns the link of an undo, and its snapshot.
    fn read_undone_link(&self, entry: &Entry) -> Result<(Entry, Snapshot), ApiError> {
        let Some(id) = &entry.undoes else {
            return Err(ApiError::Other(format!("the journal's entry {} names no link", entry.id)));
        };
        let link = self.journal.journal_entry(id)?;
        let snapshot = whole_snapshot(&link)?.clone();
        Ok((link, snapshot))
    }

    /// Unlinks every identity of the secondary that the primary still has.
    fn separate(&self, link: &Entry, snapshot: &Snapshot, limit: TimeLimit) -> Result<User, Interrupted> {
        let mut primary = self.read_user(&link.primary, limit)?;
        let mut is_untouched =
            snapshot.secondary.identities.iter().all(|it| has_identity(&primary, &it.as_user_id()));
        for identity in &snapshot.secondary.identities {
            if has_identity(&primary, &identity.as_user_id()) {
                let left = self.request_unlink(&primary.user_id, identity, limit);
                primary.identities = left.map_err(|interrupted| Interrupted {
                    is_untouched: interrupted.is_untouched && is_untouched,
                    ..interrupted
                })?;
                is_untouched = false;
            }
        }
        Ok(primary)
    }

    /// Links the secondary's own linked identities to it again, each of which the unlinking
    /// has made a separate user. Returns the secondary, and a sentence for each of them that is
    /// not a user any more.
    fn rejoin(
        &self,
        link: &Entry,
        snapshot: &Snapshot,
        limit: TimeLimit,
    ) -> Result<(User, Vec<String>), ApiError> {
        let mut notes = Vec::new();
        let secondary = self.read_user(&link.secondary, limit)?;
        let missing: Vec<&Identity> = snapshot
            .secondary
            .identities
            .iter()
            .filter(|it| !contains_identity(&secondary.identities, &it.as_user_id()))
            .collect();
        for identity in &missing {
            match self.request_link(&link.secondary, identity, limit) {
                LinkEffect::Linked(_) => {}
                LinkEffect::NotLinked(error) => {
                    let user_id = identity.as_user_id();
                    if self.find_user(&user_id, limit)?.is_some() {
                        return Err(self.failed(error));
                    }
                    notes.push(format!(
                        "{user_id} is not a user of the tenant any more, so {} does not get it back.",
                        link.secondary
                    ));
                }
                LinkEffect::Unknown(error) => return Err(error),
            }
        }
        let secondary = if missing.is_empty() { secondary } else { self.read_user(&link.secondary, limit)? };
        Ok((secondary, notes))
    }
}

/// Marks a user as separated from the identities of others.
fn mark_separated(user: &mut User, others: &[Identity], entry: &Entry, notes: &mut Vec<String>) {
    let by = entry.provenance.actor.separation_mark();
    let ids: Vec<String> = others.iter().map(Identity::as_user_id).collect();
    if note_separation(user, ids.iter().map(String::as_str), by, entry.at).is_err() {
        notes.push(format!(
            "`app_metadata.linking` of {} is not of the documented form and was left alone: the pair may be \
             linked again at the next login.",
            user.user_id
        ));
    }
}

/// Returns the snapshot of an entry, or the reason why it cannot be read.
pub(super) fn whole_snapshot(entry: &Entry) -> Result<&Snapshot, ApiError> {
    match &entry.kept {
        SnapshotState::Whole(snapshot) => Ok(snapshot),
        SnapshotState::Sealed { key } => Err(ApiError::Invalid(format!(
            "the data of the entry {} is encrypted with the key {key}; name its file with --journal-key",
            entry.id
        ))),
        SnapshotState::Nothing | SnapshotState::Forgotten | SnapshotState::Unread => {
            Err(ApiError::Invalid(format!("the data of the entry {} was erased from the journal", entry.id)))
        }
    }
}

/// Adds the keys that metadata lacks. A newer value stays.
fn add_missing(held: &mut Option<Metadata>, before: Option<&Metadata>) {
    for (key, value) in before.into_iter().flatten() {
        held.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Adds the marks in `linking` that a user lacks, such as an opt-out or a cool-down. The
/// separated user may have other marks already: of a login since the unlink, for example. A
/// `linking` of another form keeps an account from being linked, so it takes precedence.
fn add_missing_marks(user: &mut User, before: &User) {
    let Some(old) = before.app_metadata.as_ref().and_then(|held| held.get(LINKING)) else { return };
    let Some(held) = user.app_metadata.as_mut().and_then(|held| held.get_mut(LINKING)) else { return };
    match (held.as_object_mut(), old.as_object()) {
        (Some(marks), Some(old)) => {
            for (key, value) in old {
                if marks.get(key).is_none_or(Value::is_null) {
                    marks.insert(key.clone(), value.clone());
                }
            }
            carry_over_marks(user, before);
        }
        (Some(_), None) if !old.is_null() => held.clone_from(old),
        _ => {}
    }
}

/// Reverts the keys that still have the value that the link wrote. A newer value stays, but
/// loses the separation marks that the link carried to it.
fn revert_key_by_key(held: &mut Option<Metadata>, change: Option<&MetadataChange>) {
    let Some(change) = change else { return };
    let mut object = held.take().unwrap_or_default();
    for key in change.before.keys().chain(change.after.keys()) {
        let (before, after) = (change.before.get(key), change.after.get(key));
        let now = object.get(key).cloned();
        if now.as_ref() == after {
            set_key(&mut object, key, before);
        } else if key == LINKING
            && let Some(linking) = now.and_then(|now| revert_carried_marks(&now, before, after))
        {
            set_key(&mut object, key, Some(&linking));
        }
    }
    *held = Some(object);
}

/// Lists what the tenant did not give a secondary back, one sentence each.
fn list_differences(before: &User, now: &User) -> Vec<String> {
    let mut notes = vec![format!(
        "The tenant has created {} again: it has a new `created_at` and counts its logins from zero.",
        now.user_id
    )];
    if !before.mfa_factors().is_empty() && now.mfa_factors() != before.mfa_factors() {
        notes.push(format!(
            "{} has to enroll its factors for MFA again: {}.",
            now.user_id,
            before.mfa_factors().join(", ")
        ));
    }
    const OWN: [&str; 5] =
        ["last_ip", "multifactor", "multifactor_last_modified", "mfa_factors", "enrolledFactors"];
    let differs = |key: &&String| !OWN.contains(&key.as_str()) && before.rest.get(*key) != now.rest.get(*key);
    let mut fields: Vec<&str> = before.rest.keys().filter(differs).map(String::as_str).collect();
    if before.email != now.email {
        fields.push("email");
    }
    if before.email_verified != now.email_verified {
        fields.push("email_verified");
    }
    if !fields.is_empty() {
        notes.push(format!("These fields of {} are not as before: {}.", now.user_id, fields.join(", ")));
    }
    notes
}
