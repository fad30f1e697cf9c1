//! Credentials in memory, by identity and by login.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::credential::Credential;

/// The connection, and the identity's id or a login in it.
pub(super) type Key = [String; 2];

pub(super) fn key(connection: &str, of: &str) -> Key {
    [connection.to_owned(), of.to_owned()]
}

#[derive(Debug, Default, Clone)]
pub(super) struct Credentials {
    by_identity: HashMap<Key, Arc<Credential>>,
    by_login: HashMap<Key, Arc<Credential>>,
}

impl Credentials {
    pub(super) fn is_empty(&self) -> bool {
        self.by_identity.is_empty()
    }

    pub(super) fn of(&self, connection: &str, user_id: &str) -> Option<&Arc<Credential>> {
        self.by_identity.get(&key(connection, user_id))
    }

    pub(super) fn with_login(&self, connection: &str, login: &str) -> Option<&Arc<Credential>> {
        self.by_login.get(&key(connection, login))
    }

    /// Adds, replaces or removes one whose logins are free. Returns what was there.
    pub(super) fn set(&mut self, identity: &Key, new: Option<Arc<Credential>>) -> Option<Arc<Credential>> {
        let old = self.by_identity.remove(identity);
        for login in old.iter().flat_map(|old| old.logins()) {
            self.by_login.remove(&key(&identity[0], login));
        }
        if let Some(new) = new {
            for login in new.logins() {
                self.by_login.insert(key(&identity[0], login), new.clone());
            }
            self.by_identity.insert(identity.clone(), new);
        }
        old
    }
}
