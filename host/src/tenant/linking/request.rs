//! Requests of an application at `/authorize` to link or unlink an account, with the
//! scopes `link_account` and `unlink_account`.
//!
//! The owner is the user of `id_token_hint`, who must also be logged in in this browser:
//! the token alone proves nothing. To link, the owner logs in to the other account; to
//! unlink, to their own account once more.
//!
//! Source: Auth0's Action "client-initiated account linking"; npm
//! `@auth0/auth0-auth-js`, `buildLinkUserUrl` and `buildUnlinkUserUrl`.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::directory::Administration;
use crate::model::{ApiError, User, mask_addresses};
use crate::tenant::config::Config;
use crate::tenant::flows::linking_request::{LinkingAction, LinkingRequest, LinkingStep};
use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The scopes that request a link and an unlink.
const LINK: &str = "link_account";
const UNLINK: &str = "unlink_account";

/// The audience of these requests that Auth0's Action expects.
pub(crate) const AUDIENCE: &str = "my-account";

impl LinkingAction {
    /// Parses the scopes of a request. `None` if it has neither of the two.
    pub(crate) fn parse(scope: Option<&str>) -> Result<Option<Self>, OAuthError> {
        let has = |wanted: &str| scope.unwrap_or_default().split_whitespace().any(|it| it == wanted);
        match (has(LINK), has(UNLINK)) {
            (true, true) => {
                Err(OAuthError::invalid_request("scope: expected link_account or unlink_account, not both"))
            }
            (true, false) => Ok(Some(Self::Link)),
            (false, true) => Ok(Some(Self::Unlink)),
            (false, false) => Ok(None),
        }
    }

    /// Returns the scope that requests the action.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Link => LINK,
            Self::Unlink => UNLINK,
        }
    }
}

/// Describes the requested link or unlink, for the login page.
pub(crate) fn describe_linking(config: &Config, pending: &PendingLogin) -> Option<String> {
    let (step, linking) = (pending.linking.as_ref()?, pending.authorization.linking.as_ref()?);
    let client = config.client(&pending.authorization.client_id)?;
    let client = if client.name.is_empty() { &client.client_id } else { &client.name };
    let connection = config.connection(&linking.connection)?.label();
    Some(match (step, linking.action) {
        (LinkingStep::Owner { .. }, LinkingAction::Link) => format!(
            "{client} asks to link an account of {connection} to yours. Log in to the account that you use there."
        ),
        (LinkingStep::Owner { .. }, LinkingAction::Unlink) => format!(
            "{client} asks to unlink the account of {connection} from yours. Log in again to confirm."
        ),
        (LinkingStep::Account { owner, .. }, _) => format!(
            "Log in to the account of {connection} that is to be linked to {owner}. After that, both logins \
             lead to one account."
        ),
    })
}

/// Refuses these scopes at an endpoint without a login page, where the request would be
/// an ordinary login that links nothing.
pub(crate) fn refuse_scope(scope: Option<&str>) -> Result<(), OAuthError> {
    let Some(action) = LinkingAction::parse(scope)? else { return Ok(()) };
    let scope = action.scope();
    Err(OAuthError::invalid_request(format!("scope: {scope} is for /authorize and its login page")))
}

/// The error `login_required` with this description.
pub(crate) fn login_required(words: impl Into<String>) -> OAuthError {
    OAuthError::new(StatusCode::BAD_REQUEST, "login_required", words)
}

/// Writes a refusal to the log, and returns it.
pub(crate) fn report_refusal(client: &str, error: OAuthError) -> OAuthError {
    tracing::warn!(
        target: "audit", client, error = error.error,
        why = %mask_addresses(&error.description), "a link that an application asked for was refused"
    );
    error
}

/// Reads the owner. Refuses an owner who is gone or blocked.
pub(crate) fn read_owner(
    directory: &dyn Administration,
    linking: &LinkingRequest,
) -> Result<Arc<User>, OAuthError> {
    let user = match directory.get(&linking.owner) {
        Ok(stored) => stored.user,
        Err(ApiError::NotFound(_)) => {
            return Err(OAuthError::access_denied(
                "The user of id_token_hint no longer exists: it was deleted, or linked to another account.",
            ));
        }
        Err(error) => return Err(unavailable(error)),
    };
    if user.blocked { Err(login_error(NotLoggedIn::Blocked)) } else { Ok(user) }
}

/// The error of a login that failed during a link.
pub(crate) fn login_error(why: NotLoggedIn) -> OAuthError {
    match why {
        NotLoggedIn::Blocked => OAuthError::access_denied("user is blocked"),
        NotLoggedIn::Gone | NotLoggedIn::Revoked => login_required("The login has ended. Log in again."),
        why => why.into(),
    }
}

/// Finds the user who has a proved identity.
pub(crate) fn find_owner(
    directory: &dyn Administration,
    proved: &ProvedIdentity,
) -> Result<Option<Arc<User>>, OAuthError> {
    let Some(key) = proved.key() else { return Ok(None) };
    match directory.owner(key) {
        Ok(owner) => Ok(owner.map(|stored| stored.user)),
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}
