//! Whether a planned group would still be linked as planned.

use std::sync::Arc;

use super::backfill_error::BackfillError;
use super::directory_groups::{ACCOUNTS, into_user};
use super::group::{Group, GroupId};
use super::group_decision::{GroupDecider, GroupKind, PlannedLogin, ReadRoles};
use super::plan::PlannedGroup;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::model::ApiError;
use crate::policies::LoadedPolicy;

/// The parts by which a planned group is decided again.
#[derive(Clone, Copy)]
pub(super) struct GroupCheck<'a> {
    /// The directory.
    pub(super) directory: &'a Arc<dyn Administration>,
    /// The policies, in order.
    pub(super) policies: &'a [LoadedPolicy],
    /// The clock and the source of randomness.
    pub(super) ambient: &'a Ambient,
}

/// The reason why a group is not linked as planned.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// The code.
    pub(super) reason: String,
    /// The reason in words.
    pub(super) detail: String,
}

impl Obstacle {
    fn new(reason: &str, detail: &str) -> Self {
        Self { reason: reason.to_owned(), detail: detail.to_owned() }
    }

    /// Returns the obstacle of accounts that are linked already.
    pub(super) fn already_linked() -> Self {
        Self::new("ALREADY_LINKED", "A login, a person or another run has linked the accounts.")
    }
}

impl<'a> GroupCheck<'a> {
    /// Returns the decider of logins at this time.
    pub(super) fn decider(&self, read_roles: Option<&'a ReadRoles<'a>>) -> GroupDecider<'a> {
        let Self { policies, ambient, .. } = *self;
        GroupDecider { policies, now: ambient.now(), ambient, read_roles }
    }
}

impl GroupCheck<'_> {
    /// Decides a group again, on fresh copies of its accounts. Returns the reason why these logins of it
    /// are not decided as planned, if they are not.
    pub(super) fn find_obstacle(
        &self,
        planned: &PlannedGroup,
        open: &[&PlannedLogin],
    ) -> Result<Option<Obstacle>, BackfillError> {
        let read_roles = |user_id: &str| self.directory.roles_beside(user_id);
        let check = GroupCheck { ..*self };
        let decider = check.decider(Some(&read_roles));
        let obstacle = match self.read_group(planned)? {
            None => Some(Obstacle::new("ACCOUNTS_CHANGED", "The accounts do not have one address any more.")),
            Some(group) => find_difference(open, &decider.decide_group(&group)?)
                .map(|why| Obstacle::new("DECISION_CHANGED", &why)),
        };
        if obstacle.is_some() && self.are_linked(open)? {
            return Ok(Some(Obstacle::already_linked()));
        }
        Ok(obstacle)
    }

    /// Returns whether the accounts of all planned links are one account already.
    pub(super) fn are_linked(&self, planned: &[&PlannedLogin]) -> Result<bool, BackfillError> {
        for login in planned.iter().filter(|login| login.kind == GroupKind::Link) {
            let Some(primary) = &login.primary else { return Ok(false) };
            let user = match self.directory.get(primary) {
                Ok(stored) => stored.user,
                Err(ApiError::NotFound(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let has = |other: &String| user.identities.iter().any(|it| it.as_user_id() == *other);
            if !login.others.iter().all(has) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the accounts that have the address of a group now. None if they are fewer than two, or if
    /// the planned accounts have another address.
    fn read_group(&self, planned: &PlannedGroup) -> Result<Option<Group>, BackfillError> {
        for account in &planned.accounts {
            let user = match self.directory.get(&account.user_id) {
                Ok(stored) => stored.user,
                Err(ApiError::NotFound(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let address = user.email.as_deref().unwrap_or_default();
            if GroupId::from_address(address) == planned.group {
                let users = self.directory.find_by_both_cases(address, ACCOUNTS)?;
                return Ok(Group::new(planned.group, users.into_iter().map(into_user).collect()));
            }
        }
        Ok(None)
    }
}

/// Returns the first difference between the planned and the new decisions about a group.
pub(super) fn find_difference(planned: &[&PlannedLogin], decided: &[PlannedLogin]) -> Option<String> {
    let key = |login: &PlannedLogin| {
        let mut others = login.others.clone();
        others.sort_unstable();
        (login.user_id.clone(), login.kind, login.primary.clone(), others, login.reason.clone())
    };
    for (planned, decided) in planned.iter().zip(decided) {
        if key(planned) != key(decided) {
            return Some(format!(
                "The plan has {} ({}) for {}, and the decision is {} ({}) for {} now.",
                planned.kind.as_str(),
                planned.reason,
                planned.user_id,
                decided.kind.as_str(),
                decided.reason,
                decided.user_id
            ));
        }
    }
    let (before, now) = (planned.len(), decided.len());
    (before != now)
        .then(|| format!("The plan has {before} decisions about the accounts, and there are {now} now."))
}
