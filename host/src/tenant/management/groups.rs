//! Removing and renaming a group: a role or an organization.

use axum::http::StatusCode;

use crate::directory::Administration;
use crate::tenant::management::members::replace_key;
use crate::tenant::management::problem::Problem;
use crate::tenant::management_data::groups::{GroupError, GroupErrorReason, GroupKind};
use crate::tenant::management_data::{ManagementData, StoredGroup};

impl From<GroupError> for Problem {
    fn from(GroupError { kind, reason }: GroupError) -> Self {
        let not_found = |message, code| Self::new(StatusCode::NOT_FOUND, message, code);
        let conflict = |message, code| Self::new(StatusCode::CONFLICT, message, code);
        match (kind, reason) {
            (GroupKind::Role, GroupErrorReason::Missing) => {
                not_found("The role does not exist.", "inexistent_role")
            }
            (GroupKind::Role, GroupErrorReason::NameTaken) => {
                conflict("There is a role of that name already.", "role_conflict")
            }
            (GroupKind::Role, GroupErrorReason::TooMany) => {
                Self::operation("There are 100 roles already; remove some.")
            }
            (GroupKind::Role, GroupErrorReason::Configured) => {
                Self::operation("The role is from tenant.toml and can only be changed there.")
            }
            (GroupKind::Organization, GroupErrorReason::Missing) => {
                not_found("No organization found by that id or name.", "inexistent_organization")
            }
            (GroupKind::Organization, GroupErrorReason::NameTaken) => {
                conflict("An organization with this name already exists.", "organization_conflict")
            }
            (GroupKind::Organization, GroupErrorReason::TooMany) => {
                Self::operation("There are 100 organizations already; remove some.")
            }
            (GroupKind::Organization, GroupErrorReason::Configured) => {
                Self::operation("The organization is from tenant.toml and can only be removed there.")
            }
        }
    }
}

/// Changes a group that the Management API has created. Its members remain members. Returns the
/// changed group.
pub(super) fn change<G: StoredGroup>(
    data: &ManagementData,
    directory: &dyn Administration,
    id: &str,
    with: impl FnOnce(&G) -> G,
) -> Result<G, Problem> {
    let groups = G::groups(data);
    let before = groups.get_changeable(id)?;
    let after = with(&before);
    groups.replace(&after)?;
    if after.key() != before.key() {
        replace_key::<G>(directory, before.key(), Some(after.key()))?;
    }
    Ok(after)
}

/// Removes a group that the Management API has created, and the membership of its members.
pub(super) fn remove<G: StoredGroup>(
    data: &ManagementData,
    directory: &dyn Administration,
    id: &str,
) -> Result<(), Problem> {
    let groups = G::groups(data);
    let group = groups.get_changeable(id)?;
    replace_key::<G>(directory, group.key(), None)?;
    groups.remove(id);
    Ok(())
}
