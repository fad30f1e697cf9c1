//! The records of a storage, within one transaction.
//!
//! No operation relies on the isolation of transactions. A change requires that its
//! record is still at the version that was read, and an insertion requires that its key
//! is free. A transaction in which such a condition fails ends without a change.

use std::net::IpAddr;
use std::sync::Arc;

use super::counted_login::{CountedLogin, IdentityUse};
use super::credential::Credential;
use super::decision_records::DecisionRecords;
use super::entry_state::EntryState;
use super::group_records::GroupRecords;
use super::journal::{Entry, EntryId, SnapshotSelection};
use super::journal_query::EntryFilter;
#[cfg(feature = "_sql")]
use super::journal_row::JournalRow;
use super::run_records::RunRecords;
use super::stored::Stored;
pub(super) use super::tx_result::{TxError, TxResult};
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, IdentityKey, Moment, Timestamp, User};

/// A user's records have changed since they were read.
pub(super) fn conflict(user_id: &str) -> TxError {
    TxError::Conflict(format!("others keep changing {user_id}"))
}

/// A user does not exist.
pub(super) fn not_found(user_id: &str) -> TxError {
    ApiError::NotFound(user_id.to_owned()).into()
}

/// An identity belongs to another connection than the given one.
pub(super) fn other_connection(identity: IdentityKey<'_>, known: &str) -> TxError {
    let IdentityKey { connection, provider, user_id } = identity;
    ApiError::Invalid(format!(
        "the identity {provider}|{user_id} belongs to the connection `{known}`, not to `{connection}`"
    ))
    .into()
}

/// The comparison of addresses in a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// Byte by byte, as Auth0 does.
    Exact,
    /// Ignoring the case of ASCII letters.
    IgnoringCase,
}

/// The user that has an identity, and the identity's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) connection: String,
    /// The time of the identity's last login, if one was counted.
    pub(super) last_login: Option<Timestamp>,
}

/// An identity with its owner.
#[cfg(feature = "_sql")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnedIdentity {
    pub(super) provider: String,
    pub(super) user_id: String,
    pub(super) owner: Owner,
}

/// Logins of a user to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginTally {
    pub(super) count: u64,
    /// The time of the last one.
    pub(super) last: Timestamp,
    /// The IP address of the last one, if it is known.
    pub(super) ip: Option<IpAddr>,
    /// The last logins of the identities that were used. Those that the user does not have are left
    /// out.
    pub(super) uses: Vec<IdentityUse>,
}

impl LoginTally {
    /// Adds logins that were counted later, regardless of the clock.
    pub(super) fn add_later(&mut self, later: Self) {
        self.count = self.count.saturating_add(later.count);
        self.last = later.last;
        self.ip = later.ip.or(self.ip);
        self.uses.retain(|known| !later.uses.iter().any(|it| it.is_of(&known.provider, &known.user_id)));
        self.uses.extend(later.uses);
    }

    /// Adds the logins to a user.
    pub(super) fn add_to(&self, user: &mut User) {
        user.logins_count = Some(user.logins_count.unwrap_or(0).saturating_add(self.count));
        user.last_login = Some(self.last);
        if let Some(ip) = self.ip {
            user.rest.insert(LAST_IP.to_owned(), ip.to_string().into());
        }
    }
}

impl From<&CountedLogin<'_>> for LoginTally {
    fn from(login: &CountedLogin<'_>) -> Self {
        let of_identity = |(provider, user_id): (&str, &str)| IdentityUse {
            provider: provider.to_owned(),
            user_id: user_id.to_owned(),
            at: login.at,
        };
        let uses = login.identity.map(of_identity).into_iter().collect();
        Self { count: 1, last: login.at, ip: login.ip, uses }
    }
}

/// The field of Auth0's user object for the IP address of the last login.
pub(super) const LAST_IP: &str = "last_ip";

/// Returns the IP address of a user's last login.
pub(super) fn last_ip(user: &User) -> Option<&str> {
    user.rest.get(LAST_IP).and_then(|ip| ip.as_str())
}

/// The number of attempts to read an identity and its owner consistently.
const LOOKS: u32 = 3;

/// Only databases can be dumped and restored.
#[cfg(feature = "_sql")]
fn no_database() -> TxError {
    ApiError::Invalid("this directory is not in a database".to_owned()).into()
}

/// The records within one transaction. Methods that change a record return false if
/// their condition does not hold.
pub(super) trait Records: DecisionRecords + RunRecords + GroupRecords {
    /// Returns the clock and the source of randomness.
    fn ambient(&self) -> &Ambient;

    /// Returns the id of the directory, which no other one has.
    fn directory_id(&mut self) -> TxResult<String>;

    /// Returns a user by its id.
    fn user(&mut self, user_id: &str) -> TxResult<Option<Stored>>;
    /// Returns whether there is a user with this id.
    fn is_user(&mut self, user_id: &str) -> TxResult<bool> {
        Ok(self.user(user_id)?.is_some())
    }
    /// Returns users by their root address, in no order.
    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> TxResult<Vec<Stored>>;
    /// Returns the users whose ids follow `after`, ordered by id.
    fn users_behind(&mut self, after: &str, limit: usize) -> TxResult<Vec<Stored>>;
    /// Counts the users.
    fn count_users(&mut self) -> TxResult<u64>;

    /// Adds a user without its identities. Returns false if its id is taken.
    fn add_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool>;
    /// Replaces a user at this version. Its identities and its count of logins, which
    /// others may be increasing, stay as they are. Returns false if the user is not at
    /// this version.
    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> TxResult<bool>;
    /// Removes a user at this version, without its identities. Returns false if the user
    /// is not at this version.
    fn remove_user(&mut self, user_id: &str, version: u64) -> TxResult<bool>;
    /// Sets the time and the number of a user's logins. Returns false if there is no such
    /// user.
    fn set_logins(&mut self, user: &User) -> TxResult<bool>;
    /// Counts logins. Returns false if there is no such user.
    fn count_logins(&mut self, user_id: &str, logins: &LoginTally) -> TxResult<bool>;

    /// Returns the owner of an identity.
    fn owner(&mut self, provider: &str, user_id: &str) -> TxResult<Option<Owner>>;
    /// Returns an identity's connection and its user. These are two reads by key, which
    /// may go to two nodes, and a link may happen between them. So the user that is
    /// found must have the identity; otherwise both are read again.
    fn user_of(&mut self, provider: &str, user_id: &str) -> TxResult<Option<(String, Stored)>> {
        let is_it = |identity: &Identity| identity.provider == provider && identity.user_id == user_id;
        for _ in 0..LOOKS {
            let Some(owner) = self.owner(provider, user_id)? else { return Ok(None) };
            let found = self.user(&owner.user_id)?;
            if let Some(stored) = found.filter(|found| found.user.identities.iter().any(is_it)) {
                return Ok(Some((owner.connection, stored)));
            }
        }
        let why = format!("the owner of {provider}|{user_id} does not have it, and may be changing");
        Err(TxError::Conflict(why))
    }
    /// Adds an identity. Returns false if a user already has it.
    fn add_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool>;
    /// Moves an identity to another user. Returns false if `from` does not have it.
    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> TxResult<bool>;
    /// Removes an identity. Returns false if `owner` does not have it.
    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> TxResult<bool>;

    /// Returns a credential by its address or username in lower case.
    fn credential(&mut self, connection: &str, login: &str) -> TxResult<Option<Credential>>;
    /// Returns the credential of an identity.
    fn credential_of(&mut self, connection: &str, user_id: &str) -> TxResult<Option<Credential>>;
    /// Returns whether there are any credentials.
    fn has_credentials(&mut self) -> TxResult<bool>;
    /// Adds a credential. Returns false if the identity already has one, or if its address
    /// or username is taken.
    fn add_credential(&mut self, credential: &Credential) -> TxResult<bool>;
    /// Removes a credential. Returns false if there is none.
    fn remove_credential(&mut self, connection: &str, user_id: &str) -> TxResult<bool>;

    /// Adds an entry to the journal.
    fn add_entry(&mut self, entry: &Arc<Entry>) -> TxResult<()>;
    /// Returns an entry, with its snapshot.
    fn entry(&mut self, id: &EntryId) -> TxResult<Option<Entry>>;
    /// Returns the entries that match, the newest first, without their snapshots.
    fn entries(&mut self, filter: &EntryFilter<'_>) -> TxResult<Vec<Entry>>;
    /// Returns the place of the newest entry that has one of these users on either side.
    fn last_place(&mut self, user_ids: [&str; 2]) -> TxResult<Moment>;
    /// Marks a link as undone. Returns false if it already was.
    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> TxResult<bool>;
    /// Withdraws the mark of an undo that did not happen. Returns false if another undo
    /// set the mark.
    fn clear_undone(&mut self, id: &EntryId, by: &EntryId) -> TxResult<bool>;
    /// Sets the state of an entry. Returns false if it is not in the state `from`.
    fn set_state(&mut self, id: &EntryId, from: EntryState, to: EntryState) -> TxResult<bool>;
    /// Returns the unfinished entries of a user or of all, the oldest first, without their
    /// snapshots.
    fn unfinished_entries(&mut self, user_id: Option<&str>, limit: usize) -> TxResult<Vec<Entry>>;
    /// Claims a user for an unfinished entry. Returns false if another one holds the user.
    fn add_claim(&mut self, user_id: &str, id: &EntryId) -> TxResult<bool>;
    /// Releases the users that an entry holds.
    fn remove_claims(&mut self, id: &EntryId) -> TxResult<()>;
    /// Erases snapshots, except for those of unfinished entries, and returns how many.
    fn forget_snapshots(&mut self, which: &SnapshotSelection) -> TxResult<u64>;

    /// Returns the ids of users with this prefix, in no order.
    fn user_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<String>>;
    /// Returns the ids of entries with this prefix, in no order.
    fn entry_ids(&mut self, prefix: &str, limit: usize) -> TxResult<Vec<EntryId>>;
    /// Returns the credentials whose id and connection follow these.
    #[cfg(feature = "_sql")]
    fn credentials_behind(&mut self, _: (&str, &str), _: usize) -> TxResult<Vec<Credential>> {
        Err(no_database())
    }
    /// Returns the identities whose id and provider follow these.
    #[cfg(feature = "_sql")]
    fn identities_behind(&mut self, _: (&str, &str), _: usize) -> TxResult<Vec<OwnedIdentity>> {
        Err(no_database())
    }
    /// Sets the last login of an identity of a user. Returns false if the user does not have it.
    #[cfg(feature = "_sql")]
    fn set_use(&mut self, _: &IdentityUse, _: &str) -> TxResult<bool> {
        Err(no_database())
    }
    /// Returns the stored entries whose ids follow this one.
    #[cfg(feature = "_sql")]
    fn journal_behind(&mut self, _: &str, _: usize) -> TxResult<Vec<JournalRow>> {
        Err(no_database())
    }
    /// Adds an entry from another directory.
    #[cfg(feature = "_sql")]
    fn add_journal_row(&mut self, _: &JournalRow) -> TxResult<()> {
        Err(no_database())
    }

    /// Returns the progress of an import: the number of lines done.
    fn import_progress(&mut self, import: &str) -> TxResult<Option<u64>>;
    /// Records the progress of an import.
    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> TxResult<()>;
}
