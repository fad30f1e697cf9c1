//! The groups of a directory in a database.

use std::sync::Arc;

use super::backfill_error::BackfillError;
use super::group::{Group, GroupId};
use super::preview::GroupSource;
use super::progress::{Phase, Progress, refuse_if_stopped};
use crate::directory::{Administration, Stored};
use crate::model::User;

/// The number of addresses that are read at a time.
const PAGE: usize = 1_000;

/// The maximum number of accounts of a group.
pub(super) const ACCOUNTS: usize = 10_000;

/// The groups of a directory. Only users whose address another one has are read.
pub struct DirectoryGroups {
    directory: Arc<dyn Administration>,
    addresses: Vec<(GroupId, String)>,
    /// The number of users of the directory.
    pub users: u64,
}

impl DirectoryGroups {
    /// Finds the addresses that several users have.
    ///
    /// # Errors
    ///
    /// If the directory fails, or is no database.
    pub fn find(directory: Arc<dyn Administration>, progress: &dyn Progress) -> Result<Self, BackfillError> {
        progress.begin(Phase::FindAddresses, None);
        let (mut addresses, mut after) = (Vec::new(), String::new());
        loop {
            refuse_if_stopped(progress)?;
            let page = directory.shared_addresses(&after, PAGE)?;
            progress.advance(page.len() as u64);
            let Some(last) = page.last() else { break };
            after.clone_from(last);
            addresses.extend(page.into_iter().map(|address| (GroupId::from_address(&address), address)));
        }
        addresses.sort_unstable();
        let users = directory.count()?;
        Ok(Self { directory, addresses, users })
    }
}

impl GroupSource for DirectoryGroups {
    fn count_groups(&self) -> u64 {
        self.addresses.len() as u64
    }

    fn read_groups(
        &mut self,
        each: &mut dyn FnMut(Group) -> Result<(), BackfillError>,
    ) -> Result<(), BackfillError> {
        for (id, address) in &self.addresses {
            let users = self.directory.find_by_email(address, ACCOUNTS)?;
            // The users may have changed since their addresses were found.
            if let Some(group) = Group::new(*id, users.into_iter().map(into_user).collect()) {
                each(group)?;
            }
        }
        Ok(())
    }
}

pub(super) fn into_user(stored: Stored) -> User {
    Arc::unwrap_or_clone(stored.user)
}
