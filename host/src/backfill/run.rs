//! A run: a plan and a selection that are applied to a directory, by any number of processes.

use std::fmt::Write;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::backfill_error::BackfillError;
use super::group::GroupId;
use super::group_decision::GroupKind;
use super::plan::{Plan, PlanHeader, PlannedGroup, PlannedPolicy};
use super::selection::Selection;
use crate::directory::{Administration, BackfillRun, BackfillStore, Directory};
use crate::model::{ApiError, Timestamp};

/// The number of groups that are stored in one transaction.
const BATCH: usize = 500;

/// The number of groups whose accounts are looked for before a run begins.
const LOOKED_FOR: usize = 20;

/// The plan of a run, as it is stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The hash of the plan.
    pub plan_sha256: String,
    /// The header of the plan.
    pub plan: PlanHeader,
    /// The selection.
    pub selection: Selection,
    /// The number of groups that are linked by the plan and are not selected.
    pub not_selected: u64,
}

/// Returns the store of a directory's runs.
///
/// # Errors
///
/// If neither the directory nor its journal is a database.
pub fn require_store(directory: &dyn Administration) -> Result<&dyn BackfillStore, BackfillError> {
    directory.backfill_store().ok_or(BackfillError::NoStore)
}

/// Returns the id of the run of a plan and a selection: the same each time, so that a process that is
/// started again goes on, and processes on several machines share the run.
#[must_use]
pub fn derive_run_id(plan: &Plan, selection: &Selection) -> String {
    let mut hash = Sha256::new();
    hash.update(plan.sha256.as_bytes());
    // A selection is always JSON.
    hash.update(serde_json::to_vec(selection).unwrap_or_default());
    let digest = hash.finalize();
    digest[..8].iter().fold(String::with_capacity(16), |mut id, byte| {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// Checks that a plan was made with these policies, and that they link accounts.
///
/// # Errors
///
/// If a policy or plugin is another one, or if a policy only observes.
pub fn check_policies(plan: &Plan, policies: &[PlannedPolicy]) -> Result<(), BackfillError> {
    if plan.header.policies.len() != policies.len() {
        let (planned, given) = (plan.header.policies.len(), policies.len());
        return Err(BackfillError::OtherPolicy(format!(
            "the plan has {planned} policies, and {given} are given"
        )));
    }
    for (planned, given) in plan.header.policies.iter().zip(policies) {
        let name = &given.name;
        if planned.plugin_sha256 != given.plugin_sha256 {
            return Err(BackfillError::OtherPolicy(format!("the plugin of `{name}` is another one")));
        }
        if planned.policy_sha256 != given.policy_sha256 {
            return Err(BackfillError::OtherPolicy(format!(
                "the policy document of `{name}` is another one"
            )));
        }
        if given.mode.as_deref() == Some("observe") {
            return Err(BackfillError::Observes);
        }
    }
    Ok(())
}

/// Checks that a plan was made from this directory. A plan that was made from a file fits every directory
/// that has its users.
///
/// # Errors
///
/// If it was made from another one, or the directory fails.
pub(super) fn check_directory(directory: &dyn Administration, plan: &Plan) -> Result<(), BackfillError> {
    match &plan.header.directory_id {
        Some(planned) if *planned != directory.directory_id()? => {
            let PlanHeader { source, decided_at, .. } = plan.header.clone();
            Err(BackfillError::OtherDirectory { from: source, decided_at })
        }
        _ => Ok(()),
    }
}

/// Begins the run of a plan, or returns the one that has begun: stores every selected group with a
/// link. Returns its id.
///
/// # Errors
///
/// If the plan is of another directory, no group is selected, the accounts are not those of the directory,
/// or the directory fails.
pub fn prepare_run(
    directory: &Arc<dyn Administration>,
    plan: &Plan,
    selection: &Selection,
    now: Timestamp,
) -> Result<String, BackfillError> {
    let store = require_store(&**directory)?;
    check_directory(&**directory, plan)?;
    let run_id = derive_run_id(plan, selection);
    if store.run(&run_id)?.is_some_and(|run| run.is_ready) {
        return Ok(run_id);
    }
    let counted = count_selected(&**directory, plan, selection)?;
    let record = RunRecord {
        plan_sha256: plan.sha256.clone(),
        plan: plan.header.clone(),
        selection: selection.clone(),
        not_selected: counted.not_selected,
    };
    let record = serde_json::to_string(&record).map_err(|error| ApiError::Other(error.to_string()))?;
    store.begin_run(&BackfillRun { run_id: run_id.clone(), began_at: now, is_ready: false, record })?;
    let mut batch = Vec::with_capacity(BATCH);
    plan.read_groups(|group| {
        if is_applied(&group, selection) {
            let json = serde_json::to_string(&group).map_err(|error| ApiError::Other(error.to_string()))?;
            batch.push((group.group.to_string(), json));
        }
        if batch.len() == BATCH {
            store.add_run_groups(&run_id, &batch)?;
            batch.clear();
        }
        Ok::<_, BackfillError>(())
    })?;
    store.add_run_groups(&run_id, &batch)?;
    store.open_run(&run_id)?;
    Ok(run_id)
}

/// Returns whether a run with this selection applies a group.
pub(super) fn is_applied(group: &PlannedGroup, selection: &Selection) -> bool {
    has_links(group) && selection.includes(group)
}

fn has_links(group: &PlannedGroup) -> bool {
    group.logins.iter().any(|login| login.kind == GroupKind::Link)
}

/// The numbers of groups with links.
pub(super) struct SelectedGroups {
    /// Those that are selected.
    pub(super) selected: u64,
    /// Those that are not.
    pub(super) not_selected: u64,
}

/// Checks a selection against the plan and the directory, and counts the groups with links.
pub(super) fn count_selected(
    directory: &dyn Directory,
    plan: &Plan,
    selection: &Selection,
) -> Result<SelectedGroups, BackfillError> {
    let mut named: std::collections::BTreeSet<_> =
        selection.review.iter().flat_map(|review| review.groups()).collect();
    let (mut selected, mut not_selected, mut looked_for, mut is_known) = (0_u64, 0, 0, false);
    plan.read_groups(|group| {
        named.remove(&group.group);
        if !is_applied(&group, selection) {
            not_selected += u64::from(has_links(&group));
            return Ok(());
        }
        selected += 1;
        if !is_known && looked_for < LOOKED_FOR {
            looked_for += 1;
            is_known = has_group(directory, &group)?;
        }
        Ok::<_, BackfillError>(())
    })?;
    if let Some(unknown) = named.first() {
        return Err(BackfillError::UnknownGroup(*unknown));
    }
    match (selected, is_known) {
        (0, _) => Err(BackfillError::NothingSelected { not_selected }),
        (_, false) => Err(BackfillError::OtherUsers { looked_for }),
        (_, true) => Ok(SelectedGroups { selected, not_selected }),
    }
}

/// Returns whether an account of a group is in the directory and has the group's address: another
/// directory may have the same ids.
fn has_group(directory: &dyn Directory, group: &PlannedGroup) -> Result<bool, BackfillError> {
    for account in &group.accounts {
        match directory.get(&account.user_id) {
            Ok(stored) => {
                let address = stored.user.email.as_deref().unwrap_or_default();
                if GroupId::from_address(address) == group.group {
                    return Ok(true);
                }
            }
            Err(ApiError::NotFound(_) | ApiError::Invalid(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
