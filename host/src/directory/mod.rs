//! Where users are kept.
//!
//! | file | what |
//! |---|---|
//! | `records` | what a storage has to do: single records, in transactions |
//! | `users`, `assumed`, `credential`, `block`, `link`, `unlink`, `undo` | what is done with them, once for every storage |
//! | `whole` | everything at once, for moving it to another database |
//! | `journal`, `journal_query` | what a link destroys, kept so that it can be undone, and what is asked of it |
//! | `memory`, `sql`, `dry_run` | the storages |

mod arrival;
mod assumed;
mod block;
mod credential;
mod dry_run;
mod journal;
mod journal_query;
mod link;
mod memory;
mod open;
mod records;
mod said;
mod sql;
mod state;
mod undo;
mod unlink;
mod users;
mod whole;

use std::net::IpAddr;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::model::{ApiError, IdentityKey, LinkRequest, MetadataPatch, Timestamp, User};

pub use arrival::{ArrivalError, arrive, arrive_again, first_user};
pub(crate) use assumed::connection_in_id;
pub use block::Block;
pub use credential::Credential;
pub use dry_run::DryRun;
pub use journal::{
    Actor, Entry, EntryId, Evidence, Forget, Kept, Kind, MetadataChange, PluginVersion, Provenance, Snapshot,
    Touched, Undone,
};
pub use journal_query::JournalQuery;
pub use memory::Memory;
pub use open::{Location, Open, OpenError, OpenOptions, open, open_database};
pub(crate) use said::as_user;
pub use sql::{KeyError, SealKey, SqlDirectory};
pub use state::{DirectoryState, PoolState};
pub use undo::{Undo, UndoError, Undoing};
pub use whole::{Held, JournalColumns, JournalRow};

/// A user and the version it is at.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The user.
    pub user: Arc<User>,
    /// Grows with every change of the user, but for the count of its logins.
    pub version: u64,
}

/// A link, the versions of both users that it was decided on, and who decided.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedLink {
    /// What to link.
    pub request: LinkRequest,
    /// The version the primary must be at; none if any will do.
    pub primary_version: Option<u64>,
    /// The version the secondary must be at; none if any will do.
    pub secondary_version: Option<u64>,
    /// Who links, and on what evidence.
    pub provenance: Arc<Provenance>,
    /// When it happens.
    pub now: Timestamp,
}

/// A linked identity that is to become a user of its own again.
#[derive(Debug, Clone, PartialEq)]
pub struct Unlink {
    /// The user that has it.
    pub primary: String,
    /// The identity's provider.
    pub provider: String,
    /// The identity's id, without the provider's prefix.
    pub user_id: String,
    /// Who unlinks, and on what evidence.
    pub provenance: Arc<Provenance>,
    /// When it happens.
    pub now: Timestamp,
}

/// What became of one line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is there now.
    Added,
    /// It replaced the user of its id.
    Replaced,
    /// It was there already, just so.
    Same,
    /// It was left out; why.
    Refused(Refusal),
}

/// The reason why a line of an import was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is another user of its id, and may not be replaced.
    #[error("the user {0} is there already, otherwise; --replace replaces it")]
    Differs(String),
    /// Somebody else logs in with its address or its username.
    #[error("{by} already has {login} in the database `{connection}`")]
    LoginTaken {
        /// The user id of the one who does, as if its identity stood alone.
        by: String,
        /// The database.
        connection: String,
        /// The address, masked, or the username.
        login: String,
    },
    /// It cannot be taken; why.
    #[error("{0}")]
    Unfit(String),
}

/// A user as a line of an import brings it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// The hash of the password with which its own identity logs in to a database,
    /// if the line has one.
    pub password: Option<String>,
    /// Whether the line says if the user is blocked.
    pub is_block_said: bool,
}

impl From<User> for UserWithPassword {
    fn from(user: User) -> Self {
        Self { user, password: None, is_block_said: true }
    }
}

/// Behind an import's name: how many of its lines were left out so far.
pub const LEFT_OUT: &str = "/left out";
/// Behind an import's name: how many of its lines are users of the directory.
const TAKEN: &str = "/taken";

/// Some lines of an import, and how far the import has come with them. They are
/// read in the transaction: many users as text take less memory than as users.
pub struct Batch<'a> {
    /// The lines, each with its number.
    pub lines: &'a [(u64, Box<str>)],
    /// Reads a line; says what is wrong with it.
    pub read: &'a dyn Fn(u64, &str) -> Result<UserWithPassword, String>,
    /// Whether a user may replace the one of its id.
    pub replace: bool,
    /// Whether the first line that is refused ends the batch; it is the last of
    /// the answer then.
    pub strict: bool,
    /// The import's name, if it is to go on where it stopped.
    pub import: Option<&'a str>,
    /// When it happens.
    pub now: Timestamp,
}

/// What a login needs: users and their identities, with Auth0's semantics.
///
/// # Errors
///
/// Every method answers with an [`ApiError`] where it does not do as asked;
/// nothing has changed then.
pub trait Directory: Send + Sync {
    /// Users whose root `email` is this address but for the case of ASCII
    /// letters, in the order of their ids, at most `limit`. Never Unicode case
    /// mapping: `ı` is not `i`. Linked identities' addresses do not count.
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Whether [`Directory::find_by_email`] finds an address whatever the case
    /// of its ASCII letters. A directory that cannot, such as Auth0's, finds
    /// the address in exactly this case only.
    fn ignores_case(&self) -> bool {
        true
    }

    /// One user by its id; `not-found` if there is none, which is so for a user
    /// that has become an identity of another.
    fn get(&self, user_id: &str) -> Result<Stored, ApiError>;

    /// The user that has this identity, be it the primary one or a linked one.
    /// `invalid` if the identity is known through another connection.
    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError>;

    /// Links two users, writes the metadata and the journal in one transaction,
    /// if both are still at the versions given; `state-changed` otherwise, and
    /// `already-linked` if one of them is another user's identity by now.
    /// Returns the primary as it is now.
    ///
    /// Source: Auth0 Management API v2, `POST /api/v2/users/{id}/identities`.
    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError>;

    /// Merges patches into a user's metadata, on the first level. With a
    /// version, only if the user is still at it; `state-changed` otherwise.
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    fn patch_metadata(
        &self,
        user_id: &str,
        version: Option<u64>,
        patch: &MetadataPatch,
        now: Timestamp,
    ) -> Result<Stored, ApiError>;
}

/// What operators and a tenant do besides.
///
/// # Errors
///
/// As in [`Directory`].
pub trait Administration: Directory {
    /// Users whose root `email` is exactly this address, byte for byte, in the
    /// order of their ids, at most `limit`. For the Management API, whose
    /// look-up is case-sensitive; logins use [`Directory::find_by_email`].
    ///
    /// Source: Auth0 Management API v2, `GET /api/v2/users-by-email`.
    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Users whose ids come behind `after`, in the storage's order of ids, at
    /// most `limit`.
    fn page(&self, after: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Hands out every user as it is at one moment, in the storage's order of ids,
    /// until `each` answers false. Others go on meanwhile.
    fn each_user(&self, each: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError>;

    /// Adds a user. `already-linked` if one of its identities is another
    /// user's, `invalid` if there is a user with its id.
    fn create(&self, user: User) -> Result<Stored, ApiError>;

    /// Replaces a user but for its count of logins, if it is still at this
    /// version; `state-changed` otherwise. Its identities stay the same:
    /// `invalid` if they do not.
    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError>;

    /// Removes a user and with it its identities and their credentials. False
    /// if there was none.
    ///
    /// Source: Auth0 Management API v2, `DELETE /api/v2/users/{id}`.
    fn delete(&self, user_id: &str) -> Result<bool, ApiError>;

    /// How many users there are. Reads them all on some storages.
    fn count(&self) -> Result<u64, ApiError>;

    /// The credential of this connection with this address or username, but for
    /// the case of ASCII letters.
    fn credential(&self, connection: &str, login: &str) -> Result<Option<Credential>, ApiError>;

    /// The holders of an address in this connection, but for the case of ASCII
    /// letters: the credential that has it; otherwise, one for each identity with that
    /// address that logs in with no other, such as those of an import.
    fn holders(&self, connection: &str, email: &str) -> Result<Vec<Credential>, ApiError>;

    /// The credential of this connection's identity with this id (without
    /// `auth0|`), whichever user it is linked to.
    fn credential_of(&self, connection: &str, user_id: &str) -> Result<Option<Credential>, ApiError>;

    /// The user that has this identity, of which a login has just arrived through
    /// this connection. If an import had only assumed the identity's connection, it
    /// is this one from now on, for good; `invalid` if it is known to be another.
    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError>;

    /// Replaces a credential's hash by another one of the same password. False if
    /// the credential is no longer the given one: the password has changed.
    fn rehash(&self, known: &Credential, hash: &str) -> Result<bool, ApiError>;

    /// Adds a user, and the credential of one of its identities, in one
    /// transaction. As [`Administration::create`], and `invalid` if the address
    /// or the username is taken in that connection (as [`Administration::holders`]
    /// has it), if the identity is none of the user's, or if the credential cannot
    /// be kept.
    ///
    /// Source: Auth0 Authentication API, `POST /dbconnections/signup`.
    fn sign_up(&self, user: User, credential: &Credential) -> Result<Stored, ApiError>;

    /// Adds or replaces the credential of an identity; links and unlinks leave
    /// it alone. `not-found` if nobody has the identity, `invalid` if it is
    /// another connection's, if the address or the username is taken, or if the
    /// credential cannot be kept.
    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError>;

    /// Replaces a user at this version, and the credential of one of its
    /// identities, in one transaction: [`Administration::update`] and
    /// [`Administration::set_credential`].
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError>;

    /// Adds users, each of them wholly or not, and writes down how far the
    /// import has come, all in one transaction. Answers for every line.
    /// Passwords that somebody has stay as they are; usernames, and addresses of
    /// linked identities, are kept for the users that have them.
    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError>;

    /// How many lines of this import are done. With [`LEFT_OUT`] behind
    /// its name, how many of them were left out.
    fn import_progress(&self, import: &str) -> Result<u64, ApiError>;

    /// Counts a login of this user, from this address if it is known: the user's
    /// `last_ip`. It is no change of the user, and may be lost if the machine
    /// stops within the same moment.
    fn count_login(&self, user_id: &str, now: Timestamp, ip: Option<IpAddr>) -> Result<(), ApiError>;

    /// Makes a linked identity a user of its own, which starts the pair's
    /// cool-down. An identity that the user does not have changes nothing.
    /// Returns the user as it is now.
    ///
    /// Source: Auth0 Management API v2, `DELETE
    /// /api/v2/users/{id}/identities/{provider}/{user_id}`.
    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError>;

    /// Blocks a user or lets it in again, with an entry in the journal; returns it as
    /// it is now. `not-found` if there is none.
    fn block(&self, block: &Block) -> Result<Stored, ApiError>;

    /// The user that has this identity (`provider|id`), be it the primary one or a
    /// linked one, whichever connection it is of.
    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError>;

    /// Ids of users that begin so, at most `limit`. Reads all ids on some storages.
    fn user_ids(&self, beginning: &str, limit: usize) -> Result<Vec<String>, ApiError>;

    /// Ids of entries of the journal that begin so, at most `limit`.
    fn entry_ids(&self, beginning: &str, limit: usize) -> Result<Vec<EntryId>, ApiError>;

    /// Entries of the journal, the newest first, without their snapshots.
    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError>;

    /// One entry of the journal, with its snapshot.
    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError>;

    /// Takes a link back: both users are as they were before it, but for what
    /// [`Undoing`] lists. With `dry_run`, says so and changes nothing.
    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError>;

    /// Reads next to nothing, to tell whether the directory answers.
    fn check(&self) -> Result<(), ApiError>;

    /// Errors and connections since it was opened.
    fn state(&self) -> DirectoryState;

    /// The time and the randomness that it was opened with.
    fn ambient(&self) -> &Ambient;

    /// Erases snapshots from the journal; the entries stay, and can no longer
    /// be undone. Returns how many were erased.
    fn forget_snapshots(&self, which: &Forget) -> Result<u64, ApiError>;
}
