//! Users, each with the version that a change raises.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{ApiError, Identity, LinkRequest, User};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) user: User,
    pub(super) version: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    users: BTreeMap<String, Stored>,
    /// Whether addresses are found in exactly their case only.
    pub(super) is_exact: bool,
}

impl Directory {
    /// Inserts or replaces a user.
    pub(super) fn put(&mut self, user: User) {
        let version = self.users.get(&user.user_id).map_or(1, |stored| stored.version + 1);
        self.users.insert(user.user_id.clone(), Stored { user, version });
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.users.remove(id);
    }

    /// Returns a user; an unknown id is `not-found`.
    pub(super) fn get(&self, id: &str) -> Result<Stored, ApiError> {
        self.users.get(id).cloned().ok_or_else(|| ApiError::NotFound(id.to_owned()))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.users.contains_key(id)
    }

    /// Returns the users whose root address is this one, regardless of ASCII case unless
    /// the look-up is exact.
    pub(super) fn find_by_email(&self, email: &str) -> Vec<Stored> {
        let is_of = |user: &User| match &user.email {
            Some(stored) if self.is_exact => stored == email,
            Some(stored) => stored.eq_ignore_ascii_case(email),
            None => false,
        };
        self.users.values().filter(|stored| is_of(&stored.user)).cloned().collect()
    }

    /// The id of the user that has this identity.
    pub(super) fn owner(&self, identity: &Identity) -> Option<&str> {
        let has_it = |user: &User| user.identities.iter().any(|it| is_same(it, identity));
        self.users.values().map(|stored| &stored.user).find(|user| has_it(user)).map(|it| it.user_id.as_str())
    }

    /// Links two users that are there.
    pub(super) fn link(&mut self, request: &LinkRequest) {
        let Some(mut secondary) = self.users.remove(&request.secondary) else { return };
        let Some(primary) = self.users.get_mut(&request.primary) else { return };
        note_address(&mut primary.user);
        note_address(&mut secondary.user);
        primary.user.identities.append(&mut secondary.user.identities);
        merge(&mut primary.user.user_metadata, request.user_metadata.as_deref());
        merge(&mut primary.user.app_metadata, request.app_metadata.as_deref());
        primary.version += 1;
    }

    pub(super) fn into_users(self) -> Vec<User> {
        self.users.into_values().map(|stored| stored.user).collect()
    }
}

/// Once a user is linked, its own identity keeps the address that it came with.
fn note_address(user: &mut User) {
    if let Some(own) = user.identities.first_mut()
        && own.email.is_none()
    {
        own.email.clone_from(&user.email);
        own.email_verified.clone_from(&user.email_verified);
    }
}

/// Merges on the first level; `null` removes a key, and an empty object leaves
/// all be. Both texts are JSON objects.
fn merge(target: &mut Option<String>, patch: Option<&str>) {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let Some(patch) = patch.map(object).filter(|patch| !patch.is_empty()) else { return };
    let mut merged = target.as_deref().map(object).unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            merged.remove(&key);
        } else {
            merged.insert(key, value);
        }
    }
    *target = Some(Value::Object(merged).to_string());
}

/// Returns whether both are the same identity, by provider and id.
pub(super) fn is_same(a: &Identity, b: &Identity) -> bool {
    (&a.provider, &a.user_id) == (&b.provider, &b.user_id)
}
