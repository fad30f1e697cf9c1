//! `/oauth/ro`: tokens for a password or a one-time password, which applications from
//! before 2018 request within their own pages.
//!
//! Source: Auth0's Authentication API, "Resource owner" (legacy); auth0-js 6 to
//! 8, `loginWithResourceOwner`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::tenant::config::Client;
use crate::tenant::embedded::legacy;
use crate::tenant::embedded::legacy::LegacyError;
use crate::tenant::flows::authorization::Audience;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request as linking;
use crate::tenant::logins::context::LoginRequest;
use crate::tenant::oauth::client_auth::check_secret;
use crate::tenant::oauth::issued_tokens::Issuance;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::typed_credentials::TypedCredentials;

/// The grant types that allow a client to use this endpoint. One of them is enough.
const GRANTS: [&str; 4] = [
    "implicit",
    "password",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
];

/// `POST /oauth/ro`: checks a password or a one-time password, and issues tokens.
pub(crate) async fn issue_tokens(visit: Visit) -> Response {
    visit.run(|visit| grant(visit).map(Json).map_err(LegacyError).into_response()).await
}

fn grant(visit: &Visit) -> Result<Value, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    legacy::require(&tenant.config, "/oauth/ro")?;
    let client = legacy::find_client(visit)?;
    let grant = params.get("grant_type").unwrap_or("password");
    if grant != "password" {
        let description = format!("Unsupported grant type: {grant}");
        return Err(OAuthError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description));
    }
    if !GRANTS.iter().any(|grant| client.allows_grant(grant)) {
        return Err(OAuthError::unauthorized_client("Grant type 'password' not allowed for the client."));
    }
    // The secret is optional here; a wrong one is a mistake.
    if let Some(secret) = params.get("client_secret") {
        check_secret(client, secret)?;
    }
    if params.get("audience").is_some() {
        return Err(OAuthError::invalid_request("audience: /oauth/ro gives tokens of /userinfo only"));
    }
    let scope = params.get("scope").unwrap_or("openid");
    linking::refuse_scope(Some(scope)).map_err(|error| linking::report_refusal(&client.client_id, error))?;
    let scope = Audience::Userinfo.grant(&tenant.config, client, scope);
    let proved = prove_identity(visit, client)?;
    let context = LoginRequest {
        client,
        protocol: "oauth2-resource-owner",
        scope: &scope,
        sender: &visit.sender,
        interactive: false,
        answer: None,
    };
    let user = tenant.logins.log_in(&proved, &context)?.user();
    let issuance = Issuance {
        issuer: &visit.issuer,
        client,
        user: &user,
        proved: &proved,
        scope: &scope,
        audience: &Audience::Userinfo,
        nonce: None,
        session: None,
        grant: None,
    };
    let response = issuance.issue_token_response(tenant, None).0;
    tenant.metrics.count_token("password");
    Ok(response)
}

fn prove_identity(visit: &Visit, client: &Client) -> Result<ProvedIdentity, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    let name = params.require("connection")?;
    let missing = || OAuthError::invalid_request(format!("the connection {name} was not found"));
    let connection = tenant.config.connection(name).ok_or_else(missing)?;
    let (login, secret) = (params.require("username")?, params.require("password")?);
    let typed = TypedCredentials { identifier: login, secret, sender: &visit.sender.ip };
    if connection.is_passwordless() {
        Ok(tenant.logins.prove_by_code(connection, &client.client_id, typed)?)
    } else {
        Ok(tenant.logins.prove_by_password(connection, typed)?)
    }
}
