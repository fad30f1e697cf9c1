//! Users as rows.

use std::sync::Arc;

use super::columns::{damaged, missing, required_text, timestamp, unwritable};
use super::connection::Row;
use crate::directory::records::{LAST_IP, TxResult, last_ip};
use crate::directory::stored::Stored;
use crate::model::User;

/// Builds a statement that reads users, from its clauses.
macro_rules! select_user {
    ($($rest:tt)+) => {
        concat!("SELECT document, version, logins_count, last_login, last_ip FROM users ", $($rest)+)
    };
}
pub(super) use select_user;

/// Reads a user from the columns of [`select_user`].
pub(super) fn read_user(row: &dyn Row) -> TxResult<Stored> {
    let document = required_text(row, 0, "document")?;
    let mut user: User = serde_json::from_str(document).map_err(|error| damaged("a user", error))?;
    user.logins_count = row.int(2)?.and_then(|count| u64::try_from(count).ok());
    user.last_login = row.int(3)?.and_then(timestamp);
    if let Some(ip) = row.text(4)? {
        user.rest.insert(LAST_IP.to_owned(), ip.into());
    }
    let version =
        row.int(1)?.and_then(|version| u64::try_from(version).ok()).ok_or_else(|| missing("version"))?;
    Ok(Stored { user: Arc::new(user), version })
}

/// Returns a user as JSON, without the fields that have their own columns.
pub(super) fn user_document(user: &User) -> TxResult<String> {
    if user.logins_count.is_none() && user.last_login.is_none() && last_ip(user).is_none() {
        return serde_json::to_string(user).map_err(|error| unwritable(&error));
    }
    let mut bare = User { logins_count: None, last_login: None, ..user.clone() };
    if last_ip(user).is_some() {
        bare.rest.remove(LAST_IP);
    }
    serde_json::to_string(&bare).map_err(|error| unwritable(&error))
}
