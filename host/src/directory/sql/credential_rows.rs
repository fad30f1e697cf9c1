//! Credentials as rows.

use super::columns::required_text;
use super::connection::{Connection, Param, Row};
use crate::directory::credential::{Credential, is_address};
use crate::directory::records::TxResult;

/// Builds a statement that reads credentials, from its clauses.
macro_rules! select_credential {
    ($rest:literal) => {
        concat!("SELECT connection, user_id, email, username, password FROM credentials ", $rest)
    };
}

/// Returns the credential with this address or username, in lower case.
pub(super) fn find_by_login(
    connection: &mut impl Connection,
    name: &str,
    login: &str,
) -> TxResult<Option<Credential>> {
    let statement = if is_address(login) {
        select_credential!("WHERE email = $1 AND connection = $2")
    } else {
        select_credential!("WHERE username = $1 AND connection = $2")
    };
    read_one(connection, statement, &[login.into(), name.into()])
}

/// Returns the credential of an identity.
pub(super) fn find_by_identity(
    connection: &mut impl Connection,
    name: &str,
    user_id: &str,
) -> TxResult<Option<Credential>> {
    let statement = select_credential!("WHERE user_id = $1 AND connection = $2");
    read_one(connection, statement, &[user_id.into(), name.into()])
}

/// Runs a statement that reads at most one credential.
fn read_one(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> TxResult<Option<Credential>> {
    let mut found = None;
    connection.query(statement, params, &mut |row| {
        found = Some(read_credential(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// Reads a credential from the columns connection, user id, email, username, password.
pub(super) fn read_credential(row: &dyn Row) -> TxResult<Credential> {
    let optional = |column| row.text(column).map(|text| text.map(str::to_owned));
    Ok(Credential {
        connection: required_text(row, 0, "connection")?.to_owned(),
        user_id: required_text(row, 1, "user_id")?.to_owned(),
        email: optional(2)?,
        username: optional(3)?,
        password: optional(4)?,
    })
}

/// Adds a credential. Returns `false` if the identity has one, or if its address or username is
/// taken.
pub(super) fn add(connection: &mut impl Connection, credential: &Credential) -> TxResult<bool> {
    let Credential { connection: name, user_id, email, username, password } = credential;
    let added = connection.execute(
        "INSERT INTO credentials (connection, user_id, email, username, password) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
        &[
            name.into(),
            user_id.into(),
            Param::Text(email.as_deref()),
            Param::Text(username.as_deref()),
            Param::Text(password.as_deref()),
        ],
    )?;
    Ok(added == 1)
}

/// Removes a credential. Returns `false` if there is none.
pub(super) fn remove(connection: &mut impl Connection, name: &str, user_id: &str) -> TxResult<bool> {
    let removed = connection.execute(
        "DELETE FROM credentials WHERE user_id = $1 AND connection = $2",
        &[user_id.into(), name.into()],
    )?;
    Ok(removed == 1)
}
