//! A directory that reports each change of a user.

use std::sync::Arc;
use std::time::Duration;

use crate::ambient::Ambient;
use crate::directory::{
    Administration, BackfillStore, Batch, CheckedLink, CountedLogin, Credential, Directory, DirectoryState,
    Entry, EntryId, EntryKind, GroupLinker, Imported, JournalQuery, MetadataUpdate, PairReading, Repair,
    SetBlocked, SetupFault, SnapshotSelection, Stored, Undo, UndoError, Undoing, Unlink,
};
use crate::model::{ApiError, Identity, IdentityKey, Timestamp, User};
use crate::tenant::observed::change::{Change, Linked, Observer, Separated};

/// A directory in front of another one. Every way to change a user leads through it, so no
/// endpoint can forget to report one. A change is reported once it is made.
pub(crate) struct ObservedDirectory {
    pub(crate) directory: Arc<dyn Administration>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
}

impl ObservedDirectory {
    /// Returns a directory with these observers. Without any, it is the directory itself.
    pub(crate) fn of(
        directory: Arc<dyn Administration>,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Arc<dyn Administration> {
        if observers.is_empty() { directory } else { Arc::new(Self { directory, observers }) }
    }

    fn report(&self, change: &Change<'_>) {
        for observer in &self.observers {
            observer.note(change);
        }
    }

    fn report_created(&self, created: Result<Stored, ApiError>) -> Result<Stored, ApiError> {
        created.inspect(|stored| self.report(&Change::Created(&stored.user)))
    }

    fn report_updated(&self, updated: Result<Stored, ApiError>) -> Result<Stored, ApiError> {
        updated.inspect(|stored| self.report(&Change::Updated(&stored.user)))
    }

    /// Reads a user for a report. A failure is left to the change itself to report.
    fn read(&self, user_id: &str) -> Option<Stored> {
        self.directory.get(user_id).ok()
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
        let pair @ [primary, secondary] = [link.request.primary.as_str(), &link.request.secondary];
        let before = self.read(primary).zip(self.read(secondary)).map(<[Stored; 2]>::from);
        let user = self.directory.link(link)?;
        self.report(&Change::Linked(Linked {
            primary,
            secondary,
            before: before.as_ref(),
            user: &user,
            link: self.find_link(pair).as_ref(),
            provenance: &link.provenance,
        }));
        Ok(user)
    }

    /// The directories of a tenant have short calls.
    fn for_login(&self, _: Duration) -> Option<Arc<dyn Directory>> {
        None
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.report_updated(self.directory.patch_metadata(update))
    }
}

impl Administration for ObservedDirectory {
    fn directory_id(&self) -> Result<String, ApiError> {
        self.directory.directory_id()
    }

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
        self.report_created(self.directory.create(user))
    }

    fn update(&self, user: User, version: u64) -> Result<Stored, ApiError> {
        self.report_updated(self.directory.update(user, version))
    }

    fn delete(&self, user_id: &str) -> Result<bool, ApiError> {
        let before = self.read(user_id);
        let is_gone = self.directory.delete(user_id)?;
        if is_gone {
            self.report(&Change::Deleted { user_id, before: before.as_ref().map(|it| &*it.user) });
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
        self.report_created(self.directory.sign_up(user, credential))
    }

    /// A new password is no change of the user that an event shows.
    fn set_credential(&self, credential: &Credential) -> Result<(), ApiError> {
        self.directory.set_credential(credential)
    }

    fn change_login(&self, user: User, version: u64, credential: &Credential) -> Result<Stored, ApiError> {
        self.report_updated(self.directory.change_login(user, version, credential))
    }

    fn import(&self, batch: &Batch<'_>) -> Result<Vec<Imported>, ApiError> {
        let imported = self.directory.import(batch)?;
        for ((number, line), result) in batch.lines.iter().zip(&imported) {
            if let Imported::Same | Imported::Refused(_) = result {
                continue;
            }
            // Parsed again: the result does not name the user.
            let Ok(parsed) = (batch.parse)(*number, line) else { continue };
            if let Some(stored) = self.read(&parsed.user.user_id) {
                let is_new = matches!(result, Imported::Added);
                self.report(&if is_new {
                    Change::Created(&stored.user)
                } else {
                    Change::Updated(&stored.user)
                });
            }
        }
        Ok(imported)
    }

    fn import_progress(&self, import: &str) -> Result<u64, ApiError> {
        self.directory.import_progress(import)
    }

    fn count_login(&self, login: &CountedLogin<'_>) -> Result<(), ApiError> {
        self.directory.count_login(login)
    }

    fn last_uses(&self, identities: &[Identity]) -> Result<Vec<Option<Timestamp>>, ApiError> {
        self.directory.last_uses(identities)
    }

    fn unlink(&self, unlink: &Unlink) -> Result<Arc<User>, ApiError> {
        let secondary = format!("{}|{}", unlink.provider, unlink.user_id);
        let before = self.directory.holder(&secondary)?.filter(|it| it.user.user_id == unlink.primary);
        let rest = self.directory.unlink(unlink)?;
        if let Some(before) = before {
            let pair = [unlink.primary.as_str(), &secondary];
            self.report(&Change::Separated(Separated {
                primary: pair[0],
                secondary: pair[1],
                before: Some(&before.user),
                after: pair.map(|id| self.read(id)).each_ref().map(Option::as_ref),
                link: self.find_link(pair).as_ref(),
                is_undo: false,
                provenance: &unlink.provenance,
            }));
        }
        Ok(rest)
    }

    fn set_blocked(&self, change: &SetBlocked) -> Result<Stored, ApiError> {
        self.report_updated(self.directory.set_blocked(change))
    }

    fn holder(&self, identity: &str) -> Result<Option<Stored>, ApiError> {
        self.directory.holder(identity)
    }

    fn shared_addresses(&self, after: &str, limit: usize) -> Result<Vec<String>, ApiError> {
        self.directory.shared_addresses(after, limit)
    }

    fn roles_beside(&self, user_id: &str) -> Result<Vec<String>, ApiError> {
        self.directory.roles_beside(user_id)
    }

    fn backfill_store(&self) -> Option<&dyn BackfillStore> {
        self.directory.backfill_store()
    }

    /// None, because links of several groups would not be reported.
    fn group_linker(&self) -> Option<&dyn GroupLinker> {
        None
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
        if undo.dry_run {
            return self.directory.undo(undo);
        }
        let before = self.directory.journal_entry(&undo.id).ok().and_then(|link| self.read(&link.primary));
        let undoing = self.directory.undo(undo)?;
        let pair = [undoing.primary.user_id.as_str(), &undoing.secondary.user_id];
        self.report(&Change::Separated(Separated {
            primary: pair[0],
            secondary: pair[1],
            before: before.as_ref().map(|it| &*it.user),
            after: pair.map(|id| self.read(id)).each_ref().map(Option::as_ref),
            link: Some(&undo.id),
            is_undo: true,
            provenance: &undo.provenance,
        }));
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
    /// A method that is missing here would have its default, which does not ask the directory behind.
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
