//! Users: made, changed, removed.

use std::sync::Arc;

use super::records::{Done, Interrupted, Matching, Records, overtaken};
use super::{
    Batch, Credential, Imported, LEFT_OUT, Refusal, Stored, TAKEN, UserWithPassword, assumed, credential,
};
use crate::ambient::Ambient;
use crate::model::{
    ApiError, Identity, IdentityKey, MetadataPatch, Timestamp, User, keep_marks, patch, profile,
};

pub(super) fn not_found(user_id: &str) -> Interrupted {
    ApiError::NotFound(user_id.to_owned()).into()
}

pub(super) fn existing(records: &mut dyn Records, user_id: &str) -> Done<Stored> {
    records.user(user_id)?.ok_or_else(|| not_found(user_id))
}

/// Users with this address, in the order of their ids.
pub(super) fn by_email(
    records: &mut dyn Records,
    email: &str,
    matching: Matching,
    limit: usize,
) -> Done<Vec<Stored>> {
    let mut found = records.users_by_email(email, matching, limit)?;
    found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
    Ok(found)
}

/// Users read at a time.
const PAGE: usize = 1_000;

/// Every user in the order of the storage, until `each` has enough.
pub(super) fn each(records: &mut dyn Records, each: &mut dyn FnMut(&Stored) -> bool) -> Done<()> {
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

/// The user at this version, or at any if none is given.
pub(super) fn at_version(records: &mut dyn Records, user_id: &str, version: Option<u64>) -> Done<Stored> {
    match (records.user(user_id)?, version) {
        (Some(stored), version) if version.is_none_or(|version| version == stored.version) => Ok(stored),
        (Some(_), _) => Err(ApiError::StateChanged(format!("{user_id} was changed")).into()),
        (None, Some(_)) => Err(ApiError::StateChanged(format!("{user_id} is gone")).into()),
        (None, None) => Err(not_found(user_id)),
    }
}

pub(super) fn owner(records: &mut dyn Records, identity: IdentityKey<'_>) -> Done<Option<Stored>> {
    match records.user_of(identity.provider, identity.user_id)? {
        Some((known, stored)) if known == identity.connection => Ok(Some(stored)),
        Some((known, _)) => Err(no_such_connection(identity, &known)),
        None => Ok(None),
    }
}

/// The identity is known through another connection.
pub(super) fn no_such_connection(identity: IdentityKey<'_>, known: &str) -> Interrupted {
    let IdentityKey { connection, provider, user_id } = identity;
    ApiError::Invalid(format!(
        "the identity {provider}|{user_id} belongs to the connection `{known}`, not to `{connection}`"
    ))
    .into()
}

/// The user with its own identity first, if it can be kept.
pub(super) fn checked(user: User) -> Result<User, ApiError> {
    let user = user.with_own_identity("");
    let invalid = |why: String| Err(ApiError::Invalid(why));
    match user.user_id.split_once('|') {
        Some((provider, id)) if !provider.is_empty() && !id.is_empty() => {}
        _ => return invalid(format!("the user_id `{}` is not of the form `provider|id`", user.user_id)),
    }
    // PostgreSQL indexes no key beyond some 2,700 bytes; Auth0 allows 255.
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
        return invalid("`logins_count` is larger than any that can be".to_owned());
    }
    let keys = user.identities.iter().flat_map(|it| [&it.provider, &it.user_id, &it.connection]);
    let mut texts = keys.chain(&user.email).chain([&user.user_id]);
    if let Some(text) = texts.find(|text| text.chars().any(char::is_control)) {
        return invalid(format!("there is a control character in {text:?}"));
    }
    drop(texts);
    if user.identities.first().is_none_or(|own| own.as_user_id() != user.user_id) {
        return invalid(format!("none of the identities of {} is its own", user.user_id));
    }
    for (n, identity) in user.identities.iter().enumerate() {
        let same = |other: &Identity| other.as_user_id() == identity.as_user_id();
        if user.identities[..n].iter().any(same) {
            return invalid(format!("{} has the identity {} twice", user.user_id, identity.as_user_id()));
        }
    }
    Ok(user)
}

/// A version that no earlier user of the same id can have had, also when the clock
/// is set back: a decision made on one that was removed must not fit its successor.
pub(super) fn first_version(ambient: &Ambient) -> u64 {
    ambient.draw_moment().as_micros()
}

pub(super) fn create(records: &mut dyn Records, user: &Arc<User>) -> Done<Stored> {
    claim(records, &user.identities, &user.user_id)?;
    if !records.add_user(user, first_version(records.ambient()))? {
        return Err(ApiError::Invalid(format!("there is already a user {}", user.user_id)).into());
    }
    existing(records, &user.user_id)
}

pub(super) fn update(records: &mut dyn Records, user: &Arc<User>, version: u64) -> Done<Stored> {
    let before = at_version(records, &user.user_id, Some(version))?;
    if lacks(&user.identities, &before.user.identities) || lacks(&before.user.identities, &user.identities) {
        let why = "identities change by linking and unlinking only".to_owned();
        return Err(ApiError::Invalid(why).into());
    }
    let user = with_own_profile(User::clone(user), &before.user);
    let user = change(records, user, before.version)?;
    existing(records, &user.user_id)
}

/// The user whose own identity's `profileData` has followed the root address, if
/// it held the same as the root before.
fn with_own_profile(mut user: User, before: &User) -> User {
    let held = |user: &User| {
        let held = user.identities.first()?.profile_data.as_ref()?;
        Some(ADDRESS.map(|key| held.get(key).cloned()))
    };
    let root = |user: &User| {
        let root = profile(user);
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

/// The keys of `profileData` that the root has as well.
const ADDRESS: [&str; 2] = ["email", "email_verified"];

/// Whether some of these identities are not among the others.
fn lacks(others: &[Identity], these: &[Identity]) -> bool {
    these.iter().any(|it| is_missing_in(it, others))
}

fn is_missing_in(identity: &Identity, others: &[Identity]) -> bool {
    !others.iter().any(|other| other.key() == identity.key())
}

/// Changes a user that was just read; its identities stay the same.
pub(super) fn change(records: &mut dyn Records, user: User, version: u64) -> Done<Arc<User>> {
    let user = Arc::new(user);
    if records.replace_user(&user, version)? { Ok(user) } else { Err(overtaken(&user.user_id)) }
}

/// Makes identities this user's, which must be nobody's.
pub(super) fn claim<'a>(
    records: &mut dyn Records,
    identities: impl IntoIterator<Item = &'a Identity>,
    user_id: &str,
) -> Done<()> {
    for identity in identities {
        if !records.add_identity(identity, user_id)? {
            return Err(taken(records, identity)?.into());
        }
    }
    Ok(())
}

fn taken(records: &mut dyn Records, identity: &Identity) -> Done<ApiError> {
    let id = identity.as_user_id();
    Ok(match records.owner(&identity.provider, &identity.user_id)? {
        Some(owner) if owner.user_id == id => ApiError::Invalid(format!("there is already a user {id}")),
        Some(owner) => ApiError::AlreadyLinked(format!("{id} is already an identity of {}", owner.user_id)),
        None => return Err(overtaken(&id)),
    })
}

pub(super) fn delete(records: &mut dyn Records, user_id: &str) -> Done<bool> {
    let Some(stored) = records.user(user_id)? else { return Ok(false) };
    if !records.remove_user(user_id, stored.version)? {
        return Err(overtaken(user_id));
    }
    for identity in &stored.user.identities {
        records.remove_identity(identity, user_id)?;
    }
    credential::remove_all(records, &stored.user.identities)?;
    Ok(true)
}

pub(super) fn patch_metadata(
    records: &mut dyn Records,
    user_id: &str,
    version: Option<u64>,
    wanted: &MetadataPatch,
    now: Timestamp,
) -> Done<Stored> {
    let stored = at_version(records, user_id, version)?;
    let mut user = User::clone(&stored.user);
    if let Some(change) = &wanted.user_metadata {
        patch(&mut user.user_metadata, change);
    }
    if let Some(change) = &wanted.app_metadata {
        patch(&mut user.app_metadata, change);
    }
    user.updated_at = Some(now);
    change(records, user, stored.version)?;
    existing(records, user_id)
}

pub(super) fn import(records: &mut dyn Records, batch: &Batch<'_>) -> Done<Vec<Imported>> {
    let mut imported = Vec::with_capacity(batch.lines.len());
    let mut done = 0;
    // In a directory that is filled, nobody logs in yet.
    let mut has_logins = records.has_credentials()?;
    let (mut left_out, mut taken) = (0, 0);
    for (line, text) in batch.lines {
        let one = match (batch.read)(*line, text) {
            Ok(user) => import_one(records, user, batch.replace, &mut has_logins)?,
            Err(why) => Imported::Refused(Refusal::Unfit(why)),
        };
        let is_refused = matches!(one, Imported::Refused(_));
        imported.push(one);
        if batch.strict && is_refused {
            done = line - 1;
            break;
        }
        done = *line;
        *if is_refused { &mut left_out } else { &mut taken } += 1;
    }
    if let Some(import) = batch.import {
        set_progress(records, import, (done, left_out, taken), batch.now)?;
    }
    Ok(imported)
}

/// Writes down how far an import has come. Of one that has not brought a single
/// user nothing is: the next one tells of every line again.
fn set_progress(
    records: &mut dyn Records,
    import: &str,
    (done, left_out, taken): (u64, u64, u64),
    now: Timestamp,
) -> Done<()> {
    let [left_out_name, taken_name] = [LEFT_OUT, TAKEN].map(|what| [import, what].concat());
    let taken = records.import_progress(&taken_name)?.unwrap_or(0) + taken;
    if taken == 0 {
        return Ok(());
    }
    let left_out = records.import_progress(&left_out_name)?.unwrap_or(0) + left_out;
    records.set_import_progress(import, done, now)?;
    records.set_import_progress(&left_out_name, left_out, now)?;
    records.set_import_progress(&taken_name, taken, now)
}

fn import_one(
    records: &mut dyn Records,
    line: UserWithPassword,
    may_replace: bool,
    has_logins: &mut bool,
) -> Done<Imported> {
    let UserWithPassword { user, password, is_block_said } = line;
    let user = match checked(user) {
        Ok(user) => Arc::new(user),
        Err(error) => return Ok(Imported::Refused(unfit(error))),
    };
    let refusal = credential::taken_by_another(records, &user, *has_logins)?;
    if let Some(why) = &refusal
        && !records.is_user(&user.user_id)?
    {
        return Ok(Imported::Refused(why.clone()));
    }
    let login = match &password {
        Some(hash) => match credential::of_import(records, &user, hash)? {
            Ok(credential) => Some(credential),
            Err(why) => return Ok(Imported::Refused(why)),
        },
        None => None,
    };
    let version = first_version(records.ambient());
    if records.add_user(&user, version)? {
        // Nothing is written of a user one of whose identities is taken.
        for (n, identity) in user.identities.iter().enumerate() {
            if !records.add_identity(identity, &user.user_id)? {
                let why = taken(records, identity)?;
                for added in &user.identities[..n] {
                    records.remove_identity(added, &user.user_id)?;
                }
                records.remove_user(&user.user_id, version)?;
                return Ok(Imported::Refused(unfit(why)));
            }
        }
        if let Some(login) = &login {
            credential::put(records, login)?;
        }
        *has_logins |= credential::reserve(records, &user)? || login.is_some();
        return Ok(Imported::Added);
    }
    let before = records.user(&user.user_id)?.ok_or_else(|| overtaken(&user.user_id))?;
    let user = assumed::with_known_connections(User::clone(&user), &before.user);
    let mut user = keep_marks(user, &before.user);
    // A line that does not speak of a block lifts none.
    user.blocked |= !is_block_said && before.user.blocked;
    let user = Arc::new(user);
    // A password that somebody has by now is newer than that of the line.
    let login = match login {
        Some(_) if credential::has_password(records, &before.user)? => None,
        // Its connection may be another by now.
        Some(login) => Some(Credential { connection: user.identities[0].connection.clone(), ..login }),
        None => None,
    };
    if before.user == user && login.is_none() {
        return Ok(Imported::Same);
    }
    if !may_replace {
        return Ok(Imported::Refused(Refusal::Differs(user.user_id.clone())));
    }
    if let Some(why) = refusal {
        return Ok(Imported::Refused(why));
    }
    if let Some(why) = why_not_replaced(records, &before.user, &user)? {
        return Ok(Imported::Refused(Refusal::Unfit(why)));
    }
    replace(records, &before, &user)?;
    if let Some(login) = &login {
        credential::put(records, login)?;
    }
    *has_logins |= credential::reserve(records, &user)? || login.is_some();
    Ok(Imported::Replaced)
}

/// The error in the words for a line, which need not say of what kind it is.
fn unfit(error: ApiError) -> Refusal {
    Refusal::Unfit(match error {
        ApiError::Invalid(why) | ApiError::AlreadyLinked(why) => why,
        error => error.to_string(),
    })
}

/// The reason why the user of a line cannot replace the one of its id.
fn why_not_replaced(records: &mut dyn Records, before: &User, user: &User) -> Done<Option<String>> {
    // An identity that is nobody's would be lost, and with it what it was linked
    // from.
    if before.identities.iter().any(|it| known_as(it, user).is_none()) {
        return Ok(Some(format!(
            "{} has linked identities that the line does not have; unlink them first",
            user.user_id
        )));
    }
    for identity in &user.identities {
        match known_as(identity, before) {
            None if records.owner(&identity.provider, &identity.user_id)?.is_some() => {
                return Ok(Some(unfit(taken(records, identity)?).to_string()));
            }
            Some(held) if held.connection != identity.connection && !held.connection_assumed => {
                return Ok(Some(format!(
                    "{} belongs to the connection `{}`, and the line says `{}`",
                    held.as_user_id(),
                    held.connection,
                    identity.connection
                )));
            }
            Some(held) => {
                if let Some(why) = credential::why_not_moved(records, held, &identity.connection)? {
                    return Ok(Some(why));
                }
            }
            None => {}
        }
    }
    Ok(None)
}

/// Replaces a user by that of a line, which nothing is in the way of.
fn replace(records: &mut dyn Records, before: &Stored, user: &Arc<User>) -> Done<()> {
    change(records, User::clone(user), before.version)?;
    records.set_logins(user)?;
    for identity in &user.identities {
        match known_as(identity, &before.user) {
            Some(held) => assumed::reconnect(records, held, identity, &user.user_id)?,
            None if !records.add_identity(identity, &user.user_id)? => return Err(overtaken(&user.user_id)),
            None => {}
        }
    }
    Ok(())
}

/// The user's identity of the same account at the same provider, whatever its
/// connection.
fn known_as<'u>(identity: &Identity, user: &'u User) -> Option<&'u Identity> {
    user.identities.iter().find(|it| it.provider == identity.provider && it.user_id == identity.user_id)
}
