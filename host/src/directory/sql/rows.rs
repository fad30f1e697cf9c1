//! The records of a directory, as rows of a database.

use std::sync::Arc;

use super::columns::{missing, required_text, time_param};
use super::connection::{Connection, Param};
use super::login_counts::LoginCounts;
use super::lost_commit::CommitProof;
use super::seal::Seal;
use super::user_rows::{read_user, select_user, user_document};
use super::{credential_rows, dump_rows, identity_rows, journal_rows};
use crate::ambient::Ambient;
use crate::directory::counted_login::IdentityUse;
use crate::directory::credential::Credential;
use crate::directory::entry_state::EntryState;
use crate::directory::journal::{Entry, EntryId, SnapshotSelection, UndoneLink};
use crate::directory::journal_query::EntryFilter;
use crate::directory::journal_row::JournalRow;
use crate::directory::records::{LoginTally, Matching, OwnedIdentity, Owner, Records, TxResult, last_ip};
use crate::directory::stored::Stored;
use crate::model::{Identity, Moment, Timestamp, User};

/// The records that one connection reads and writes.
pub(super) struct Rows<'a, C> {
    pub(super) connection: &'a mut C,
    pub(super) seal: &'a Seal,
    /// Logins that are counted but not written yet. Reads include them.
    pub(super) pending: Option<&'a LoginCounts>,
    /// A record that proves that the transaction was committed.
    pub(super) proof: Option<CommitProof>,
}

impl<'a, C> Rows<'a, C> {
    /// Creates the records of a connection.
    pub(super) fn new(connection: &'a mut C, seal: &'a Seal) -> Self {
        Self { connection, seal, pending: None, proof: None }
    }

    /// Notes a written record as a proof of the commit.
    pub(super) fn note(&mut self, proof: CommitProof) {
        self.proof = CommitProof::stronger_of(self.proof.take(), proof);
    }
}

impl<C: Connection> Rows<'_, C> {
    /// Runs a statement, and returns whether it changed one row.
    pub(super) fn changes_one(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<bool> {
        self.connection.execute(statement, params).map(|changed| changed == 1)
    }

    /// Adds the pending login of an identity to its owner.
    fn with_pending_use(&self, owner: Owner, identity: (&str, &str)) -> Owner {
        let pending = self.pending.and_then(|it| it.last_use(&owner.user_id, identity));
        Owner { last_login: pending.or(owner.last_login), ..owner }
    }

    /// Runs a statement that reads users.
    pub(super) fn read_users(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
    ) -> TxResult<Vec<Stored>> {
        let mut found = Vec::new();
        let pending = self.pending;
        self.connection.query(statement, params, &mut |row| {
            let stored = read_user(row)?;
            found.push(match pending {
                Some(pending) => pending.with_pending(stored),
                None => stored,
            });
            Ok(())
        })?;
        Ok(found)
    }
}

impl<C: Connection> Records for Rows<'_, C> {
    fn ambient(&self) -> &Ambient {
        &self.seal.ambient
    }

    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>> {
        self.read_users(select_user!("WHERE user_id = $1"), &[user_id.into()]).map(|mut found| found.pop())
    }

    fn is_user(&mut self, user_id: &str) -> TxResult<bool> {
        let mut found = false;
        self.connection.query("SELECT 1 FROM users WHERE user_id = $1", &[user_id.into()], &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> TxResult<Vec<Stored>> {
        let lower = email.to_ascii_lowercase();
        let limit = Param::from(limit as u64);
        match matching {
            Matching::Exact => self.read_users(
                select_user!("WHERE email_lower = $1 AND email = $2 LIMIT $3"),
                &[(&lower).into(), email.into(), limit],
            ),
            Matching::IgnoringCase => {
                self.read_users(select_user!("WHERE email_lower = $1 LIMIT $2"), &[(&lower).into(), limit])
            }
        }
    }

    fn users_behind(&mut self, after: &str, limit: usize) -> TxResult<Vec<Stored>> {
        self.read_users(
            select_user!("WHERE user_id > $1 ORDER BY user_id LIMIT $2"),
            &[after.into(), (limit as u64).into()],
        )
    }

    fn directory_id(&mut self) -> TxResult<String> {
        let mut found = None;
        self.connection.query("SELECT directory_id FROM directory", &[], &mut |row| {
            found = row.text(0)?.map(str::to_owned);
            Ok(())
        })?;
        found.ok_or_else(|| missing("directory_id"))
    }

    fn count_users(&mut self) -> TxResult<u64> {
        let mut count = 0;
        self.connection.query("SELECT COUNT(*) FROM users", &[], &mut |row| {
            count =
                row.int(0)?.and_then(|count| u64::try_from(count).ok()).ok_or_else(|| missing("count"))?;
            Ok(())
        })?;
        Ok(count)
    }

    fn add_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
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
                user.last_login.map_or(Param::Int(None), time_param),
                Param::Text(last_ip(user)),
                (&user_document(user)?).into(),
            ],
        )?;
        if is_done {
            self.note(CommitProof::User(user.clone(), version));
        }
        Ok(is_done)
    }

    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool> {
        let lower = user.email.as_ref().map(|email| email.to_ascii_lowercase());
        let is_done = self.changes_one(
            "UPDATE users SET version = version + 1, email = $1, email_lower = $2, document = $3, \
             last_ip = COALESCE(last_ip, $4) WHERE user_id = $5 AND version = $6",
            &[
                Param::Text(user.email.as_deref()),
                Param::Text(lower.as_deref()),
                (&user_document(user)?).into(),
                Param::Text(last_ip(user)),
                (&user.user_id).into(),
                version.into(),
            ],
        )?;
        if is_done {
            self.note(CommitProof::User(user.clone(), version + 1));
        }
        Ok(is_done)
    }

    fn remove_user(&mut self, user_id: &str, version: u64) -> TxResult<bool> {
        let is_done = self.changes_one(
            "DELETE FROM users WHERE user_id = $1 AND version = $2",
            &[user_id.into(), version.into()],
        )?;
        if is_done {
            self.note(CommitProof::Removed(user_id.to_owned()));
        }
        Ok(is_done)
    }

    fn set_logins(&mut self, user: &User) -> TxResult<bool> {
        self.changes_one(
            "UPDATE users SET logins_count = $1, last_login = $2, last_ip = $3 WHERE user_id = $4",
            &[
                user.logins_count.map_or(Param::Int(None), Param::from),
                user.last_login.map_or(Param::Int(None), time_param),
                Param::Text(last_ip(user)),
                (&user.user_id).into(),
            ],
        )
    }

    fn count_logins(&mut self, user_id: &str, logins: &LoginTally) -> TxResult<bool> {
        let ip = logins.ip.map(|ip| ip.to_string());
        let is_done = self.changes_one(
            "UPDATE users SET logins_count = COALESCE(logins_count, 0) + $1, last_login = $2, \
             last_ip = COALESCE($3, last_ip) WHERE user_id = $4",
            &[logins.count.into(), time_param(logins.last), Param::Text(ip.as_deref()), user_id.into()],
        )?;
        for identity_use in logins.uses.iter().filter(|_| is_done) {
            identity_rows::set_use(self.connection, identity_use, user_id)?;
        }
        Ok(is_done)
    }

    fn owner(&mut self, provider: &str, user_id: &str) -> TxResult<Option<Owner>> {
        let found = identity_rows::owner(self.connection, provider, user_id)?;
        Ok(found.map(|owner| self.with_pending_use(owner, (provider, user_id))))
    }

    fn add_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        identity_rows::add(self.connection, identity, owner)
    }

    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> TxResult<bool> {
        identity_rows::set_owner(self.connection, identity, from, to)
    }

    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool> {
        identity_rows::remove(self.connection, identity, owner)
    }

    fn credential(&mut self, connection: &str, login: &str) -> TxResult<Option<Credential>> {
        credential_rows::find_by_login(self.connection, connection, login)
    }

    fn credential_of(&mut self, connection: &str, user_id: &str) -> TxResult<Option<Credential>> {
        credential_rows::find_by_identity(self.connection, connection, user_id)
    }

    fn has_credentials(&mut self) -> TxResult<bool> {
        let mut found = false;
        self.connection.query("SELECT 1 FROM credentials LIMIT 1", &[], &mut |_| {
            found = true;
            Ok(())
        })?;
        Ok(found)
    }

    fn add_credential(&mut self, credential: &Credential) -> TxResult<bool> {
        let is_done = credential_rows::add(self.connection, credential)?;
        if is_done {
            self.note(CommitProof::Credential(credential.clone()));
        }
        Ok(is_done)
    }

    fn remove_credential(&mut self, connection: &str, user_id: &str) -> TxResult<bool> {
        credential_rows::remove(self.connection, connection, user_id)
    }

    fn credentials_behind(&mut self, after: (&str, &str), limit: usize) -> TxResult<Vec<Credential>> {
        dump_rows::credentials(self.connection, after, limit)
    }

    fn identities_behind(&mut self, after: (&str, &str), limit: usize) -> TxResult<Vec<OwnedIdentity>> {
        let found = identity_rows::list_behind(self.connection, after, limit)?;
        let with_pending = |identity: OwnedIdentity| {
            let owner = self.with_pending_use(identity.owner, (&identity.provider, &identity.user_id));
            OwnedIdentity { owner, ..identity }
        };
        Ok(found.into_iter().map(with_pending).collect())
    }

    fn set_use(&mut self, identity_use: &IdentityUse, owner: &str) -> TxResult<bool> {
        identity_rows::set_use(self.connection, identity_use, owner)
    }

    fn journal_behind(&mut self, after: &str, limit: usize) -> TxResult<Vec<JournalRow>> {
        dump_rows::journal(self.connection, after, limit)
    }

    fn add_journal_row(&mut self, entry: &JournalRow) -> TxResult<()> {
        dump_rows::add_journal(self.connection, entry, self.seal)
    }

    fn add_entry(&mut self, entry: &Arc<Entry>) -> TxResult<()> {
        journal_rows::add(self.connection, entry, self.seal)?;
        self.note(CommitProof::Entry(entry.id.clone()));
        Ok(())
    }

    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>> {
        journal_rows::find_by_id(self.connection, id, self.seal)
    }

    fn entries(&mut self, filter: &EntryFilter<'_>) -> TxResult<Vec<Entry>> {
        journal_rows::list(self.connection, filter, self.seal)
    }

    fn last_place(&mut self, user_ids: [&str; 2]) -> TxResult<Moment> {
        journal_rows::last_place(self.connection, user_ids)
    }

    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> TxResult<bool> {
        journal_rows::mark_undone(self.connection, id, UndoneLink { by: by.clone(), at })
    }

    fn clear_undone(&mut self, id: &EntryId, by: &EntryId) -> TxResult<bool> {
        journal_rows::clear_undone(self.connection, id, by)
    }

    fn set_state(&mut self, id: &EntryId, from: EntryState, to: EntryState) -> TxResult<bool> {
        journal_rows::set_state(self.connection, id, from, to)
    }

    fn unfinished_entries(&mut self, user_id: Option<&str>, limit: usize) -> TxResult<Vec<Entry>> {
        journal_rows::list_unfinished(self.connection, user_id, limit, self.seal)
    }

    fn add_claim(&mut self, user_id: &str, id: &EntryId) -> TxResult<bool> {
        journal_rows::add_claim(self.connection, user_id, id)
    }

    fn remove_claims(&mut self, id: &EntryId) -> TxResult<()> {
        journal_rows::remove_claims(self.connection, id)
    }

    fn forget_snapshots(&mut self, which: &SnapshotSelection) -> TxResult<u64> {
        journal_rows::forget_snapshots(self.connection, which)
    }

    fn user_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<String>> {
        let mut found = Vec::new();
        self.connection.query(
            "SELECT user_id FROM users WHERE substr(user_id, 1, length($1)) = $1 LIMIT $2",
            &[prefix.into(), (limit as u64).into()],
            &mut |row| {
                found.push(required_text(row, 0, "user_id")?.to_owned());
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn entry_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<EntryId>> {
        journal_rows::find_ids(self.connection, prefix, limit)
    }

    fn import_progress(&mut self, import: &str) -> TxResult<Option<u64>> {
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

    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> TxResult<()> {
        self.connection.execute(
            "INSERT INTO imports (import, lines, at) VALUES ($1, $2, $3) \
             ON CONFLICT (import) DO UPDATE SET lines = excluded.lines, at = excluded.at",
            &[import.into(), lines.into(), time_param(now)],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
