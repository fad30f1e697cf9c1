//! A directory that reports each change of a user.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ambient::Ambient;
use crate::directory::{
    Administration, Batch, CheckedLink, Credential, Directory, DirectoryState, Entry, EntryId, EntryKind,
    Imported, JournalQuery, PairReading, Repair, SetBlocked, SetupFault, SnapshotSelection, Stored, Undo,
    UndoError, Undoing, Unlink,
};
use crate::model::{ApiError, IdentityKey, MetadataPatch, Timestamp, User};
use crate::tenant::webhooks::Webhooks;
use crate::tenant::webhooks::event::render_user;

const CREATED: &str = "user.created";
const UPDATED: &str = "user.updated";
const DELETED: &str = "user.deleted";
const LINKED: &str = "ligature.user.linked";
const UNLINKED: &str = "ligature.user.unlinked";

/// A directory in front of another one. Every way to change a user leads through it, so no
/// endpoint can forget an event. A change is reported once it is made.
pub(crate) struct ObservedDirectory {
    pub(crate) directory: Arc<dyn Administration>,
    pub(crate) webhooks: Arc<Webhooks>,
}

impl ObservedDirectory {
    fn announce_user(&self, event_type: &str, user: &User) {
        self.webhooks.announce(event_type, render_user(user));
    }

    /// Returns the result of a change, and reports the changed user.
    fn report(&self, event_type: &str, changed: Result<Stored, ApiError>) -> Result<Stored, ApiError> {
        changed.inspect(|stored| self.announce_user(event_type, &stored.user))
    }

    /// Reports a link or its end, with the entry of the journal if it is found.
    fn announce_pair(&self, event_type: &str, [primary, secondary]: [&str; 2], link: Option<&EntryId>) {
        let mut object = json!({ "primary": primary, "secondary": secondary });
        if let Some(link) = link {
            object["link_id"] = Value::String(link.to_string());
        }
        self.webhooks.announce(event_type, object);
    }

    /// Returns the newest link of a pair.
    fn find_link(&self, [primary, secondary]: [&str; 2]) -> Option<EntryId> {
        const NEWEST: usize = 20;
        let query = JournalQuery {
            user_id: Some(primary.to_owned()),
            kind: Some(EntryKind::Link),
            limit: NEWEST,
            ..JournalQuery::default()
        };
        let entries = self.directory.journal(&query).ok()?;
        entries.into_iter().find(|it| it.primary == primary && it.secondary == secondary).map(|it| it.id)
    }

    /// Reports that an account is a user of its own again.
    fn announce_separation(&self, primary: &User, secondary: &str, link: Option<&EntryId>) {
        self.announce_pair(UNLINKED, [&primary.user_id, secondary], link);
        self.announce_user(UPDATED, primary);
        if let Ok(separated) = self.directory.get(secondary) {
            self.announce_user(CREATED, &separated.user);
        }
    }
}

impl Directory for ObservedDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.find_by_email(email, limit)
    }

    fn ignores_case(&self) -> bool {
        self.directory.ignores_case()
    }

    fn find_by_both_cases(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.find_by_both_cases(email, limit)
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.directory.get(user_id)
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.directory.owner(identity)
    }

    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        self.directory.read_pair(known)
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let linked = self.directory.link(link)?;
        let pair = [link.request.primary.as_str(), &link.request.secondary];
        self.announce_pair(LINKED, pair, self.find_link(pair).as_ref());
        self.announce_user(UPDATED, &linked);
        Ok(linked)
    }

    /// The directories of a tenant have short calls.
    fn for_login(&self, _: Duration) -> Option<Arc<dyn Directory>> {
        None
    }

    fn patch_metadata(
        &self,
        user_id: &str,
        version: Option<u64>,
        patch: &MetadataPatch,
        now: Timestamp,
    ) -> Result<Stored, ApiError> {
        self.report(UPDATED, self.directory.patch_metadata(user_id, version, patch, now))
    }
}

impl Administration for ObservedDirectory {
    fn learns_from_logins(&self) -> bool {
        self.directory.learns_from_logins()
    }

    fn find_by_exact_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.find_by_exact_email(email, limit)
    }

    fn page(&self, after: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.directory.page(after, limit)
    }

    fn each_user(&self, each: &mut dyn FnMut(&Stored) -> bool) -> Result<(), ApiError> {
        self.directory.each_user(each)
    }

    fn create(&self, user: User) -> Result<Stored, ApiError> {
        self.report(CREATED, self.directory.create(user))
    }

    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError> {
        self.report(UPDATED, self.directory.update(user, version))
    }

    fn delete(&self, user_id: &str) -> Result<bool, ApiError> {
        let before = self.directory.get(user_id);
        let is_gone = self.directory.delete(user_id)?;
        if is_gone {
            match before {
                Ok(before) => self.announce_user(DELETED, &before.user),
                Err(_) => self.webhooks.announce(DELETED, json!({ "user_id": user_id })),
            }
        }
        Ok(is_gone)
    }

    fn count(&self) -> Result<u64, ApiError> {
        self.directory.count()
    }

    fn credential(&self, connection: &str, login: &str) -> Result<Option<Credential>, ApiError> {
        self.directory.credential(connection, login)
    }

    fn find_holders(&self, connection: &str, email: &str) -> Result<Vec<Credential>, ApiError> {
        self.directory.find_holders(connection, email)
    }

    fn credential_of(&self, connection: &str, user_id: &str) -> Result<Option<Credential>, ApiError> {
        self.directory.credential_of(connection, user_id)
    }

    fn settle_connection(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.directory.settle_connection(identity)
    }

    fn rehash(&self, known: &Credential, hash: &str) -> Result<bool, ApiError> {
        self.directory.rehash(known, hash)
    }

    fn sign_up(&self, user: User, credential: &Credential) -> Result<Stored, ApiError> {
        self.report(CREATED, self.directory.sign_up(user, credential))
    }

    /// A new password is no change of the user that an event shows.
    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError> {
        self.directory.set_credential(credential)
    }

    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError> {
        self.report(UPDATED, self.directory.change_login(user, version, credential))
    }

    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError> {
        let imported = self.directory.import(batch)?;
        for ((number, line), result) in batch.lines.iter().zip(&imported) {
            let event_type = match result {
                Imported::Added => CREATED,
                Imported::Replaced => UPDATED,
                Imported::Same | Imported::Refused(_) => continue,
            };
            // Parsed again: the result does not name the user.
            let Ok(parsed) = (batch.parse)(*number, line) else { continue };
            if let Ok(stored) = self.directory.get(&parsed.user.user_id) {
                self.announce_user(event_type, &stored.user);
            }
        }
        Ok(imported)
    }

    fn import_progress(&self, import: &str) -> Result<u64, ApiError> {
        self.directory.import_progress(import)
    }

    fn count_login(&self, user_id: &str, now: Timestamp, ip: Option<IpAddr>) -> Result<(), ApiError> {
        self.directory.count_login(user_id, now, ip)
    }

    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError> {
        let secondary = format!("{}|{}", unlink.provider, unlink.user_id);
        let was_linked =
            self.directory.holder(&secondary)?.is_some_and(|it| it.user.user_id == unlink.primary);
        let rest = self.directory.unlink(unlink)?;
        if was_linked {
            let link = self.find_link([&unlink.primary, &secondary]);
            self.announce_separation(&rest, &secondary, link.as_ref());
        }
        Ok(rest)
    }

    fn set_blocked(&self, change: &SetBlocked) -> Result<Stored, ApiError> {
        self.report(UPDATED, self.directory.set_blocked(change))
    }

    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError> {
        self.directory.holder(identity)
    }

    fn user_ids(&self, prefix: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.directory.user_ids(prefix, limit)
    }

    fn entry_ids(&self, prefix: &str, limit: usize) -> Result<Vec<EntryId>, ApiError> {
        self.directory.entry_ids(prefix, limit)
    }

    fn journal(&self, query: &JournalQuery) -> Result<Vec<Entry>, ApiError> {
        self.directory.journal(query)
    }

    fn journal_entry(&self, id: &EntryId) -> Result<Entry, ApiError> {
        self.directory.journal_entry(id)
    }

    fn undo(&self, undo: &Undo) -> Result<Undoing, UndoError> {
        let undoing = self.directory.undo(undo)?;
        if !undo.dry_run {
            self.announce_separation(&undoing.primary, &undoing.secondary.user_id, Some(&undo.id));
        }
        Ok(undoing)
    }

    fn login_hosts(&self) -> &[String] {
        self.directory.login_hosts()
    }

    fn tenant_host(&self) -> Option<&str> {
        self.directory.tenant_host()
    }

    fn repair(&self) -> Result<Vec<Repair>, ApiError> {
        self.directory.repair()
    }

    fn check(&self, time: Duration) -> Result<(), ApiError> {
        self.directory.check(time)
    }

    fn find_grant_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        self.directory.find_grant_faults()
    }

    fn find_setup_faults(&self) -> Result<Vec<SetupFault>, ApiError> {
        self.directory.find_setup_faults()
    }

    fn state(&self) -> DirectoryState {
        self.directory.state()
    }

    fn ambient(&self) -> &Ambient {
        self.directory.ambient()
    }

    fn forget_snapshots(&self, which: &SnapshotSelection) -> Result<u64, ApiError> {
        self.directory.forget_snapshots(which)
    }
}

#[cfg(test)]
mod tests {
    /// A method with a default would otherwise answer for another directory than the one behind.
    #[test]
    fn every_operation_of_a_directory_leads_to_it() {
        let operations = include_str!("../../directory/operations.rs");
        let names = operations.lines().filter_map(|line| line.strip_prefix("    fn ")?.split('(').next());
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 40, "{names:?}");
        let own = include_str!("observed_directory.rs");
        let missing: Vec<_> = names.iter().filter(|name| !own.contains(&format!("    fn {name}("))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
