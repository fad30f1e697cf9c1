//! The suggestions of a plan as a list, such as for a campaign by mail.

use std::io::Write;

use serde::Serialize;

use super::group::GroupId;
use super::group_decision::GroupKind;
use super::plan::{Plan, PlanError};
use super::report_table::{TableError, escape_cell};
use super::selection::Selection;

/// Two accounts that a plan suggests to link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuggestedPair {
    /// The group.
    pub group: GroupId,
    /// The address, which is masked unless the preview was asked for whole ones.
    pub address: String,
    /// The user that is asked at the next login.
    pub user_id: String,
    /// The other account.
    pub candidate: String,
    /// The code of the reason.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
}

/// Calls `each` with every suggested pair of the selected groups, in order, until it fails.
///
/// # Errors
///
/// If the plan cannot be read, or the error of `each`.
pub fn read_suggestions<E: From<PlanError>>(
    plan: &Plan,
    selection: &Selection,
    mut each: impl FnMut(&SuggestedPair) -> Result<(), E>,
) -> Result<(), E> {
    plan.read_groups(|group| {
        let is_selected = selection.includes(&group);
        let suggestions = group.logins.iter().filter(|login| is_selected && login.kind == GroupKind::Suggest);
        for login in suggestions {
            for candidate in &login.others {
                each(&SuggestedPair {
                    group: group.group,
                    address: group.address.clone(),
                    user_id: login.user_id.clone(),
                    candidate: candidate.clone(),
                    reason: login.reason.clone(),
                    detail: login.detail.clone(),
                })?;
            }
        }
        Ok(())
    })
}

/// Writes the suggested pairs of the selected groups as CSV. Returns their number.
///
/// # Errors
///
/// If the plan cannot be read, or the table cannot be written.
pub fn write_suggestions(plan: &Plan, selection: &Selection, out: impl Write) -> Result<u64, TableError> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["group", "address", "user_id", "candidate", "reason", "detail"])?;
    let mut number = 0;
    read_suggestions(plan, selection, |pair| {
        number += 1;
        let group = pair.group.to_string();
        let cells = [&group, &pair.address, &pair.user_id, &pair.candidate, &pair.reason, &pair.detail];
        Ok::<_, TableError>(table.write_record(cells.map(|cell| escape_cell(cell)))?)
    })?;
    table.flush()?;
    Ok(number)
}
