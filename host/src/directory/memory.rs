//! A directory in memory, for cases and as the reference for the other storages.

mod credentials;
mod decision_records;
mod decisions;
mod journal;
mod login_fields;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::conflict::{Conflict, ConflictKey};
use super::counted_login::IdentityUse;
use super::credential::Credential;
use super::credentials::remove_all;
use super::decision::{DecisionId, KeptDecision};
use super::entry_state::EntryState;
use super::journal::{Entry, EntryId, SnapshotSelection, SnapshotState, UndoneLink};
use super::journal_query::EntryFilter;
use super::records::{LAST_IP, LoginTally, Matching, Owner, Records, TxError, TxResult, last_ip};
use super::run_records::RunRecords;
use super::store::{Durability, Store};
use super::stored::Stored;
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, Moment, Timestamp, User};
use credentials::{Credentials, Key, key};
use decisions::{CountKey, Decisions};
use login_fields::{logins, set_logins};

/// A directory in memory. A clone shares the users, but has a state of its own.
#[derive(Debug)]
pub struct Memory {
    ambient: Ambient,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    ambient: Ambient,
    users: BTreeMap<String, Stored>,
    /// User ids, by address in lower case.
    by_email: HashMap<String, Vec<String>>,
    /// Owners, by the user id that the identity would have if it stood alone.
    identities: HashMap<String, Owner>,
    credentials: Credentials,
    journal: Vec<Arc<Entry>>,
    imports: HashMap<String, u64>,
    /// The entries that hold users, by user.
    claims: BTreeMap<String, EntryId>,
    decisions: Decisions,
    /// The undo log of the running transaction. It is applied in reverse.
    undo_log: Vec<Before>,
}

/// A record before its change.
#[derive(Debug, Clone)]
enum Before {
    User(String, Option<Stored>),
    Identity(String, Option<Owner>),
    Credential(Key, Option<Arc<Credential>>),
    Entries(usize),
    Entry(usize, Arc<Entry>),
    Import(String, Option<u64>),
    Claim(String, Option<EntryId>),
    Decision(DecisionId, Option<Arc<KeptDecision>>),
    Count(CountKey, Option<u64>),
    Conflict(ConflictKey, Option<Arc<Conflict>>),
}

impl Memory {
    /// Creates a directory without users.
    #[must_use]
    pub fn new(ambient: &Ambient) -> Self {
        let state = State {
            ambient: ambient.clone(),
            users: BTreeMap::new(),
            by_email: HashMap::new(),
            identities: HashMap::new(),
            credentials: Credentials::default(),
            journal: Vec::new(),
            imports: HashMap::new(),
            claims: BTreeMap::new(),
            decisions: Decisions::default(),
            undo_log: Vec::new(),
        };
        Self { ambient: ambient.clone(), state: Mutex::new(state) }
    }

    /// Creates a directory with these users. If two have the same id, the later one stays.
    pub fn with_users(ambient: &Ambient, users: impl IntoIterator<Item = User>) -> Self {
        let memory = Self::new(ambient);
        memory.change(|state| {
            for user in users {
                state.put(Stored { user: Arc::new(user.with_own_identity("")), version: 1 });
            }
        });
        memory
    }

    /// Returns every user, ordered by id.
    #[must_use]
    pub fn users(&self) -> Vec<Arc<User>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.users.values().map(|stored| stored.user.clone()).collect()
    }

    /// Adds or replaces a user, and takes its identities from any other user.
    pub fn put(&self, user: User) {
        self.change(|state| {
            let version = state.users.get(&user.user_id).map_or(1, |stored| stored.version + 1);
            state.put(Stored { user: Arc::new(user.with_own_identity("")), version });
        });
    }

    /// Removes a user, if there is one.
    pub fn remove(&self, user_id: &str) {
        self.change(|state| {
            let Some(gone) = state.users.get(user_id).cloned() else { return };
            state.set_user(user_id, None);
            for identity in &gone.user.identities {
                let id = identity.as_user_id();
                if state.identities.get(&id).is_some_and(|owner| owner.user_id == user_id) {
                    state.set_identity(id, None);
                }
            }
            let _ = remove_all(state, &gone.user.identities);
        });
    }

    /// Runs a change that cannot fail.
    fn change(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut state);
        state.undo_log.clear();
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { ambient: self.ambient.clone(), state: Mutex::new(state) }
    }
}

impl Store for Memory {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn read<T>(&self, work: impl FnMut(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        // Reads use the same records as writes.
        self.write(Durability::Process, work)
    }

    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        // A copy, so that other transactions are not blocked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.roll_back();
        work(&mut state).map_err(|interrupted| match interrupted {
            TxError::Failed(error) => error,
            TxError::Conflict(why) => ApiError::StateChanged(why),
        })
    }

    fn write<T>(
        &self,
        _: Durability,
        mut work: impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> Result<T, ApiError> {
        // A panic while the lock was held leaves an open transaction, which is rolled back
        // here.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.roll_back();
        let done = work(&mut *state);
        match done {
            Ok(done) => {
                state.undo_log.clear();
                Ok(done)
            }
            Err(interrupted) => {
                state.roll_back();
                Err(match interrupted {
                    TxError::Failed(error) => error,
                    // The lock prevents conflicts.
                    TxError::Conflict(why) => ApiError::StateChanged(why),
                })
            }
        }
    }
}

impl State {
    fn put(&mut self, stored: Stored) {
        let user_id = stored.user.user_id.clone();
        for identity in &stored.user.identities {
            let id = identity.as_user_id();
            let last_login = self.identities.get(&id).and_then(|known| known.last_login);
            let connection = identity.connection.clone();
            let owner = Owner { user_id: user_id.clone(), connection, last_login };
            self.set_identity(id, Some(owner));
        }
        self.set_user(&user_id, Some(stored));
    }

    fn set_user(&mut self, user_id: &str, stored: Option<Stored>) {
        let email = |stored: &Option<Stored>| stored.as_ref().and_then(|stored| stored.user.email.clone());
        let new_email = email(&stored);
        let old = match stored {
            Some(new) => self.users.insert(user_id.to_owned(), new),
            None => self.users.remove(user_id),
        };
        let old_email = email(&old);
        if old_email != new_email {
            if let Some(ids) = old_email.and_then(|old| self.by_email.get_mut(&old.to_ascii_lowercase())) {
                ids.retain(|id| id != user_id);
            }
            if let Some(new) = new_email {
                self.by_email.entry(new.to_ascii_lowercase()).or_default().push(user_id.to_owned());
            }
        }
        self.undo_log.push(Before::User(user_id.to_owned(), old));
    }

    fn set_identity(&mut self, id: String, owner: Option<Owner>) {
        let old = match owner {
            Some(owner) => self.identities.insert(id.clone(), owner),
            None => self.identities.remove(&id),
        };
        self.undo_log.push(Before::Identity(id, old));
    }

    fn set_credential(&mut self, key: Key, credential: Option<Arc<Credential>>) {
        let old = self.credentials.set(&key, credential);
        self.undo_log.push(Before::Credential(key, old));
    }

    fn set_entry(&mut self, place: usize, entry: Entry) {
        let old = std::mem::replace(&mut self.journal[place], Arc::new(entry));
        self.undo_log.push(Before::Entry(place, old));
    }

    /// Replaces an entry by what `change` makes of it. Returns false if it makes nothing.
    fn change_entry(&mut self, id: &EntryId, change: impl FnOnce(Entry) -> Option<Entry>) -> bool {
        let Some(place) = self.index_of(id) else { return false };
        let changed = change(Entry::clone(&self.journal[place]));
        let is_changed = changed.is_some();
        if let Some(entry) = changed {
            self.set_entry(place, entry);
        }
        is_changed
    }

    fn roll_back(&mut self) {
        let mut undo_log = std::mem::take(&mut self.undo_log);
        while let Some(before) = undo_log.pop() {
            match before {
                Before::User(id, old) => self.set_user(&id, old),
                Before::Identity(id, old) => self.set_identity(id, old),
                Before::Credential(key, old) => drop(self.credentials.set(&key, old)),
                Before::Entries(len) => self.journal.truncate(len),
                Before::Entry(place, old) => self.journal[place] = old,
                Before::Import(import, Some(lines)) => drop(self.imports.insert(import, lines)),
                Before::Import(import, None) => drop(self.imports.remove(&import)),
                Before::Claim(user_id, Some(id)) => drop(self.claims.insert(user_id, id)),
                Before::Claim(user_id, None) => drop(self.claims.remove(&user_id)),
                Before::Decision(id, old) => drop(self.decisions.set(&id, old)),
                Before::Count(key, old) => drop(self.decisions.set_count(&key, old)),
                Before::Conflict(key, old) => drop(self.decisions.set_conflict(&key, old)),
            }
        }
        self.undo_log.clear();
    }

    fn is_at(&self, user_id: &str, version: u64) -> bool {
        self.users.get(user_id).is_some_and(|stored| stored.version == version)
    }

    /// Returns the index of an entry.
    fn index_of(&self, id: &EntryId) -> Option<usize> {
        self.journal.iter().position(|entry| entry.id == *id)
    }
}

/// The runs of a backfill are in databases only.
impl RunRecords for State {}

impl Records for State {
    fn ambient(&self) -> &Ambient {
        &self.ambient
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
