//! A directory that lives as long as the process: for cases, and the model
//! that the others are compared with.

mod credentials;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::Stored;
use super::credential::{self, Credential};
use super::journal::{Entry, EntryId, Forget, Kept, Kind, Undone};
use super::journal_query::Wanted;
use super::records::{
    Done, Durability, Interrupted, LAST_IP, Logins, Matching, Owner, Records, Store, last_ip,
};
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, Moment, Timestamp, User};
use credentials::{Credentials, Key, key};

/// Users in memory. Cloning it copies the state, not the users.
#[derive(Debug)]
pub struct Memory {
    ambient: Ambient,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    ambient: Ambient,
    users: BTreeMap<String, Stored>,
    /// Ids by address in lower case.
    by_email: HashMap<String, Vec<String>>,
    /// Owners by the user id that the identity would have alone.
    identities: HashMap<String, Owner>,
    credentials: Credentials,
    journal: Vec<Arc<Entry>>,
    imports: HashMap<String, u64>,
    /// What takes the running transaction back, the last first.
    undo: Vec<Before>,
}

/// A record as it was.
#[derive(Debug, Clone)]
enum Before {
    User(String, Option<Stored>),
    Identity(String, Option<Owner>),
    Credential(Key, Option<Arc<Credential>>),
    Entries(usize),
    Entry(usize, Arc<Entry>),
    Import(String, Option<u64>),
}

impl Memory {
    /// A directory without users.
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
            undo: Vec::new(),
        };
        Self { ambient: ambient.clone(), state: Mutex::new(state) }
    }

    /// A directory with these users. Of two with one id the later stays.
    pub fn with_users(ambient: &Ambient, users: impl IntoIterator<Item = User>) -> Self {
        let memory = Self::new(ambient);
        memory.change(|state| {
            for user in users {
                state.put(Stored { user: Arc::new(user.with_own_identity("")), version: 1 });
            }
        });
        memory
    }

    /// Every user, in the order of their ids.
    #[must_use]
    pub fn users(&self) -> Vec<Arc<User>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.users.values().map(|stored| stored.user.clone()).collect()
    }

    /// Adds or replaces a user, whoever has had its identities before.
    pub fn put(&self, user: User) {
        self.change(|state| {
            let version = state.users.get(&user.user_id).map_or(1, |stored| stored.version + 1);
            state.put(Stored { user: Arc::new(user.with_own_identity("")), version });
        });
    }

    /// Removes a user, if it is there.
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
            let _ = credential::remove_all(state, &gone.user.identities);
        });
    }

    /// A change that cannot fail.
    fn change(&self, what: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        what(&mut state);
        state.undo.clear();
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

    fn read<T>(&self, what: impl FnMut(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        // Reading through the same records as writing.
        self.write(Durability::Process, what)
    }

    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Result<T, ApiError> {
        // A copy, for the others to go on meanwhile.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.take_back();
        what(&mut state).map_err(|interrupted| match interrupted {
            Interrupted::Answer(error) => error,
            Interrupted::Again(what) => ApiError::StateChanged(what),
        })
    }

    fn write<T>(
        &self,
        _: Durability,
        mut what: impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Result<T, ApiError> {
        // A panic while the lock was held leaves a transaction that is taken
        // back by the next one.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.take_back();
        let done = what(&mut *state);
        match done {
            Ok(done) => {
                state.undo.clear();
                Ok(done)
            }
            Err(interrupted) => {
                state.take_back();
                Err(match interrupted {
                    Interrupted::Answer(error) => error,
                    // Nobody can be in the way of who holds the lock.
                    Interrupted::Again(what) => ApiError::StateChanged(what),
                })
            }
        }
    }
}

impl State {
    fn put(&mut self, stored: Stored) {
        let user_id = stored.user.user_id.clone();
        for identity in &stored.user.identities {
            let owner = Owner { user_id: user_id.clone(), connection: identity.connection.clone() };
            self.set_identity(identity.as_user_id(), Some(owner));
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
        self.undo.push(Before::User(user_id.to_owned(), old));
    }

    fn set_identity(&mut self, id: String, owner: Option<Owner>) {
        let old = match owner {
            Some(owner) => self.identities.insert(id.clone(), owner),
            None => self.identities.remove(&id),
        };
        self.undo.push(Before::Identity(id, old));
    }

    fn set_credential(&mut self, key: Key, credential: Option<Arc<Credential>>) {
        let old = self.credentials.set(&key, credential);
        self.undo.push(Before::Credential(key, old));
    }

    fn set_entry(&mut self, place: usize, entry: Entry) {
        let old = std::mem::replace(&mut self.journal[place], Arc::new(entry));
        self.undo.push(Before::Entry(place, old));
    }

    fn take_back(&mut self) {
        let mut undo = std::mem::take(&mut self.undo);
        while let Some(before) = undo.pop() {
            match before {
                Before::User(id, old) => self.set_user(&id, old),
                Before::Identity(id, old) => self.set_identity(id, old),
                Before::Credential(key, old) => drop(self.credentials.set(&key, old)),
                Before::Entries(len) => self.journal.truncate(len),
                Before::Entry(place, old) => self.journal[place] = old,
                Before::Import(import, Some(lines)) => drop(self.imports.insert(import, lines)),
                Before::Import(import, None) => drop(self.imports.remove(&import)),
            }
        }
        self.undo.clear();
    }

    fn is_at(&self, user_id: &str, version: u64) -> bool {
        self.users.get(user_id).is_some_and(|stored| stored.version == version)
    }

    fn place(&self, id: &EntryId) -> Option<usize> {
        self.journal.iter().position(|entry| entry.id == *id)
    }
}

impl Records for State {
    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn user(&mut self, user_id: &str) -> Done<Option<Stored>> {
        Ok(self.users.get(user_id).cloned())
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> Done<Vec<Stored>> {
        let ids = self.by_email.get(&email.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let users = ids.iter().filter_map(|id| self.users.get(id));
        let matches =
            |user: &User| matching == Matching::IgnoringCase || user.email.as_deref() == Some(email);
        Ok(users.filter(|stored| matches(&stored.user)).take(limit).cloned().collect())
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> Done<Vec<Stored>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let behind = self.users.range::<str, _>((Excluded(after), Unbounded));
        Ok(behind.take(limit).map(|(_, stored)| stored.clone()).collect())
    }

    fn count_users(&mut self) -> Done<u64> {
        Ok(self.users.len() as u64)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        let is_free = !self.users.contains_key(&user.user_id);
        if is_free {
            self.set_user(&user.user_id, Some(Stored { user: user.clone(), version }));
        }
        Ok(is_free)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
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

    fn remove_user(&mut self, user_id: &str, version: u64) -> Done<bool> {
        let is_at = self.is_at(user_id, version);
        if is_at {
            self.set_user(user_id, None);
        }
        Ok(is_at)
    }

    fn set_logins(&mut self, user: &User) -> Done<bool> {
        let Some(stored) = self.users.get(&user.user_id) else { return Ok(false) };
        let mut changed = User::clone(&stored.user);
        set_logins(&mut changed, user);
        let version = stored.version;
        self.set_user(&user.user_id, Some(Stored { user: Arc::new(changed), version }));
        Ok(true)
    }

    fn count_logins(&mut self, user_id: &str, logins: Logins) -> Done<bool> {
        let Some(stored) = self.users.get(user_id) else { return Ok(false) };
        let mut user = User::clone(&stored.user);
        logins.added_to(&mut user);
        let version = stored.version;
        self.set_user(user_id, Some(Stored { user: Arc::new(user), version }));
        Ok(true)
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> Done<Option<Owner>> {
        Ok(self.identities.get(&format!("{provider}|{user_id}")).cloned())
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        let id = identity.as_user_id();
        let is_free = !self.identities.contains_key(&id);
        if is_free {
            let owner = Owner { user_id: owner.to_owned(), connection: identity.connection.clone() };
            self.set_identity(id, Some(owner));
        }
        Ok(is_free)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> Done<bool> {
        let id = identity.as_user_id();
        let is_there = self.identities.get(&id).is_some_and(|owner| owner.user_id == from);
        if is_there {
            let owner = Owner { user_id: to.to_owned(), connection: identity.connection.clone() };
            self.set_identity(id, Some(owner));
        }
        Ok(is_there)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        let id = identity.as_user_id();
        let is_there = self.identities.get(&id).is_some_and(|known| known.user_id == owner);
        if is_there {
            self.set_identity(id, None);
        }
        Ok(is_there)
    }

    fn credential(&mut self, connection: &str, login: &str) -> Done<Option<Credential>> {
        Ok(self.credentials.with_login(connection, login).map(|it| Credential::clone(it)))
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> Done<Option<Credential>> {
        Ok(self.credentials.of(connection, user_id).map(|it| Credential::clone(it)))
    }

    fn has_credentials(&mut self) -> Done<bool> {
        Ok(!self.credentials.is_empty())
    }

    fn add_credential(&mut self, new: &Credential) -> Done<bool> {
        let Credential { connection, user_id, .. } = new;
        let is_taken = |login| self.credentials.with_login(connection, login).is_some();
        let is_free = self.credentials.of(connection, user_id).is_none() && !new.logins().any(is_taken);
        if is_free {
            self.set_credential(key(connection, user_id), Some(Arc::new(new.clone())));
        }
        Ok(is_free)
    }

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> Done<bool> {
        let is_there = self.credentials.of(connection, user_id).is_some();
        if is_there {
            self.set_credential(key(connection, user_id), None);
        }
        Ok(is_there)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> Done<()> {
        self.undo.push(Before::Entries(self.journal.len()));
        self.journal.push(entry.clone());
        Ok(())
    }

    fn entry(&mut self, id: &EntryId) -> Done<Option<Entry>> {
        Ok(self.place(id).map(|place| Entry::clone(&self.journal[place])))
    }

    fn entries(&mut self, wanted: &Wanted<'_>) -> Done<Vec<Entry>> {
        let mut found: Vec<_> = self.journal.iter().filter(|entry| wanted.is(entry)).collect();
        found.sort_by(|a, b| (b.place, &b.id).cmp(&(a.place, &a.id)));
        let unread = |entry: &Arc<Entry>| Entry { kept: Kept::Unread, ..Entry::clone(entry) };
        Ok(found.into_iter().take(wanted.limit).map(unread).collect())
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> Done<Moment> {
        let is_of = |entry: &&Arc<Entry>| {
            user_ids.contains(&entry.primary.as_str()) || user_ids.contains(&entry.secondary.as_str())
        };
        Ok(self.journal.iter().filter(is_of).map(|entry| entry.place).max().unwrap_or_default())
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> Done<bool> {
        let Some(place) = self.place(id) else { return Ok(false) };
        let entry = Entry::clone(&self.journal[place]);
        let stands = entry.undone.is_none();
        if stands {
            self.set_entry(place, Entry { undone: Some(Undone { by: by.clone(), at }), ..entry });
        }
        Ok(stands)
    }

    fn forget_snapshots(&mut self, which: &Forget) -> Done<u64> {
        let mut forgotten = 0;
        for place in 0..self.journal.len() {
            let entry = &self.journal[place];
            let is_meant = match which {
                Forget::Before(time) => entry.at < *time,
                Forget::Of(id) => entry.primary == *id || entry.secondary == *id,
            };
            if is_meant && entry.kind == Kind::Link && entry.kept != Kept::Forgotten {
                let entry = Entry { kept: Kept::Forgotten, ..Entry::clone(entry) };
                self.set_entry(place, entry);
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    fn user_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<String>> {
        let ids = self.users.keys().filter(|id| id.starts_with(beginning));
        Ok(ids.take(limit).cloned().collect())
    }

    fn entry_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<EntryId>> {
        let ids = self.journal.iter().map(|entry| &entry.id);
        Ok(ids.filter(|id| id.as_str().starts_with(beginning)).take(limit).cloned().collect())
    }

    fn import_progress(&mut self, import: &str) -> Done<Option<u64>> {
        Ok(self.imports.get(import).copied())
    }

    fn set_import_progress(&mut self, import: &str, lines: u64, _: Timestamp) -> Done<()> {
        let old = self.imports.insert(import.to_owned(), lines);
        self.undo.push(Before::Import(import.to_owned(), old));
        Ok(())
    }
}

/// The columns that a login changes.
fn logins(user: &User) -> (Option<u64>, Option<Timestamp>, Option<&str>) {
    (user.logins_count, user.last_login, last_ip(user))
}

fn set_logins(user: &mut User, from: &User) {
    (user.logins_count, user.last_login) = (from.logins_count, from.last_login);
    match from.rest.get(LAST_IP) {
        Some(ip) => drop(user.rest.insert(LAST_IP.to_owned(), ip.clone())),
        None => drop(user.rest.remove(LAST_IP)),
    }
}
