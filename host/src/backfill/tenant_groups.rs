//! The groups of a tenant of Auth0: found in its export, and read again one by one.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::backfill_error::BackfillError;
use super::file_groups::FileGroups;
use super::file_reading::FileCounts;
use super::group::{Group, GroupId};
use super::preview::GroupSource;
use crate::ambient::Ambient;
use crate::auth0::{CallError, TimeLimit, UsersApi};
use crate::model::{ApiError, User};

/// The number of groups that are read together.
const BATCH: usize = 256;

/// The number of requests at a time. The tenant's limits set the pace.
const REQUESTS: usize = 8;

/// The time of one request with its waits.
const PATIENCE: Duration = Duration::from_mins(5);

/// The groups of a tenant. An export lacks what its fields cannot express, and is older than the
/// tenant: the accounts of each group are looked up by their address, as a login does.
pub struct TenantGroups {
    exported: FileGroups,
    users: TenantUsers,
}

/// The users of a tenant, one request for each answer.
#[derive(Clone)]
pub struct TenantUsers {
    api: Arc<dyn UsersApi>,
    ambient: Ambient,
}

impl TenantUsers {
    /// Creates the reader of a tenant's users.
    #[must_use]
    pub fn new(api: Arc<dyn UsersApi>, ambient: &Ambient) -> Self {
        Self { api, ambient: ambient.clone() }
    }

    /// Returns the names of a user's roles. Empty if the user does not exist any more.
    ///
    /// # Errors
    ///
    /// If the tenant gives no list of roles.
    pub fn read_roles(&self, user_id: &str) -> Result<Vec<String>, ApiError> {
        match self.api.roles(user_id, self.limit()) {
            Ok(roles) => Ok(roles.into_iter().map(|role| role.name).collect()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error.into_api_error()),
        }
    }

    /// Reads groups again, in their order.
    fn read_batch(&self, exported: &[Group]) -> Result<Vec<Group>, CallError> {
        let share = exported.len().div_ceil(REQUESTS).max(1);
        let read = thread::scope(|scope| {
            let read_share = |groups: &[Group]| {
                groups.iter().filter_map(|group| self.read_group(group).transpose()).collect()
            };
            let threads: Vec<_> = exported
                .chunks(share)
                .map(|groups| scope.spawn(move || -> Result<Vec<Group>, CallError> { read_share(groups) }))
                .collect();
            let join = |it: thread::ScopedJoinHandle<'_, _>| {
                it.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
            };
            threads.into_iter().map(join).collect::<Result<Vec<Vec<Group>>, CallError>>()
        })?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Returns a group as the tenant has it now, or none if it is no group any more.
    fn read_group(&self, exported: &Group) -> Result<Option<Group>, CallError> {
        let mut addresses: Vec<&str> =
            exported.users.iter().filter_map(|user| user.email.as_deref()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut users: Vec<User> = Vec::with_capacity(exported.users.len());
        for address in addresses {
            let found = self.api.users_by_email(address, self.limit())?;
            let is_of_group = |user: &User| {
                user.email.as_deref().is_some_and(|email| GroupId::from_address(email) == exported.id)
            };
            users.extend(found.into_iter().filter(is_of_group).map(|user| user.with_own_identity("")));
        }
        Ok(Group::new(exported.id, users))
    }

    fn limit(&self) -> TimeLimit {
        TimeLimit::after(&self.ambient, PATIENCE)
    }
}

impl TenantGroups {
    /// Creates the groups of a tenant from those of its export.
    #[must_use]
    pub fn new(exported: FileGroups, users: TenantUsers) -> Self {
        Self { exported, users }
    }

    /// Returns the counts of the export.
    #[must_use]
    pub fn counts(&self) -> &FileCounts {
        &self.exported.counts
    }
}

impl GroupSource for TenantGroups {
    fn count_groups(&self) -> u64 {
        self.exported.count_groups()
    }

    fn read_groups(
        &mut self,
        each: &mut dyn FnMut(Group) -> Result<(), BackfillError>,
    ) -> Result<(), BackfillError> {
        let Self { exported, users } = self;
        let mut batch = Vec::with_capacity(BATCH);
        exported.read_groups(&mut |group| {
            batch.push(group);
            if batch.len() < BATCH {
                return Ok(());
            }
            users.read_batch(&batch)?.into_iter().try_for_each(&mut *each)?;
            batch.clear();
            Ok(())
        })?;
        users.read_batch(&batch)?.into_iter().try_for_each(each)
    }
}
