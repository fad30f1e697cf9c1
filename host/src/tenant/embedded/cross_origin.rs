//! Logins within an application's own page: `/co/authenticate`.
//!
//! Source: auth0-js 9 and 10; Auth0, "Cross-origin authentication".

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::flows::Ticket;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::Sender;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Takes a proof, gives a ticket for `/authorize`.
pub(crate) async fn authenticate(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    run(&tenant, move |tenant| match authenticated(tenant, &issuer, &from, &headers, &params) {
        Ok(response) => response,
        Err(why) => why.into_response(),
    })
    .await
}

fn authenticated(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, OAuthError> {
    let client = tenant.config.client(params.require("client_id")?);
    let client = client.ok_or_else(|| OAuthError::invalid_request("the client was not found"))?;
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if !client.origins.iter().any(|it| it == origin) && origin != issuer.origin() {
        tracing::warn!(target: "audit", client = client.client_id, "a login from a foreign origin was refused");
        return Ok((StatusCode::FORBIDDEN, format!(
            "Origin {origin} is not allowed: it is not among the `origins` of the client `{}` in tenant.toml.",
            client.client_id
        )).into_response());
    }
    let proved = proved(tenant, from, params).map_err(|why| match why.error {
        // As this endpoint calls it.
        "invalid_grant" => OAuthError::access_denied(why.description),
        _ => why,
    })?;
    let mut browser = Browser::of(&tenant.people.sessions, issuer, headers);
    let brought = browser.known_id().is_some();
    let ticket = Ticket {
        client_id: client.client_id.clone(),
        proved,
        browser: browser.id(),
        brought,
        used: Arc::default(),
    };
    let answer = json!({
        "login_ticket": tenant.flows.login_tickets.put(ticket),
        "co_verifier": tenant.ambient.random().secret(),
        "co_id": tenant.ambient.random().object_id(),
    });
    Ok((browser.into_cookies(), Json(answer)).into_response())
}

fn proved(tenant: &Tenant, from: &Sender, params: &Params) -> Result<Proved, OAuthError> {
    let config = &tenant.config;
    let realm = |name: &str| {
        config
            .connection(name)
            .ok_or_else(|| OAuthError::invalid_request("realm: there is no such connection"))
    };
    let typed = |secret| {
        let (login, secret) = (params.require("username")?, params.require(secret)?);
        Ok::<_, OAuthError>(TypedCredentials { login, secret, sender: &from.ip })
    };
    match params.get("credential_type").unwrap_or_default() {
        "http://auth0.com/oauth/grant-type/passwordless/otp" => {
            let connection = realm(params.require("realm")?)?;
            if !connection.is_passwordless() {
                return Err(OAuthError::invalid_request("realm: it is no passwordless connection"));
            }
            Ok(tenant.logins.prove_by_code(connection, typed("otp")?)?)
        }
        "http://auth0.com/oauth/grant-type/password-realm" | "password" => {
            let connection = match params.get("realm") {
                Some(name) => realm(name)?,
                None => config
                    .connection_of("auth0")
                    .ok_or_else(|| OAuthError::invalid_request("realm: there is no database"))?,
            };
            Ok(tenant.logins.prove_by_password(connection, typed("password")?)?)
        }
        _ => Err(OAuthError::new(
            StatusCode::BAD_REQUEST,
            "unsupported_credential_type",
            "Unknown credential type parameter.",
        )),
    }
}
