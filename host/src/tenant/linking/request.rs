//! Linking and unlinking that an application asks for at `/authorize`, with the
//! scopes `link_account` and `unlink_account`.
//!
//! The owner of the account is whom `id_token_hint` names and who is logged in
//! in this browser; the token alone proves nothing. To link, they log in to the
//! other account; to unlink, to their own once more.
//!
//! Source: Auth0's Action "client-initiated account linking"; npm
//! `@auth0/auth0-auth-js`, `buildLinkUserUrl` and `buildUnlinkUserUrl`.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::directory::Administration;
use crate::model::{ApiError, User};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::params::Params;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::authorization_request::Prompt;
use crate::tenant::pages::login_forms::Pending;
use crate::tenant::people::proved::Proved;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::verification::{Claims, TokenError};
use crate::tenant::state::Tenant;
use crate::tenant::store::weight::Weighed;

/// The scope that asks for a link, and the one that asks to take one back.
const LINK: &str = "link_account";
const UNLINK: &str = "unlink_account";

/// The API that Auth0's Action wants these requests to be for.
pub(crate) const AUDIENCE: &str = "my-account";

/// A link, or its end, that an application asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Linking {
    pub(crate) does: Does,
    /// The connection of the account to be linked or unlinked.
    pub(crate) connection: String,
    /// The owner: the user of the hint.
    pub(crate) owner: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Link,
    Unlink,
}

/// A step of it that waits for somebody to log in.
#[derive(Debug, Clone)]
pub(crate) enum LinkStep {
    /// The owner logs in, by this connection alone where there is one.
    Owner { only: Option<String> },
    /// The account to be linked is proved.
    Account {
        /// Its connection.
        connection: String,
        /// The owner's address, name or id, for the page.
        owner: String,
        /// The session that the owner is logged in with.
        sid: String,
    },
}

impl LinkStep {
    /// The connection that alone is offered.
    pub(crate) fn only(&self) -> Option<&str> {
        match self {
            Self::Owner { only } => only.as_deref(),
            Self::Account { connection, .. } => Some(connection),
        }
    }

    /// Whether a new account may be made: it could not be the owner's.
    pub(crate) fn may_sign_up(&self) -> bool {
        matches!(self, Self::Account { .. })
    }
}

impl Linking {
    /// Reads a request; `None` of one that asks for neither.
    pub(crate) fn read(
        tenant: &Tenant,
        issuer: &Issuer,
        client_id: &str,
        params: &Params,
    ) -> Result<Option<Self>, OAuthError> {
        let Some(does) = asked(params.get("scope")).map_err(|why| told(client_id, why))? else {
            return Ok(None);
        };
        let read = Self::checked(tenant, issuer, client_id, (does, params));
        read.map(Some).map_err(|why| told(client_id, why))
    }

    fn checked(
        tenant: &Tenant,
        issuer: &Issuer,
        client_id: &str,
        (does, params): (Does, &Params),
    ) -> Result<Self, OAuthError> {
        let scope = does.scope();
        let needs = |name: &str| {
            params
                .get(name)
                .ok_or_else(|| OAuthError::invalid_request(format!("{name}: required with scope {scope}")))
        };
        let (hint, connection) = (needs("id_token_hint")?, needs("requested_connection")?);
        if tenant.config.connection(connection).is_none() {
            return Err(OAuthError::invalid_request(format!(
                "requested_connection: the connection {connection} was not found"
            )));
        }
        if params.get("login_ticket").is_some() {
            return Err(OAuthError::invalid_request(format!(
                "login_ticket: scope {scope} needs the login page"
            )));
        }
        let owner = hinted(tenant, issuer, client_id, hint)?;
        if Prompt::read(params.get("prompt"))? == Prompt::Never {
            return Err(login_required(format!("prompt: scope {scope} needs somebody who logs in")));
        }
        Ok(Self { does, connection: connection.to_owned(), owner })
    }
}

impl Weighed for Linking {
    fn bytes(&self) -> usize {
        self.connection.len() + self.owner.len()
    }
}

impl Weighed for LinkStep {
    fn bytes(&self) -> usize {
        match self {
            Self::Owner { only } => only.bytes(),
            Self::Account { connection, owner, sid } => connection.len() + owner.len() + sid.len(),
        }
    }
}

impl Does {
    fn scope(self) -> &'static str {
        match self {
            Self::Link => LINK,
            Self::Unlink => UNLINK,
        }
    }
}

/// Words for a login by which an application links or unlinks an account.
pub(crate) fn linking_words(tenant: &Tenant, pending: &Pending) -> Option<String> {
    let (step, linking) = (pending.linking.as_ref()?, pending.authorization.linking.as_ref()?);
    let client = tenant.config.client(&pending.authorization.client_id)?;
    let client = if client.name.is_empty() { &client.client_id } else { &client.name };
    let connection = tenant.config.connection(&linking.connection)?.label();
    Some(match (step, linking.does) {
        (LinkStep::Owner { .. }, Does::Link) => format!(
            "{client} asks to link an account of {connection} to yours. Log in to the account that you use there."
        ),
        (LinkStep::Owner { .. }, Does::Unlink) => format!(
            "{client} asks to take the account of {connection} away from yours. Log in once more, if you want that."
        ),
        (LinkStep::Account { owner, .. }, _) => format!(
            "Log in to the account of {connection} that is to be linked to {owner}. From then on both lead to one account."
        ),
    })
}

/// Which of the two scopes is among these.
fn asked(scope: Option<&str>) -> Result<Option<Does>, OAuthError> {
    let has = |wanted: &str| scope.unwrap_or_default().split_whitespace().any(|it| it == wanted);
    match (has(LINK), has(UNLINK)) {
        (true, true) => {
            Err(OAuthError::invalid_request("scope: expected link_account or unlink_account, not both"))
        }
        (true, false) => Ok(Some(Does::Link)),
        (false, true) => Ok(Some(Does::Unlink)),
        (false, false) => Ok(None),
    }
}

/// Refuses these scopes where nobody could log in to a second account: what
/// follows would be an ordinary login that links nothing.
pub(crate) fn refuse_elsewhere(scope: Option<&str>) -> Result<(), OAuthError> {
    match asked(scope)? {
        None => Ok(()),
        Some(does) => Err(OAuthError::invalid_request(format!(
            "scope: {} is for /authorize and its login page",
            does.scope()
        ))),
    }
}

/// The user of an ID token that this tenant has issued to this client.
fn hinted(tenant: &Tenant, issuer: &Issuer, client_id: &str, hint: &str) -> Result<String, OAuthError> {
    let claims = tenant.signing.verify(hint).map_err(|error| match error {
        TokenError::Expired => login_required("id_token_hint: it has expired; log in again"),
        error => OAuthError::invalid_request(format!("id_token_hint: {error}")),
    })?;
    // The `aud` of an access token is an API; an API may be called like a client.
    let is_id_token =
        |claims: &Claims| claims.azp.is_none() && claims.gty.is_none() && claims.scope.is_empty();
    if !is_id_token(&claims) {
        return Err(OAuthError::invalid_request("id_token_hint: it is no ID token"));
    }
    if claims.iss != issuer.as_str() {
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

/// Tells the operator of a refusal.
pub(crate) fn told(client: &str, why: OAuthError) -> OAuthError {
    tracing::warn!(
        target: "audit", client, error = why.error,
        why = %crate::model::mask_addresses(&why.description), "a link that an application asked for was refused"
    );
    why
}

/// The owner as they are now.
pub(crate) fn owner_now(directory: &dyn Administration, linking: &Linking) -> Result<Arc<User>, OAuthError> {
    let user = match directory.get(&linking.owner) {
        Ok(stored) => stored.user,
        Err(ApiError::NotFound(_)) => {
            return Err(OAuthError::access_denied(
                "The user of id_token_hint is there no longer: it was deleted, or linked to another account.",
            ));
        }
        Err(error) => return Err(unavailable(error)),
    };
    if user.blocked { Err(not_logged_in(NotLoggedIn::Blocked)) } else { Ok(user) }
}

/// The reason why somebody is not logged in, in this place's words.
pub(crate) fn not_logged_in(why: NotLoggedIn) -> OAuthError {
    match why {
        NotLoggedIn::Blocked => OAuthError::access_denied("user is blocked"),
        NotLoggedIn::Gone | NotLoggedIn::Revoked => login_required("The login has ended. Log in again."),
        why => why.into(),
    }
}

/// The user that has this identity, if there is one.
pub(crate) fn holder(
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
