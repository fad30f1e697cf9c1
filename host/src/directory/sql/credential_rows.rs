//! Credentials as rows.

use super::connection::{Connection, Param, Row};
use super::rows::text_of;
use crate::directory::credential::{Credential, is_address};
use crate::directory::records::Done;

/// A statement that reads credentials, with the rest of it.
macro_rules! select_credential {
    ($rest:literal) => {
        concat!("SELECT connection, user_id, email, username, password FROM credentials ", $rest)
    };
}

/// By a login in lower case.
pub(super) fn by_login(
    connection: &mut impl Connection,
    name: &str,
    login: &str,
) -> Done<Option<Credential>> {
    let statement = if is_address(login) {
        select_credential!("WHERE email = $1 AND connection = $2")
    } else {
        select_credential!("WHERE username = $1 AND connection = $2")
    };
    one(connection, statement, &[login.into(), name.into()])
}

pub(super) fn of(connection: &mut impl Connection, name: &str, user_id: &str) -> Done<Option<Credential>> {
    let statement = select_credential!("WHERE user_id = $1 AND connection = $2");
    one(connection, statement, &[user_id.into(), name.into()])
}

fn one(
    connection: &mut impl Connection,
    statement: &'static str,
    params: &[Param<'_>],
) -> Done<Option<Credential>> {
    let mut found = None;
    connection.query(statement, params, &mut |row| {
        found = Some(credential(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// A credential of the columns connection, user id, email, username, password.
pub(super) fn credential(row: &dyn Row) -> Done<Credential> {
    let optional = |column| row.text(column).map(|text| text.map(str::to_owned));
    Ok(Credential {
        connection: text_of(row, 0, "connection")?.to_owned(),
        user_id: text_of(row, 1, "user_id")?.to_owned(),
        email: optional(2)?,
        username: optional(3)?,
        password: optional(4)?,
    })
}

pub(super) fn add(connection: &mut impl Connection, credential: &Credential) -> Done<bool> {
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

pub(super) fn remove(connection: &mut impl Connection, name: &str, user_id: &str) -> Done<bool> {
    let removed = connection.execute(
        "DELETE FROM credentials WHERE user_id = $1 AND connection = $2",
        &[user_id.into(), name.into()],
    )?;
    Ok(removed == 1)
}
