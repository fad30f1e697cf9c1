//! Applying a run: each group is decided again on fresh copies, and linked where the decision is still
//! the planned one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::backfill_error::BackfillError;
use super::group_check::{GroupCheck, Obstacle};
use super::group_decision::{GroupKind, PlannedLogin};
use super::plan::PlannedGroup;
use super::planned_links::PlannedLinks;
use super::run_worker::{GroupWork, RunWorker};
use crate::directory::{Administration, Directory, Entry, GroupClaim, GroupResult, RunGroup, RunGroupState};
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
        if let Some(Obstacle { reason, detail }) = self.check().find_obstacle(planned, &open)? {
            return Ok(GroupEnd::NotLinked { reason, detail });
        }
        for login in open.into_iter().filter(|login| login.kind == GroupKind::Link) {
            if self.worker.is_stopped() {
                return Ok(GroupEnd::Stopped);
            }
            if let Some(pace) = self.pace {
                pace.wait();
            }
            match self.link(login)? {
                GroupEnd::Linked => {}
                end => return Ok(end),
            }
        }
        let Some(made) = self.find_links(planned)? else { return Ok(GroupEnd::Stopped) };
        // A login, or another run, may have made a link between the two decisions.
        let is_ours = |login: &PlannedLogin| login.kind != GroupKind::Link || is_made(login, &made);
        Ok(if planned.logins.iter().all(is_ours) { GroupEnd::Linked } else { new_already_linked() })
    }

    fn find_links(&self, planned: &PlannedGroup) -> Result<Option<Vec<Entry>>, BackfillError> {
        self.worker.find_links(&**self.directory, planned)
    }

    /// Returns the check of the groups.
    pub(super) fn check(&self) -> GroupCheck<'_> {
        let Self { directory, policies, worker, .. } = *self;
        GroupCheck { directory, policies, ambient: worker.ambient }
    }

    fn link(&self, login: &PlannedLogin) -> Result<GroupEnd, BackfillError> {
        let account = match self.directory.get(&login.user_id) {
            Ok(account) => account,
            Err(ApiError::NotFound(_)) if self.check().are_linked(&[login])? => {
                return Ok(new_already_linked());
            }
            Err(ApiError::NotFound(_)) => {
                return Ok(new_end("ACCOUNTS_CHANGED", "An account of the group does not exist any more."));
            }
            Err(error) => return Err(error.into()),
        };
        let directory: Arc<dyn Directory> = self.directory.clone();
        let links = Arc::new(PlannedLinks::new(directory, self.worker.run_id, login));
        let decided = self.check().decider(None).decide_login_of(&account.user, links.clone());
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
    fn work_on_together(
        &self,
        claim: &GroupClaim,
        groups: &[RunGroup],
    ) -> Result<BTreeSet<String>, BackfillError> {
        self.link_together(claim, groups)
    }

    fn work_on(&self, group: &RunGroup) -> Result<Option<GroupResult>, BackfillError> {
        let planned = read_planned(group)?;
        // An earlier process may have made a part of the links, and have died before it could say so. So
        // may a transaction of several groups, if the connection ended at its commit.
        let done = match (group.claims, self.directory.group_linker()) {
            (0 | 1, None) => Vec::new(),
            _ => match self.find_links(&planned)? {
                Some(done) => done,
                None => return Ok(None),
            },
        };
        let result = |state, reason: &str, detail: &str| {
            let (reason, detail) = (bound(reason), bound(&mask_addresses(detail)));
            Ok(Some(GroupResult { group_id: group.group_id.clone(), state, reason, detail }))
        };
        match self.apply_group(&planned, &done)? {
            GroupEnd::Stopped => Ok(None),
            GroupEnd::Linked => result(RunGroupState::Linked, first_link_reason(&planned), ""),
            GroupEnd::NotLinked { reason, detail } => {
                let Some(links) = self.find_links(&planned)? else { return Ok(None) };
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
    let Obstacle { reason, detail } = Obstacle::already_linked();
    GroupEnd::NotLinked { reason, detail }
}

/// Cuts a text, and replaces the character that databases refuse.
pub(super) fn bound(text: &str) -> String {
    text.chars().take(TEXT).map(|it| if it == '\0' { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

/// Returns the reason of the first link of a plan.
pub(super) fn first_link_reason(planned: &PlannedGroup) -> &str {
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
