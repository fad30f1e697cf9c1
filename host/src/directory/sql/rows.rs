//! The records as rows.

use std::sync::Arc;

use super::connection::{Connection, Param, Row};
use super::credential_rows;
use super::entry_row::{self, entry, record};
use super::identity_rows;
use super::login_counts::LoginCounts;
use super::seal::Seal;
use super::whole_rows;
use super::written::Written;
use crate::ambient::Ambient;
use crate::directory::Stored;
use crate::directory::credential::Credential;
use crate::directory::journal::{Entry, EntryId, Forget, Kept};
use crate::directory::journal_query::Wanted;
use crate::directory::records::{Done, Interrupted, LAST_IP, Logins, Matching, Owner, Records, last_ip};
use crate::directory::whole::JournalRow;
use crate::model::{ApiError, Identity, Moment, Timestamp, User};

/// The records behind one connection.
pub(super) struct Rows<'a, C> {
    pub(super) connection: &'a mut C,
    pub(super) seal: &'a Seal,
    /// Logins that are counted and not written down yet, for whoever reads.
    pub(super) pending: Option<&'a LoginCounts>,
    /// A record by which the transaction can be told to have been committed.
    pub(super) written: Option<Written>,
}

impl<'a, C> Rows<'a, C> {
    pub(super) fn new(connection: &'a mut C, seal: &'a Seal) -> Self {
        Self { connection, seal, pending: None, written: None }
    }

    fn note(&mut self, written: Written) {
        self.written = Written::or_better(self.written.take(), written);
    }
}

/// A statement that reads users, with the rest of it.
macro_rules! select_user {
    ($rest:literal) => {
        concat!("SELECT document, version, logins_count, last_login, last_ip FROM users ", $rest)
    };
}

/// A statement that reads entries, with the rest of it.
macro_rules! select_entry {
    ($snapshot:literal, $rest:literal) => {
        concat!(
            "SELECT entry_id, kind, at, primary_id, secondary_id, record, undone_by, undone_at, place, ",
            $snapshot,
            " FROM journal ",
            $rest
        )
    };
}
pub(super) use select_entry;

pub(super) fn damaged(what: &str, error: impl std::fmt::Display) -> Interrupted {
    ApiError::Other(format!("the database holds {what} that cannot be read: {error}")).into()
}

pub(super) fn missing(column: &str) -> Interrupted {
    damaged("a row", format!("`{column}` is null"))
}

pub(super) fn unwritable(error: &serde_json::Error) -> Interrupted {
    ApiError::Invalid(format!("it cannot be written as JSON: {error}")).into()
}

pub(super) fn text_of<'r>(row: &'r dyn Row, column: usize, name: &str) -> Done<&'r str> {
    row.text(column)?.ok_or_else(|| missing(name))
}

pub(super) fn millis(at: Timestamp) -> Param<'static> {
    at.as_millis().into()
}

pub(super) fn time(millis: i64) -> Option<Timestamp> {
    u64::try_from(millis).ok().and_then(Timestamp::from_millis)
}

fn stored(row: &dyn Row) -> Done<Stored> {
    let document = text_of(row, 0, "document")?;
    let mut user: User = serde_json::from_str(document).map_err(|error| damaged("a user", error))?;
    user.logins_count = row.int(2)?.and_then(|count| u64::try_from(count).ok());
    user.last_login = row.int(3)?.and_then(time);
    if let Some(ip) = row.text(4)? {
        user.rest.insert(LAST_IP.to_owned(), ip.into());
    }
    let version =
        row.int(1)?.and_then(|version| u64::try_from(version).ok()).ok_or_else(|| missing("version"))?;
    Ok(Stored { user: Arc::new(user), version })
}

fn with_pending(stored: Stored, pending: Option<&LoginCounts>) -> Stored {
    match pending {
        Some(pending) => pending.with_pending(stored),
        None => stored,
    }
}

/// The user without what has columns of its own.
pub(super) fn document(user: &User) -> Done<String> {
    if user.logins_count.is_none() && user.last_login.is_none() && last_ip(user).is_none() {
        return serde_json::to_string(user).map_err(|error| unwritable(&error));
    }
    let mut bare = User { logins_count: None, last_login: None, ..user.clone() };
    if last_ip(user).is_some() {
        bare.rest.remove(LAST_IP);
    }
    serde_json::to_string(&bare).map_err(|error| unwritable(&error))
}

impl<C: Connection> Rows<'_, C> {
    fn changes_one(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<bool> {
        self.connection.execute(statement, params).map(|changed| changed == 1)
    }

    fn users(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<Vec<Stored>> {
        let mut found = Vec::new();
        let pending = self.pending;
        self.connection.query(statement, params, &mut |row| {
            found.push(with_pending(stored(row)?, pending));
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn read_entries(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<Vec<Entry>> {
        let mut found = Vec::new();
        let seal = self.seal;
        self.connection.query(statement, params, &mut |row| {
            found.push(entry(row, seal)?);
            Ok(())
        })?;
        Ok(found)
    }
}

impl<C: Connection> Records for Rows<'_, C> {
    fn ambient(&self) -> &Ambient {
        &self.seal.ambient
    }

    fn user(&mut self, user_id: &str) -> Done<Option<Stored>> {
        self.users(select_user!("WHERE user_id = $1"), &[user_id.into()]).map(|mut found| found.pop())
    }

    fn is_user(&mut self, user_id: &str) -> Done<bool> {
        let mut found = false;
        self.connection.query("SELECT 1 FROM users WHERE user_id = $1", &[user_id.into()], &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> Done<Vec<Stored>> {
        let lower = email.to_ascii_lowercase();
        let limit = Param::from(limit as u64);
        match matching {
            Matching::Exact => self.users(
                select_user!("WHERE email_lower = $1 AND email = $2 LIMIT $3"),
                &[(&lower).into(), email.into(), limit],
            ),
            Matching::IgnoringCase => {
                self.users(select_user!("WHERE email_lower = $1 LIMIT $2"), &[(&lower).into(), limit])
            }
        }
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> Done<Vec<Stored>> {
        self.users(
            select_user!("WHERE user_id > $1 ORDER BY user_id LIMIT $2"),
            &[after.into(), (limit as u64).into()],
        )
    }

    fn count_users(&mut self) -> Done<u64> {
        let mut count = 0;
        self.connection.query("SELECT COUNT(*) FROM users", &[], &mut |row| {
            count =
                row.int(0)?.and_then(|count| u64::try_from(count).ok()).ok_or_else(|| missing("count"))?;
            Ok(())
        })?;
        Ok(count)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        let lower = user.email.as_ref().map(|email| email.to_ascii_lowercase());
        let is_done = self.changes_one(
            "INSERT INTO users (user_id, version, email, email_lower, logins_count, last_login, last_ip, document) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            &[
                (&user.user_id).into(),
                version.into(),
                Param::Text(user.email.as_deref()),
                Param::Text(lower.as_deref()),
                user.logins_count.map_or(Param::Int(None), Param::from),
                user.last_login.map_or(Param::Int(None), millis),
                Param::Text(last_ip(user)),
                (&document(user)?).into(),
            ],
        )?;
        if is_done {
            self.note(Written::User(user.clone(), version));
        }
        Ok(is_done)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        let lower = user.email.as_ref().map(|email| email.to_ascii_lowercase());
        let is_done = self.changes_one(
            "UPDATE users SET version = version + 1, email = $1, email_lower = $2, document = $3, \
             last_ip = COALESCE(last_ip, $4) WHERE user_id = $5 AND version = $6",
            &[
                Param::Text(user.email.as_deref()),
                Param::Text(lower.as_deref()),
                (&document(user)?).into(),
                Param::Text(last_ip(user)),
                (&user.user_id).into(),
                version.into(),
            ],
        )?;
        if is_done {
            self.note(Written::User(user.clone(), version + 1));
        }
        Ok(is_done)
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> Done<bool> {
        let is_done = self.changes_one(
            "DELETE FROM users WHERE user_id = $1 AND version = $2",
            &[user_id.into(), version.into()],
        )?;
        if is_done {
            self.note(Written::Removed(user_id.to_owned()));
        }
        Ok(is_done)
    }

    fn set_logins(&mut self, user: &User) -> Done<bool> {
        self.changes_one(
            "UPDATE users SET logins_count = $1, last_login = $2, last_ip = $3 WHERE user_id = $4",
            &[
                user.logins_count.map_or(Param::Int(None), Param::from),
                user.last_login.map_or(Param::Int(None), millis),
                Param::Text(last_ip(user)),
                (&user.user_id).into(),
            ],
        )
    }

    fn count_logins(&mut self, user_id: &str, logins: Logins) -> Done<bool> {
        let ip = logins.ip.map(|ip| ip.to_string());
        self.changes_one(
            "UPDATE users SET logins_count = COALESCE(logins_count, 0) + $1, last_login = $2, \
             last_ip = COALESCE($3, last_ip) WHERE user_id = $4",
            &[logins.count.into(), millis(logins.last), Param::Text(ip.as_deref()), user_id.into()],
        )
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> Done<Option<Owner>> {
        identity_rows::owner(self.connection, provider, user_id)
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        identity_rows::add(self.connection, identity, owner)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> Done<bool> {
        identity_rows::set_owner(self.connection, identity, from, to)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        identity_rows::remove(self.connection, identity, owner)
    }

    fn credential(&mut self, connection: &str, login: &str) -> Done<Option<Credential>> {
        credential_rows::by_login(self.connection, connection, login)
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> Done<Option<Credential>> {
        credential_rows::of(self.connection, connection, user_id)
    }

    fn has_credentials(&mut self) -> Done<bool> {
        let mut found = false;
        self.connection.query("SELECT 1 FROM credentials LIMIT 1", &[], &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    fn add_credential(&mut self, credential: &Credential) -> Done<bool> {
        let is_done = credential_rows::add(self.connection, credential)?;
        if is_done {
            self.note(Written::Credential(credential.clone()));
        }
        Ok(is_done)
    }

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> Done<bool> {
        credential_rows::remove(self.connection, connection, user_id)
    }

    fn credentials_behind(&mut self, after: (&str, &str), limit: usize) -> Done<Vec<Credential>> {
        whole_rows::credentials(self.connection, after, limit)
    }

    fn journal_behind(&mut self, after: &str, limit: usize) -> Done<Vec<JournalRow>> {
        whole_rows::journal(self.connection, after, limit)
    }

    fn add_journal_row(&mut self, entry: &JournalRow) -> Done<()> {
        whole_rows::add_journal(self.connection, entry, self.seal)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> Done<()> {
        let snapshot = match &entry.kept {
            Kept::Whole(snapshot) => {
                let text = serde_json::to_vec(snapshot).map_err(|error| unwritable(&error))?;
                let sealed = self.seal.close(text, entry.id.as_str());
                Some(sealed.map_err(|error| Interrupted::from(ApiError::Other(error)))?)
            }
            _ => None,
        };
        self.connection.execute(
            "INSERT INTO journal (entry_id, kind, at, place, primary_id, secondary_id, record, snapshot) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                entry.id.as_str().into(),
                entry.kind.as_str().into(),
                millis(entry.at),
                entry.place.as_micros().into(),
                (&entry.primary).into(),
                (&entry.secondary).into(),
                (&record(entry)?).into(),
                Param::Bytes(snapshot.as_deref()),
            ],
        )?;
        self.note(Written::Entry(entry.id.clone()));
        Ok(())
    }

    fn entry(&mut self, id: &EntryId) -> Done<Option<Entry>> {
        self.read_entries(select_entry!("snapshot", "WHERE entry_id = $1"), &[id.as_str().into()])
            .map(|mut found| found.pop())
    }

    fn entries(&mut self, wanted: &Wanted<'_>) -> Done<Vec<Entry>> {
        entry_row::list(self, wanted)
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> Done<Moment> {
        entry_row::last_place(self.connection, user_ids)
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> Done<bool> {
        self.changes_one(
            "UPDATE journal SET undone_by = $1, undone_at = $2 WHERE entry_id = $3 AND undone_by IS NULL",
            &[by.as_str().into(), millis(at), id.as_str().into()],
        )
    }

    fn forget_snapshots(&mut self, which: &Forget) -> Done<u64> {
        match which {
            Forget::Before(time) => self.connection.execute(
                "UPDATE journal SET snapshot = NULL WHERE at < $1 AND snapshot IS NOT NULL",
                &[millis(*time)],
            ),
            Forget::Of(user_id) => self.connection.execute(
                "UPDATE journal SET snapshot = NULL WHERE (primary_id = $1 OR secondary_id = $1) \
                 AND snapshot IS NOT NULL",
                &[user_id.into()],
            ),
        }
    }

    fn user_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<String>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT user_id FROM users WHERE substr(user_id, 1, length($1)) = $1 LIMIT $2",
            &[beginning.into(), (limit as u64).into()],
            &mut |row| {
                found.push(text_of(row, 0, "user_id")?.to_owned());
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn entry_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<EntryId>> {
        entry_row::ids(self.connection, beginning, limit)
    }

    fn import_progress(&mut self, import: &str) -> Done<Option<u64>> {
        let mut lines = None;
        self.connection.query(
            "SELECT lines FROM imports WHERE import = $1",
            &[import.into()],
            &mut |row| {
                lines = row.int(0)?.and_then(|lines| u64::try_from(lines).ok());
                Ok(())
            },
        )?;
        Ok(lines)
    }

    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> Done<()> {
        self.connection.execute(
            "INSERT INTO imports (import, lines, at) VALUES ($1, $2, $3) \
             ON CONFLICT (import) DO UPDATE SET lines = excluded.lines, at = excluded.at",
            &[import.into(), lines.into(), millis(now)],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
