//! A directory on which nothing is written: changes stay in memory, in front of
//! what is there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::credential::Credential;
use super::journal::{Entry, EntryId, Forget};
use super::journal_query::Wanted;
use super::records::{Done, Durability, Interrupted, Logins, Matching, Owner, Records, Store};
use super::{Administration, Memory, Stored};
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, Moment, Timestamp, User};

/// Answers as the directory behind it would after the same calls, and leaves
/// that as it is.
pub struct DryRun<S> {
    behind: S,
    front: Memory,
    /// What the front knows better, be it that it is gone.
    changed: Mutex<Changed>,
}

#[derive(Debug, Default, Clone)]
struct Changed {
    users: HashSet<String>,
    identities: HashSet<String>,
    /// Connections and ids of identities.
    credentials: HashSet<[String; 2]>,
}

/// One transaction: the front's records, and the directory behind them.
struct Layered<'a, S> {
    behind: &'a S,
    front: &'a mut dyn Records,
    changed: &'a mut Changed,
}

impl<S: Administration> DryRun<S> {
    /// A dry run over a directory.
    pub fn over(behind: S) -> Self {
        let front = Memory::new(behind.ambient());
        Self { behind, front, changed: Mutex::default() }
    }
}

impl<S: Store> Store for DryRun<S> {
    fn ambient(&self) -> &Ambient {
        Store::ambient(&self.front)
    }

    fn read<T>(&self, what: impl FnMut(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        self.write(Durability::Process, what)
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        let mut what = Some(what);
        self.read(|records| match what.take() {
            Some(what) => what(records),
            None => Err(ApiError::Unavailable("the reading was interrupted".to_owned()).into()),
        })
    }

    fn write<T>(
        &self,
        durability: Durability,
        mut what: impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Result<T, ApiError> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = changed.clone();
        let done = self.front.write(durability, |front| {
            what(&mut Layered { behind: &self.behind, front, changed: &mut changed })
        });
        if done.is_err() {
            *changed = before;
        }
        done
    }
}

impl<S: Store> Layered<'_, S> {
    /// Takes a user over, if it is at this version.
    fn take(&mut self, user_id: &str, version: u64) -> Done<bool> {
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

    fn take_identity(&mut self, identity: &Identity) -> Done<()> {
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

fn behind<T>(answer: Result<T, ApiError>) -> Done<T> {
    answer.map_err(Interrupted::Answer)
}

impl<S: Store> Records for Layered<'_, S> {
    fn ambient(&self) -> &Ambient {
        self.front.ambient()
    }

    fn user(&mut self, user_id: &str) -> Done<Option<Stored>> {
        if self.changed.users.contains(user_id) {
            return self.front.user(user_id);
        }
        behind(self.behind.read(|records| records.user(user_id)))
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> Done<Vec<Stored>> {
        let mut found = behind(self.behind.read(|records| records.users_by_email(email, matching, limit)))?;
        found.retain(|stored| self.is_unchanged(stored));
        found.extend(self.front.users_by_email(email, matching, limit)?);
        found.truncate(limit);
        Ok(found)
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> Done<Vec<Stored>> {
        let mut found = behind(self.behind.page(after, limit))?;
        found.retain(|stored| self.is_unchanged(stored));
        found.extend(self.front.users_behind(after, limit)?);
        found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
        found.truncate(limit);
        Ok(found)
    }

    fn count_users(&mut self) -> Done<u64> {
        let changed = &self.changed.users;
        let unchanged = behind(self.behind.read(|records| {
            let mut count = records.count_users()?;
            for user_id in changed {
                count = count.saturating_sub(records.is_user(user_id)?.into());
            }
            Ok(count)
        }))?;
        Ok(unchanged + self.front.count_users()?)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        if self.user(&user.user_id)?.is_some() {
            return Ok(false);
        }
        self.changed.users.insert(user.user_id.clone());
        self.front.add_user(user, version)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        Ok(self.take(&user.user_id, version)? && self.front.replace_user(user, version)?)
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> Done<bool> {
        Ok(self.take(user_id, version)? && self.front.remove_user(user_id, version)?)
    }

    fn set_logins(&mut self, user: &User) -> Done<bool> {
        let Some(stored) = self.user(&user.user_id)? else { return Ok(false) };
        Ok(self.take(&user.user_id, stored.version)? && self.front.set_logins(user)?)
    }

    fn count_logins(&mut self, user_id: &str, logins: Logins) -> Done<bool> {
        let Some(stored) = self.user(user_id)? else { return Ok(false) };
        Ok(self.take(user_id, stored.version)? && self.front.count_logins(user_id, logins)?)
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> Done<Option<Owner>> {
        if self.changed.identities.contains(&format!("{provider}|{user_id}")) {
            return self.front.owner(provider, user_id);
        }
        behind(self.behind.read(|records| records.owner(provider, user_id)))
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        self.take_identity(identity)?;
        self.front.add_identity(identity, owner)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> Done<bool> {
        self.take_identity(identity)?;
        self.front.move_identity(identity, from, to)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        self.take_identity(identity)?;
        self.front.remove_identity(identity, owner)
    }

    fn credential(&mut self, connection: &str, login: &str) -> Done<Option<Credential>> {
        if let Some(found) = self.front.credential(connection, login)? {
            return Ok(Some(found));
        }
        let found = behind(self.behind.read(|records| records.credential(connection, login)))?;
        Ok(found.filter(|found| !self.is_changed(connection, &found.user_id)))
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> Done<Option<Credential>> {
        if self.is_changed(connection, user_id) {
            return self.front.credential_of(connection, user_id);
        }
        behind(self.behind.read(|records| records.credential_of(connection, user_id)))
    }

    fn has_credentials(&mut self) -> Done<bool> {
        Ok(self.front.has_credentials()? || behind(self.behind.read(|records| records.has_credentials()))?)
    }

    fn add_credential(&mut self, credential: &Credential) -> Done<bool> {
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

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> Done<bool> {
        let is_there = self.credential_of(connection, user_id)?.is_some();
        if is_there {
            self.changed.credentials.insert([connection.to_owned(), user_id.to_owned()]);
            self.front.remove_credential(connection, user_id)?;
        }
        Ok(is_there)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> Done<()> {
        self.front.add_entry(entry)
    }

    fn entry(&mut self, id: &EntryId) -> Done<Option<Entry>> {
        match self.front.entry(id)? {
            Some(entry) => Ok(Some(entry)),
            None => behind(self.behind.read(|records| records.entry(id))),
        }
    }

    /// The entries in front were made later.
    fn entries(&mut self, wanted: &Wanted<'_>) -> Done<Vec<Entry>> {
        let mut found = self.front.entries(wanted)?;
        found.extend(behind(self.behind.read(|records| records.entries(wanted)))?);
        found.truncate(wanted.limit);
        Ok(found)
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> Done<Moment> {
        let behind = behind(self.behind.read(|records| records.last_place(user_ids)))?;
        Ok(behind.max(self.front.last_place(user_ids)?))
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> Done<bool> {
        if self.front.entry(id)?.is_none()
            && let Some(entry) = self.entry(id)?
        {
            self.front.add_entry(&Arc::new(entry))?;
        }
        self.front.mark_undone(id, by, at)
    }

    /// Erasing is never rehearsed.
    fn forget_snapshots(&mut self, _: &Forget) -> Done<u64> {
        Err(ApiError::Invalid("in a dry run nothing is erased".to_owned()).into())
    }

    fn user_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<String>> {
        let more = limit.saturating_add(self.changed.users.len());
        let mut found = behind(self.behind.read(|records| records.user_ids(beginning, more)))?;
        found.retain(|id| !self.changed.users.contains(id));
        found.extend(self.front.user_ids(beginning, limit)?);
        found.truncate(limit);
        Ok(found)
    }

    fn entry_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<EntryId>> {
        let mut found = self.front.entry_ids(beginning, limit)?;
        let others = behind(self.behind.read(|records| records.entry_ids(beginning, limit)))?;
        // One that is undone here stands in both.
        let is_new: Vec<EntryId> = others.into_iter().filter(|id| !found.contains(id)).collect();
        found.extend(is_new);
        found.truncate(limit);
        Ok(found)
    }

    fn import_progress(&mut self, import: &str) -> Done<Option<u64>> {
        match self.front.import_progress(import)? {
            Some(lines) => Ok(Some(lines)),
            None => behind(self.behind.read(|records| records.import_progress(import))),
        }
    }

    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> Done<()> {
        self.front.set_import_progress(import, lines, now)
    }
}
