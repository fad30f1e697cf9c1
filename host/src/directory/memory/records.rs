//! The records of users, credentials and the journal in memory, within one transaction.

use std::sync::Arc;

use super::credentials::key;
use super::journal;
use super::login_fields::{logins, set_logins};
use super::state::{Before, State};
use crate::ambient::Ambient;
use crate::directory::counted_login::IdentityUse;
use crate::directory::credential::Credential;
use crate::directory::entry_state::EntryState;
use crate::directory::group_records::GroupRecords;
use crate::directory::journal::{Entry, EntryId, SnapshotSelection, SnapshotState, UndoneLink};
use crate::directory::journal_query::EntryFilter;
use crate::directory::records::{LAST_IP, LoginTally, Matching, Owner, Records, TxResult, last_ip};
use crate::directory::run_records::RunRecords;
use crate::directory::stored::Stored;
use crate::model::{Identity, Moment, Timestamp, User};

/// The runs of a backfill are in databases only.
impl RunRecords for State {}
impl GroupRecords for State {}

impl Records for State {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn directory_id(&mut self) -> TxResult<String> {
        let Self { directory_id, ambient, .. } = self;
        Ok(directory_id.get_or_insert_with(|| ambient.random().uuid().to_string()).clone())
    }

    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>> {
        Ok(self.users.get(user_id).cloned())
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> TxResult<Vec<Stored>> {
        let ids = self.by_email.get(&email.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let users = ids.iter().filter_map(|id| self.users.get(id));
        let matches =
            |user: &User| matching == Matching::IgnoringCase || user.email.as_deref() == Some(email);
        Ok(users.filter(|stored| matches(&stored.user)).take(limit).cloned().collect())
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> TxResult<Vec<Stored>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let behind = self.users.range::<str, _>((Excluded(after), Unbounded));
        Ok(behind.take(limit).map(|(_, stored)| stored.clone()).collect())
    }

    fn count_users(&mut self) -> TxResult<u64> {
        Ok(self.users.len() as u64)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
        let is_free = !self.users.contains_key(&user.user_id);
        if is_free {
            self.set_user(&user.user_id, Some(Stored { user: user.clone(), version }));
        }
        Ok(is_free)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
        let Some(stored) = self.users.get(&user.user_id).filter(|stored| stored.version == version) else {
            return Ok(false);
        };
        let mut user = user.clone();
        if logins(&user) != logins(&stored.user) {
            let ip = last_ip(&stored.user).or(last_ip(&user)).map(str::to_owned);
            let changed = Arc::make_mut(&mut user);
            set_logins(changed, &stored.user);
            changed.rest.extend(ip.map(|ip| (LAST_IP.to_owned(), ip.into())));
        }
        self.set_user(&user.user_id.clone(), Some(Stored { user, version: version + 1 }));
        Ok(true)
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> TxResult<bool> {
        let is_at = self.is_at(user_id, version);
        if is_at {
            self.set_user(user_id, None);
        }
        Ok(is_at)
    }

    fn set_logins(&mut self, user: &User) -> TxResult<bool> {
        let Some(stored) = self.users.get(&user.user_id) else { return Ok(false) };
        let mut changed = User::clone(&stored.user);
        set_logins(&mut changed, user);
        let version = stored.version;
        self.set_user(&user.user_id, Some(Stored { user: Arc::new(changed), version }));
        Ok(true)
    }

    fn count_logins(&mut self, user_id: &str, logins: &LoginTally) -> TxResult<bool> {
        let Some(stored) = self.users.get(user_id) else { return Ok(false) };
        let mut user = User::clone(&stored.user);
        logins.add_to(&mut user);
        let version = stored.version;
        self.set_user(user_id, Some(Stored { user: Arc::new(user), version }));
        let counted = user_id;
        for IdentityUse { provider, user_id, at } in &logins.uses {
            let id = format!("{provider}|{user_id}");
            let known = self.identities.get(&id).filter(|owner| owner.user_id == counted);
            if let Some(owner) = known.cloned() {
                self.set_identity(id, Some(Owner { last_login: Some(*at), ..owner }));
            }
        }
        Ok(true)
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> TxResult<Option<Owner>> {
        Ok(self.identities.get(&format!("{provider}|{user_id}")).cloned())
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        let id = identity.as_user_id();
        let is_free = !self.identities.contains_key(&id);
        if is_free {
            let connection = identity.connection.clone();
            let owner = Owner { user_id: owner.to_owned(), connection, last_login: None };
            self.set_identity(id, Some(owner));
        }
        Ok(is_free)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> TxResult<bool> {
        let id = identity.as_user_id();
        let Some(owner) = self.identities.get(&id).filter(|owner| owner.user_id == from).cloned() else {
            return Ok(false);
        };
        let connection = identity.connection.clone();
        self.set_identity(id, Some(Owner { user_id: to.to_owned(), connection, ..owner }));
        Ok(true)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        let id = identity.as_user_id();
        let is_there = self.identities.get(&id).is_some_and(|known| known.user_id == owner);
        if is_there {
            self.set_identity(id, None);
        }
        Ok(is_there)
    }

    fn credential(&mut self, connection: &str, login: &str) -> TxResult<Option<Credential>> {
        Ok(self.credentials.with_login(connection, login).map(|it| Credential::clone(it)))
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> TxResult<Option<Credential>> {
        Ok(self.credentials.get_by_identity(connection, user_id).map(|it| Credential::clone(it)))
    }

    fn has_credentials(&mut self) -> TxResult<bool> {
        Ok(!self.credentials.is_empty())
    }

    fn add_credential(&mut self, new: &Credential) -> TxResult<bool> {
        let Credential { connection, user_id, .. } = new;
        let is_taken = |login| self.credentials.with_login(connection, login).is_some();
        let is_free =
            self.credentials.get_by_identity(connection, user_id).is_none() && !new.logins().any(is_taken);
        if is_free {
            self.set_credential(key(connection, user_id), Some(Arc::new(new.clone())));
        }
        Ok(is_free)
    }

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> TxResult<bool> {
        let is_there = self.credentials.get_by_identity(connection, user_id).is_some();
        if is_there {
            self.set_credential(key(connection, user_id), None);
        }
        Ok(is_there)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> TxResult<()> {
        self.undo_log.push(Before::Entries(self.journal.len()));
        self.journal.push(entry.clone());
        Ok(())
    }

    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>> {
        Ok(self.index_of(id).map(|place| Entry::clone(&self.journal[place])))
    }

    fn entries(&mut self, filter: &EntryFilter<'_>) -> TxResult<Vec<Entry>> {
        Ok(journal::find_entries(&self.journal, filter))
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> TxResult<Moment> {
        let is_of = |entry: &&Arc<Entry>| {
            user_ids.contains(&entry.primary.as_str()) || user_ids.contains(&entry.secondary.as_str())
        };
        Ok(self.journal.iter().filter(is_of).map(|entry| entry.place).max().unwrap_or_default())
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> TxResult<bool> {
        let undone = UndoneLink { by: by.clone(), at };
        Ok(self.change_entry(id, |entry| {
            entry.undone.is_none().then_some(Entry { undone: Some(undone), ..entry })
        }))
    }

    fn clear_undone(&mut self, id: &EntryId, by: &EntryId) -> TxResult<bool> {
        let is_by = |entry: &Entry| entry.undone.as_ref().is_some_and(|undone| undone.by == *by);
        Ok(self.change_entry(id, |entry| is_by(&entry).then_some(Entry { undone: None, ..entry })))
    }

    fn set_state(&mut self, id: &EntryId, from: EntryState, to: EntryState) -> TxResult<bool> {
        Ok(self.change_entry(id, |entry| (entry.state == from).then_some(Entry { state: to, ..entry })))
    }

    fn unfinished_entries(&mut self, user_id: Option<&str>, limit: usize) -> TxResult<Vec<Entry>> {
        Ok(journal::find_unfinished(&self.journal, user_id, limit))
    }

    fn add_claim(&mut self, user_id: &str, id: &EntryId) -> TxResult<bool> {
        let is_free = !self.claims.contains_key(user_id);
        if is_free {
            self.claims.insert(user_id.to_owned(), id.clone());
            self.undo_log.push(Before::Claim(user_id.to_owned(), None));
        }
        Ok(is_free)
    }

    fn remove_claims(&mut self, id: &EntryId) -> TxResult<()> {
        let held: Vec<String> =
            self.claims.iter().filter(|(_, by)| *by == id).map(|(user_id, _)| user_id.clone()).collect();
        for user_id in held {
            let by = self.claims.remove(&user_id);
            self.undo_log.push(Before::Claim(user_id, by));
        }
        Ok(())
    }

    fn forget_snapshots(&mut self, which: &SnapshotSelection) -> TxResult<u64> {
        let erasable = journal::find_erasable(&self.journal, which);
        for index in &erasable {
            let entry = Entry { kept: SnapshotState::Forgotten, ..Entry::clone(&self.journal[*index]) };
            self.set_entry(*index, entry);
        }
        Ok(erasable.len() as u64)
    }

    fn user_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<String>> {
        let ids = self.users.keys().filter(|id| id.starts_with(prefix));
        Ok(ids.take(limit).cloned().collect())
    }

    fn entry_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<EntryId>> {
        let ids = self.journal.iter().map(|entry| &entry.id);
        Ok(ids.filter(|id| id.as_str().starts_with(prefix)).take(limit).cloned().collect())
    }

    fn import_progress(&mut self, import: &str) -> TxResult<Option<u64>> {
        Ok(self.imports.get(import).copied())
    }

    fn set_import_progress(&mut self, import: &str, lines: u64, _: Timestamp) -> TxResult<()> {
        let old = self.imports.insert(import.to_owned(), lines);
        self.undo_log.push(Before::Import(import.to_owned(), old));
        Ok(())
    }
}
