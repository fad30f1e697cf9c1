//! Connections that an import has assumed, and the login that settles them.
//!
//! A user that was exported without its `identities` names its provider, but not its
//! connection. The first login of the identity, which must be of the same provider,
//! settles the connection for good. A login through another connection is then refused.

use super::credentials;
use super::records::{Records, TxResult, conflict, other_connection};
use super::stored::Stored;
use super::users::{find_owner, get_user, replace_user};
use crate::model::{ApiError, Identity, IdentityKey, User};

/// Returns the connection that is part of an identity's id, as with enterprise and custom
/// social connections: `samlp|acme|ada@acme.com`. Only that connection settles it.
///
/// Source: Auth0, "Identify Users", "User ID": the id is unique within the
/// connection, and the connection's name is made a part of it.
pub(crate) fn connection_in_id<'a>(provider: &str, user_id: &'a str) -> Option<&'a str> {
    if matches!(provider, "auth0" | "email" | "sms") {
        return None;
    }
    user_id.split_once('|').map(|(connection, _)| connection).filter(|connection| !connection.is_empty())
}

/// Returns whether an import has assumed the connection of this identity.
pub(super) fn is_connection_assumed(user: &User, identity: IdentityKey<'_>) -> bool {
    let is_it = |it: &&Identity| it.provider == identity.provider && it.user_id == identity.user_id;
    user.identities.iter().find(is_it).is_some_and(|it| it.connection_assumed)
}

/// Returns the user that has this identity. If its connection was assumed, the given one
/// becomes final.
pub(super) fn settle_connection(
    records: &mut dyn Records,
    identity: IdentityKey<'_>,
) -> TxResult<Option<Stored>> {
    let Some(holder) = records.owner(identity.provider, identity.user_id)? else { return Ok(None) };
    let stored = get_user(records, &holder.user_id)?;
    if !is_connection_assumed(&stored.user, identity) {
        return find_owner(records, identity);
    }
    let named = connection_in_id(identity.provider, identity.user_id);
    if named.is_some_and(|named| named != identity.connection) {
        return Err(other_connection(identity, &holder.connection));
    }
    let mut user = User::clone(&stored.user);
    let is_it = |it: &&mut Identity| it.provider == identity.provider && it.user_id == identity.user_id;
    if let Some(held) = user.identities.iter_mut().find(is_it) {
        let before = held.clone();
        identity.connection.clone_into(&mut held.connection);
        held.connection_assumed = false;
        let after = held.clone();
        if let Some(why) = credentials::find_move_conflict(records, &before, &after.connection)? {
            return Err(ApiError::Invalid(why).into());
        }
        change_connection(records, &before, &after, &holder.user_id)?;
    }
    replace_user(records, user, stored.version)?;
    get_user(records, &holder.user_id).map(Some)
}

/// Moves an identity and its credential to another connection, after all checks.
pub(super) fn change_connection(
    records: &mut dyn Records,
    before: &Identity,
    after: &Identity,
    owner: &str,
) -> TxResult<()> {
    if before.connection == after.connection {
        return Ok(());
    }
    credentials::move_credential(records, before, &after.connection)?;
    if !records.remove_identity(before, owner)? || !records.add_identity(after, owner)? {
        return Err(conflict(owner));
    }
    Ok(())
}

/// Replaces the assumed connections of an imported user by those that the directory
/// knows.
pub(super) fn apply_known_connections(mut user: User, known: &User) -> User {
    for identity in user.identities.iter_mut().filter(|it| it.connection_assumed) {
        let is_it = |it: &&Identity| it.provider == identity.provider && it.user_id == identity.user_id;
        if let Some(known) = known.identities.iter().find(is_it) {
            identity.connection.clone_from(&known.connection);
            identity.connection_assumed = known.connection_assumed;
        }
    }
    user
}
