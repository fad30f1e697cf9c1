//! A login without an application: it ends on a page of the tenant's own, which
//! shows who is logged in. No token is issued: the page reads the session of the
//! browser that asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::model::{ApiError, Identity, User};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::params::InQuery;
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::authorization_request::Authorization;
use crate::tenant::oauth::authorize::Asked;
use crate::tenant::people::sessions::Session;
use crate::tenant::profile;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// `/dev/log-in`: the login page, as an application would ask for it.
pub(crate) async fn log_in(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    InQuery(params): InQuery,
) -> Response {
    let client = params.get("client_id").and_then(|id| tenant.config.client(id));
    let Some(client) = client.filter(|client| client.is_for_browsers()) else {
        return html::error_page(
            StatusCode::BAD_REQUEST,
            "There is no application of that name to log in to.",
        );
    };
    let page = format!("{issuer}dev/logged-in");
    let authorization = Authorization::on_own_page(&client.client_id, page, params.owned("login_hint"));
    let browser = Browser::of(&tenant.people.sessions, &issuer, &headers);
    Asked { tenant: &tenant, issuer: &issuer, from: &from, browser }.show_login(authorization)
}

#[derive(Template)]
#[template(path = "logged_in.html")]
struct LoggedIn<'a> {
    nonce: &'a str,
    who: Option<Who<'a>>,
}

struct Who<'a> {
    user_id: &'a str,
    name: String,
    /// A data URL: no page loads anything from elsewhere.
    picture: Option<String>,
    email: Option<&'a str>,
    is_verified: bool,
    /// The way by which the session's login was proved.
    way: &'a str,
    identities: &'a [Identity],
}

/// `/dev/logged-in`: who is logged in in this browser.
pub(crate) async fn logged_in(State(tenant): State<Shared>, issuer: Issuer, headers: HeaderMap) -> Response {
    run(&tenant, move |tenant| {
        let session =
            Browser::of(&tenant.people.sessions, &issuer, &headers).session(&tenant.people.sessions);
        let known = session.as_ref().map_or(Ok(None), |session| owner(tenant, session));
        let user = match known {
            Ok(user) => user,
            Err(error) => return unavailable(error).into_response(),
        };
        let nonce = html::nonce();
        let way = session.as_ref().map_or("", |session| {
            let connection = tenant.config.connection(&session.proved.connection);
            connection.map_or(session.proved.connection.as_str(), |it| it.label())
        });
        let page = LoggedIn { nonce: &nonce, who: user.as_ref().map(|user| Who::of(user, way)) };
        html::page(StatusCode::OK, page.render(), &nonce)
    })
    .await
}

/// The user whose session it is, as long as they could still log in.
fn owner(tenant: &Tenant, session: &Session) -> Result<Option<Arc<User>>, ApiError> {
    let proved = &session.proved;
    if tenant.people.revocations.is_revoked(&proved.user.user_id, proved.began) {
        return Ok(None);
    }
    let Some(key) = proved.key() else { return Ok(None) };
    match tenant.directory.owner(key) {
        Ok(owner) => Ok(owner.map(|stored| stored.user).filter(|user| !user.blocked)),
        Err(ApiError::Invalid(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl<'a> Who<'a> {
    fn of(user: &'a User, way: &'a str) -> Self {
        let [(_, name), _, (_, picture)] = profile::of(user);
        Self {
            user_id: &user.user_id,
            name,
            picture: Some(picture).filter(|picture| picture.starts_with("data:image/")),
            email: user.email.as_deref(),
            is_verified: user.email_verified.is_verified(),
            way,
            identities: &user.identities,
        }
    }
}

/// `/dev/log-out`: ends the session, for the tenant's own page.
pub(crate) async fn log_out(State(tenant): State<Shared>, issuer: Issuer, headers: HeaderMap) -> Response {
    if headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != issuer.origin().as_bytes()) {
        return html::error_page(StatusCode::FORBIDDEN, "This page was sent by another site.");
    }
    let mut browser = Browser::of(&tenant.people.sessions, &issuer, &headers);
    browser.end_session(&tenant.people.sessions);
    (browser.into_cookies(), see_other(&format!("{issuer}dev/logged-in"))).into_response()
}
