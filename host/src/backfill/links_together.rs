//! Linking several groups in one transaction.
//!
//! A group is decided once, on copies of its accounts in front of the directory. Its links are made
//! only if all its accounts are still at the versions of the copies. A group for which anything is
//! unusual is left to [`Application::work_on`](super::run_worker::GroupWork::work_on), which tells why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::apply::{Application, first_link_reason, read_planned};
use super::backfill_error::BackfillError;
use super::directory_groups::{ACCOUNTS, into_user};
use super::group::{Group, GroupId};
use super::group_check::find_difference;
use super::group_copy::GroupCopy;
use super::group_decision::{GroupKind, PlannedLogin};
use super::plan::PlannedGroup;
use crate::directory::{
    CheckedLink, Directory, GroupClaim, GroupLinker, GroupLinks, GroupResult, RunGroup, RunGroupState, Stored,
};

impl Application<'_> {
    /// Links groups that a claim holds in one transaction, each of them whole. Returns the ids of the
    /// linked ones.
    pub(super) fn link_together(
        &self,
        claim: &GroupClaim,
        groups: &[RunGroup],
    ) -> Result<BTreeSet<String>, BackfillError> {
        let Some(linker) = self.directory.group_linker() else { return Ok(BTreeSet::new()) };
        let mut planned = Vec::with_capacity(groups.len());
        for group in groups {
            // An earlier process may have made a part of the links.
            if group.claims <= 1 {
                planned.extend(Some(read_planned(group)?).filter(links_into_one));
            }
        }
        // Before anything is read, so that the copies are fresh.
        for _ in 0..planned.iter().map(PlannedGroup::count_removed_accounts).sum() {
            if self.worker.is_stopped() {
                return Ok(BTreeSet::new());
            }
            if let Some(pace) = self.pace {
                pace.wait();
            }
        }
        let mut accounts = read_accounts(linker, &planned)?;
        let mut ready = Vec::with_capacity(planned.len());
        for group in &planned {
            if let Some(accounts) = accounts.remove(&group.group) {
                ready.extend(self.decide_links(group, accounts)?);
            }
        }
        if ready.is_empty() || self.worker.is_stopped() {
            return Ok(BTreeSet::new());
        }
        // After a failure, each group is tried alone, which tells the failure if it remains.
        if let Err(error) = linker.link_groups(claim, &ready) {
            tracing::debug!(%error, "groups are linked one by one");
            return Ok(BTreeSet::new());
        }
        Ok(ready.into_iter().map(|group| group.result.group_id).collect())
    }

    /// Decides a group on copies of its accounts. Returns its links, if they are exactly the planned
    /// ones and nothing else is to be done.
    fn decide_links(
        &self,
        planned: &PlannedGroup,
        accounts: Vec<Stored>,
    ) -> Result<Option<GroupLinks>, BackfillError> {
        for account in &accounts {
            // These are read for a decision of their own.
            if !self.directory.roles_beside(&account.user.user_id)?.is_empty() {
                return Ok(None);
            }
        }
        let directory: Arc<dyn Directory> = self.directory.clone();
        let copy = Arc::new(GroupCopy::new(directory, self.worker.ambient, &accounts));
        let users = accounts.iter().cloned().map(into_user).collect();
        let Some(group) = Group::new(planned.group, users) else { return Ok(None) };
        let decided = self.check().decider(None).decide_logins(&group, copy.copies(), &copy);
        let all: Vec<_> = planned.logins.iter().collect();
        let Some(links) = copy.take_links() else { return Ok(None) };
        if find_difference(&all, &decided).is_some() || !are_planned(planned, &links) {
            return Ok(None);
        }
        let result = GroupResult {
            group_id: planned.group.to_string(),
            state: RunGroupState::Linked,
            reason: first_link_reason(planned).to_owned(),
            detail: String::new(),
        };
        let links = links.into_iter().map(|link| link.of_run(self.worker.run_id)).collect();
        Ok(Some(GroupLinks { accounts, links, result }))
    }
}

/// Returns whether all decisions of a plan are links into one account.
fn links_into_one(planned: &PlannedGroup) -> bool {
    let first = planned.logins.first().and_then(|login| login.primary.as_ref());
    let is_into_first =
        |login: &PlannedLogin| login.kind == GroupKind::Link && login.primary.as_ref() == first;
    first.is_some() && planned.logins.iter().all(is_into_first)
}

/// Reads all accounts with the addresses of groups, by the ids of the groups.
fn read_accounts(
    linker: &dyn GroupLinker,
    planned: &[PlannedGroup],
) -> Result<BTreeMap<GroupId, Vec<Stored>>, BackfillError> {
    let first = |group: &'_ PlannedGroup| group.accounts.first().map(|account| account.user_id.clone());
    let ids: Vec<String> = planned.iter().filter_map(first).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut accounts: BTreeMap<GroupId, Vec<Stored>> = BTreeMap::new();
    for stored in linker.users_with_addresses_of(&ids, ACCOUNTS)? {
        let group = GroupId::from_address(stored.user.email.as_deref().unwrap_or_default());
        accounts.entry(group).or_default().push(stored);
    }
    Ok(accounts)
}

/// Returns whether these links are all links of a plan, and no other ones.
fn are_planned(planned: &PlannedGroup, links: &[CheckedLink]) -> bool {
    let is_planned = |link: &CheckedLink| {
        planned.logins.iter().any(|login| {
            login.primary.as_ref() == Some(&link.request.primary)
                && login.others.contains(&link.request.secondary)
        })
    };
    links.len() == planned.count_removed_accounts() && links.iter().all(is_planned)
}
