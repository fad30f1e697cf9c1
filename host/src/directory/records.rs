//! What a storage has to do: single records, in transactions. What is done
//! with them is written once, for all storages, as [`Directory`]
//! and [`Administration`].
//!
//! No operation relies on the isolation of transactions: whatever is changed is
//! changed on the condition that it is still at the version that was read, and
//! whatever is added, on the condition that its key is free. A transaction in
//! which such a condition fails ends without a change.

use std::net::IpAddr;
use std::sync::Arc;

use super::credential::Credential;
use super::journal::{Entry, EntryId, Forget};
use super::journal_query::{JournalQuery, Wanted, matching};
use super::undo::{Undo, UndoError, Undoing};
use super::whole::JournalRow;
use super::{
    Administration, Batch, Block, CheckedLink, Directory, DirectoryState, Imported, Stored, Unlink, assumed,
    block, credential, link, undo, unlink, users,
};
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, IdentityKey, MetadataPatch, Moment, Timestamp, User};

/// Why a transaction came to no end.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// This is the answer.
    Answer(ApiError),
    /// Others were in the way: the same again may succeed. What they did.
    Again(String),
}

impl From<ApiError> for Interrupted {
    fn from(error: ApiError) -> Self {
        Self::Answer(error)
    }
}

/// A record was not as it had been read a moment before.
pub(super) fn overtaken(user_id: &str) -> Interrupted {
    Interrupted::Again(format!("others keep changing {user_id}"))
}

pub(super) type Done<T> = Result<T, Interrupted>;

/// How a look-up compares addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    /// Byte for byte, as Auth0 does.
    Exact,
    /// Without regard to the case of ASCII letters.
    IgnoringCase,
}

/// Who has an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) connection: String,
}

/// The records, within one transaction.
/// Logins to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Logins {
    pub(super) count: u64,
    /// When the last one was.
    pub(super) last: Timestamp,
    /// Where it came from, if that is known.
    pub(super) ip: Option<IpAddr>,
}

impl Logins {
    /// The user as they leave it.
    pub(super) fn added_to(self, user: &mut User) {
        user.logins_count = Some(user.logins_count.unwrap_or(0).saturating_add(self.count));
        user.last_login = Some(self.last);
        if let Some(ip) = self.ip {
            user.rest.insert(LAST_IP.to_owned(), ip.to_string().into());
        }
    }
}

/// As Auth0's user object calls where the last login came from.
pub(super) const LAST_IP: &str = "last_ip";

pub(super) fn last_ip(user: &User) -> Option<&str> {
    user.rest.get(LAST_IP).and_then(|ip| ip.as_str())
}

/// How often an identity's owner is looked for while it changes.
const LOOKS: u32 = 3;
/// Only what is in a database is moved as a whole.
fn no_database() -> Interrupted {
    ApiError::Invalid("this directory is not in a database".to_owned()).into()
}

pub(super) trait Records {
    /// The time and the randomness of the directory.
    fn ambient(&self) -> &Ambient;

    fn user(&mut self, user_id: &str) -> Done<Option<Stored>>;
    fn is_user(&mut self, user_id: &str) -> Done<bool> {
        Ok(self.user(user_id)?.is_some())
    }
    fn users_by_email(&mut self, email: &str, matching: Matching, limit: usize) -> Done<Vec<Stored>>;
    fn users_behind(&mut self, after: &str, limit: usize) -> Done<Vec<Stored>>;
    fn count_users(&mut self) -> Done<u64>;

    /// Adds a user without its identities. False if its id is taken.
    fn add_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool>;
    /// Replaces a user at this version, without its identities and its count of
    /// logins, which others may be adding to. False if there is none at it.
    fn replace_user(&mut self, user: &Arc<User>, version: u64) -> Done<bool>;
    /// Removes a user at this version, without its identities.
    fn remove_user(&mut self, user_id: &str, version: u64) -> Done<bool>;
    /// Sets when and how often a user has logged in. False if there is no such
    /// user.
    fn set_logins(&mut self, user: &User) -> Done<bool>;
    /// Counts logins. False if there is no such user.
    fn count_logins(&mut self, user_id: &str, logins: Logins) -> Done<bool>;

    fn owner(&mut self, provider: &str, user_id: &str) -> Done<Option<Owner>>;
    /// The connection of this identity, and the user who has it: two reads by
    /// their keys, which may lie on two nodes. Perhaps no transaction holds them
    /// together, and a link is carried out between them; so the user who is found
    /// must have the identity.
    fn user_of(&mut self, provider: &str, user_id: &str) -> Done<Option<(String, Stored)>> {
        let is_it = |identity: &Identity| identity.provider == provider && identity.user_id == user_id;
        for _ in 0..LOOKS {
            let Some(owner) = self.owner(provider, user_id)? else { return Ok(None) };
            let found = self.user(&owner.user_id)?;
            if let Some(stored) = found.filter(|found| found.user.identities.iter().any(is_it)) {
                return Ok(Some((owner.connection, stored)));
            }
        }
        let why = format!("the owner of {provider}|{user_id} does not have it, and may be changing");
        Err(Interrupted::Again(why))
    }
    /// False if somebody has it.
    fn add_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool>;
    /// False if `from` does not have it.
    fn move_identity(&mut self, identity: &Identity, from: &str, to: &str) -> Done<bool>;
    /// False if `owner` does not have it.
    fn remove_identity(&mut self, identity: &Identity, owner: &str) -> Done<bool>;

    /// By a login in lower case.
    fn credential(&mut self, connection: &str, login: &str) -> Done<Option<Credential>>;
    fn credential_of(&mut self, connection: &str, user_id: &str) -> Done<Option<Credential>>;
    fn has_credentials(&mut self) -> Done<bool>;
    /// False if the identity has one, or if one of its logins is taken.
    fn add_credential(&mut self, credential: &Credential) -> Done<bool>;
    /// False if there is none.
    fn remove_credential(&mut self, connection: &str, user_id: &str) -> Done<bool>;

    fn add_entry(&mut self, entry: &Arc<Entry>) -> Done<()>;
    fn entry(&mut self, id: &EntryId) -> Done<Option<Entry>>;
    /// The newest first, without their snapshots.
    fn entries(&mut self, wanted: &Wanted<'_>) -> Done<Vec<Entry>>;
    /// Where the newest entry stands that has one of these users on either side.
    fn last_place(&mut self, user_ids: [&str; 2]) -> Done<Moment>;
    /// False if it has been undone already.
    fn mark_undone(&mut self, id: &EntryId, by: &EntryId, at: Timestamp) -> Done<bool>;
    fn forget_snapshots(&mut self, which: &Forget) -> Done<u64>;

    /// In no order.
    fn user_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<String>>;
    /// In no order.
    fn entry_ids(&mut self, beginning: &str, limit: usize) -> Done<Vec<EntryId>>;
    /// Credentials whose id and connection come behind these.
    fn credentials_behind(&mut self, _: (&str, &str), _: usize) -> Done<Vec<Credential>> {
        Err(no_database())
    }
    /// Entries whose ids come behind this one, as they are kept.
    fn journal_behind(&mut self, _: &str, _: usize) -> Done<Vec<JournalRow>> {
        Err(no_database())
    }
    /// Adds an entry that was kept elsewhere.
    fn add_journal_row(&mut self, _: &JournalRow) -> Done<()> {
        Err(no_database())
    }

    fn import_progress(&mut self, import: &str) -> Done<Option<u64>>;
    fn set_import_progress(&mut self, import: &str, lines: u64, now: Timestamp) -> Done<()>;
}

/// What a transaction outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Whatever happens once it is answered.
    Power,
    /// The end of the process.
    Process,
}

/// Runs transactions.
pub(super) trait Store: Send + Sync {
    /// The time and the randomness of the directory.
    fn ambient(&self) -> &Ambient;

    /// Runs what only reads.
    fn read<T>(&self, what: impl FnMut(&mut dyn Records) -> Done<T>) -> Result<T, ApiError>;

    /// Runs what only reads, once, on everything as it is at one moment, beside
    /// whoever writes. It may take long.
    fn snapshot<T>(&self, what: impl FnOnce(&mut dyn Records) -> Done<T>) -> Result<T, ApiError>;

    /// Runs a transaction: all of it happens, or, where `what` fails, nothing.
    /// `what` is run again, within bounds, when others were in the way.
    fn write<T>(
        &self,
        durability: Durability,
        what: impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Result<T, ApiError>;

    /// Errors and connections.
    fn state(&self) -> DirectoryState {
        DirectoryState::default()
    }

    /// Counts a login. A storage may write it down a moment later, as long as
    /// every reader sees it at once.
    fn count_login(&self, user_id: &str, login: Logins) -> Result<(), ApiError> {
        self.write(Durability::Process, |records| {
            if records.count_logins(user_id, login)? { Ok(()) } else { Err(users::not_found(user_id)) }
        })
    }
}

impl<S: Store> Directory for S {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| users::by_email(records, email, Matching::IgnoringCase, limit))
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.read(|records| users::existing(records, user_id))
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.read(|records| users::owner(records, identity))
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.write(Durability::Power, |records| link::link(records, link))
    }

    fn patch_metadata(
        &self,
        user_id: &str,
        version: Option<u64>,
        patch: &MetadataPatch,
        now: Timestamp,
    ) -> Result<Stored, ApiError> {
        self.write(Durability::Power, |records| users::patch_metadata(records, user_id, version, patch, now))
    }
}

impl<S: Store> Administration for S {
    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| users::by_email(records, email, Matching::Exact, limit))
    }

    fn page(&self, after: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| records.users_behind(after, limit))
    }

    fn each_user(&self, each: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError> {
        self.snapshot(|records| users::each(records, each))
    }

    fn create(&self, user: User) -> Result<Stored, ApiError> {
        let user = Arc::new(users::checked(user)?);
        self.write(Durability::Power, |records| users::create(records, &user))
    }

    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError> {
        let user = Arc::new(users::checked(user)?);
        self.write(Durability::Power, |records| users::update(records, &user, version))
    }

    fn delete(&self, user_id: &str) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| users::delete(records, user_id))
    }

    fn count(&self) -> Result<u64, ApiError> {
        self.read(|records| records.count_users())
    }

    fn credential(&self, connection: &str, login: &str) -> Result<Option<Credential>, ApiError> {
        let login = login.to_ascii_lowercase();
        self.read(|records| records.credential(connection, &login))
    }

    fn holders(&self, connection: &str, email: &str) -> Result<Vec<Credential>, ApiError> {
        let email = email.to_ascii_lowercase();
        self.read(|records| credential::holders(records, connection, &email))
    }

    fn credential_of(&self, connection: &str, user_id: &str) -> Result<Option<Credential>, ApiError> {
        self.read(|records| records.credential_of(connection, user_id))
    }

    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.write(Durability::Power, |records| assumed::settle(records, identity))
    }

    fn rehash(&self, known: &Credential, hash: &str) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| credential::rehash(records, known, hash))
    }

    fn sign_up(&self, user: User, credential: &Credential) -> Result<Stored, ApiError> {
        let user = Arc::new(users::checked(user)?);
        let credential = credential::checked(credential)?;
        credential::is_of(&user, &credential)?;
        self.write(Durability::Power, |records| credential::sign_up(records, &user, &credential))
    }

    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError> {
        let credential = credential::checked(credential)?;
        self.write(Durability::Power, |records| credential::set(records, &credential))
    }

    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError> {
        let user = Arc::new(users::checked(user)?);
        let credential = credential::checked(credential)?;
        credential::is_of(&user, &credential)?;
        self.write(Durability::Power, |records| {
            credential::change_login(records, &user, version, &credential)
        })
    }

    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError> {
        self.write(Durability::Power, |records| users::import(records, batch))
    }

    fn import_progress(&self, import: &str) -> Result<u64, ApiError> {
        self.read(|records| Ok(records.import_progress(import)?.unwrap_or(0)))
    }

    fn count_login(&self, user_id: &str, now: Timestamp, ip: Option<IpAddr>) -> Result<(), ApiError> {
        Store::count_login(self, user_id, Logins { count: 1, last: now, ip })
    }

    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError> {
        self.write(Durability::Power, |records| unlink::unlink(records, unlink))
    }

    fn block(&self, block: &Block) -> Result<Stored, ApiError> {
        self.write(Durability::Power, |records| block::block(records, block))
    }

    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError> {
        let Some((provider, id)) = identity.split_once('|') else { return Ok(None) };
        self.read(|records| Ok(records.user_of(provider, id)?.map(|(_, stored)| stored)))
    }

    fn user_ids(&self, beginning: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.read(|records| records.user_ids(beginning, limit))
    }

    fn entry_ids(&self, beginning: &str, limit: usize) -> Result<Vec<EntryId>, ApiError> {
        self.read(|records| records.entry_ids(beginning, limit))
    }

    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError> {
        self.read(|records| matching(records, query))
    }

    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError> {
        let entry = self.read(|records| records.entry(id))?;
        entry.ok_or_else(|| ApiError::NotFound(format!("the journal has no entry {id}")))
    }

    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError> {
        if undo.dry_run {
            return self.read(|records| undo::plan(records, undo))?.map(undo::Plan::into_undoing);
        }
        self.write(Durability::Power, |records| undo::undo(records, undo))?
    }

    fn check(&self) -> Result<(), ApiError> {
        // An id that no user has.
        self.read(|records| records.is_user("|")).map(drop)
    }

    fn state(&self) -> DirectoryState {
        Store::state(self)
    }

    fn ambient(&self) -> &Ambient {
        Store::ambient(self)
    }

    fn forget_snapshots(&self, which: &Forget) -> Result<u64, ApiError> {
        self.write(Durability::Power, |records| records.forget_snapshots(which))
    }
}
