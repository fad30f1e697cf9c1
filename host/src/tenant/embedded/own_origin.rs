//! What auth0-js and Lock use instead of `/co/authenticate` on pages of the
//! tenant's own origin.

use askama::Template;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, ORIGIN, X_FRAME_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use crate::tenant::config::LEGACY;
use crate::tenant::embedded::legacy;
use crate::tenant::embedded::legacy::OfOlder;
use crate::tenant::flows::Ticket;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::authorize::authorize;
use crate::tenant::oauth::{authorization_request, authorization_response};
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

#[derive(Template)]
#[template(path = "own_origin.html")]
struct Continue {
    action: String,
    ticket: String,
    context: String,
}

/// `/usernamepassword/login`: answers a form that its sender submits.
pub(crate) async fn login(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    run(&tenant, move |tenant| match checked(tenant, &issuer, &from, &headers, &params) {
        Ok(response) => response,
        Err(why) if tenant.config.legacy_id_tokens => OfOlder(why).into_response(),
        Err(why) => why.into_response(),
    })
    .await
}

fn checked(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, OAuthError> {
    let foreign = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != issuer.origin().as_bytes());
    if foreign && !tenant.config.legacy_id_tokens {
        tracing::warn!(target: "audit", "a login from a foreign origin was refused");
        let words = format!("/usernamepassword/login from another origin than the tenant's own {LEGACY}");
        return Err(OAuthError::access_denied(words));
    }
    let client = legacy::client(tenant, issuer, headers, params)?;
    let connection = params.get("connection").or_else(|| params.get("realm"));
    let connection = match connection {
        Some(name) => tenant.config.connection(name),
        None => tenant.config.connection_of("auth0"),
    };
    let connection =
        connection.ok_or_else(|| OAuthError::invalid_request("connection: there is no such connection"))?;
    let (login, secret) = (params.require("username")?, params.require("password")?);
    let typed = TypedCredentials { login, secret, sender: &from.ip };
    // A popup of older libraries sends its one-time password here.
    let proved = if tenant.config.legacy_id_tokens && connection.is_passwordless() {
        tenant.logins.prove_by_code(connection, typed)?
    } else {
        tenant.logins.prove_by_password(connection, typed)?
    };
    let mut browser = Browser::of(&tenant.people.sessions, issuer, headers);
    let brought = browser.known_id().is_some();
    let ticket = Ticket {
        client_id: client.client_id.clone(),
        proved,
        browser: browser.id(),
        brought,
        used: Arc::default(),
    };
    let mut context = Params::default();
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "audience",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "owp",
    ] {
        if let Some(value) = params.get(name) {
            context.set(name, value);
        }
    }
    let page = Continue {
        action: format!("{issuer}login/callback"),
        ticket: tenant.flows.login_tickets.put(ticket),
        context: context.to_query(),
    };
    let page = page.render().map_err(|_| OAuthError::temporarily_unavailable())?;
    // It is put into a page of the tenant's by the script that asked for it; by
    // itself it is not to be shown.
    let headers =
        [(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"), (X_FRAME_OPTIONS, "DENY")];
    Ok((browser.into_cookies(), headers, Html(page)).into_response())
}

/// `/login/callback`: goes on as `/authorize` does with a login ticket.
pub(crate) async fn callback(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    run(&tenant, move |tenant| {
        let context = Params::parse_form(params.get("wctx").unwrap_or_default().as_bytes());
        match context {
            Ok(mut context) => {
                context.set("login_ticket", params.get("wresult").unwrap_or("none"));
                authorize(tenant, &issuer, &from, &headers, &context)
            }
            Err(why) => authorization_response::refuse(authorization_request::Unanswered::Shown(why)),
        }
    })
    .await
}

/// `/usernamepassword/challenge`: no captcha is asked for.
pub(crate) async fn challenge() -> Json<Value> {
    Json(json!({ "required": false }))
}

/// `/user/ssodata`: nobody, as wherever third-party cookies are blocked.
pub(crate) async fn ssodata() -> Json<Value> {
    Json(json!({ "sso": false }))
}
