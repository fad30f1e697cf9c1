//! The end of a session.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::model::{cut, mask_addresses};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::params::{InQuery, Params};
use crate::tenant::logins::browser::Browser;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// `/v2/logout`.
pub(crate) async fn logout(
    State(tenant): State<Shared>,
    issuer: Issuer,
    headers: HeaderMap,
    InQuery(params): InQuery,
) -> Response {
    run(&tenant, move |tenant| {
        let return_to = params.get("returnTo");
        ended(tenant, &issuer, &headers, params.get("client_id"), return_to, None)
    })
    .await
}

/// `/oidc/logout`.
///
/// Source: OpenID Connect RP-Initiated Logout 1.0.
pub(crate) async fn oidc(
    State(tenant): State<Shared>,
    issuer: Issuer,
    headers: HeaderMap,
    InQuery(params): InQuery,
) -> Response {
    run(&tenant, move |tenant| {
        let client_id = params.owned("client_id").or_else(|| client_of(tenant, &params));
        let return_to = params.get("post_logout_redirect_uri");
        ended(tenant, &issuer, &headers, client_id.as_deref(), return_to, params.get("state"))
    })
    .await
}

fn client_of(tenant: &Tenant, params: &Params) -> Option<String> {
    let claims = tenant.signing.verify(params.get("id_token_hint")?).ok()?;
    claims.aud.as_str().map(str::to_owned)
}

/// Whether an address to return to is one that the configuration allows, but for
/// its query and fragment.
///
/// Source: Auth0, "Redirect users after logout": query strings and hashes are not
/// taken into account.
fn is_allowed(asked: &str, allowed: &str) -> bool {
    let bare = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    let is_text = !asked.contains(|it: char| it.is_whitespace() || it.is_control());
    asked == allowed || (is_text && bare(asked) == bare(allowed))
}

/// Where nothing is asked for, the first of the client's `logout_urls` is where to
/// return to.
///
/// Source: Auth0, "Redirect users after logout".
fn ended(
    tenant: &Tenant,
    issuer: &Issuer,
    headers: &HeaderMap,
    client_id: Option<&str>,
    return_to: Option<&str>,
    state: Option<&str>,
) -> Response {
    let mut browser = Browser::of(&tenant.people.sessions, issuer, headers);
    browser.end_session(&tenant.people.sessions);
    let mut clients =
        tenant.config.clients.iter().filter(|client| client_id.is_none_or(|id| id == client.client_id));
    let first = client_id.and_then(|id| tenant.config.client(id)?.logout_urls.first());
    let answer = match return_to.or(first.map(String::as_str)) {
        None => html::message_page(StatusCode::OK, "Logged out", "You are logged out."),
        Some(url) if clients.any(|client| client.logout_urls.iter().any(|it| is_allowed(url, it))) => {
            match state {
                Some(state) => {
                    let joint = if url.contains('?') { '&' } else { '?' };
                    let mut params = Params::default();
                    params.set("state", state);
                    see_other(&format!("{url}{joint}{}", params.to_query()))
                }
                None => see_other(url),
            }
        }
        Some(url) => {
            tracing::warn!(
                target: "audit", client = client_id.unwrap_or_default(), url = %cut(&mask_addresses(url), 200),
                "a returnTo was refused"
            );
            let words = format!(
                "But the address to return to, {}, is not among the client's logout_urls in tenant.toml.",
                cut(url, 500)
            );
            html::message_page(StatusCode::BAD_REQUEST, "You are logged out", &words)
        }
    };
    (browser.into_cookies(), answer).into_response()
}
