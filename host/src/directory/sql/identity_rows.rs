//! Identities as rows.

use super::columns::required_text;
use super::connection::{Connection, Param};
use crate::directory::records::{Owner, TxResult};
use crate::model::Identity;

/// Returns the owner of an identity.
pub(super) fn owner(
    connection: &mut impl Connection,
    provider: &str,
    user_id: &str,
) -> TxResult<Option<Owner>> {
    let mut found = None;
    connection.query(
        "SELECT owner, connection FROM identities WHERE user_id = $1 AND provider = $2",
        &[user_id.into(), provider.into()],
        &mut |row| {
            let user_id = required_text(row, 0, "owner")?.to_owned();
            let connection = required_text(row, 1, "connection")?.to_owned();
            found = Some(Owner { user_id, connection });
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

/// Runs a statement, and returns whether it changed one row.
fn changes_one(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> TxResult<bool> {
    connection.execute(statement, params).map(|changed| changed == 1)
}
