//! The records in memory, and the undo log of the running transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::credentials::{Credentials, Key};
use super::decisions::{CountKey, Decisions};
use crate::ambient::Ambient;
use crate::directory::conflict::{Conflict, ConflictKey};
use crate::directory::credential::Credential;
use crate::directory::decision::{DecisionId, KeptDecision};
use crate::directory::journal::{Entry, EntryId};
use crate::directory::records::Owner;
use crate::directory::stored::Stored;

/// The records of a directory in memory.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) ambient: Ambient,
    /// The id of the directory, once it was asked for.
    pub(super) directory_id: Option<String>,
    pub(super) users: BTreeMap<String, Stored>,
    /// User ids, by address in lower case.
    pub(super) by_email: HashMap<String, Vec<String>>,
    /// Owners, by the user id that the identity would have if it stood alone.
    pub(super) identities: HashMap<String, Owner>,
    pub(super) credentials: Credentials,
    pub(super) journal: Vec<Arc<Entry>>,
    pub(super) imports: HashMap<String, u64>,
    /// The entries that hold users, by user.
    pub(super) claims: BTreeMap<String, EntryId>,
    pub(super) decisions: Decisions,
    /// The undo log of the running transaction. It is applied in reverse.
    pub(super) undo_log: Vec<Before>,
}

/// A record before its change.
#[derive(Debug, Clone)]
pub(super) enum Before {
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

impl State {
    /// A state without records.
    pub(super) fn new(ambient: &Ambient) -> Self {
        Self {
            ambient: ambient.clone(),
            directory_id: None,
            users: BTreeMap::new(),
            by_email: HashMap::new(),
            identities: HashMap::new(),
            credentials: Credentials::default(),
            journal: Vec::new(),
            imports: HashMap::new(),
            claims: BTreeMap::new(),
            decisions: Decisions::default(),
            undo_log: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, stored: Stored) {
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

    pub(super) fn set_user(&mut self, user_id: &str, stored: Option<Stored>) {
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

    pub(super) fn set_identity(&mut self, id: String, owner: Option<Owner>) {
        let old = match owner {
            Some(owner) => self.identities.insert(id.clone(), owner),
            None => self.identities.remove(&id),
        };
        self.undo_log.push(Before::Identity(id, old));
    }

    pub(super) fn set_credential(&mut self, key: Key, credential: Option<Arc<Credential>>) {
        let old = self.credentials.set(&key, credential);
        self.undo_log.push(Before::Credential(key, old));
    }

    pub(super) fn set_entry(&mut self, place: usize, entry: Entry) {
        let old = std::mem::replace(&mut self.journal[place], Arc::new(entry));
        self.undo_log.push(Before::Entry(place, old));
    }

    /// Replaces an entry by what `change` makes of it. Returns false if it makes nothing.
    pub(super) fn change_entry(&mut self, id: &EntryId, change: impl FnOnce(Entry) -> Option<Entry>) -> bool {
        let Some(place) = self.index_of(id) else { return false };
        let changed = change(Entry::clone(&self.journal[place]));
        let is_changed = changed.is_some();
        if let Some(entry) = changed {
            self.set_entry(place, entry);
        }
        is_changed
    }

    pub(super) fn roll_back(&mut self) {
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

    pub(super) fn is_at(&self, user_id: &str, version: u64) -> bool {
        self.users.get(user_id).is_some_and(|stored| stored.version == version)
    }

    /// Returns the index of an entry.
    pub(super) fn index_of(&self, id: &EntryId) -> Option<usize> {
        self.journal.iter().position(|entry| entry.id == *id)
    }
}
