//! The links of several groups as rows: many rows with one statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::columns::unwritable;
use super::connection::{Connection, Param};
use super::identity_rows;
use super::journal_rows::{self, list_newest};
use super::lost_commit::CommitProof;
use super::rows::Rows;
use super::user_rows::{select_user, user_document};
use crate::directory::backfill_store::{GroupClaim, GroupResult};
use crate::directory::group_records::{GroupRecords, MovedIdentity};
use crate::directory::journal::Entry;
use crate::directory::records::{Records, TxResult, last_ip};
use crate::directory::seal_key::to_hexadecimal;
use crate::directory::stored::Stored;
use crate::model::{Moment, User};

/// The texts of a parameter, which is a list in JSON, as a query of PostgreSQL.
macro_rules! postgres_list {
    ($param:literal) => {
        concat!("(SELECT jsonb_array_elements_text(CAST(CAST(", $param, " AS TEXT) AS JSONB)))")
    };
}

/// The same as a query of SQLite.
macro_rules! sqlite_list {
    ($param:literal) => {
        concat!("(SELECT value FROM json_each(", $param, "))")
    };
}

macro_rules! select_beside {
    ($list:ident) => {
        select_user!(concat!(
            "WHERE email_lower IN (SELECT email_lower FROM users WHERE user_id IN ",
            $list!("$1"),
            ") LIMIT $2"
        ))
    };
}

/// Rows are locked in the order of a link, which compares ids byte by byte. `lock` is what locks them.
macro_rules! select_by_emails {
    ($list:ident, $lock:literal) => {
        select_user!(concat!("WHERE email_lower IN ", $list!("$1"), $lock))
    };
}

macro_rules! last_place {
    ($list:ident) => {
        concat!(
            "SELECT MAX(place) FROM (SELECT place + 0 AS place FROM journal WHERE primary_id IN ",
            $list!("$1"),
            " UNION ALL SELECT place + 0 FROM journal WHERE secondary_id IN ",
            $list!("$1"),
            ") AS entries"
        )
    };
}

macro_rules! remove_users {
    ($list:ident) => {
        concat!("DELETE FROM users WHERE user_id IN ", $list!("$1"))
    };
}

macro_rules! finish_groups {
    ($list:ident) => {
        concat!(
            "UPDATE backfill_groups SET state = $1, reason = $2, detail = $3, claim = NULL, claimed_until = NULL \
             WHERE run_id = $4 AND claim = $5 AND group_id IN ",
            $list!("$6")
        )
    };
}

fn to_json(list: &(impl Serialize + ?Sized)) -> TxResult<String> {
    serde_json::to_string(list).map_err(|error| unwritable(&error))
}

fn count(changed: u64) -> usize {
    usize::try_from(changed).unwrap_or(usize::MAX)
}

/// An entry of the journal, as the row of a list.
#[derive(Serialize)]
struct EntryRow<'a> {
    entry_id: &'a str,
    kind: &'a str,
    at: u64,
    place: u64,
    primary_id: &'a str,
    secondary_id: &'a str,
    record: String,
    snapshot: Option<String>,
    state: &'a str,
}

/// A user that is replaced, as the row of a list.
#[derive(Serialize)]
struct ReplacedRow<'a> {
    user_id: &'a str,
    version: u64,
    email: Option<&'a str>,
    email_lower: Option<String>,
    document: String,
    last_ip: Option<&'a str>,
}

/// An identity that moves, as the row of a list.
#[derive(Serialize)]
struct MovedRow<'a> {
    user_id: &'a str,
    provider: &'a str,
    from_id: &'a str,
    to_id: &'a str,
}

impl<C: Connection> GroupRecords for Rows<'_, C> {
    fn users_with_addresses_of(&mut self, user_ids: &[&str], limit: usize) -> TxResult<Vec<Stored>> {
        let statement = match C::LOCKS_ROWS {
            true => select_beside!(postgres_list),
            false => select_beside!(sqlite_list),
        };
        self.read_users(statement, &[(&to_json(user_ids)?).into(), (limit as u64).into()])
    }

    fn lock_users_by_emails(&mut self, lower: &[&str], limit: usize) -> TxResult<Vec<Stored>> {
        // SQLite has one writer at a time, and no locks of rows.
        let statement = match C::LOCKS_ROWS {
            true => {
                select_by_emails!(postgres_list, " ORDER BY user_id COLLATE \"C\" LIMIT $2 FOR UPDATE")
            }
            false => select_by_emails!(sqlite_list, " LIMIT $2"),
        };
        self.read_users(statement, &[(&to_json(lower)?).into(), (limit as u64).into()])
    }

    fn last_place_of_any(&mut self, user_ids: &[&str]) -> TxResult<Moment> {
        let statement = match C::LOCKS_ROWS {
            true => last_place!(postgres_list),
            false => last_place!(sqlite_list),
        };
        list_newest(self.connection, statement, &[(&to_json(user_ids)?).into()])
    }

    fn add_entries(&mut self, entries: &[Arc<Entry>]) -> TxResult<()> {
        if !C::LOCKS_ROWS {
            return entries.iter().try_for_each(|entry| self.add_entry(entry));
        }
        let row = |entry: &Arc<Entry>| -> TxResult<String> {
            to_json(&EntryRow {
                entry_id: entry.id.as_str(),
                kind: entry.kind.as_str(),
                at: entry.at.as_millis(),
                place: entry.place.as_micros(),
                primary_id: &entry.primary,
                secondary_id: &entry.secondary,
                record: journal_rows::record(entry)?,
                snapshot: journal_rows::seal_snapshot(entry, self.seal)?.map(|bytes| to_hexadecimal(&bytes)),
                state: entry.state.as_str(),
            })
        };
        let rows: Vec<String> = entries.iter().map(row).collect::<TxResult<_>>()?;
        self.connection.execute(
            "INSERT INTO journal (entry_id, kind, at, place, primary_id, secondary_id, record, snapshot, state) \
             SELECT entry_id, kind, at, place, primary_id, secondary_id, record, decode(snapshot, 'hex'), state \
             FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS new (entry_id TEXT, kind TEXT, \
             at BIGINT, place BIGINT, primary_id TEXT, secondary_id TEXT, record TEXT, snapshot TEXT, \
             state TEXT)",
            &[Param::Text(Some(&format!("[{}]", rows.join(","))))],
        )?;
        if let Some(last) = entries.last() {
            self.note(CommitProof::Entry(last.id.clone()));
        }
        Ok(())
    }

    fn replace_users(&mut self, users: &[(Arc<User>, u64)]) -> TxResult<usize> {
        if !C::LOCKS_ROWS {
            let mut replaced = 0;
            for (user, version) in users {
                replaced += usize::from(self.replace_user(user, *version)?);
            }
            return Ok(replaced);
        }
        let row = |(user, version): &'_ (Arc<User>, u64)| -> TxResult<String> {
            to_json(&ReplacedRow {
                user_id: &user.user_id,
                version: *version,
                email: user.email.as_deref(),
                email_lower: user.email.as_ref().map(|email| email.to_ascii_lowercase()),
                document: user_document(user)?,
                last_ip: last_ip(user),
            })
        };
        let rows: Vec<String> = users.iter().map(row).collect::<TxResult<_>>()?;
        let changed = self.connection.execute(
            "UPDATE users AS known SET version = known.version + 1, email = new.email, \
             email_lower = new.email_lower, document = new.document, \
             last_ip = COALESCE(known.last_ip, new.last_ip) \
             FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS new (user_id TEXT, version BIGINT, \
             email TEXT, email_lower TEXT, document TEXT, last_ip TEXT) \
             WHERE known.user_id = new.user_id AND known.version = new.version",
            &[Param::Text(Some(&format!("[{}]", rows.join(","))))],
        )?;
        Ok(count(changed))
    }

    fn remove_locked_users(&mut self, user_ids: &[&str]) -> TxResult<usize> {
        let statement = match C::LOCKS_ROWS {
            true => remove_users!(postgres_list),
            false => remove_users!(sqlite_list),
        };
        self.connection.execute(statement, &[(&to_json(user_ids)?).into()]).map(count)
    }

    fn move_identities(&mut self, moved: &[MovedIdentity<'_>]) -> TxResult<usize> {
        if !C::LOCKS_ROWS {
            let mut number = 0;
            for it in moved {
                let is_moved = identity_rows::set_owner(self.connection, it.identity, it.from, it.to)?;
                number += usize::from(is_moved);
            }
            return Ok(number);
        }
        let row = |it: &MovedIdentity<'_>| {
            to_json(&MovedRow {
                user_id: &it.identity.user_id,
                provider: &it.identity.provider,
                from_id: it.from,
                to_id: it.to,
            })
        };
        let rows: Vec<String> = moved.iter().map(row).collect::<TxResult<_>>()?;
        let changed = self.connection.execute(
            "UPDATE identities AS known SET owner = new.to_id \
             FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS new (user_id TEXT, provider TEXT, \
             from_id TEXT, to_id TEXT) \
             WHERE known.user_id = new.user_id AND known.provider = new.provider \
             AND known.owner = new.from_id",
            &[Param::Text(Some(&format!("[{}]", rows.join(","))))],
        )?;
        Ok(count(changed))
    }

    fn finish_groups(&mut self, claim: &GroupClaim, results: &[&GroupResult]) -> TxResult<usize> {
        let statement = match C::LOCKS_ROWS {
            true => finish_groups!(postgres_list),
            false => finish_groups!(sqlite_list),
        };
        let mut by_end: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
        for GroupResult { group_id, state, reason, detail } in results.iter().copied() {
            by_end.entry((state.as_str(), reason, detail)).or_default().push(group_id);
        }
        let mut finished = 0;
        for ((state, reason, detail), ids) in by_end {
            let changed = self.connection.execute(
                statement,
                &[
                    state.into(),
                    reason.into(),
                    detail.into(),
                    (&claim.run_id).into(),
                    (&claim.claim).into(),
                    (&to_json(&ids)?).into(),
                ],
            )?;
            finished += count(changed);
        }
        Ok(finished)
    }
}
