//! Finding, changing and reserving credentials.
//!
//! A credential belongs to an identity rather than to a user, so links, unlinks and
//! undos do not affect it. It is removed with the identity.

use super::credential::{Credential, PROVIDER, validate};
use super::import_batch::ImportRefusal;
use super::records::{Matching, Records, TxError, TxResult, conflict};
use super::stored::Stored;
use crate::model::{ApiError, Identity, User, mask_addresses};

/// Returns the identity that a credential belongs to, without its attributes.
pub(super) fn credential_identity(credential: &Credential) -> Identity {
    Identity {
        provider: PROVIDER.to_owned(),
        user_id: credential.user_id.clone(),
        connection: credential.connection.clone(),
        ..Identity::default()
    }
}

/// Returns the reason why an identity's credential cannot move to another connection, if
/// any: another user has its address or username there.
pub(super) fn find_move_conflict(
    records: &mut dyn Records,
    identity: &Identity,
    connection: &str,
) -> TxResult<Option<String>> {
    let Some(credential) = credential_of(records, identity)? else { return Ok(None) };
    let moved = Credential { connection: connection.to_owned(), ..credential };
    Ok(find_login_conflict(records, &moved)?.map(|why| why.to_string()))
}

/// Moves an identity's credential, if it has one, to another connection.
pub(super) fn move_credential(
    records: &mut dyn Records,
    identity: &Identity,
    connection: &str,
) -> TxResult<()> {
    let Some(credential) = credential_of(records, identity)? else { return Ok(()) };
    records.remove_credential(&credential.connection, &credential.user_id)?;
    let moved = Credential { connection: connection.to_owned(), ..credential };
    if records.add_credential(&moved)? { Ok(()) } else { Err(conflict(&moved.as_user_id())) }
}

/// Returns the credential of an identity, if it is a database identity with one.
fn credential_of(records: &mut dyn Records, identity: &Identity) -> TxResult<Option<Credential>> {
    if identity.provider != PROVIDER {
        return Ok(None);
    }
    records.credential_of(&identity.connection, &identity.user_id)
}

/// Returns the refusal of a credential if another identity has its address or username.
fn find_login_conflict(
    records: &mut dyn Records,
    credential: &Credential,
) -> TxResult<Option<ImportRefusal>> {
    for login in credential.logins() {
        let holder = records.credential(&credential.connection, login)?;
        if let Some(other) = holder.filter(|other| other.user_id != credential.user_id) {
            return Ok(Some(login_conflict(&other, login)));
        }
    }
    Ok(None)
}

fn login_conflict(holder: &Credential, login: &str) -> ImportRefusal {
    ImportRefusal::LoginTaken {
        by: holder.as_user_id(),
        connection: holder.connection.clone(),
        login: mask_addresses(login).into_owned(),
    }
}

/// Returns the credential that an import line gives to a user's own identity, or the
/// reason why it is refused.
pub(super) fn credential_for_import(
    records: &mut dyn Records,
    user: &User,
    hash: &str,
) -> TxResult<Result<Credential, ImportRefusal>> {
    let unfit = |why: &str| Ok(Err(ImportRefusal::Unfit(why.to_owned())));
    let Some(own) = user.identities.first().filter(|own| own.provider == PROVIDER) else {
        return unfit("it has a password, but its own identity is not of a database");
    };
    let wanted = Credential {
        connection: own.connection.clone(),
        user_id: own.user_id.clone(),
        email: user.email.clone(),
        username: user.rest.get("username").and_then(|it| it.as_str()).map(str::to_owned),
        password: Some(hash.to_owned()),
    };
    let credential = match validate(&wanted) {
        Ok(credential) => credential,
        Err(error) => return unfit(&error.to_string()),
    };
    if credential.logins().next().is_none() {
        return unfit("it has a password, and neither `email` nor `username` to log in with");
    }
    if let Some(why) = find_login_conflict(records, &credential)? {
        return Ok(Err(why));
    }
    if let Some(email) = &credential.email {
        let holders = match find_holders(records, &credential.connection, email) {
            Err(TxError::Failed(ApiError::Invalid(why))) => return unfit(&why),
            holders => holders?,
        };
        if let Some(other) = holders.iter().find(|other| other.user_id != credential.user_id) {
            return Ok(Err(login_conflict(other, email)));
        }
    }
    Ok(Ok(credential))
}

/// Adds or replaces a credential whose address and username are free.
pub(super) fn put_credential(records: &mut dyn Records, credential: &Credential) -> TxResult<()> {
    records.remove_credential(&credential.connection, &credential.user_id)?;
    if records.add_credential(credential)? { Ok(()) } else { Err(conflict(&credential.as_user_id())) }
}

/// Returns whether the user's own identity has a password.
pub(super) fn has_password(records: &mut dyn Records, user: &User) -> TxResult<bool> {
    let Some(own) = user.identities.first() else { return Ok(false) };
    Ok(records.credential_of(&own.connection, &own.user_id)?.is_some_and(|it| it.password.is_some()))
}

/// Replaces a credential's hash by another hash of the same password. Returns false if
/// the credential has changed since.
pub(super) fn rehash(records: &mut dyn Records, known: &Credential, hash: &str) -> TxResult<bool> {
    let Some(owner) = records.owner(PROVIDER, &known.user_id)? else { return Ok(false) };
    let Credential { connection, user_id, .. } = known;
    let identity = credential_identity(known);
    // Moving the identity to its own owner locks it: a concurrent change of the password
    // waits.
    if owner.connection != *connection || !records.move_identity(&identity, &owner.user_id, &owner.user_id)? {
        return Ok(false);
    }
    match records.credential_of(connection, user_id)? {
        Some(held) if held == *known => {
            put_credential(records, &Credential { password: Some(hash.to_owned()), ..held })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Replaces the credential of an identity that exists. It is removed and added again,
/// because an update to a taken login would be a database error.
pub(super) fn replace(records: &mut dyn Records, credential: &Credential) -> TxResult<()> {
    let Credential { connection, user_id, email, .. } = credential;
    let before = records.credential_of(connection, user_id)?;
    let is_new = |email: &&String| before.as_ref().is_none_or(|before| before.email.as_ref() != Some(*email));
    if let Some(email) = email.as_ref().filter(is_new)
        && find_holders(records, connection, email)?.iter().any(|other| other.user_id != *user_id)
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
    Err(conflict(&credential.as_user_id()))
}

/// Returns the holders of an address in a connection: the credential with the address,
/// or else a credential for each identity that has the address and no credential with
/// another one, such as imported identities. No other user may take the address, because
/// a password reset is mailed to it.
pub(super) fn find_holders(
    records: &mut dyn Records,
    connection: &str,
    email: &str,
) -> TxResult<Vec<Credential>> {
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
            let own = user.address_of(identity);
            let is_holder = identity.provider == PROVIDER
                && identity.connection == connection
                && own.is_some_and(|own| own.eq_ignore_ascii_case(email));
            if !is_holder {
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

/// The most users that are examined for one address.
const HOLDERS: usize = 1_000;

/// Reserves the logins of imported identities that their user's address does not cover:
/// usernames, and the addresses of linked identities. Logins that another user has
/// already stay with that user.
///
/// Returns whether a login was reserved.
pub(super) fn reserve_logins(records: &mut dyn Records, user: &User) -> TxResult<bool> {
    let mut is_reserved = false;
    for identity in user.identities.iter().filter(|it| it.provider == PROVIDER) {
        let is_own = identity.as_user_id() == user.user_id;
        let attributes = if is_own { Some(&user.rest) } else { identity.profile_data.as_ref() };
        let text = |name: &str| attributes.and_then(|it| it.get(name)).and_then(|it| it.as_str());
        let wanted = Credential {
            connection: identity.connection.clone(),
            user_id: identity.user_id.clone(),
            email: user.address_of(identity).filter(|_| !is_own).map(str::to_owned),
            username: text("username").map(str::to_owned),
            password: None,
        };
        // A malformed username or address is skipped: no one can log in with it.
        let without_username = Credential { username: None, ..wanted.clone() };
        let without_email = Credential { email: None, ..wanted.clone() };
        let possible =
            [wanted, without_username, without_email].into_iter().filter_map(|it| validate(&it).ok());
        for credential in possible.filter(|it| it.logins().next().is_some()) {
            if records.add_credential(&credential)? {
                is_reserved = true;
                break;
            }
        }
    }
    Ok(is_reserved)
}

/// Returns the reason why a user cannot be imported, if any: another user has the
/// address or the username of one of its identities in that database, with or without a
/// password.
///
/// Source: Auth0, "Database Connections": addresses and usernames are unique within
/// a connection.
pub(super) fn find_conflict(
    records: &mut dyn Records,
    user: &User,
    has_logins: bool,
) -> TxResult<Option<ImportRefusal>> {
    for identity in user.identities.iter().filter(|it| it.provider == PROVIDER) {
        let is_own = identity.as_user_id() == user.user_id;
        let attributes = if is_own { Some(&user.rest) } else { identity.profile_data.as_ref() };
        let username = attributes.and_then(|it| it.get("username")).and_then(|it| it.as_str());
        let address = user.address_of(identity);
        for login in address.into_iter().chain(username).filter(|_| has_logins) {
            let holder = records.credential(&identity.connection, &login.to_ascii_lowercase())?;
            if let Some(other) = holder.filter(|it| it.user_id != identity.user_id) {
                return Ok(Some(login_conflict(&other, login)));
            }
        }
        let Some(address) = address else { continue };
        let holders = match find_holders(records, &identity.connection, &address.to_ascii_lowercase()) {
            Err(TxError::Failed(ApiError::Invalid(why))) => return Ok(Some(ImportRefusal::Unfit(why))),
            holders => holders?,
        };
        if let Some(other) = holders.iter().find(|other| other.user_id != identity.user_id) {
            return Ok(Some(login_conflict(other, address)));
        }
    }
    Ok(None)
}

/// Removes the credentials of deleted identities: a later identity with the same id must
/// not inherit a password. Call it after the identities are removed, so that no
/// credential can be added in between.
pub(super) fn remove_all(records: &mut dyn Records, identities: &[Identity]) -> TxResult<()> {
    for identity in identities.iter().filter(|identity| identity.provider == PROVIDER) {
        records.remove_credential(&identity.connection, &identity.user_id)?;
    }
    Ok(())
}
