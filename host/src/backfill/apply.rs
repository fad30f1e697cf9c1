//! Applying a run: each group is decided again on fresh copies, and linked where the decision is still
//! the planned one.

use std::sync::Arc;

use super::backfill_error::BackfillError;
use super::directory_groups::{ACCOUNTS, into_user};
use super::group::{Group, GroupId};
use super::group_decision::{GroupDecider, GroupKind, PlannedLogin};
use super::plan::PlannedGroup;
use super::planned_links::PlannedLinks;
use super::run_links::find_links_of_run;
use super::run_worker::{GroupWork, RunWorker};
use crate::directory::{Administration, Directory, Entry, GroupResult, RunGroup, RunGroupState};
use crate::model::{ApiError, Decision, mask_addresses};
use crate::policies::LoadedPolicy;

/// The maximum number of characters of a stored text.
const TEXT: usize = 1_000;

/// A wait before each link.
pub trait Pace: Sync {
    /// Waits until the next link may be made.
    fn wait(&self);
}

/// The parts of applying a run.
#[derive(Clone, Copy)]
pub struct Application<'a> {
    /// The directory.
    pub directory: &'a Arc<dyn Administration>,
    /// The policies, in order.
    pub policies: &'a [LoadedPolicy],
    /// The run.
    pub worker: RunWorker<'a>,
    /// The pace of the links; none for as fast as the directory is.
    pub pace: Option<&'a dyn Pace>,
}

/// The end of the links of a group.
enum GroupEnd {
    /// All links are made.
    Linked,
    /// The work was stopped before the end.
    Stopped,
    /// A link was not made, for this reason.
    NotLinked { reason: String, detail: String },
}

impl Application<'_> {
    /// Applies every group that waits.
    ///
    /// # Errors
    ///
    /// If the directory or the store fails. The remaining groups wait.
    pub fn apply_groups(&self) -> Result<(), BackfillError> {
        self.worker.work_on_all(RunGroupState::Waiting, self)
    }

    fn apply_group(&self, planned: &PlannedGroup, done: &[Entry]) -> Result<GroupEnd, BackfillError> {
        let open: Vec<&PlannedLogin> = planned.logins.iter().filter(|login| !is_made(login, done)).collect();
        if !open.iter().any(|login| login.kind == GroupKind::Link) {
            return Ok(GroupEnd::Linked);
        }
        let read_roles = |user_id: &str| self.directory.roles_beside(user_id);
        let decider = GroupDecider {
            policies: self.policies,
            now: self.worker.ambient.now(),
            ambient: self.worker.ambient,
            read_roles: Some(&read_roles),
        };
        let difference = match self.read_group(planned)? {
            None => Some(new_end("ACCOUNTS_CHANGED", "The accounts do not have one address any more.")),
            Some(group) => find_difference(&open, &decider.decide_group(&group)?)
                .map(|why| new_end("DECISION_CHANGED", &why)),
        };
        if let Some(difference) = difference {
            return Ok(if self.are_linked(&open)? { new_already_linked() } else { difference });
        }
        for login in open.into_iter().filter(|login| login.kind == GroupKind::Link) {
            if self.worker.is_stopped() {
                return Ok(GroupEnd::Stopped);
            }
            if let Some(pace) = self.pace {
                pace.wait();
            }
            match self.link(login, &decider)? {
                GroupEnd::Linked => {}
                end => return Ok(end),
            }
        }
        let made = find_links_of_run(&**self.directory, self.worker.run_id, planned)?;
        // A login, or another run, may have made a link between the two decisions.
        let is_ours = |login: &PlannedLogin| login.kind != GroupKind::Link || is_made(login, &made);
        Ok(if planned.logins.iter().all(is_ours) { GroupEnd::Linked } else { new_already_linked() })
    }

    /// Returns whether the accounts of all planned links are one account already.
    fn are_linked(&self, planned: &[&PlannedLogin]) -> Result<bool, BackfillError> {
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

    fn link(&self, login: &PlannedLogin, decider: &GroupDecider<'_>) -> Result<GroupEnd, BackfillError> {
        let account = match self.directory.get(&login.user_id) {
            Ok(account) => account,
            Err(ApiError::NotFound(_)) if self.are_linked(&[login])? => return Ok(new_already_linked()),
            Err(ApiError::NotFound(_)) => {
                return Ok(new_end("ACCOUNTS_CHANGED", "An account of the group does not exist any more."));
            }
            Err(error) => return Err(error.into()),
        };
        let directory: Arc<dyn Directory> = self.directory.clone();
        let links = Arc::new(PlannedLinks::new(directory, self.worker.run_id, login));
        let decided = decider.decide_login_of(&account.user, links.clone());
        if let Some(failure) = links.take_failure() {
            return Err(failure.into());
        }
        match (&decided.outcome.decision, &login.primary) {
            (Decision::Linked { primary }, Some(planned)) if primary == planned => Ok(GroupEnd::Linked),
            _ => {
                let reason = decided.outcome.reasons.first();
                Ok(match reason {
                    Some(reason) => new_end(&reason.code, &reason.detail),
                    None => new_end("PLUGIN_FAILED", "The plugin failed."),
                })
            }
        }
    }
}

impl GroupWork for Application<'_> {
    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError> {
        let planned = read_planned(group)?;
        // An earlier process may have made a part of the links, and have died before it could say so.
        let done = match group.claims {
            0 | 1 => Vec::new(),
            _ => find_links_of_run(&**self.directory, self.worker.run_id, &planned)?,
        };
        let result = |state, reason: &str, detail: &str| {
            let (reason, detail) = (bound(reason), bound(&mask_addresses(detail)));
            Ok(Some(GroupResult { group_id: group.group_id.clone(), state, reason, detail }))
        };
        match self.apply_group(&planned, &done)? {
            GroupEnd::Stopped => Ok(None),
            GroupEnd::Linked => result(RunGroupState::Linked, first_link_reason(&planned), ""),
            GroupEnd::NotLinked { reason, detail } => {
                let links = find_links_of_run(&**self.directory, self.worker.run_id, &planned)?;
                // An undo of the run must find the links that were made.
                let state = if links.is_empty() { RunGroupState::LeftOut } else { RunGroupState::Linked };
                result(state, &reason, &detail)
            }
        }
    }
}

/// Reads the plan of a stored group.
pub(super) fn read_planned(group: &RunGroup) -> Result<PlannedGroup, BackfillError> {
    serde_json::from_str(&group.plan)
        .map_err(|error| BackfillError::DamagedGroup(group.group_id.clone(), error.to_string()))
}

fn new_end(reason: &str, detail: &str) -> GroupEnd {
    GroupEnd::NotLinked { reason: reason.to_owned(), detail: detail.to_owned() }
}

fn new_already_linked() -> GroupEnd {
    new_end("ALREADY_LINKED", "A login, a person or another run has linked the accounts.")
}

/// Cuts a text, and replaces the character that databases refuse.
fn bound(text: &str) -> String {
    text.chars().take(TEXT).map(|it| if it == '\0' { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

fn first_link_reason(planned: &PlannedGroup) -> &str {
    let mut links = planned.logins.iter().filter(|login| login.kind == GroupKind::Link);
    links.next().map_or("", |login| login.reason.as_str())
}

/// Returns whether all links of a planned login are made.
fn is_made(login: &PlannedLogin, done: &[Entry]) -> bool {
    let is_done = |other: &String| {
        done.iter().any(|entry| entry.secondary == *other && Some(&entry.primary) == login.primary.as_ref())
    };
    login.kind == GroupKind::Link && login.others.iter().all(is_done)
}

/// Returns the first difference between the planned and the new decisions about a group.
fn find_difference(planned: &[&PlannedLogin], decided: &[PlannedLogin]) -> Option<String> {
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
