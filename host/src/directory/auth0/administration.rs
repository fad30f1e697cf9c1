//! The operations on a tenant of Auth0 that operators need. A tenant has no endpoint, or
//! no immediately consistent one, for some of them.

use std::sync::Arc;
use std::time::Duration;

use super::Auth0Directory;
use super::reading::store;
use crate::ambient::Ambient;
use crate::directory::backfill_store::BackfillStore;
use crate::directory::counted_login::CountedLogin;
use crate::directory::credential::Credential;
use crate::directory::import_batch::{Batch, Imported};
use crate::directory::journal::{Entry, EntryId, SnapshotSelection};
use crate::directory::journal_query::JournalQuery;
use crate::directory::operations::Administration;
use crate::directory::repair::Repair;
use crate::directory::set_blocked::SetBlocked;
use crate::directory::setup_fault::SetupFault;
use crate::directory::state::DirectoryState;
use crate::directory::stored::Stored;
use crate::directory::undo::{Undo, UndoError, Undoing};
use crate::directory::unlink::Unlink;
use crate::model::{ApiError, Identity, IdentityKey, Timestamp, User};

/// Refuses an operation.
fn refuse<T>(why: &str) -> Result<T, ApiError> {
    Err(ApiError::Invalid(why.to_owned()))
}

const NO_PAGES: &str =
    "users of a tenant are looked up one at a time; for all of them, use the tenant's own export";
const NO_CREDENTIALS: &str = "passwords of a tenant are known to the tenant only";
const NO_USERS: &str = "users of a tenant are created, replaced and deleted at the tenant, not here";
const NO_IMPORT: &str = "users are imported into a tenant by the tenant's own import";

impl Administration for Auth0Directory {
    fn directory_id(&self) -> Result<String, ApiError> {
        match &self.directory_id {
            Some(id) => Ok(id.to_string()),
            None => refuse("the domain of the tenant is not known"),
        }
    }

    /// The tenant creates and updates a user before the login's event.
    fn learns_from_logins(&self) -> bool {
        false
    }

    fn login_hosts(&self) -> &[String] {
        &self.login_hosts
    }

    fn tenant_host(&self) -> Option<&str> {
        self.tenant_host.as_deref().filter(|_| self.login_hosts.is_empty())
    }

    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        let mut found = self.find_exactly(email, self.new_limit())?;
        found.truncate(limit);
        Ok(found)
    }

    fn page(&self, _: &str, _: usize) -> Result<Vec<Stored>, ApiError> {
        refuse(NO_PAGES)
    }

    fn each_user(&self, _: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError> {
        refuse(NO_PAGES)
    }

    fn create(&self, _: User) -> Result<Stored, ApiError> {
        refuse(NO_USERS)
    }

    fn update(&self, _: User, _: u64) -> Result<Stored, ApiError> {
        refuse(NO_USERS)
    }

    fn delete(&self, _: &str) -> Result<bool, ApiError> {
        refuse(NO_USERS)
    }

    fn roles_beside(&self, user_id: &str) -> Result<Vec<String>, ApiError> {
        let roles = self.api.roles(user_id, self.new_limit());
        let roles = roles.map_err(|error| self.failed_of(error, user_id))?;
        Ok(roles.into_iter().map(|role| role.name).collect())
    }

    /// The database of the journal keeps the runs.
    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        self.journal.backfill_store()
    }

    fn count(&self) -> Result<u64, ApiError> {
        refuse(NO_PAGES)
    }

    fn credential(&self, _: &str, _: &str) -> Result<Option<Credential>, ApiError> {
        refuse(NO_CREDENTIALS)
    }

    fn find_holders(&self, _: &str, _: &str) -> Result<Vec<Credential>, ApiError> {
        refuse(NO_CREDENTIALS)
    }

    fn credential_of(&self, _: &str, _: &str) -> Result<Option<Credential>, ApiError> {
        refuse(NO_CREDENTIALS)
    }

    /// The tenant always knows the connection of an identity.
    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.find_owner(identity, self.new_limit())
    }

    fn rehash(&self, _: &Credential, _: &str) -> Result<bool, ApiError> {
        refuse(NO_CREDENTIALS)
    }

    fn sign_up(&self, _: User, _: &Credential) -> Result<Stored, ApiError> {
        refuse(NO_USERS)
    }

    fn set_credential(&self, _: &Credential) -> Result<(), ApiError> {
        refuse(NO_CREDENTIALS)
    }

    fn change_login(&self, _: User, _: u64, _: &Credential) -> Result<Stored, ApiError> {
        refuse(NO_CREDENTIALS)
    }

    fn import(&self, _: &Batch<'_>) -> Result<Vec<Imported>, ApiError> {
        refuse(NO_IMPORT)
    }

    fn import_progress(&self, _: &str) -> Result<u64, ApiError> {
        refuse(NO_IMPORT)
    }

    /// The tenant counts logins itself.
    fn count_login(&self, _: &CountedLogin<'_>) -> Result<(), ApiError> {
        Ok(())
    }

    /// The tenant knows the last login of a user only.
    fn last_uses(&self, identities: &[Identity]) -> Result<Vec<Option<Timestamp>>, ApiError> {
        Ok(vec![None; identities.len()])
    }

    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError> {
        self.unlink_identity(unlink, self.new_limit())
    }

    fn set_blocked(&self, change: &SetBlocked) -> Result<Stored, ApiError> {
        self.change_block(change, self.new_limit())
    }

    /// Finds a linked identity only if the journal has its link.
    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError> {
        if !identity.contains('|') {
            return Ok(None);
        }
        self.find_holder(identity, self.new_limit())?.map(store).transpose()
    }

    fn user_ids(&self, _: &str, _: usize) -> Result<Vec<String>, ApiError> {
        refuse(
            "the tenant has no such user; it finds a user by its whole id only, `provider|id`, and a linked identity \
             only if the journal that --journal names has its link",
        )
    }

    fn entry_ids(&self, prefix: &str, limit: usize) -> Result<Vec<EntryId>, ApiError> {
        self.journal.entry_ids(prefix, limit)
    }

    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError> {
        self.journal.journal(query)
    }

    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError> {
        self.journal.journal_entry(id)
    }

    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError> {
        self.undo_link(undo, self.new_limit())
    }

    fn repair(&self) -> Result<Vec<Repair>, ApiError> {
        self.require_writing()?;
        // The opening has made a repair already, and its caller has not seen the results.
        let mut repairs = self.take_settled_at_opening();
        repairs.extend(self.repair_all()?);
        Ok(repairs)
    }

    fn check(&self, time: Duration) -> Result<(), ApiError> {
        self.journal.check(time)?;
        // An id of the right form that no user has: the tenant must answer, and that with
        // "not found".
        self.find_user("auth0|ligature-check", self.within(time).new_limit()).map(drop)
    }

    fn find_grant_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        self.find_grant_faults_within(self.new_limit())
    }

    fn find_setup_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        self.find_tenant_faults(self.new_limit())
    }

    fn state(&self) -> DirectoryState {
        self.errors.added_to(self.journal.state())
    }

    fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    fn forget_snapshots(&self, which: &SnapshotSelection) -> Result<u64, ApiError> {
        self.journal.forget_snapshots(which)
    }
}
