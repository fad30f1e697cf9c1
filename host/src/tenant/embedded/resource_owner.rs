//! `/oauth/ro`: tokens for a password or a one-time password, as applications
//! from before 2018 ask for them within their own pages.
//!
//! Source: Auth0's Authentication API, "Resource owner" (legacy); auth0-js 6 to
//! 8, `loginWithResourceOwner`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::tenant::config::Client;
use crate::tenant::embedded::legacy;
use crate::tenant::embedded::legacy::OfOlder;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::linking::request as linking;
use crate::tenant::logins::context::LoginContext;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::authorization_request::Audience;
use crate::tenant::oauth::client_auth::check_secret;
use crate::tenant::oauth::issued_tokens::Issued;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Any of these lets a client have tokens for what people type on its pages.
const GRANTS: [&str; 4] = [
    "implicit",
    "password",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
];

/// Takes a secret, gives tokens.
pub(crate) async fn log_in(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    run(&tenant, move |tenant| {
        let answer = legacy::require(tenant, "/oauth/ro")
            .and_then(|()| legacy::client(tenant, &issuer, &headers, &params))
            .and_then(|client| granted(tenant, &issuer, &from, (client, &params)));
        answer.map(Json).map_err(OfOlder).into_response()
    })
    .await
}

fn granted(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    (client, params): (&Client, &Params),
) -> Result<Value, OAuthError> {
    let grant = params.get("grant_type").unwrap_or("password");
    if grant != "password" {
        let description = format!("Unsupported grant type: {grant}");
        return Err(OAuthError::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description));
    }
    if !GRANTS.iter().any(|grant| client.may(grant)) {
        return Err(OAuthError::unauthorized_client("Grant type 'password' not allowed for the client."));
    }
    // Not asked for; a wrong one is a mistake.
    if let Some(secret) = params.get("client_secret") {
        check_secret(client, secret)?;
    }
    if params.get("audience").is_some() {
        return Err(OAuthError::invalid_request("audience: /oauth/ro gives tokens of /userinfo only"));
    }
    let scope = params.get("scope").unwrap_or("openid");
    linking::refuse_elsewhere(Some(scope)).map_err(|why| linking::told(&client.client_id, why))?;
    let scope = Audience::Userinfo.grant(tenant, client, scope);
    let proved = proved(tenant, from, params)?;
    let around = LoginContext {
        client,
        protocol: "oauth2-resource-owner",
        scope: &scope,
        sender: from,
        interactive: false,
        answer: None,
    };
    let user = tenant.logins.log_in(&proved, &around)?.user();
    let issued = Issued {
        issuer,
        client,
        user: &user,
        proved: &proved,
        scope: &scope,
        audience: &Audience::Userinfo,
        nonce: None,
        session: None,
    };
    let answer = issued.tokens(tenant, None).0;
    tenant.metrics.token("password");
    Ok(answer)
}

fn proved(tenant: &Tenant, from: &Sender, params: &Params) -> Result<Proved, OAuthError> {
    let name = params.require("connection")?;
    let connection = tenant.config.connection(name);
    let connection = connection
        .ok_or_else(|| OAuthError::invalid_request(format!("the connection {name} was not found")))?;
    let (login, secret) = (params.require("username")?, params.require("password")?);
    let typed = TypedCredentials { login, secret, sender: &from.ip };
    if connection.is_passwordless() {
        Ok(tenant.logins.prove_by_code(connection, typed)?)
    } else {
        Ok(tenant.logins.prove_by_password(connection, typed)?)
    }
}
