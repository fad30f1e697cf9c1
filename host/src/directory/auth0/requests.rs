//! A single link or unlink, and finding out whether it took effect.

use super::Auth0Directory;
use super::reading::{contains_identity, has_identity};
use crate::auth0::{CallError, CallErrorKind, TimeLimit};
use crate::model::{ApiError, Identity, User};

/// The effect of a requested link.
pub(super) enum LinkEffect {
    /// The accounts are linked. Holds the identities of the primary.
    Linked(Vec<Identity>),
    /// The accounts are not linked, and the request has no effect later.
    NotLinked(CallError),
    /// The accounts were not linked a moment ago, or could not be read, and the request
    /// may still have an effect.
    Unknown(ApiError),
}

/// A failed change.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) error: ApiError,
    /// Whether no request had an effect, and none will have one.
    pub(super) is_untouched: bool,
}

impl From<ApiError> for Interrupted {
    fn from(error: ApiError) -> Self {
        Self { error, is_untouched: false }
    }
}

/// Returns whether a tenant gives such a refusal to a change that it has carried out before: a
/// proxy in between may have sent the request twice.
fn may_be_repeated(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::Refused { .. })
}

impl Auth0Directory {
    /// Requests a link once. After an unclear answer, the primary is read, and the identity
    /// looked for; the link is never requested a second time. The same after a refusal, which
    /// may be that of a repeated request.
    pub(super) fn request_link(&self, primary: &str, identity: &Identity, limit: TimeLimit) -> LinkEffect {
        let wanted = identity.as_user_id();
        let (unclear, refusal) = match self.api.link(primary, identity.key(), limit) {
            Ok(identities) if contains_identity(&identities, &wanted) => {
                return LinkEffect::Linked(identities);
            }
            Ok(_) => {
                let why = format!(
                    "the tenant reported the link of {wanted}, but not among the identities of {primary}"
                );
                (ApiError::Unavailable(why), None)
            }
            Err(error) if error.may_have_effect() => (self.failed(error), None),
            Err(error) if may_be_repeated(&error) => (error.clone().into_api_error(), Some(error)),
            Err(error) => return LinkEffect::NotLinked(error),
        };
        match (self.read_user(primary, limit), refusal) {
            (Ok(user), _) if has_identity(&user, &wanted) => LinkEffect::Linked(user.identities),
            (Ok(_) | Err(ApiError::NotFound(_)), Some(refusal)) => LinkEffect::NotLinked(refusal),
            _ => LinkEffect::Unknown(unclear),
        }
    }

    /// Unlinks an identity, and returns those that are left. The list counts, and not the
    /// status: Auth0 reports success as well if nothing changed. After any other answer the
    /// primary is read, and the identity looked for.
    pub(super) fn request_unlink(
        &self,
        primary: &str,
        identity: &Identity,
        limit: TimeLimit,
    ) -> Result<Vec<Identity>, Interrupted> {
        let unwanted = identity.as_user_id();
        let (failed, is_refused) = match self.api.unlink(primary, identity.key(), limit) {
            Ok(left) if !contains_identity(&left, &unwanted) => return Ok(left),
            Ok(_) => {
                let why = format!("the tenant reported the unlink of {unwanted}, but {primary} still has it");
                (ApiError::Unavailable(why), false)
            }
            Err(error) if error.may_have_effect() => (self.failed(error), false),
            Err(error) if may_be_repeated(&error) => (self.failed(error), true),
            Err(error) => return Err(Interrupted { error: self.failed(error), is_untouched: true }),
        };
        match self.read_user(primary, limit) {
            Ok(user) if !has_identity(&user, &unwanted) => Ok(user.identities),
            Ok(_) => Err(Interrupted { error: failed, is_untouched: is_refused }),
            Err(gone @ ApiError::NotFound(_)) => Err(Interrupted { error: gone, is_untouched: false }),
            Err(_) => Err(failed.into()),
        }
    }

    /// Changes a user, if there is anything to change, and returns it as it is now.
    pub(super) fn change_user(
        &self,
        current: User,
        wanted: &User,
        limit: TimeLimit,
    ) -> Result<User, CallError> {
        match super::user_patch::patch_between(&current, wanted) {
            None => Ok(current),
            Some(patch) => self.api.patch_user(&current.user_id, &patch, limit),
        }
    }
}
