//! The roles and memberships of a user, which a link destroys.

use super::Auth0Directory;
use crate::auth0::{CallError, CallErrorKind, Named, TimeLimit};
use crate::directory::journal::Access;
use crate::model::{ApiError, User};

/// Returns whether a request is refused however often it is made: the token lacks the scope,
/// or the tenant does not have the role, the organization or organizations at all.
fn is_lasting(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::Refused { status: 400 | 403 | 404 | 501, .. })
}

impl Auth0Directory {
    /// Reads the roles and memberships of a user, and adds their names to it. A part that
    /// the tenant refuses to show is noted, so that an undo can report it.
    pub(super) fn read_access(&self, user: &mut User, limit: TimeLimit) -> Result<Access, ApiError> {
        let mut access = Access::default();
        let roles = self.api.roles(&user.user_id, limit);
        if let Some(roles) = self.note_refusal(&format!("roles of {}", user.user_id), roles, &mut access)? {
            user.roles = roles.iter().map(|role| role.name.clone()).collect();
            access.role_ids = roles.into_iter().map(|role| role.id).collect();
        }
        let organizations = self.api.organizations(&user.user_id, limit);
        let subject = format!("organization memberships of {}", user.user_id);
        if let Some(organizations) = self.note_refusal(&subject, organizations, &mut access)? {
            user.organizations = organizations.iter().map(|it| it.id.clone()).collect();
            access.organization_ids = organizations.into_iter().map(|it| it.id).collect();
        }
        Ok(access)
    }

    /// Returns the entries of an answer. If the tenant refuses them for good, `access` notes it.
    fn note_refusal(
        &self,
        subject: &str,
        answer: Result<Vec<Named>, CallError>,
        access: &mut Access,
    ) -> Result<Option<Vec<Named>>, ApiError> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_lasting(&error) => {
                access.unread.push(format!(
                    "The {subject} could not be read, and are not given back by an undo: {error}."
                ));
                Ok(None)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Gives a user its roles and memberships back. Notes a refusal.
    pub(super) fn restore_access(
        &self,
        user_id: &str,
        access: &Access,
        limit: TimeLimit,
    ) -> Result<Vec<String>, ApiError> {
        let mut notes = access.unread.clone();
        let mut note = |what: &str, done: Result<(), CallError>| match done {
            Ok(()) => Ok(()),
            Err(error) if is_lasting(&error) => {
                notes.push(format!("{user_id} did not get {what} back: {error}."));
                Ok(())
            }
            Err(error) => Err(self.failed(error)),
        };
        if !access.role_ids.is_empty() {
            let what = format!("the roles {}", access.role_ids.join(", "));
            note(&what, self.api.assign_roles(user_id, &access.role_ids, limit))?;
        }
        for organization in &access.organization_ids {
            let what = format!("the membership in {organization}");
            note(&what, self.api.add_member(organization, user_id, limit))?;
        }
        Ok(notes)
    }
}
