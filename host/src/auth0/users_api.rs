//! The calls of the Management API that a directory needs.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{CallError, TimeLimit, UnmetNeed};
use crate::model::{Identity, IdentityKey, User};

/// The calls of Auth0's Management API that a directory needs. Each call ends at its
/// time limit, retries included.
///
/// Reads and calls that may safely be repeated are retried. A link and an unlink are
/// retried only if the request had no effect: after an error with
/// [`CallError::may_have_effect`], the caller reads the user and looks.
pub trait UsersApi: Send + Sync {
    /// Returns the users with exactly this address, in the case in which it is stored.
    ///
    /// Source: Auth0 Management API v2, `GET /api/v2/users-by-email`: the look-up is
    /// case-sensitive and immediately consistent.
    ///
    /// # Errors
    ///
    /// If the tenant gives no list of users.
    fn users_by_email(&self, email: &str, limit: TimeLimit) -> Result<Vec<User>, CallError>;

    /// Returns the user with this id, which is that of its root identity.
    ///
    /// # Errors
    ///
    /// [`CallError::is_not_found`] if there is none, also for the id of a linked identity.
    fn user(&self, user_id: &str, limit: TimeLimit) -> Result<User, CallError>;

    /// Links the user of this identity to the primary, and returns the identities of the
    /// primary. The caller checks that the identity is among them.
    ///
    /// The request names the identity by provider and id only: Auth0's `connection_id`
    /// is for an id that is in several databases.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the link or gives no list of identities.
    fn link(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        limit: TimeLimit,
    ) -> Result<Vec<Identity>, CallError>;

    /// Unlinks this identity, and returns the identities that are left. Auth0 answers
    /// with success if the primary does not have the identity; the caller checks the list.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the change or gives no list of identities.
    fn unlink(
        &self,
        primary: &str,
        identity: IdentityKey<'_>,
        limit: TimeLimit,
    ) -> Result<Vec<Identity>, CallError>;

    /// Changes the user by a JSON object, and returns the user after it. Metadata is
    /// merged on its first level; `null` removes a key.
    ///
    /// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the change or gives no user.
    fn patch_user(&self, user_id: &str, patch: &Value, limit: TimeLimit) -> Result<User, CallError>;

    /// Returns all roles of the user.
    ///
    /// # Errors
    ///
    /// If the tenant gives no list of roles.
    fn roles(&self, user_id: &str, limit: TimeLimit) -> Result<Vec<Named>, CallError>;

    /// Assigns these roles to the user, by their ids. Roles that it has are no error.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the change.
    fn assign_roles(&self, user_id: &str, ids: &[String], limit: TimeLimit) -> Result<(), CallError>;

    /// Returns all organizations that the user is a member of.
    ///
    /// # Errors
    ///
    /// If the tenant gives no list of organizations.
    fn organizations(&self, user_id: &str, limit: TimeLimit) -> Result<Vec<Named>, CallError>;

    /// Adds the user to the members of an organization, given by its id. A user that is
    /// a member is no error.
    ///
    /// # Errors
    ///
    /// If the tenant refuses the change.
    fn add_member(&self, organization: &str, user_id: &str, limit: TimeLimit) -> Result<(), CallError>;

    /// Asks for the machine token, and returns the needs whose scopes it lacks. Empty if
    /// they are not known.
    ///
    /// # Errors
    ///
    /// If the tenant grants no token.
    fn unmet_needs(&self, _: TimeLimit) -> Result<Vec<UnmetNeed>, CallError> {
        Ok(Vec::new())
    }

    /// Returns by how many seconds this machine's clock is ahead of the tenant's. None
    /// before the first answer.
    fn clock_lead(&self) -> Option<i64> {
        None
    }

    /// Returns the same calls under a correlation id of their own, so that the tenant's
    /// log shows which requests belong to one login. `None` if the calls carry no such id.
    fn for_login(&self) -> Option<Arc<dyn UsersApi>> {
        None
    }
}

/// A role or an organization, with its id and its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// The id, such as `rol_…` or `org_…`.
    pub id: String,
    /// The name.
    pub name: String,
}
