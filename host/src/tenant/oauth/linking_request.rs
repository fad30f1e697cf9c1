//! The parameters of `/authorize` that request a link or an unlink.

use crate::tenant::flows::authorization::Prompt;
use crate::tenant::flows::linking_request::{LinkingAction, LinkingRequest};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request::{login_required, report_refusal};
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::signing::verification::{Claims, TokenError};

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
            return Err(login_required(format!("prompt: scope {scope} needs an interactive login")));
        }
        Ok(Self { action, connection: connection.to_owned(), owner })
    }
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
        return Err(OAuthError::invalid_request("id_token_hint: it is not an ID token"));
    }
    if claims.iss != visit.issuer.name() {
        return Err(OAuthError::invalid_request("id_token_hint: it is of another issuer"));
    }
    if claims.aud.as_str() != Some(client_id) {
        return Err(OAuthError::invalid_request("id_token_hint: it was issued to another client"));
    }
    let sub = claims.sub.as_ref().and_then(|sub| sub.as_str());
    sub.map(str::to_owned).ok_or_else(|| OAuthError::invalid_request("id_token_hint: it names no user"))
}
