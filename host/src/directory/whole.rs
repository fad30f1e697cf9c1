//! A directory as a whole: users, what they log in with, and the journal with what
//! links have destroyed. For moving it to another database.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::credential::Credential;
use super::records::{Done, Durability, Records, Store};
use super::users::{checked, first_version};
use super::{SqlDirectory, credential};
use crate::model::{ApiError, User};

/// Credentials and entries read at a time.
const PAGE: usize = 1_000;

/// One thing that a directory keeps.
#[derive(Debug)]
pub enum Held {
    /// A user with its identities and its count of logins.
    User(Box<User>),
    /// A credential.
    Credential(Credential),
    /// An entry of the journal.
    Entry(JournalRow),
}

/// An entry of the journal as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its columns that are texts and times.
    pub columns: JournalColumns,
    /// Actor, evidence and reasons, in JSON.
    pub record: String,
    /// The snapshot of a link, encrypted if there is a key.
    pub snapshot: Option<Vec<u8>>,
}

/// The columns of an entry that are texts and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalColumns {
    /// Its id.
    pub entry_id: String,
    /// The kind of the entry.
    pub kind: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Its place in the order of what was done, in microseconds.
    pub place: u64,
    /// The user that stayed.
    pub primary_id: String,
    /// The other one.
    pub secondary_id: String,
    /// The entry of the undo, for a link that was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
    /// And when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<u64>,
}

impl JournalRow {
    /// The record as JSON.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn record_json(&self) -> serde_json::Result<&RawValue> {
        serde_json::from_str(&self.record)
    }
}

impl SqlDirectory {
    /// Hands out everything as it is at one moment, until `each` answers false: the
    /// users, the credentials, the journal.
    ///
    /// # Errors
    ///
    /// When the directory fails.
    pub fn each_held(&self, each: &mut dyn FnMut(Held) -> bool) -> Result<(), ApiError> {
        self.snapshot(|records| {
            let mut goes_on = true;
            super::users::each(records, &mut |stored| {
                goes_on = each(Held::User(Box::new(User::clone(&stored.user))));
                goes_on
            })?;
            let mut after = (String::new(), String::new());
            while goes_on {
                let page = records.credentials_behind((&after.0, &after.1), PAGE)?;
                let Some(last) = page.last() else { break };
                after = (last.user_id.clone(), last.connection.clone());
                goes_on = page.into_iter().all(|credential| each(Held::Credential(credential)));
            }
            let mut after = String::new();
            while goes_on {
                let page = records.journal_behind(&after, PAGE)?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.columns.entry_id);
                goes_on = page.into_iter().all(|entry| each(Held::Entry(entry)));
            }
            Ok(())
        })
    }

    /// Takes over everything that `next` hands out, all of it or nothing. Snapshots
    /// that are not encrypted are, if this directory has a key.
    ///
    /// # Errors
    ///
    /// `invalid` when the directory is not empty, or when something of it cannot be
    /// kept; what `next` answers; when the directory fails.
    pub fn restore(&self, next: &mut dyn FnMut() -> Result<Option<Held>, ApiError>) -> Result<(), ApiError> {
        let mut is_first = true;
        self.write(Durability::Power, |records| {
            if !std::mem::take(&mut is_first) {
                return Err(ApiError::Unavailable("the connection to the database ended, or others were in the way; nothing was moved, try again".to_owned()).into());
            }
            let entries = records.journal_behind("", 1)?;
            if records.count_users()? > 0 || records.has_credentials()? || !entries.is_empty() {
                let why = "the directory is not empty; a whole one is moved into an empty one".to_owned();
                return Err(ApiError::Invalid(why).into());
            }
            while let Some(held) = next()? {
                put(records, held)?;
            }
            Ok(())
        })
    }
}

fn put(records: &mut dyn Records, held: Held) -> Done<()> {
    let twice = |what: String| Err(ApiError::Invalid(format!("{what} stands there twice")).into());
    match held {
        Held::User(user) => {
            let user = Arc::new(checked(*user)?);
            let version = first_version(records.ambient());
            if !records.add_user(&user, version)? {
                return twice(user.user_id.clone());
            }
            for identity in &user.identities {
                if !records.add_identity(identity, &user.user_id)? {
                    return twice(identity.as_user_id());
                }
            }
        }
        Held::Credential(credential) => {
            let credential = credential::checked(&credential)?;
            if !records.add_credential(&credential)? {
                return twice(format!("the credential of auth0|{}", credential.user_id));
            }
        }
        Held::Entry(entry) => records.add_journal_row(&entry)?,
    }
    Ok(())
}
