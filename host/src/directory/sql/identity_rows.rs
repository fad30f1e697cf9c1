//! Identities as rows.

use super::columns::{read_time, required_text, time_param};
use super::connection::{Connection, Param};
use crate::directory::counted_login::IdentityUse;
use crate::directory::records::{OwnedIdentity, Owner, TxResult};
use crate::model::Identity;

/// Returns the owner of an identity.
pub(super) fn owner(
    connection: &mut impl Connection,
    provider: &str,
    user_id: &str,
) -> TxResult<Option<Owner>> {
    let mut found = None;
    connection.query(
        "SELECT owner, connection, last_login FROM identities WHERE user_id = $1 AND provider = $2",
        &[user_id.into(), provider.into()],
        &mut |row| {
            let user_id = required_text(row, 0, "owner")?.to_owned();
            let connection = required_text(row, 1, "connection")?.to_owned();
            found = Some(Owner { user_id, connection, last_login: read_time(row, 2)? });
            Ok(())
        },
    )?;
    Ok(found)
}

/// Adds an identity. Returns `false` if a user already has it.
pub(super) fn add(connection: &mut impl Connection, identity: &Identity, owner: &str) -> TxResult<bool> {
    changes_one(
        connection,
        "INSERT INTO identities (provider, user_id, connection, owner) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        &[
            (&identity.provider).into(),
            (&identity.user_id).into(),
            (&identity.connection).into(),
            owner.into(),
        ],
    )
}

/// Moves an identity to another user. Returns `false` if `from` does not have it.
pub(super) fn set_owner(
    connection: &mut impl Connection,
    identity: &Identity,
    from: &str,
    to: &str,
) -> TxResult<bool> {
    changes_one(
        connection,
        "UPDATE identities SET owner = $1 WHERE user_id = $2 AND provider = $3 AND owner = $4",
        &[to.into(), (&identity.user_id).into(), (&identity.provider).into(), from.into()],
    )
}

/// Removes an identity. Returns `false` if `owner` does not have it.
pub(super) fn remove(connection: &mut impl Connection, identity: &Identity, owner: &str) -> TxResult<bool> {
    changes_one(
        connection,
        "DELETE FROM identities WHERE user_id = $1 AND provider = $2 AND owner = $3",
        &[(&identity.user_id).into(), (&identity.provider).into(), owner.into()],
    )
}

/// Sets the last login of an identity. Returns `false` if its owner does not have it.
pub(super) fn set_use(
    connection: &mut impl Connection,
    identity_use: &IdentityUse,
    owner: &str,
) -> TxResult<bool> {
    let IdentityUse { provider, user_id, at } = identity_use;
    changes_one(
        connection,
        "UPDATE identities SET last_login = $1 WHERE user_id = $2 AND provider = $3 AND owner = $4",
        &[time_param(*at), user_id.into(), provider.into(), owner.into()],
    )
}

/// Returns the identities that follow this ID and provider in order.
pub(super) fn list_behind(
    connection: &mut impl Connection,
    (user_id, provider): (&str, &str),
    limit: usize,
) -> TxResult<Vec<OwnedIdentity>> {
    let mut found = Vec::new();
    connection.query(
        "SELECT provider, user_id, owner, connection, last_login FROM identities \
         WHERE (user_id, provider) > ($1, $2) ORDER BY user_id, provider LIMIT $3",
        &[user_id.into(), provider.into(), (limit as u64).into()],
        &mut |row| {
            let text = |column, name| required_text(row, column, name).map(str::to_owned);
            let owner = Owner {
                user_id: text(2, "owner")?,
                connection: text(3, "connection")?,
                last_login: read_time(row, 4)?,
            };
            found.push(OwnedIdentity { provider: text(0, "provider")?, user_id: text(1, "user_id")?, owner });
            Ok(())
        },
    )?;
    Ok(found)
}

/// Runs a statement, and returns whether it changed one row.
fn changes_one(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> TxResult<bool> {
    connection.execute(statement, params).map(|changed| changed == 1)
}
