//! Creating, reading, changing and deleting users.

use std::sync::Arc;

use super::credentials;
use super::metadata_update::MetadataUpdate;
use super::records::{Matching, Records, TxResult, conflict, not_found, other_connection};
use super::stored::Stored;
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, IdentityKey, User, patch, profile_data};

/// Returns a user by its id. `not-found` if there is none.
pub(super) fn get_user(records: &mut dyn Records, user_id: &str) -> TxResult<Stored> {
    records.user(user_id)?.ok_or_else(|| not_found(user_id))
}

/// Returns the users with this root address, ordered by id.
pub(super) fn find_by_email(
    records: &mut dyn Records,
    email: &str,
    matching: Matching,
    limit: usize,
) -> TxResult<Vec<Stored>> {
    let mut found = records.users_by_email(email, matching, limit)?;
    found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
    Ok(found)
}

/// The number of users read at a time.
const PAGE: usize = 1_000;

/// Calls `each` with every user, in the storage's order, until it returns false.
pub(super) fn for_each(records: &mut dyn Records, each: &mut dyn FnMut(&Stored) -> bool) -> TxResult<()> {
    let mut after = String::new();
    loop {
        let page = records.users_behind(&after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        if !page.iter().all(&mut *each) {
            return Ok(());
        }
        after.clone_from(&last.user.user_id);
    }
}

/// Returns a user that must be at this version, if one is given.
pub(super) fn get_at_version(
    records: &mut dyn Records,
    user_id: &str,
    version: Option<u64>,
) -> TxResult<Stored> {
    match (records.user(user_id)?, version) {
        (Some(stored), version) if version.is_none_or(|version| version == stored.version) => Ok(stored),
        (Some(_), _) => Err(ApiError::StateChanged(format!("{user_id} was changed")).into()),
        (None, Some(_)) => Err(ApiError::StateChanged(format!("{user_id} is gone")).into()),
        (None, None) => Err(not_found(user_id)),
    }
}

/// Returns the user that has an identity. `invalid` if it belongs to another connection.
pub(super) fn find_owner(records: &mut dyn Records, identity: IdentityKey<'_>) -> TxResult<Option<Stored>> {
    match records.user_of(identity.provider, identity.user_id)? {
        Some((known, stored)) if known == identity.connection => Ok(Some(stored)),
        Some((known, _)) => Err(other_connection(identity, &known)),
        None => Ok(None),
    }
}

/// Validates a user, and puts its own identity first.
pub(super) fn validate(user: User) -> Result<User, ApiError> {
    let user = user.with_own_identity("");
    let invalid = |why: String| Err(ApiError::Invalid(why));
    match user.user_id.split_once('|') {
        Some((provider, id)) if !provider.is_empty() && !id.is_empty() => {}
        _ => return invalid(format!("the user_id `{}` is not of the form `provider|id`", user.user_id)),
    }
    // PostgreSQL cannot index keys longer than some 2,700 bytes; Auth0 allows 255.
    const KEY: usize = 1024;
    for identity in &user.identities {
        let Identity { provider, user_id, .. } = identity;
        if provider.is_empty() || user_id.is_empty() || provider.contains('|') {
            return invalid(format!("the identity `{provider}` `{user_id}` is not of the form provider, id"));
        }
        if provider.len() + user_id.len() > KEY {
            return invalid(format!("an id is longer than {KEY} bytes"));
        }
    }
    if user.email.as_ref().is_some_and(|email| email.len() > KEY) {
        return invalid(format!("the address is longer than {KEY} bytes"));
    }
    if user.logins_count.is_some_and(|count| count > 1 << 53) {
        return invalid("`logins_count` is too large".to_owned());
    }
    let keys = user.identities.iter().flat_map(|it| [&it.provider, &it.user_id, &it.connection]);
    let mut texts = keys.chain(&user.email).chain([&user.user_id]);
    if let Some(text) = texts.find(|text| text.chars().any(char::is_control)) {
        return invalid(format!("there is a control character in {text:?}"));
    }
    drop(texts);
    if user.identities.first().is_none_or(|own| own.as_user_id() != user.user_id) {
        return invalid(format!("none of the identities of {} is its root identity", user.user_id));
    }
    for (n, identity) in user.identities.iter().enumerate() {
        let same = |other: &Identity| other.as_user_id() == identity.as_user_id();
        if user.identities[..n].iter().any(same) {
            return invalid(format!("{} has the identity {} twice", user.user_id, identity.as_user_id()));
        }
    }
    Ok(user)
}

/// Returns the version of a new user. No earlier user of the same id can have had it,
/// even if the clock was set back: a decision based on a removed user must not apply to
/// its successor.
pub(super) fn first_version(ambient: &Ambient) -> u64 {
    ambient.draw_moment().as_micros()
}

/// Adds a user with its identities.
pub(super) fn create(records: &mut dyn Records, user: &Arc<User>) -> TxResult<Stored> {
    claim_identities(records, &user.identities, &user.user_id)?;
    if !records.add_user(user, first_version(records.ambient()))? {
        return Err(ApiError::Invalid(format!("there is already a user {}", user.user_id)).into());
    }
    get_user(records, &user.user_id)
}

/// Replaces a user, whose identities must stay the same.
pub(super) fn update(records: &mut dyn Records, user: &Arc<User>, version: u64) -> TxResult<Stored> {
    let before = get_at_version(records, &user.user_id, Some(version))?;
    if lacks_any_of(&user.identities, &before.user.identities)
        || lacks_any_of(&before.user.identities, &user.identities)
    {
        let why = "identities change by linking and unlinking only".to_owned();
        return Err(ApiError::Invalid(why).into());
    }
    let user = sync_own_profile(User::clone(user), &before.user);
    let user = replace_user(records, user, before.version)?;
    get_user(records, &user.user_id)
}

/// Updates the `profileData` of the user's own identity with the new root address, if
/// both held the same address before.
fn sync_own_profile(mut user: User, before: &User) -> User {
    let held = |user: &User| {
        let held = user.identities.first()?.profile_data.as_ref()?;
        Some(ADDRESS.map(|key| held.get(key).cloned()))
    };
    let root = |user: &User| {
        let root = profile_data(user);
        ADDRESS.map(|key| root.get(key).cloned())
    };
    let was = held(before);
    if was != held(&user) || was != Some(root(before)) || root(&user) == root(before) {
        return user;
    }
    let now = root(&user);
    if let Some(held) = user.identities.first_mut().and_then(|own| own.profile_data.as_mut()) {
        for (key, value) in ADDRESS.into_iter().zip(now) {
            match value {
                Some(value) => held.insert(key.to_owned(), value),
                None => held.remove(key),
            };
        }
    }
    user
}

/// The keys of `profileData` that exist at the root too.
const ADDRESS: [&str; 2] = ["email", "email_verified"];

/// Returns whether some of `these` are not among the others.
fn lacks_any_of(others: &[Identity], these: &[Identity]) -> bool {
    these.iter().any(|it| is_missing_in(it, others))
}

fn is_missing_in(identity: &Identity, others: &[Identity]) -> bool {
    !others.iter().any(|other| other.key() == identity.key())
}

/// Replaces a user that was just read. Its identities stay the same.
pub(super) fn replace_user(records: &mut dyn Records, user: User, version: u64) -> TxResult<Arc<User>> {
    let user = Arc::new(user);
    if records.replace_user(&user, version)? { Ok(user) } else { Err(conflict(&user.user_id)) }
}

/// Assigns identities to a user. They must not belong to any user yet.
pub(super) fn claim_identities<'a>(
    records: &mut dyn Records,
    identities: impl IntoIterator<Item = &'a Identity>,
    user_id: &str,
) -> TxResult<()> {
    for identity in identities {
        if !records.add_identity(identity, user_id)? {
            return Err(identity_conflict(records, identity)?.into());
        }
    }
    Ok(())
}

/// Returns the error for an identity that already belongs to a user.
pub(super) fn identity_conflict(records: &mut dyn Records, identity: &Identity) -> TxResult<ApiError> {
    let id = identity.as_user_id();
    Ok(match records.owner(&identity.provider, &identity.user_id)? {
        Some(owner) if owner.user_id == id => ApiError::Invalid(format!("there is already a user {id}")),
        Some(owner) => ApiError::AlreadyLinked(format!("{id} is already an identity of {}", owner.user_id)),
        None => return Err(conflict(&id)),
    })
}

/// Deletes a user with its identities and their credentials. Returns false if there is
/// none.
pub(super) fn delete(records: &mut dyn Records, user_id: &str) -> TxResult<bool> {
    let Some(stored) = records.user(user_id)? else { return Ok(false) };
    if !records.remove_user(user_id, stored.version)? {
        return Err(conflict(user_id));
    }
    for identity in &stored.user.identities {
        records.remove_identity(identity, user_id)?;
    }
    credentials::remove_all(records, &stored.user.identities)?;
    Ok(true)
}

/// Merges a patch into a user's metadata.
pub(super) fn patch_metadata(records: &mut dyn Records, update: &MetadataUpdate<'_>) -> TxResult<Stored> {
    let MetadataUpdate { user_id, version, patch: wanted, now } = *update;
    let stored = get_at_version(records, user_id, version)?;
    let mut user = User::clone(&stored.user);
    if let Some(change) = &wanted.user_metadata {
        patch(&mut user.user_metadata, change);
    }
    if let Some(change) = &wanted.app_metadata {
        patch(&mut user.app_metadata, change);
    }
    user.updated_at = Some(now);
    replace_user(records, user, stored.version)?;
    get_user(records, user_id)
}
