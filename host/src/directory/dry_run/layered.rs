//! The records of a dry run: those that it changed, over those of the directory behind.

use std::collections::HashSet;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::conflict::ConflictKey;
use crate::directory::credential::Credential;
use crate::directory::entry_state::EntryState;
use crate::directory::group_records::GroupRecords;
use crate::directory::journal::{Entry, EntryId, SnapshotSelection};
use crate::directory::journal_query::EntryFilter;
use crate::directory::records::{LoginTally, Matching, Owner, Records, TxError, TxResult};
use crate::directory::run_records::RunRecords;
use crate::directory::store::Store;
use crate::directory::stored::Stored;
use crate::model::{ApiError, Identity, Moment, Timestamp, User};

/// The records that a dry run has replaced or removed.
#[derive(Debug, Default, Clone)]
pub(super) struct Changed {
    pub(super) users: HashSet<String>,
    pub(super) identities: HashSet<String>,
    /// The connections and the ids of identities.
    pub(super) credentials: HashSet<[String; 2]>,
    pub(super) conflicts: HashSet<ConflictKey>,
}

/// The records of one transaction: the front's over those of the directory behind.
pub(super) struct Layered<'a, S> {
    pub(super) behind: &'a S,
    pub(super) front: &'a mut dyn Records,
    pub(super) changed: &'a mut Changed,
}

impl<S: Store> Layered<'_, S> {
    /// Copies a user to the front, if it is at this version. Returns false if it is not.
    fn copy_user(&mut self, user_id: &str, version: u64) -> TxResult<bool> {
        if self.changed.users.contains(user_id) {
            return Ok(true);
        }
        match self.user(user_id)? {
            Some(stored) if stored.version == version => {
                self.front.add_user(&stored.user, version)?;
                self.changed.users.insert(user_id.to_owned());
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Copies an identity to the front.
    fn copy_identity(&mut self, identity: &Identity) -> TxResult<()> {
        let id = identity.as_user_id();
        if !self.changed.identities.contains(&id) {
            if let Some(owner) = self.owner(&identity.provider, &identity.user_id)? {
                let known = Identity { connection: owner.connection, ..identity.clone() };
                self.front.add_identity(&known, &owner.user_id)?;
            }
            self.changed.identities.insert(id);
        }
        Ok(())
    }

    fn is_changed(&self, connection: &str, user_id: &str) -> bool {
        self.changed.credentials.contains(&[connection.to_owned(), user_id.to_owned()])
    }

    fn is_unchanged(&self, stored: &Stored) -> bool {
        !self.changed.users.contains(&stored.user.user_id)
    }
}

/// Converts a result of the directory behind.
pub(super) fn from_behind<T>(result: Result<T, ApiError>) -> TxResult<T> {
    result.map_err(TxError::Failed)
}

/// A dry run applies no backfill.
impl<S: Store> RunRecords for Layered<'_, S> {}
impl<S: Store> GroupRecords for Layered<'_, S> {}

impl<S: Store> Records for Layered<'_, S> {
    fn ambient(&self) -> &Ambient {
        self.front.ambient()
    }

    fn directory_id(&mut self) -> TxResult<String> {
        from_behind(self.behind.read(|records| records.directory_id()))
    }

    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>> {
        if self.changed.users.contains(user_id) {
            return self.front.user(user_id);
        }
        from_behind(self.behind.read(|records| records.user(user_id)))
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> TxResult<Vec<Stored>> {
        let mut found =
            from_behind(self.behind.read(|records| records.users_by_email(email, matching, limit)))?;
        found.retain(|stored| self.is_unchanged(stored));
        found.extend(self.front.users_by_email(email, matching, limit)?);
        found.truncate(limit);
        Ok(found)
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> TxResult<Vec<Stored>> {
        let mut found = from_behind(self.behind.read(|records| records.users_behind(after, limit)))?;
        found.retain(|stored| self.is_unchanged(stored));
        found.extend(self.front.users_behind(after, limit)?);
        found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
        found.truncate(limit);
        Ok(found)
    }

    fn count_users(&mut self) -> TxResult<u64> {
        let changed = &self.changed.users;
        let unchanged = from_behind(self.behind.read(|records| {
            let mut count = records.count_users()?;
            for user_id in changed {
                count = count.saturating_sub(records.is_user(user_id)?.into());
            }
            Ok(count)
        }))?;
        Ok(unchanged + self.front.count_users()?)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
        if self.user(&user.user_id)?.is_some() {
            return Ok(false);
        }
        self.changed.users.insert(user.user_id.clone());
        self.front.add_user(user, version)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
        Ok(self.copy_user(&user.user_id, version)? && self.front.replace_user(user, version)?)
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> TxResult<bool> {
        Ok(self.copy_user(user_id, version)? && self.front.remove_user(user_id, version)?)
    }

    fn set_logins(&mut self, user: &User) -> TxResult<bool> {
        let Some(stored) = self.user(&user.user_id)? else { return Ok(false) };
        Ok(self.copy_user(&user.user_id, stored.version)? && self.front.set_logins(user)?)
    }

    fn count_logins(&mut self, user_id: &str, logins: &LoginTally) -> TxResult<bool> {
        let Some(stored) = self.user(user_id)? else { return Ok(false) };
        Ok(self.copy_user(user_id, stored.version)? && self.front.count_logins(user_id, logins)?)
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> TxResult<Option<Owner>> {
        if self.changed.identities.contains(&format!("{provider}|{user_id}")) {
            return self.front.owner(provider, user_id);
        }
        from_behind(self.behind.read(|records| records.owner(provider, user_id)))
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        self.copy_identity(identity)?;
        self.front.add_identity(identity, owner)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> TxResult<bool> {
        self.copy_identity(identity)?;
        self.front.move_identity(identity, from, to)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        self.copy_identity(identity)?;
        self.front.remove_identity(identity, owner)
    }

    fn credential(&mut self, connection: &str, login: &str) -> TxResult<Option<Credential>> {
        if let Some(found) = self.front.credential(connection, login)? {
            return Ok(Some(found));
        }
        let found = from_behind(self.behind.read(|records| records.credential(connection, login)))?;
        Ok(found.filter(|found| !self.is_changed(connection, &found.user_id)))
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> TxResult<Option<Credential>> {
        if self.is_changed(connection, user_id) {
            return self.front.credential_of(connection, user_id);
        }
        from_behind(self.behind.read(|records| records.credential_of(connection, user_id)))
    }

    fn has_credentials(&mut self) -> TxResult<bool> {
        Ok(self.front.has_credentials()?
            || from_behind(self.behind.read(|records| records.has_credentials()))?)
    }

    fn add_credential(&mut self, credential: &Credential) -> TxResult<bool> {
        let Credential { connection, user_id, .. } = credential;
        if self.credential_of(connection, user_id)?.is_some() {
            return Ok(false);
        }
        for login in credential.logins() {
            if self.credential(connection, login)?.is_some() {
                return Ok(false);
            }
        }
        self.changed.credentials.insert([connection.clone(), user_id.clone()]);
        self.front.add_credential(credential)
    }

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> TxResult<bool> {
        let is_there = self.credential_of(connection, user_id)?.is_some();
        if is_there {
            self.changed.credentials.insert([connection.to_owned(), user_id.to_owned()]);
            self.front.remove_credential(connection, user_id)?;
        }
        Ok(is_there)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> TxResult<()> {
        self.front.add_entry(entry)
    }

    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>> {
        match self.front.entry(id)? {
            Some(entry) => Ok(Some(entry)),
            None => from_behind(self.behind.read(|records| records.entry(id))),
        }
    }

    /// The entries in front are newer.
    fn entries(&mut self, filter: &EntryFilter<'_>) -> TxResult<Vec<Entry>> {
        let mut found = self.front.entries(filter)?;
        found.extend(from_behind(self.behind.read(|records| records.entries(filter)))?);
        found.truncate(filter.limit);
        Ok(found)
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> TxResult<Moment> {
        let behind = from_behind(self.behind.read(|records| records.last_place(user_ids)))?;
        Ok(behind.max(self.front.last_place(user_ids)?))
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> TxResult<bool> {
        if self.front.entry(id)?.is_none()
            && let Some(entry) = self.entry(id)?
        {
            self.front.add_entry(&Arc::new(entry))?;
        }
        self.front.mark_undone(id, by, at)
    }

    fn clear_undone(&mut self, id: &EntryId, by: &EntryId) -> TxResult<bool> {
        self.front.clear_undone(id, by)
    }

    fn set_state(&mut self, id: &EntryId, from: EntryState, to: EntryState) -> TxResult<bool> {
        self.front.set_state(id, from, to)
    }

    fn unfinished_entries(&mut self, user_id: Option<&str>, limit: usize) -> TxResult<Vec<Entry>> {
        from_behind(self.behind.read(|records| records.unfinished_entries(user_id, limit)))
    }

    fn add_claim(&mut self, user_id: &str, id: &EntryId) -> TxResult<bool> {
        self.front.add_claim(user_id, id)
    }

    fn remove_claims(&mut self, id: &EntryId) -> TxResult<()> {
        self.front.remove_claims(id)
    }

    /// Erasing cannot be part of a dry run.
    fn forget_snapshots(&mut self, _: &SnapshotSelection) -> TxResult<u64> {
        Err(ApiError::Invalid("in a dry run nothing is erased".to_owned()).into())
    }

    fn user_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<String>> {
        let more = limit.saturating_add(self.changed.users.len());
        let mut found = from_behind(self.behind.read(|records| records.user_ids(prefix, more)))?;
        found.retain(|id| !self.changed.users.contains(id));
        found.extend(self.front.user_ids(prefix, limit)?);
        found.truncate(limit);
        Ok(found)
    }

    fn entry_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<EntryId>> {
        let mut found = self.front.entry_ids(prefix, limit)?;
        let others = from_behind(self.behind.read(|records| records.entry_ids(prefix, limit)))?;
        // An entry that is undone here is in both.
        let new: Vec<EntryId> = others.into_iter().filter(|id| !found.contains(id)).collect();
        found.extend(new);
        found.truncate(limit);
        Ok(found)
    }

    fn import_progress(&mut self, import: &str) -> TxResult<Option<u64>> {
        match self.front.import_progress(import)? {
            Some(lines) => Ok(Some(lines)),
            None => from_behind(self.behind.read(|records| records.import_progress(import))),
        }
    }

    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> TxResult<()> {
        self.front.set_import_progress(import, lines, now)
    }
}
