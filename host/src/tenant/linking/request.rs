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
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::oauth::authorization_request::Prompt;
use crate::tenant::pages::login_forms::PendingLogin;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::sessions::Session;
use crate::tenant::signing::verification::{Claims, TokenError};
use crate::tenant::state::Tenant;
use crate::tenant::store::weight::Weighed;

/// The scopes that request a link and an unlink.
const LINK: &str = "link_account";
const UNLINK: &str = "unlink_account";

/// The audience of these requests that Auth0's Action expects.
pub(crate) const AUDIENCE: &str = "my-account";

/// A link or an unlink that an application requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkingRequest {
    pub(crate) action: LinkingAction,
    /// The connection of the account to be linked or unlinked.
    pub(crate) connection: String,
    /// The owner: the id of the user of `id_token_hint`.
    pub(crate) owner: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkingAction {
    Link,
    Unlink,
}

/// A step of a link or an unlink that waits for a login.
#[derive(Debug, Clone)]
pub(crate) enum LinkingStep {
    /// The owner logs in, by the connection `only` if it is set.
    Owner { only: Option<String> },
    /// The user logs in to the account to be linked.
    Account {
        /// The account's connection.
        connection: String,
        /// The owner's address, name or id, for the page.
        owner: String,
        /// The `sid` of the session that the owner is logged in with.
        sid: String,
    },
}

impl LinkingStep {
    /// The step in which the user logs in to the account to be linked.
    pub(crate) fn account(linking: &LinkingRequest, owner: &User, session: &Session) -> Self {
        let name = owner.rest.get("name").and_then(|name| name.as_str());
        let label = owner.email.as_deref().or(name).unwrap_or(&owner.user_id);
        Self::Account {
            connection: linking.connection.clone(),
            owner: label.chars().take(128).collect(),
            sid: session.sid.clone(),
        }
    }

    /// The only connection that the login page offers, if there is one.
    pub(crate) fn only_connection(&self) -> Option<&str> {
        match self {
            Self::Owner { only } => only.as_deref(),
            Self::Account { connection, .. } => Some(connection),
        }
    }

    /// Whether a new account may be created. A new account is never the owner's.
    pub(crate) fn may_sign_up(&self) -> bool {
        matches!(self, Self::Account { .. })
    }
}

impl LinkingRequest {
    /// Parses a request. `None` if it requests neither a link nor an unlink.
    pub(crate) fn parse(
        visit: &Visit,
        client_id: &str,
        params: &AuthorizationParams,
    ) -> Result<Option<Self>, OAuthError> {
        let action = LinkingAction::parse(params.scope.as_deref());
        let parsed = action.and_then(|action| {
            action.map(|action| Self::parse_action(visit, client_id, action, params)).transpose()
        });
        parsed.map_err(|error| report_refusal(client_id, error))
    }

    fn parse_action(
        visit: &Visit,
        client_id: &str,
        action: LinkingAction,
        params: &AuthorizationParams,
    ) -> Result<Self, OAuthError> {
        let scope = action.scope();
        let missing =
            |name: &str| OAuthError::invalid_request(format!("{name}: required with scope {scope}"));
        let hint = params.id_token_hint.as_deref().ok_or_else(|| missing("id_token_hint"))?;
        let connection = params.requested_connection.as_deref();
        let connection = connection.ok_or_else(|| missing("requested_connection"))?;
        if visit.tenant.config.connection(connection).is_none() {
            return Err(OAuthError::invalid_request(format!(
                "requested_connection: the connection {connection} was not found"
            )));
        }
        if params.login_ticket.is_some() {
            return Err(OAuthError::invalid_request(format!(
                "login_ticket: scope {scope} needs the login page"
            )));
        }
        let owner = verify_id_token_hint(visit, client_id, hint)?;
        if Prompt::parse(params.prompt.as_deref())? == Prompt::Never {
            return Err(login_required(format!("prompt: scope {scope} needs somebody who logs in")));
        }
        Ok(Self { action, connection: connection.to_owned(), owner })
    }
}

impl Weighed for LinkingRequest {
    fn bytes(&self) -> usize {
        self.connection.len() + self.owner.len()
    }
}

impl Weighed for LinkingStep {
    fn bytes(&self) -> usize {
        match self {
            Self::Owner { only } => only.bytes(),
            Self::Account { connection, owner, sid } => connection.len() + owner.len() + sid.len(),
        }
    }
}

impl LinkingAction {
    /// Parses the scopes of a request. `None` if it has neither of the two.
    fn parse(scope: Option<&str>) -> Result<Option<Self>, OAuthError> {
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

    fn scope(self) -> &'static str {
        match self {
            Self::Link => LINK,
            Self::Unlink => UNLINK,
        }
    }
}

/// Describes the requested link or unlink, for the login page.
pub(crate) fn describe_linking(tenant: &Tenant, pending: &PendingLogin) -> Option<String> {
    let (step, linking) = (pending.linking.as_ref()?, pending.authorization.linking.as_ref()?);
    let client = tenant.config.client(&pending.authorization.client_id)?;
    let client = if client.name.is_empty() { &client.client_id } else { &client.name };
    let connection = tenant.config.connection(&linking.connection)?.label();
    Some(match (step, linking.action) {
        (LinkingStep::Owner { .. }, LinkingAction::Link) => format!(
            "{client} asks to link an account of {connection} to yours. Log in to the account that you use there."
        ),
        (LinkingStep::Owner { .. }, LinkingAction::Unlink) => format!(
            "{client} asks to take the account of {connection} away from yours. Log in once more, if you want that."
        ),
        (LinkingStep::Account { owner, .. }, _) => format!(
            "Log in to the account of {connection} that is to be linked to {owner}. From then on both lead to one account."
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

/// Verifies an ID token that this tenant issued to this client. Returns its user's id.
fn verify_id_token_hint(visit: &Visit, client_id: &str, hint: &str) -> Result<String, OAuthError> {
    let claims = visit.tenant.signing.verify(hint).map_err(|error| match error {
        TokenError::Expired => login_required("id_token_hint: it has expired; log in again"),
        error => OAuthError::invalid_request(format!("id_token_hint: {error}")),
    })?;
    // The `aud` of an access token is an API; an API may be called like a client.
    let is_id_token =
        |claims: &Claims| claims.azp.is_none() && claims.gty.is_none() && claims.scope.is_empty();
    if !is_id_token(&claims) {
        return Err(OAuthError::invalid_request("id_token_hint: it is no ID token"));
    }
    if claims.iss != visit.issuer.as_str() {
        return Err(OAuthError::invalid_request("id_token_hint: it is of another issuer"));
    }
    if claims.aud.as_str() != Some(client_id) {
        return Err(OAuthError::invalid_request("id_token_hint: it was issued to another client"));
    }
    let sub = claims.sub.as_ref().and_then(|sub| sub.as_str());
    sub.map(str::to_owned).ok_or_else(|| OAuthError::invalid_request("id_token_hint: it names no user"))
}

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
                "The user of id_token_hint is there no longer: it was deleted, or linked to another account.",
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
    proved: &Proved,
) -> Result<Option<Arc<User>>, OAuthError> {
    let Some(key) = proved.key() else { return Ok(None) };
    match directory.owner(key) {
        Ok(owner) => Ok(owner.map(|stored| stored.user)),
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}
