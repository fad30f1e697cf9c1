//! Connections that an import has assumed, and the login that settles them.
//!
//! A user that was exported without its `identities` says which provider it is of,
//! and not through which connection. The first login of the identity says so. It
//! must be of the same provider, and what it says is final: of two connections the
//! second finds the identity settled, and is refused.

use super::records::{Done, Records, overtaken};
use super::users::{change, existing, no_such_connection, owner};
use super::{Stored, credential};
use crate::model::{ApiError, Identity, IdentityKey, User};

/// The connection that the identity's id names, as those of enterprise connections
/// and custom social ones do: `samlp|acme|ada@acme.com`. No other one settles it.
///
/// Source: Auth0, "Identify Users", "User ID": the id is unique within the
/// connection, and the connection's name is made a part of it.
pub(crate) fn connection_in_id<'a>(provider: &str, user_id: &'a str) -> Option<&'a str> {
    if matches!(provider, "auth0" | "email" | "sms") {
        return None;
    }
    user_id.split_once('|').map(|(connection, _)| connection).filter(|connection| !connection.is_empty())
}

/// Whether an import has assumed the connection of this identity of the user's.
pub(super) fn is_assumed(user: &User, identity: IdentityKey<'_>) -> bool {
    let is_it = |it: &&Identity| it.provider == identity.provider && it.user_id == identity.user_id;
    user.identities.iter().find(is_it).is_some_and(|it| it.connection_assumed)
}

/// The user that has this identity. If its connection was assumed, it is this one
/// from now on.
pub(super) fn settle(records: &mut dyn Records, identity: IdentityKey<'_>) -> Done<Option<Stored>> {
    let Some(holder) = records.owner(identity.provider, identity.user_id)? else { return Ok(None) };
    let stored = existing(records, &holder.user_id)?;
    if !is_assumed(&stored.user, identity) {
        return owner(records, identity);
    }
    let named = connection_in_id(identity.provider, identity.user_id);
    if named.is_some_and(|named| named != identity.connection) {
        return Err(no_such_connection(identity, &holder.connection));
    }
    let mut user = User::clone(&stored.user);
    let is_it = |it: &&mut Identity| it.provider == identity.provider && it.user_id == identity.user_id;
    if let Some(held) = user.identities.iter_mut().find(is_it) {
        let before = held.clone();
        identity.connection.clone_into(&mut held.connection);
        held.connection_assumed = false;
        let after = held.clone();
        if let Some(why) = credential::why_not_moved(records, &before, &after.connection)? {
            return Err(ApiError::Invalid(why).into());
        }
        reconnect(records, &before, &after, &holder.user_id)?;
    }
    change(records, user, stored.version)?;
    existing(records, &holder.user_id).map(Some)
}

/// Makes an identity one of another connection, and its credential with it, which
/// nothing is in the way of.
pub(super) fn reconnect(
    records: &mut dyn Records,
    before: &Identity,
    after: &Identity,
    owner: &str,
) -> Done<()> {
    if before.connection == after.connection {
        return Ok(());
    }
    credential::move_to(records, before, &after.connection)?;
    if !records.remove_identity(before, owner)? || !records.add_identity(after, owner)? {
        return Err(overtaken(owner));
    }
    Ok(())
}

/// The user of an import with the connections that the directory knows for sure
/// where the import only assumes them.
pub(super) fn with_known_connections(mut user: User, known: &User) -> User {
    for identity in user.identities.iter_mut().filter(|it| it.connection_assumed) {
        let is_it = |it: &&Identity| it.provider == identity.provider && it.user_id == identity.user_id;
        if let Some(known) = known.identities.iter().find(is_it) {
            identity.connection.clone_from(&known.connection);
            identity.connection_assumed = known.connection_assumed;
        }
    }
    user
}
