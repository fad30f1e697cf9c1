//! Dumping and restoring a whole directory: users, credentials and the journal with its
//! snapshots. For moving a directory to another database.

use std::sync::Arc;

use super::counted_login::IdentityUse;
use super::credential::{self, Credential};
use super::journal_row::JournalRow;
use super::records::{OwnedIdentity, Records, TxResult};
use super::sql::SqlDirectory;
use super::store::{Durability, Store};
use super::users::{first_version, for_each, validate};
use crate::model::{ApiError, User};

/// The number of credentials or entries read at a time.
const PAGE: usize = 1_000;

/// One record of a dump.
#[derive(Debug)]
pub enum DumpRecord {
    /// A user with its identities and its count of logins.
    User(Box<User>),
    /// The last login of an identity.
    Use(IdentityUse),
    /// A credential.
    Credential(Credential),
    /// An entry of the journal.
    Entry(JournalRow),
}

impl SqlDirectory {
    /// Calls `each` with every record of one consistent snapshot, until it returns false:
    /// first the users, then the last logins of identities, the credentials and the journal.
    ///
    /// # Errors
    ///
    /// If the directory fails.
    pub fn for_each_record(&self, each: &mut dyn FnMut(DumpRecord) -> bool) -> Result<(), ApiError> {
        self.snapshot(|records| {
            let mut goes_on = true;
            for_each(records, &mut |stored| {
                goes_on = each(DumpRecord::User(Box::new(User::clone(&stored.user))));
                goes_on
            })?;
            let mut after = (String::new(), String::new());
            while goes_on {
                let page = records.identities_behind((&after.0, &after.1), PAGE)?;
                let Some(last) = page.last() else { break };
                after = (last.user_id.clone(), last.provider.clone());
                goes_on = page.into_iter().filter_map(to_use).all(&mut *each);
            }
            let mut after = (String::new(), String::new());
            while goes_on {
                let page = records.credentials_behind((&after.0, &after.1), PAGE)?;
                let Some(last) = page.last() else { break };
                after = (last.user_id.clone(), last.connection.clone());
                goes_on = page.into_iter().all(|credential| each(DumpRecord::Credential(credential)));
            }
            let mut after = String::new();
            while goes_on {
                let page = records.journal_behind(&after, PAGE)?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.columns.entry_id);
                goes_on = page.into_iter().all(|entry| each(DumpRecord::Entry(entry)));
            }
            Ok(())
        })
    }

    /// Restores every record that `next` returns, all of them or none. Plain snapshots
    /// are encrypted if this directory has a key.
    ///
    /// # Errors
    ///
    /// `invalid` if the directory is not empty or a record is malformed; the errors of
    /// `next`; the errors of the directory.
    pub fn restore(
        &self,
        next: &mut dyn FnMut() -> Result<Option<DumpRecord>, ApiError>,
    ) -> Result<(), ApiError> {
        let mut is_first = true;
        self.write(Durability::Power, |records| {
            if !std::mem::take(&mut is_first) {
                return Err(ApiError::Unavailable("the connection to the database ended, or other transactions conflicted; nothing was moved, try again".to_owned()).into());
            }
            let entries = records.journal_behind("", 1)?;
            if records.count_users()? > 0 || records.has_credentials()? || !entries.is_empty() {
                let why = "the directory is not empty; a whole directory can only be restored into an empty one".to_owned();
                return Err(ApiError::Invalid(why).into());
            }
            while let Some(held) = next()? {
                restore_record(records, held)?;
            }
            Ok(())
        })
    }
}

/// Returns the last login of an identity, if one was counted.
fn to_use(OwnedIdentity { provider, user_id, owner }: OwnedIdentity) -> Option<DumpRecord> {
    owner.last_login.map(|at| DumpRecord::Use(IdentityUse { provider, user_id, at }))
}

/// Restores one record.
fn restore_record(records: &mut dyn Records, held: DumpRecord) -> TxResult<()> {
    let twice = |what: String| Err(ApiError::Invalid(format!("{what} appears twice")).into());
    match held {
        DumpRecord::User(user) => {
            let user = Arc::new(validate(*user)?);
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
        DumpRecord::Use(identity_use) => {
            let IdentityUse { provider, user_id, .. } = &identity_use;
            let Some(owner) = records.owner(provider, user_id)? else {
                let why = format!("no user has the identity {provider}|{user_id}");
                return Err(ApiError::Invalid(why).into());
            };
            records.set_use(&identity_use, &owner.user_id)?;
        }
        DumpRecord::Credential(credential) => {
            let credential = credential::validate(&credential)?;
            if !records.add_credential(&credential)? {
                return twice(format!("the credential of auth0|{}", credential.user_id));
            }
        }
        DumpRecord::Entry(entry) => records.add_journal_row(&entry)?,
    }
    Ok(())
}
