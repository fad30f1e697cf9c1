//! What linking does to two users.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Metadata, Reason, Timestamp, User, Verification, patch, separation};

/// What a plugin asks to be linked.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRequest {
    /// The user that stays.
    pub primary: String,
    /// The user that becomes identities of the primary.
    pub secondary: String,
    /// A first-level patch of the primary's `user_metadata`. An empty one
    /// changes nothing.
    pub user_metadata: Option<Metadata>,
    /// The same for `app_metadata`.
    pub app_metadata: Option<Metadata>,
    /// Why, for the journal.
    pub reasons: Arc<[Reason]>,
}

/// Fields of a user that become its identity's `profileData`, besides `email`
/// and `email_verified`.
///
/// Source: recordings of `POST /api/v2/users/{id}/identities`; ids, dates,
/// counters and metadata are never among them.
const PROFILE: [&str; 9] = [
    "family_name",
    "given_name",
    "name",
    "nickname",
    "phone_number",
    "phone_verified",
    "picture",
    "preferred_username",
    "username",
];

/// The primary once the secondary's identities are its own: the primary's own
/// identity first, the secondary's behind what was there, each with its
/// profile. The secondary's metadata, roles and memberships are not taken over,
/// but for the marks of what it was separated from.
///
/// Source: Auth0 Management API v2, `POST /api/v2/users/{id}/identities`.
#[must_use]
pub fn absorb(primary: &User, secondary: &User, request: &LinkRequest, now: Timestamp) -> User {
    let mut linked = primary.clone();
    if let Some(own) = linked.identities.first_mut()
        && own.profile_data.is_none()
    {
        own.profile_data = Some(profile(primary));
    }
    let mut moved = secondary.identities.clone();
    if let Some(own) = moved.first_mut() {
        own.profile_data = Some(profile(secondary));
    }
    linked.identities.extend(moved);
    // To the Management API an empty patch clears everything; a link adds.
    if let Some(change) = request.user_metadata.as_ref().filter(|change| !change.is_empty()) {
        patch(&mut linked.user_metadata, change);
    }
    if let Some(change) = request.app_metadata.as_ref().filter(|change| !change.is_empty()) {
        patch(&mut linked.app_metadata, change);
    }
    separation::carry_over(&mut linked, secondary);
    linked.updated_at = Some(now);
    linked
}

/// The stored attributes of a user, without what was only derived: a name that
/// repeats the address.
pub(crate) fn profile(user: &User) -> Map<String, Value> {
    let email = user.email.as_deref().map(|email| ("email".to_owned(), Value::from(email)));
    let verified = match &user.email_verified {
        Verification::Verified => Some(Value::Bool(true)),
        Verification::Unverified => Some(Value::Bool(false)),
        Verification::NotBoolean(value) => Some(value.clone()),
        Verification::Absent | Verification::Null => None,
    };
    let stored = user.rest.iter().filter(|(key, value)| {
        let derived = *key == "name" && value.as_str() == user.email.as_deref();
        PROFILE.contains(&key.as_str()) && !derived
    });
    let stored = stored.map(|(key, value)| (key.clone(), value.clone()));
    email
        .into_iter()
        .chain(verified.map(|verified| ("email_verified".to_owned(), verified)))
        .chain(stored)
        .collect()
}
