//! Copies of a group's accounts, on which its logins are decided. The links are noted, and made later.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ambient::Ambient;
use crate::directory::{CheckedLink, Directory, Memory, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// The copies of a group's accounts, in front of their directory. Nothing in the directory changes.
pub(super) struct GroupCopy {
    directory: Arc<dyn Directory>,
    copies: Arc<Memory>,
    accounts: BTreeSet<String>,
    address: String,
    noted: Mutex<Noted>,
}

/// The changes of the copies.
#[derive(Default)]
struct Noted {
    links: Vec<CheckedLink>,
    /// Whether there are other changes than links.
    has_other_changes: bool,
}

impl GroupCopy {
    /// Creates the copies of these accounts, which are all accounts of the directory with one address.
    pub(super) fn new(directory: Arc<dyn Directory>, ambient: &Ambient, accounts: &[Stored]) -> Self {
        let address = accounts.first().and_then(|first| first.user.email.clone()).unwrap_or_default();
        Self {
            directory,
            copies: Arc::new(Memory::with_versions(ambient, accounts.iter().cloned())),
            accounts: accounts.iter().map(|stored| stored.user.user_id.clone()).collect(),
            address,
            noted: Mutex::default(),
        }
    }

    /// Returns the copies.
    pub(super) fn copies(&self) -> &Memory {
        &self.copies
    }

    /// Returns the links that were made between the copies, in order. None if a copy was changed in
    /// another way too.
    pub(super) fn take_links(&self) -> Option<Vec<CheckedLink>> {
        let noted = std::mem::take(&mut *self.noted());
        (!noted.has_other_changes).then_some(noted.links)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, user_id: &str) -> bool {
        self.accounts.contains(user_id)
    }
}

impl Directory for GroupCopy {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        if email.eq_ignore_ascii_case(&self.address) {
            return self.copies.find_by_email(email, limit);
        }
        self.directory.find_by_email(email, limit)
    }

    fn ignores_case(&self) -> bool {
        self.directory.ignores_case()
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        if self.has(user_id) { self.copies.get(user_id) } else { self.directory.get(user_id) }
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        match self.copies.owner(identity)? {
            Some(owner) => Ok(Some(owner)),
            None => self.directory.owner(identity),
        }
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let linked = self.copies.link(link)?;
        self.noted().links.push(link.clone());
        Ok(linked)
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.noted().has_other_changes = true;
        self.copies.patch_metadata(update)
    }
}
