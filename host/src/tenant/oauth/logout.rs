//! Logout: the end of a browser's session.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::model::{mask_addresses, truncate};
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;

/// `GET /v2/logout`.
pub(crate) async fn log_out(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let client_id = visit.params.get("client_id");
            let target = ReturnTarget { client_id, url: visit.params.get("returnTo"), state: None };
            end_session(visit, &target)
        })
        .await
}

/// `GET /oidc/logout`.
///
/// Source: OpenID Connect RP-Initiated Logout 1.0.
pub(crate) async fn log_out_by_oidc(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let params = &visit.params;
            let client_id = params.get_owned("client_id").or_else(|| client_of_hint(visit));
            let url = params.get("post_logout_redirect_uri");
            end_session(
                visit,
                &ReturnTarget { client_id: client_id.as_deref(), url, state: params.get("state") },
            )
        })
        .await
}

/// The page that a logout returns to.
struct ReturnTarget<'a> {
    client_id: Option<&'a str>,
    url: Option<&'a str>,
    state: Option<&'a str>,
}

/// The client that the ID token of `id_token_hint` was issued to.
fn client_of_hint(visit: &Visit) -> Option<String> {
    let claims = visit.tenant.signing.verify(visit.params.get("id_token_hint")?).ok()?;
    claims.aud.as_str().map(str::to_owned)
}

/// Returns whether the configuration allows an address to return to. Query and fragment are
/// ignored.
///
/// Source: Auth0, "Redirect users after logout": query strings and hashes are not
/// taken into account.
fn is_allowed(asked: &str, allowed: &str) -> bool {
    let bare = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    let is_text = !asked.contains(|it: char| it.is_whitespace() || it.is_control());
    asked == allowed || (is_text && bare(asked) == bare(allowed))
}

/// Ends the browser's session, and redirects to the requested page, or to the first of the
/// client's `logout_urls` if none is requested.
///
/// Source: Auth0, "Redirect users after logout".
fn end_session(visit: &Visit, target: &ReturnTarget<'_>) -> Response {
    let mut browser = Browser::from_visit(visit);
    browser.end_session(&visit.tenant.people.sessions);
    (browser.into_cookies(), return_to(visit, target)).into_response()
}

fn return_to(visit: &Visit, target: &ReturnTarget<'_>) -> Response {
    let ReturnTarget { client_id, url, state } = *target;
    let config = &visit.tenant.config;
    let first = client_id.and_then(|id| config.client(id)?.logout_urls.first());
    let Some(url) = url.or(first.map(String::as_str)) else {
        return html::message_page(StatusCode::OK, "Logged out", "You are logged out.");
    };
    let mut clients =
        config.clients.iter().filter(|client| client_id.is_none_or(|id| id == client.client_id));
    if !clients.any(|client| client.logout_urls.iter().any(|it| is_allowed(url, it))) {
        tracing::warn!(
            target: "audit", client = client_id.unwrap_or_default(), url = %truncate(&mask_addresses(url), 200),
            "a returnTo was refused"
        );
        let words = format!(
            "But the address to return to, {}, is not among the client's logout_urls in tenant.toml.",
            truncate(url, 500)
        );
        return html::message_page(StatusCode::BAD_REQUEST, "You are logged out", &words);
    }
    let Some(state) = state else { return see_other(url) };
    let separator = if url.contains('?') { '&' } else { '?' };
    let mut params = Params::default();
    params.set("state", state);
    see_other(&format!("{url}{separator}{}", params.to_query()))
}
