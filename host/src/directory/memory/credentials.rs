//! Credentials in memory, indexed by identity and by login.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::credential::Credential;

/// A connection, and an identity's id or a login in it.
pub(super) type Key = [String; 2];

/// Creates a key.
pub(super) fn key(connection: &str, id_or_login: &str) -> Key {
    [connection.to_owned(), id_or_login.to_owned()]
}

/// The credentials, with both indexes.
#[derive(Debug, Default, Clone)]
pub(super) struct Credentials {
    by_identity: HashMap<Key, Arc<Credential>>,
    by_login: HashMap<Key, Arc<Credential>>,
}

impl Credentials {
    /// Returns whether there are no credentials.
    pub(super) fn is_empty(&self) -> bool {
        self.by_identity.is_empty()
    }

    /// Returns the credential of an identity.
    pub(super) fn get_by_identity(&self, connection: &str, user_id: &str) -> Option<&Arc<Credential>> {
        self.by_identity.get(&key(connection, user_id))
    }

    /// Returns the credential with an address or username.
    pub(super) fn with_login(&self, connection: &str, login: &str) -> Option<&Arc<Credential>> {
        self.by_login.get(&key(connection, login))
    }

    /// Adds, replaces or removes a credential whose logins are free. Returns the one before.
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
