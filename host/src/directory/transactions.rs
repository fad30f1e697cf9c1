//! The operations of a directory, each as one transaction of a store.

use std::sync::Arc;
use std::time::Duration;

use super::backfill_store::BackfillStore;
use super::counted_login::CountedLogin;
use super::credential::{self, Credential};
use super::group_links::GroupLinker;
use super::import_batch::{Batch, Imported};
use super::journal::{Entry, EntryId, SnapshotSelection};
use super::journal_query::JournalQuery;
use super::link::CheckedLink;
use super::link_journal::LinkJournal;
use super::metadata_update::MetadataUpdate;
use super::operations::{Administration, Directory};
use super::records::Matching;
use super::repair::{Repair, RepairOutcome};
use super::set_blocked::SetBlocked;
use super::state::DirectoryState;
use super::store::{Durability, Store};
use super::stored::Stored;
use super::undo::{Undo, UndoError, UndoPlan, Undoing};
use super::unlink::Unlink;
use super::{
    assumed_connection, credentials, import, journal_entries, link, set_blocked, sign_up, undo, unlink, users,
};
use crate::ambient::Ambient;
use crate::model::{ApiError, Identity, IdentityKey, Timestamp, User};

impl<S: Store> Directory for S {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| users::find_by_email(records, email, Matching::IgnoringCase, limit))
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.read(|records| users::get_user(records, user_id))
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.read(|records| users::find_owner(records, identity))
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.write(Durability::Power, |records| link::link(records, link))
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.write(Durability::Power, |records| users::patch_metadata(records, update))
    }
}

impl<S: Store> Administration for S {
    fn directory_id(&self) -> Result<String, ApiError> {
        self.read(|records| records.directory_id())
    }

    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| users::find_by_email(records, email, Matching::Exact, limit))
    }

    fn page(&self, after: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.read(|records| records.users_behind(after, limit))
    }

    fn each_user(&self, each: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError> {
        self.snapshot(|records| users::for_each(records, each))
    }

    fn create(&self, user: User) -> Result<Stored, ApiError> {
        let user = Arc::new(users::validate(user)?);
        self.write(Durability::Power, |records| users::create(records, &user))
    }

    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError> {
        let user = Arc::new(users::validate(user)?);
        self.write(Durability::Power, |records| users::update(records, &user, version))
    }

    fn delete(&self, user_id: &str) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| users::delete(records, user_id))
    }

    fn shared_addresses(&self, after: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.read(|records| records.shared_addresses(after, limit))
    }

    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        Store::backfill_store(self)
    }

    fn group_linker(&self) -> Option<&dyn GroupLinker> {
        Store::backfill_store(self).map(|_| self as &dyn GroupLinker)
    }

    fn count(&self) -> Result<u64, ApiError> {
        self.read(|records| records.count_users())
    }

    fn credential(&self, connection: &str, login: &str) -> Result<Option<Credential>, ApiError> {
        let login = login.to_ascii_lowercase();
        self.read(|records| records.credential(connection, &login))
    }

    fn find_holders(&self, connection: &str, email: &str) -> Result<Vec<Credential>, ApiError> {
        let email = email.to_ascii_lowercase();
        self.read(|records| credentials::find_holders(records, connection, &email))
    }

    fn credential_of(&self, connection: &str, user_id: &str) -> Result<Option<Credential>, ApiError> {
        self.read(|records| records.credential_of(connection, user_id))
    }

    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.write(Durability::Power, |records| assumed_connection::settle_connection(records, identity))
    }

    fn rehash(&self, known: &Credential, hash: &str) -> Result<bool, ApiError> {
        self.write(Durability::Power, |records| credentials::rehash(records, known, hash))
    }

    fn sign_up(&self, user: User, credential: &Credential) -> Result<Stored, ApiError> {
        let user = Arc::new(users::validate(user)?);
        let credential = credential::validate(credential)?;
        credential::require_identity(&user, &credential)?;
        self.write(Durability::Power, |records| sign_up::sign_up(records, &user, &credential))
    }

    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError> {
        let credential = credential::validate(credential)?;
        self.write(Durability::Power, |records| sign_up::set_credential(records, &credential))
    }

    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError> {
        let user = Arc::new(users::validate(user)?);
        let credential = credential::validate(credential)?;
        credential::require_identity(&user, &credential)?;
        self.write(Durability::Power, |records| sign_up::change_login(records, &user, version, &credential))
    }

    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError> {
        self.write(Durability::Power, |records| import::import(records, batch))
    }

    fn import_progress(&self, import: &str) -> Result<u64, ApiError> {
        self.read(|records| Ok(records.import_progress(import)?.unwrap_or(0)))
    }

    fn count_login(&self, login: &CountedLogin<'_>) -> Result<(), ApiError> {
        Store::count_login(self, login.user_id, &login.into())
    }

    fn last_uses(&self, identities: &[Identity]) -> Result<Vec<Option<Timestamp>>, ApiError> {
        self.read(|records| {
            let mut uses = Vec::with_capacity(identities.len());
            for Identity { provider, user_id, .. } in identities {
                uses.push(records.owner(provider, user_id)?.and_then(|owner| owner.last_login));
            }
            Ok(uses)
        })
    }

    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError> {
        self.write(Durability::Power, |records| unlink::unlink(records, unlink))
    }

    fn set_blocked(&self, change: &SetBlocked) -> Result<Stored, ApiError> {
        self.write(Durability::Power, |records| set_blocked::set_blocked(records, change))
    }

    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError> {
        let Some((provider, id)) = identity.split_once('|') else { return Ok(None) };
        self.read(|records| Ok(records.user_of(provider, id)?.map(|(_, stored)| stored)))
    }

    fn user_ids(&self, prefix: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.read(|records| records.user_ids(prefix, limit))
    }

    fn entry_ids(&self, prefix: &str, limit: usize) -> Result<Vec<EntryId>, ApiError> {
        self.read(|records| records.entry_ids(prefix, limit))
    }

    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError> {
        self.read(|records| journal_entries::find_entries(records, query))
    }

    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError> {
        let entry = self.read(|records| records.entry(id))?;
        entry.ok_or_else(|| ApiError::NotFound(format!("the journal has no entry {id}")))
    }

    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError> {
        if undo.dry_run {
            return self.read(|records| undo::plan_undo(&mut { records }, undo))?.map(UndoPlan::into_undoing);
        }
        self.write(Durability::Power, |records| undo::undo(records, undo))?
    }

    /// The changes of a directory are transactions. Unfinished entries are those of a
    /// tenant whose journal this is.
    fn repair(&self) -> Result<Vec<Repair>, ApiError> {
        let why = "the change was made at a tenant, which is needed to repair it: name the tenant with --directory \
                   auth0://DOMAIN and this database with --journal";
        let unresolved = |entry| Repair { entry, outcome: RepairOutcome::Unresolved { why: why.to_owned() } };
        Ok(self.unfinished(None)?.into_iter().map(unresolved).collect())
    }

    fn check(&self, _: Duration) -> Result<(), ApiError> {
        // An id that no user has.
        self.read(|records| records.is_user("|")).map(drop)
    }

    fn state(&self) -> DirectoryState {
        Store::state(self)
    }

    fn ambient(&self) -> &Ambient {
        Store::ambient(self)
    }

    fn forget_snapshots(&self, which: &SnapshotSelection) -> Result<u64, ApiError> {
        self.write(Durability::Power, |records| records.forget_snapshots(which))
    }
}
