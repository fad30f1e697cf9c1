//! The login endpoints that auth0-js and Lock use on pages of the tenant's own origin,
//! instead of `/co/authenticate`.

use askama::Template;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::service::page;
use crate::tenant::config::{Client, LEGACY};
use crate::tenant::embedded::legacy;
use crate::tenant::embedded::legacy::LegacyError;
use crate::tenant::embedded::login_ticket::{Audience, IssuedLoginTicket};
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::oauth::authorize;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::typed_credentials::TypedCredentials;

#[derive(Template)]
#[template(path = "own_origin.html")]
struct OwnOriginPage {
    action: String,
    ticket: String,
    context: String,
}

/// `POST /usernamepassword/login`: responds with a form that the page's script submits to
/// `/login/callback`.
pub(crate) async fn log_in(visit: Visit) -> Response {
    let respond = |visit: &Visit| match issue_ticket(visit) {
        Ok(response) => response,
        Err(error) if visit.tenant.config.legacy_id_tokens => LegacyError(error).into_response(),
        Err(error) => error.into_response(),
    };
    visit.run(respond).await
}

fn issue_ticket(visit: &Visit) -> Result<Response, OAuthError> {
    if visit.is_cross_origin() && !visit.tenant.config.legacy_id_tokens {
        tracing::warn!(target: "audit", "a login from a foreign origin was refused");
        let words = format!("/usernamepassword/login from another origin than the tenant's own {LEGACY}");
        return Err(OAuthError::access_denied(words));
    }
    let client = legacy::find_client(visit)?;
    let audience = if visit.is_cross_origin() { Audience::OneBrowserIfKnown } else { Audience::OneBrowser };
    let IssuedLoginTicket { browser, ticket } =
        IssuedLoginTicket::issue(visit, client, prove_identity(visit, client)?, audience);
    let params = AuthorizationParams::from_params(&visit.params).without_prompt();
    let page = OwnOriginPage {
        action: format!("{}login/callback", visit.issuer),
        ticket,
        context: params.to_params().to_query(),
    };
    // The script that sent the request inserts the form into a page of its own.
    let page = page::respond_in_login(StatusCode::OK, page.render());
    Ok((browser.into_cookies(), page).into_response())
}

fn prove_identity(visit: &Visit, client: &Client) -> Result<ProvedIdentity, OAuthError> {
    let Visit { tenant, params, .. } = visit;
    let connection = match params.get("connection").or_else(|| params.get("realm")) {
        Some(name) => tenant.config.connection(name),
        None => tenant.config.connection_of("auth0"),
    };
    let connection =
        connection.ok_or_else(|| OAuthError::invalid_request("connection: there is no such connection"))?;
    let (login, secret) = (params.require("username")?, params.require("password")?);
    let typed = TypedCredentials { identifier: login, secret, sender: &visit.sender.ip };
    // A popup of an older library sends its one-time password as the password.
    if tenant.config.legacy_id_tokens && connection.is_passwordless() {
        Ok(tenant.logins.prove_by_code(connection, &client.client_id, typed)?)
    } else {
        Ok(tenant.logins.prove_by_password(connection, typed)?)
    }
}

/// `POST /login/callback`: continues as `/authorize` does with a login ticket.
pub(crate) async fn continue_login(mut visit: Visit) -> Response {
    let context = Params::parse_form(visit.params.get("wctx").unwrap_or_default().as_bytes());
    let mut params = match context {
        Ok(params) => params,
        Err(error) => return html::error_page(error.status, &error.description),
    };
    params.set("login_ticket", visit.params.get("wresult").unwrap_or("none"));
    visit.params = params;
    visit.run(authorize::respond).await
}

/// `POST /usernamepassword/challenge`: no captcha is required.
pub(crate) async fn challenge() -> Json<Value> {
    Json(json!({ "required": false }))
}

/// `GET /user/ssodata`: reports no login, as in a browser that blocks third-party
/// cookies.
pub(crate) async fn ssodata() -> Json<Value> {
    Json(json!({ "sso": false }))
}
