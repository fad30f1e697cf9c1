//! The operations of a directory.

use std::sync::Arc;
use std::time::Duration;

use super::backfill_store::BackfillStore;
use super::counted_login::CountedLogin;
use super::credential::Credential;
use super::group_links::GroupLinker;
use super::import_batch::{Batch, Imported};
use super::journal::{Entry, EntryId, SnapshotSelection};
use super::journal_query::JournalQuery;
use super::kept_decisions::KeptDecisions;
use super::link::{CheckedLink, PairReading};
use super::metadata_update::MetadataUpdate;
use super::repair::Repair;
use super::set_blocked::SetBlocked;
use super::setup_fault::SetupFault;
use super::state::DirectoryState;
use super::stored::Stored;
use super::undo::{Undo, UndoError, Undoing};
use super::unlink::Unlink;
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, IdentityKey, Timestamp, User};

/// The operations that a login needs, with Auth0's semantics.
///
/// # Errors
///
/// Every method returns an [`ApiError`] if it fails. Nothing has changed then.
pub trait Directory: Send + Sync {
    /// Returns the users whose root `email` is this address, ignoring the case of ASCII
    /// letters, ordered by id, at most `limit`. Unicode case mapping is never applied:
    /// `ı` is not `i`. The addresses of linked identities do not count.
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Returns whether [`Directory::find_by_email`] ignores the case of ASCII letters.
    /// Other directories, such as Auth0's, find an address only in exactly this case.
    fn ignores_case(&self) -> bool {
        true
    }

    /// Returns the users with this address as it is written or in lower case, each once,
    /// ordered by id, at most `limit`.
    fn find_by_both_cases(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        let mut found = self.find_by_email(email, limit)?;
        let lower = email.to_ascii_lowercase();
        if lower != email && !self.ignores_case() {
            found.extend(self.find_by_email(&lower, limit)?);
            found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
            found.dedup_by(|a, b| a.user.user_id == b.user.user_id);
            found.truncate(limit);
        }
        Ok(found)
    }

    /// Returns one user by its id. `not-found` if there is none, or if the user has
    /// become an identity of another.
    fn get(&self, user_id: &str) -> Result<Stored, ApiError>;

    /// Returns the user that has this identity, as its primary or a linked one.
    /// `invalid` if the identity belongs to another connection.
    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError>;

    /// Reads the two users of a link again, primary first. `known` are earlier copies of
    /// them.
    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        PairReading { users: known.map(|user| self.get(&user.user_id)), place: None }
    }

    /// Links two users, and writes the metadata and the journal, in one transaction.
    /// `state-changed` if one of them is no longer at the given version;
    /// `already-linked` if one of them has become an identity of another user. Returns
    /// the primary as it is now.
    ///
    /// Source: Auth0 Management API v2, `POST /api/v2/users/{id}/identities`.
    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError>;

    /// Returns this directory with all calls of one login within this time, together; none
    /// if its calls are short anyway, such as those of a database.
    fn for_login(&self, _: Duration) -> Option<Arc<dyn Directory>> {
        None
    }

    /// Merges patches into a user's metadata, on the first level. `state-changed` if
    /// the user is no longer at the version of the update.
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError>;
}

/// The time that a check of the setup may take.
const SETUP: Duration = Duration::from_secs(20);

/// The operations that operators and a tenant need besides.
///
/// # Errors
///
/// The same as for [`Directory`].
pub trait Administration: Directory + KeptDecisions {
    /// Returns the id of the directory, which no other one has: that of its database, or the domain of a
    /// tenant. A copy of a database has the id of its original.
    fn directory_id(&self) -> Result<String, ApiError>;

    /// Returns whether logins create and update users here. A directory that shows the
    /// users of a tenant does not need it: the tenant does so before the login's event.
    fn learns_from_logins(&self) -> bool {
        true
    }

    /// Returns the users whose root `email` is exactly this address, ordered by id, at
    /// most `limit`. For the Management API, whose look-up is case-sensitive; logins
    /// use [`Directory::find_by_email`].
    ///
    /// Source: Auth0 Management API v2, `GET /api/v2/users-by-email`.
    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Returns the users whose ids follow `after`, in the storage's order of ids, at
    /// most `limit`.
    fn page(&self, after: &str, limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Calls `each` with every user of one consistent snapshot, in the storage's order
    /// of ids, until it returns false. Other transactions are not blocked.
    fn each_user(&self, each: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError>;

    /// Adds a user. `already-linked` if one of its identities belongs to another user;
    /// `invalid` if there is a user with its id.
    fn create(&self, user: User) -> Result<Stored, ApiError>;

    /// Replaces a user, except for its count of logins. `state-changed` if the user is
    /// no longer at `version`; `invalid` if its identities differ.
    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError>;

    /// Removes a user with its identities and their credentials. Returns false if there
    /// was none.
    ///
    /// Source: Auth0 Management API v2, `DELETE /api/v2/users/{id}`.
    fn delete(&self, user_id: &str) -> Result<bool, ApiError>;

    /// Counts the users. Some storages read them all.
    fn count(&self) -> Result<u64, ApiError>;

    /// Returns the credential with this address or username in a connection, ignoring
    /// the case of ASCII letters.
    fn credential(&self, connection: &str, login: &str) -> Result<Option<Credential>, ApiError>;

    /// Returns the holders of an address in a connection, ignoring the case of ASCII
    /// letters: the credential with the address, or else one credential for each
    /// identity that has the address and no credential with another one, such as
    /// imported identities.
    fn find_holders(&self, connection: &str, email: &str) -> Result<Vec<Credential>, ApiError>;

    /// Returns the credential of the identity with this id (without `auth0|`) in a
    /// connection, whichever user the identity is linked to.
    fn credential_of(&self, connection: &str, user_id: &str) -> Result<Option<Credential>, ApiError>;

    /// Returns the user of an identity that has just logged in. If an import only assumed
    /// the identity's connection, the given one becomes final; `invalid` if another
    /// connection is already known.
    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError>;

    /// Replaces a credential's hash by another hash of the same password. Returns false
    /// if the credential has changed since.
    fn rehash(&self, known: &Credential, hash: &str) -> Result<bool, ApiError>;

    /// Adds a user, and the credential of one of its identities, in one transaction. The
    /// errors are those of [`Administration::create`], and `invalid` if the address or
    /// the username is taken in that connection (see
    /// [`Administration::find_holders`]), if the identity is not one of the user's, or
    /// if the credential is malformed.
    ///
    /// Source: Auth0 Authentication API, `POST /dbconnections/signup`.
    fn sign_up(&self, user: User, credential: &Credential) -> Result<Stored, ApiError>;

    /// Adds or replaces the credential of an identity. Links and unlinks do not affect
    /// it. `not-found` if no user has the identity; `invalid` if it belongs to another
    /// connection, if the address or the username is taken, or if the credential is
    /// malformed.
    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError>;

    /// Replaces a user and the credential of one of its identities in one transaction:
    /// [`Administration::update`] and [`Administration::set_credential`].
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError>;

    /// Adds users and records the import's progress, all in one transaction. Returns a
    /// result for every line; a refused line changes nothing. Existing passwords stay as
    /// they are. Usernames, and addresses of linked identities, are reserved for their
    /// users.
    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError>;

    /// Returns how many lines of an import are done. With the suffix
    /// [`LEFT_OUT`](super::LEFT_OUT) to its name: how many of them were left out.
    fn import_progress(&self, import: &str) -> Result<u64, ApiError>;

    /// Counts a login of a user, and records its IP address as `last_ip` and its time as the last
    /// use of its identity, as far as they are known. The version stays the same. The count may be
    /// lost if the machine stops at the same moment.
    fn count_login(&self, login: &CountedLogin<'_>) -> Result<(), ApiError>;

    /// Returns the time of the last login of each of these identities, if one was counted. A link, an
    /// unlink and an undo do not change it.
    fn last_uses(&self, identities: &[Identity]) -> Result<Vec<Option<Timestamp>>, ApiError>;

    /// Makes a linked identity a separate user, which starts the pair's cool-down.
    /// Changes nothing if the user does not have the identity. Returns the user as it is
    /// now.
    ///
    /// Source: Auth0 Management API v2, `DELETE
    /// /api/v2/users/{id}/identities/{provider}/{user_id}`.
    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError>;

    /// Blocks or unblocks a user, with an entry in the journal. Returns the user as it is
    /// now. `not-found` if there is none.
    fn set_blocked(&self, change: &SetBlocked) -> Result<Stored, ApiError>;

    /// Returns the user that has this identity (`provider|id`), as its primary or a
    /// linked one, in any connection.
    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError>;

    /// Returns the addresses that several users have, in lower case and in the storage's order, that
    /// follow `after`, at most `limit`. `invalid` if the directory is not a database.
    fn shared_addresses(&self, _after: &str, _limit: usize) -> Result<Vec<String>, ApiError> {
        Err(ApiError::Invalid("only a database lists the addresses that several users have".to_owned()))
    }

    /// Returns the names of the roles that the directory keeps beside a user. Empty if it has none, or
    /// keeps them within the user.
    fn roles_beside(&self, _user_id: &str) -> Result<Vec<String>, ApiError> {
        Ok(Vec::new())
    }

    /// Returns the store of the runs of a backfill; none if neither the directory nor its journal is
    /// a database.
    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        None
    }

    /// Returns the database that has both the users and the runs of a backfill, if it is one.
    fn group_linker(&self) -> Option<&dyn GroupLinker> {
        None
    }

    /// Returns the ids of users with this prefix, at most `limit`. Some storages read all
    /// ids.
    fn user_ids(&self, prefix: &str, limit: usize) -> Result<Vec<String>, ApiError>;

    /// Returns the ids of journal entries with this prefix, at most `limit`.
    fn entry_ids(&self, prefix: &str, limit: usize) -> Result<Vec<EntryId>, ApiError>;

    /// Returns entries of the journal, the newest first, without their snapshots.
    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError>;

    /// Returns one entry of the journal, with its snapshot.
    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError>;

    /// Undoes a link: both users become as they were before, except for the differences
    /// that [`Undoing`] lists. With `dry_run`, only returns that list.
    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError>;

    /// Returns the hosts at which users of a tenant log in, in lower case. Empty if they are not
    /// known, or if the directory is not a tenant.
    fn login_hosts(&self) -> &[String] {
        &[]
    }

    /// Returns the canonical host of a tenant whose custom domains are not listed; none for a tenant of
    /// this machine, and if the directory is not a tenant.
    fn tenant_host(&self) -> Option<&str> {
        None
    }

    /// Finishes or names every change that was interrupted between two requests to a
    /// tenant. Changes of the last minute may still be under way, and are left alone.
    fn repair(&self) -> Result<Vec<Repair>, ApiError>;

    /// Checks with a minimal read that the directory responds. A tenant has this time, so that
    /// the error names the cause; a database has time limits of its own.
    fn check(&self, time: Duration) -> Result<(), ApiError>;

    /// Returns the faults of what a tenant grants to this program, without a request for them.
    fn find_grant_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        Ok(Vec::new())
    }

    /// Checks everything that a login may need, and returns each fault that was found.
    fn find_setup_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        self.check(SETUP).map(|()| Vec::new())
    }

    /// Returns the errors and connections since the directory was opened.
    fn state(&self) -> DirectoryState;

    /// Returns the clock and the source of randomness that the directory was opened with.
    fn ambient(&self) -> &Ambient;

    /// Erases snapshots from the journal. Their entries stay, but can no longer be undone.
    /// Returns the number of erased snapshots.
    fn forget_snapshots(&self, which: &SnapshotSelection) -> Result<u64, ApiError>;
}
