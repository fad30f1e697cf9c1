//! The effect of a link on two users.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Identity, Metadata, Reason, Timestamp, User, Verification, patch, separation};

/// A link that a plugin requests.
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
    /// The reasons, for the journal.
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

/// Returns whether a root field of a user belongs to its profile, besides the address.
pub(crate) fn is_profile_field(name: &str) -> bool {
    PROFILE.contains(&name)
}

/// Returns the primary after it has absorbed the secondary. The primary's own
/// identity stays first; the secondary's identities follow those already there, each
/// with its profile. The secondary's metadata, roles and memberships are dropped,
/// except for its separation marks.
///
/// Source: Auth0 Management API v2, `POST /api/v2/users/{id}/identities`.
#[must_use]
pub fn absorb(primary: &User, secondary: &User, request: &LinkRequest, now: Timestamp) -> User {
    let mut linked = primary.clone();
    if let Some(own) = linked.identities.first_mut()
        && own.profile_data.is_none()
    {
        own.profile_data = Some(profile_data(primary));
    }
    linked.identities.extend(identities_of_secondary(secondary));
    // In the Management API an empty patch clears everything, but a link only adds.
    if let Some(change) = request.user_metadata.as_ref().filter(|change| !change.is_empty()) {
        patch(&mut linked.user_metadata, change);
    }
    if let Some(change) = request.app_metadata.as_ref().filter(|change| !change.is_empty()) {
        patch(&mut linked.app_metadata, change);
    }
    separation::carry_over_marks(&mut linked, secondary);
    linked.updated_at = Some(now);
    linked
}

/// Returns the secondary's identities as the primary has them after the link: the attributes of
/// the secondary become the `profileData` of its own identity.
pub(crate) fn identities_of_secondary(secondary: &User) -> Vec<Identity> {
    let mut identities = secondary.identities.clone();
    if let Some(own) = identities.first_mut() {
        own.profile_data = Some(profile_data(secondary));
    }
    identities
}

/// Returns a user's attributes as they are kept in `profileData`. A name that only
/// repeats the address is left out, because Auth0 derives it.
pub(crate) fn profile_data(user: &User) -> Map<String, Value> {
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
