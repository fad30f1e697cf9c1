//! Passwords of database connections: found, set, and made with their user.
//!
//! They belong to the identity, so links, unlinks and undos need not know of
//! them; they go when the identity does.

use std::fmt;
use std::sync::Arc;

use super::arrival::address_of;
use super::records::{Done, Interrupted, Matching, Records, overtaken};
use super::users::{create, no_such_connection, not_found, update};
use super::{Refusal, Stored};
use crate::model::{ApiError, Identity, IdentityKey, User, mask_addresses};

/// The provider of every database connection's identities.
const PROVIDER: &str = "auth0";

/// What somebody logs in with to a database connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The connection's name, as the identity has it.
    pub connection: String,
    /// The identity's id, without `auth0|`.
    pub user_id: String,
    /// The address, if the connection asks for one. Kept in ASCII lower case.
    pub email: Option<String>,
    /// The username, if the connection asks for one; never an address. Kept in
    /// ASCII lower case.
    pub username: Option<String>,
    /// The password's hash as a PHC string; none if there is no password (yet).
    pub password: Option<String>,
}

/// Without the hash, and with less of the address than [`mask_addresses`]
/// leaves.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &str| text.chars().next().map_or_else(String::new, String::from);
        let email = self.email.as_deref().map(|email| match email.rsplit_once('@') {
            Some((local, domain)) => format!("{}…@{domain}", first(local)),
            None => format!("{}…", first(email)),
        });
        f.debug_struct("Credential")
            .field("connection", &self.connection)
            .field("user_id", &mask_addresses(&self.user_id))
            .field("email", &email)
            .field("username", &self.username.as_deref().map(mask_addresses))
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

impl Credential {
    /// What may be typed to log in.
    pub(super) fn logins(&self) -> impl Iterator<Item = &str> {
        [&self.email, &self.username].into_iter().flatten().map(String::as_str)
    }

    fn identity(&self) -> IdentityKey<'_> {
        IdentityKey { connection: &self.connection, provider: PROVIDER, user_id: &self.user_id }
    }

    fn as_user_id(&self) -> String {
        format!("{PROVIDER}|{}", self.user_id)
    }
}

/// What tells an address from a username. No text is both, so that nobody's
/// username can stand for somebody else's address.
pub(super) fn is_address(login: &str) -> bool {
    login.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

/// The credential as it is kept, if it can be.
pub(super) fn checked(credential: &Credential) -> Result<Credential, ApiError> {
    let lower = |login: &Option<String>| login.as_ref().map(|login| login.to_ascii_lowercase());
    let credential = Credential {
        email: lower(&credential.email),
        username: lower(&credential.username),
        ..credential.clone()
    };
    let Credential { connection, user_id, email, username, password } = &credential;
    let invalid = |why: &str| Err(ApiError::Invalid(why.to_owned()));
    if connection.is_empty() || user_id.is_empty() {
        return invalid("a credential needs a connection and an identity's id");
    }
    if email.as_deref().is_some_and(|email| !is_address(email)) {
        return invalid("a credential's address is none");
    }
    if username.as_deref().is_some_and(|username| username.is_empty() || is_address(username)) {
        return invalid("a username is neither empty nor an address");
    }
    // As of users: two of them are one key of an index.
    const KEY: usize = 1024;
    let keys = [Some(connection), Some(user_id), email.as_ref(), username.as_ref()];
    if keys.iter().flatten().any(|key| key.len() > KEY) {
        return Err(ApiError::Invalid(format!("a key of the credential is longer than {KEY} bytes")));
    }
    if keys.into_iter().chain([password.as_ref()]).flatten().any(|text| text.chars().any(char::is_control)) {
        return invalid("there is a control character in the credential");
    }
    Ok(credential)
}

/// Fails if the credential is not that of one of the user's identities.
pub(super) fn is_of(user: &User, credential: &Credential) -> Result<(), ApiError> {
    if user.identities.iter().any(|identity| identity.key() == credential.identity()) {
        return Ok(());
    }
    Err(ApiError::Invalid(format!(
        "{} has no identity {} of the connection `{}`",
        user.user_id,
        credential.as_user_id(),
        credential.connection
    )))
}

pub(super) fn sign_up(records: &mut dyn Records, user: &Arc<User>, credential: &Credential) -> Done<Stored> {
    let stored = create(records, user)?;
    replace(records, credential)?;
    Ok(stored)
}

pub(super) fn change_login(
    records: &mut dyn Records,
    user: &Arc<User>,
    version: u64,
    credential: &Credential,
) -> Done<Stored> {
    let stored = update(records, user, version)?;
    replace(records, credential)?;
    Ok(stored)
}

pub(super) fn set(records: &mut dyn Records, credential: &Credential) -> Done<()> {
    let id = credential.as_user_id();
    let owner = records.owner(PROVIDER, &credential.user_id)?.ok_or_else(|| not_found(&id))?;
    if owner.connection != credential.connection {
        return Err(no_such_connection(credential.identity(), &owner.connection));
    }
    // Moved from its owner to its owner: whoever deletes it at the same moment
    // waits, and then finds this credential to take with it.
    let IdentityKey { connection, provider, user_id } = credential.identity();
    let identity = Identity {
        provider: provider.to_owned(),
        user_id: user_id.to_owned(),
        connection: connection.to_owned(),
        ..Identity::default()
    };
    if !records.move_identity(&identity, &owner.user_id, &owner.user_id)? {
        return Err(overtaken(&id));
    }
    replace(records, credential)
}

/// The reason why the credential of an identity cannot be one of another connection:
/// somebody has its login there.
pub(super) fn why_not_moved(
    records: &mut dyn Records,
    identity: &Identity,
    connection: &str,
) -> Done<Option<String>> {
    let Some(credential) = held_by(records, identity)? else { return Ok(None) };
    let moved = Credential { connection: connection.to_owned(), ..credential };
    Ok(login_taken(records, &moved)?.map(|why| why.to_string()))
}

/// Makes the credential of an identity, if it has one, one of another connection.
pub(super) fn move_to(records: &mut dyn Records, identity: &Identity, connection: &str) -> Done<()> {
    let Some(credential) = held_by(records, identity)? else { return Ok(()) };
    records.remove_credential(&credential.connection, &credential.user_id)?;
    let moved = Credential { connection: connection.to_owned(), ..credential };
    if records.add_credential(&moved)? { Ok(()) } else { Err(overtaken(&moved.as_user_id())) }
}

fn held_by(records: &mut dyn Records, identity: &Identity) -> Done<Option<Credential>> {
    if identity.provider != PROVIDER {
        return Ok(None);
    }
    records.credential_of(&identity.connection, &identity.user_id)
}

/// The reason why the credential's logins are not to be had: somebody else has one.
fn login_taken(records: &mut dyn Records, credential: &Credential) -> Done<Option<Refusal>> {
    for login in credential.logins() {
        let holder = records.credential(&credential.connection, login)?;
        if let Some(other) = holder.filter(|other| other.user_id != credential.user_id) {
            return Ok(Some(taken_by(&other, login)));
        }
    }
    Ok(None)
}

fn taken_by(holder: &Credential, login: &str) -> Refusal {
    Refusal::LoginTaken {
        by: holder.as_user_id(),
        connection: holder.connection.clone(),
        login: mask_addresses(login).into_owned(),
    }
}

/// The credential that an import brings for a user's own identity, or the reason
/// why it cannot have it.
pub(super) fn of_import(
    records: &mut dyn Records,
    user: &User,
    hash: &str,
) -> Done<Result<Credential, Refusal>> {
    let unfit = |why: &str| Ok(Err(Refusal::Unfit(why.to_owned())));
    let Some(own) = user.identities.first().filter(|own| own.provider == PROVIDER) else {
        return unfit("it has a password, and its own identity is of no database");
    };
    let wanted = Credential {
        connection: own.connection.clone(),
        user_id: own.user_id.clone(),
        email: user.email.clone(),
        username: user.rest.get("username").and_then(|it| it.as_str()).map(str::to_owned),
        password: Some(hash.to_owned()),
    };
    let credential = match checked(&wanted) {
        Ok(credential) => credential,
        Err(error) => return unfit(&error.to_string()),
    };
    if credential.logins().next().is_none() {
        return unfit("it has a password, and neither `email` nor `username` to log in with");
    }
    if let Some(why) = login_taken(records, &credential)? {
        return Ok(Err(why));
    }
    if let Some(email) = &credential.email {
        let holders = match holders(records, &credential.connection, email) {
            Err(Interrupted::Answer(ApiError::Invalid(why))) => return unfit(&why),
            holders => holders?,
        };
        if let Some(other) = holders.iter().find(|other| other.user_id != credential.user_id) {
            return Ok(Err(taken_by(other, email)));
        }
    }
    Ok(Ok(credential))
}

/// Adds or replaces a credential whose logins nobody else has.
pub(super) fn put(records: &mut dyn Records, credential: &Credential) -> Done<()> {
    records.remove_credential(&credential.connection, &credential.user_id)?;
    if records.add_credential(credential)? { Ok(()) } else { Err(overtaken(&credential.as_user_id())) }
}

/// Whether the user's own identity has a password.
pub(super) fn has_password(records: &mut dyn Records, user: &User) -> Done<bool> {
    let Some(own) = user.identities.first() else { return Ok(false) };
    Ok(records.credential_of(&own.connection, &own.user_id)?.is_some_and(|it| it.password.is_some()))
}

/// Replaces a hash by another one of the same password, if it is still this one.
/// False if the password has changed meanwhile.
pub(super) fn rehash(records: &mut dyn Records, known: &Credential, hash: &str) -> Done<bool> {
    let Some(owner) = records.owner(PROVIDER, &known.user_id)? else { return Ok(false) };
    let IdentityKey { connection, provider, user_id } = known.identity();
    let identity = Identity {
        provider: provider.to_owned(),
        user_id: user_id.to_owned(),
        connection: connection.to_owned(),
        ..Identity::default()
    };
    // As in `set`: whoever changes the password at the same moment waits.
    if owner.connection != connection || !records.move_identity(&identity, &owner.user_id, &owner.user_id)? {
        return Ok(false);
    }
    match records.credential_of(connection, user_id)? {
        Some(held) if held == *known => {
            put(records, &Credential { password: Some(hash.to_owned()), ..held })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Removed and added, as a change into a taken login would be an error of the
/// database's. Whose identity it is must be settled.
fn replace(records: &mut dyn Records, credential: &Credential) -> Done<()> {
    let Credential { connection, user_id, email, .. } = credential;
    let before = records.credential_of(connection, user_id)?;
    let is_new = |email: &&String| before.as_ref().is_none_or(|before| before.email.as_ref() != Some(*email));
    if let Some(email) = email.as_ref().filter(is_new)
        && holders(records, connection, email)?.iter().any(|other| other.user_id != *user_id)
    {
        return Err(ApiError::Invalid(format!("the login {} is taken", mask_addresses(email))).into());
    }
    records.remove_credential(connection, user_id)?;
    if records.add_credential(credential)? {
        return Ok(());
    }
    for login in credential.logins() {
        if records.credential(connection, login)?.is_some_and(|other| other.user_id != *user_id) {
            return Err(ApiError::Invalid(format!("the login {} is taken", mask_addresses(login))).into());
        }
    }
    Err(overtaken(&credential.as_user_id()))
}

/// The holder of an address in a connection: the credential that has it; otherwise
/// the identities with it that log in with no other, such as those of an import.
/// No other user may take it: the mail for a forgotten password goes by the address.
pub(super) fn holders(records: &mut dyn Records, connection: &str, email: &str) -> Done<Vec<Credential>> {
    if let Some(known) = records.credential(connection, email)? {
        return Ok(vec![known]);
    }
    let users = records.users_by_email(email, Matching::IgnoringCase, HOLDERS)?;
    if users.len() == HOLDERS {
        let why = format!("too many users have the address {}", mask_addresses(email));
        return Err(ApiError::Invalid(why).into());
    }
    let mut holders = Vec::new();
    for Stored { user, .. } in &users {
        for identity in &user.identities {
            let own = address_of(user, identity);
            let is_of_it = identity.provider == PROVIDER
                && identity.connection == connection
                && own.is_some_and(|own| own.eq_ignore_ascii_case(email));
            if !is_of_it {
                continue;
            }
            let known = records.credential_of(connection, &identity.user_id)?;
            let known = known.unwrap_or_else(|| Credential {
                connection: connection.to_owned(),
                user_id: identity.user_id.clone(),
                email: None,
                username: None,
                password: None,
            });
            if known.email.is_none() {
                holders.push(Credential { email: Some(email.to_owned()), ..known });
            }
        }
    }
    Ok(holders)
}

/// Users that are looked at for an address.
const HOLDERS: usize = 1_000;

/// Keeps the logins of imported identities for them that are not found by their
/// user's address: usernames, and the addresses of linked identities. What
/// somebody has already stays theirs.
///
/// Returns whether there was something to keep.
pub(super) fn reserve(records: &mut dyn Records, user: &User) -> Done<bool> {
    let mut is_kept = false;
    for identity in user.identities.iter().filter(|it| it.provider == PROVIDER) {
        let is_own = identity.as_user_id() == user.user_id;
        let attributes = if is_own { Some(&user.rest) } else { identity.profile_data.as_ref() };
        let text = |name: &str| attributes.and_then(|it| it.get(name)).and_then(|it| it.as_str());
        let wanted = Credential {
            connection: identity.connection.clone(),
            user_id: identity.user_id.clone(),
            email: address_of(user, identity).filter(|_| !is_own).map(str::to_owned),
            username: text("username").map(str::to_owned),
            password: None,
        };
        // A text that is no login cannot be taken either.
        let without_username = Credential { username: None, ..wanted.clone() };
        let without_email = Credential { email: None, ..wanted.clone() };
        let possible =
            [wanted, without_username, without_email].into_iter().filter_map(|it| checked(&it).ok());
        for credential in possible.filter(|it| it.logins().next().is_some()) {
            if records.add_credential(&credential)? {
                is_kept = true;
                break;
            }
        }
    }
    Ok(is_kept)
}

/// The reason why a user cannot be imported: somebody else has the address or the
/// username of one of its identities in its database. A password makes no difference.
///
/// Source: Auth0, "Database Connections": addresses and usernames are unique within
/// a connection.
pub(super) fn taken_by_another(
    records: &mut dyn Records,
    user: &User,
    has_logins: bool,
) -> Done<Option<Refusal>> {
    for identity in user.identities.iter().filter(|it| it.provider == PROVIDER) {
        let is_own = identity.as_user_id() == user.user_id;
        let attributes = if is_own { Some(&user.rest) } else { identity.profile_data.as_ref() };
        let username = attributes.and_then(|it| it.get("username")).and_then(|it| it.as_str());
        let address = address_of(user, identity);
        for login in address.into_iter().chain(username).filter(|_| has_logins) {
            let holder = records.credential(&identity.connection, &login.to_ascii_lowercase())?;
            if let Some(other) = holder.filter(|it| it.user_id != identity.user_id) {
                return Ok(Some(taken_by(&other, login)));
            }
        }
        let Some(address) = address else { continue };
        let holders = match holders(records, &identity.connection, &address.to_ascii_lowercase()) {
            Err(Interrupted::Answer(ApiError::Invalid(why))) => return Ok(Some(Refusal::Unfit(why))),
            holders => holders?,
        };
        if let Some(other) = holders.iter().find(|other| other.user_id != identity.user_id) {
            return Ok(Some(taken_by(other, address)));
        }
    }
    Ok(None)
}

/// Whoever gets these identities' ids later must not inherit a password. Only
/// once the identities are removed: see [`set`].
pub(super) fn remove_all(records: &mut dyn Records, identities: &[Identity]) -> Done<()> {
    for identity in identities.iter().filter(|identity| identity.provider == PROVIDER) {
        records.remove_credential(&identity.connection, &identity.user_id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Credential, is_address};

    #[test]
    fn what_is_printed_holds_no_hash_and_no_address() {
        let credential = Credential {
            connection: "users".to_owned(),
            user_id: "ada@corp.com".to_owned(),
            email: Some("ada@example.com".to_owned()),
            username: Some("lovelace".to_owned()),
            password: Some("$argon2id$v=19$secret".to_owned()),
        };
        let printed = format!("{credential:?}");
        for secret in ["ada@", "argon2id", "secret"] {
            assert!(!printed.contains(secret), "{printed}");
        }
        assert!(printed.contains(r#"Some("a…@example.com")"#), "{printed}");
    }

    #[test]
    fn a_login_is_an_address_or_a_username() {
        for address in ["a@b", "a@b@c", "ada@example.com"] {
            assert!(is_address(address), "{address}");
        }
        for username in ["", "ada", "@ada", "ada@", "@"] {
            assert!(!is_address(username), "{username}");
        }
    }
}
