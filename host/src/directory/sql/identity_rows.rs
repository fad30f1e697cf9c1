//! Identities as rows.

use super::connection::{Connection, Param};
use super::rows::text_of;
use crate::directory::records::{Done, Owner};
use crate::model::Identity;

pub(super) fn owner(connection: &mut impl Connection, provider: &str, user_id: &str) -> Done<Option<Owner>> {
    let mut found = None;
    connection.query(
        "SELECT owner, connection FROM identities WHERE user_id = $1 AND provider = $2",
        &[user_id.into(), provider.into()],
        &mut |row| {
            let user_id = text_of(row, 0, "owner")?.to_owned();
            let connection = text_of(row, 1, "connection")?.to_owned();
            found = Some(Owner { user_id, connection });
            Ok(())
        },
    )?;
    Ok(found)
}

/// False if somebody has it.
pub(super) fn add(connection: &mut impl Connection, identity: &Identity, owner: &str) -> Done<bool> {
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

/// False if `from` does not have it.
pub(super) fn set_owner(
    connection: &mut impl Connection,
    identity: &Identity,
    from: &str,
    to: &str,
) -> Done<bool> {
    changes_one(
        connection,
        "UPDATE identities SET owner = $1 WHERE user_id = $2 AND provider = $3 AND owner = $4",
        &[to.into(), (&identity.user_id).into(), (&identity.provider).into(), from.into()],
    )
}

/// False if `owner` does not have it.
pub(super) fn remove(connection: &mut impl Connection, identity: &Identity, owner: &str) -> Done<bool> {
    changes_one(
        connection,
        "DELETE FROM identities WHERE user_id = $1 AND provider = $2 AND owner = $3",
        &[(&identity.user_id).into(), (&identity.provider).into(), owner.into()],
    )
}

fn changes_one(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> Done<bool> {
    connection.execute(statement, params).map(|changed| changed == 1)
}
