//! `/co/authenticate`: logins within an application's own page.
//!
//! Source: auth0-js 9 and 10; Auth0, "Cross-origin authentication".

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::config::Client;
use crate::tenant::embedded::login_ticket::{Audience, IssuedLoginTicket};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::typed_credentials::TypedCredentials;

/// `POST /co/authenticate`: checks the credentials, and issues a login ticket for
/// `/authorize`.
pub(crate) async fn authenticate(visit: Visit) -> Response {
    visit.run(|visit| issue_ticket(visit).unwrap_or_else(IntoResponse::into_response)).await
}

fn issue_ticket(visit: &Visit) -> Result<Response, OAuthError> {
    let client = visit.tenant.config.client(visit.params.require("client_id")?);
    let client = client.ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    let origin = visit.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if !client.origins.iter().any(|it| it == origin) && origin != visit.issuer.origin() {
        tracing::warn!(target: "audit", client = client.client_id, "a login from a foreign origin was refused");
        let words = format!(
            "Origin {origin} is not allowed: it is not among the `origins` of the client `{}` in tenant.toml.",
            client.client_id
        );
        return Ok((StatusCode::FORBIDDEN, words).into_response());
    }
    let proved = prove_identity(visit, client).map_err(|error| match error.error {
        // This endpoint has no `invalid_grant`.
        "invalid_grant" => OAuthError::access_denied(error.description),
        _ => error,
    })?;
    let IssuedLoginTicket { browser, ticket } =
        IssuedLoginTicket::issue(visit, client, proved, Audience::OneBrowser);
    let body = json!({
        "login_ticket": ticket,
        "co_verifier": visit.tenant.ambient.random().secret(),
        "co_id": visit.tenant.ambient.random().object_id(),
    });
    Ok((browser.into_cookies(), Json(body)).into_response())
}

fn prove_identity(visit: &Visit, client: &Client) -> Result<ProvedIdentity, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    let realm = |name: &str| {
        let missing = || OAuthError::invalid_request("realm: there is no such connection");
        tenant.config.connection(name).ok_or_else(missing)
    };
    let credentials = |secret| {
        let (login, secret) = (params.require("username")?, params.require(secret)?);
        Ok::<_, OAuthError>(TypedCredentials { identifier: login, secret, sender: &visit.sender.ip })
    };
    match params.get("credential_type").unwrap_or_default() {
        "http://auth0.com/oauth/grant-type/passwordless/otp" => {
            let connection = realm(params.require("realm")?)?;
            if !connection.is_passwordless() {
                return Err(OAuthError::invalid_request("realm: it is not a passwordless connection"));
            }
            Ok(tenant.logins.prove_by_code(connection, &client.client_id, credentials("otp")?)?)
        }
        "http://auth0.com/oauth/grant-type/password-realm" | "password" => {
            let connection = match params.get("realm") {
                Some(name) => realm(name)?,
                None => {
                    let missing = || OAuthError::invalid_request("realm: there is no database");
                    tenant.config.connection_of("auth0").ok_or_else(missing)?
                }
            };
            Ok(tenant.logins.prove_by_password(connection, credentials("password")?)?)
        }
        _ => Err(OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unsupported_credential_type",
            "Unknown credential type parameter.",
        )),
    }
}
