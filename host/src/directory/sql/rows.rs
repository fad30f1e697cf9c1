//! The records as rows.

use std::sync::Arc;

use super::connection::{Connection, Param, Row};
use super::credential_rows;
use super::entry_row::{entry, record};
use super::login_counts::LoginCounts;
use super::seal::Seal;
use super::whole_rows;
use crate::directory::Stored;
use crate::directory::credential::Credential;
use crate::directory::journal::{Entry, EntryId, Forget, JournalQuery, Kept};
use crate::directory::records::{Done, Interrupted, LAST_IP, Logins, Matching, Owner, Records, last_ip};
use crate::directory::whole::JournalRow;
use crate::login::{ApiError, Identity, Timestamp, User};

/// The records behind one connection.
pub(super) struct Rows<'a, C> {
    pub(super) connection: &'a mut C,
    pub(super) seal: &'a Seal,
    /// Logins that are counted and not written down yet, for whoever reads.
    pub(super) pending: Option<&'a LoginCounts>,
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
            "SELECT entry_id, kind, at, primary_id, secondary_id, record, undone_by, undone_at, ",
            $snapshot,
            " FROM journal ",
            $rest
        )
    };
}

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

fn millis(at: Timestamp) -> Param<'static> {
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
fn document(user: &User) -> Done<String> {
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

    fn read_entries(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<Vec<Entry>> {
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
        self.changes_one(
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
        )
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool> {
        let lower = user.email.as_ref().map(|email| email.to_ascii_lowercase());
        self.changes_one(
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
        )
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> Done<bool> {
        self.changes_one(
            "DELETE FROM users WHERE user_id = $1 AND version = $2",
            &[user_id.into(), version.into()],
        )
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
        let mut found = None;
        self.connection.query(
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

    fn user_of(&mut self, provider: &str, user_id: &str) -> Done<Option<(String, Stored)>> {
        let mut found = None;
        let pending = self.pending;
        self.connection.query(
            "SELECT u.document, u.version, u.logins_count, u.last_login, u.last_ip, i.connection FROM identities i \
             JOIN users u ON u.user_id = i.owner WHERE i.user_id = $1 AND i.provider = $2",
            &[user_id.into(), provider.into()],
            &mut |row| {
                let connection = text_of(row, 5, "connection")?.to_owned();
                found = Some((connection, with_pending(stored(row)?, pending)));
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        let Identity { provider, user_id, connection, .. } = identity;
        self.changes_one(
            "INSERT INTO identities (provider, user_id, connection, owner) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
            &[provider.into(), user_id.into(), connection.into(), owner.into()],
        )
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> Done<bool> {
        self.changes_one(
            "UPDATE identities SET owner = $1 WHERE user_id = $2 AND provider = $3 AND owner = $4",
            &[to.into(), (&identity.user_id).into(), (&identity.provider).into(), from.into()],
        )
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool> {
        self.changes_one(
            "DELETE FROM identities WHERE user_id = $1 AND provider = $2 AND owner = $3",
            &[(&identity.user_id).into(), (&identity.provider).into(), owner.into()],
        )
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
        credential_rows::add(self.connection, credential)
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
        let kind = serde_json::to_value(entry.kind).map_err(|error| unwritable(&error))?;
        self.connection.execute(
            "INSERT INTO journal (entry_id, kind, at, primary_id, secondary_id, record, snapshot) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                entry.id.as_str().into(),
                kind.as_str().unwrap_or_default().into(),
                millis(entry.at),
                (&entry.primary).into(),
                (&entry.secondary).into(),
                (&record(entry)?).into(),
                Param::Bytes(snapshot.as_deref()),
            ],
        )?;
        Ok(())
    }

    fn entry(&mut self, id: &EntryId) -> Done<Option<Entry>> {
        self.read_entries(select_entry!("snapshot", "WHERE entry_id = $1"), &[id.as_str().into()])
            .map(|mut found| found.pop())
    }

    fn entries(&mut self, query: &JournalQuery) -> Done<Vec<Entry>> {
        let limit = Param::from(query.limit as u64);
        match &query.user_id {
            None => self.read_entries(
                select_entry!("substr(snapshot, 1, 0)", "ORDER BY at DESC, entry_id DESC LIMIT $1"),
                &[limit],
            ),
            Some(user_id) => self.read_entries(
                select_entry!(
                    "substr(snapshot, 1, 0)",
                    "WHERE primary_id = $1 OR secondary_id = $1 ORDER BY at DESC, entry_id DESC LIMIT $2"
                ),
                &[user_id.into(), limit],
            ),
        }
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
