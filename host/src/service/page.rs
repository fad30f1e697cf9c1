//! Pages for people: their nonces, filters and headers.

use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use crate::random::{Random, SystemRandom};

/// Returns a nonce for the styles and scripts of one page. It comes from the system:
/// nothing keeps it, and no test needs it twice.
pub(crate) fn nonce() -> String {
    let random: &dyn Random = &SystemRandom;
    random.secret()
}

/// Filters of the templates.
#[expect(unreachable_pub, reason = "generated code")]
pub(crate) mod filters {
    use std::fmt::Display;

    use crate::model::join_lines;

    /// The most bytes of a foreign text on a page.
    const MOST: usize = 4096;

    /// Escapes the control characters and the bidi controls of a foreign text, which would
    /// show people something else than the text contains. For text that is read, and not
    /// for values that a form sends back.
    #[askama::filter_fn]
    pub(crate) fn one_line(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(join_lines(&text.to_string(), MOST))
    }

    /// The most bytes of a foreign text in a list.
    const IN_LIST: usize = 120;

    /// The same, and cut to fit into a list.
    #[askama::filter_fn]
    pub(crate) fn in_list(text: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(join_lines(&text.to_string(), IN_LIST))
    }
}

/// A page without scripts and resources, which no other page may frame.
pub(crate) fn respond(status: StatusCode, page: askama::Result<String>, nonce: &str) -> Response {
    respond_with_policy(status, page, policy(nonce))
}

/// The same, for a page whose forms lead to pages of the same origin only. Not for a login page:
/// Chromium applies the rule to the redirect after a form, which leads to the application.
pub(crate) fn respond_with_own_forms(
    status: StatusCode,
    page: askama::Result<String>,
    nonce: &str,
) -> Response {
    respond_with_policy(status, page, policy(nonce) + "; form-action 'self'")
}

/// The same, for a page with scripts of the same origin, which ask the same origin.
pub(crate) fn respond_with_own_script(
    status: StatusCode,
    page: askama::Result<String>,
    nonce: &str,
) -> Response {
    let own = "; form-action 'self'; script-src 'self'; connect-src 'self'";
    respond_with_policy(status, page, policy(nonce) + own)
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn respond_with_policy(status: StatusCode, page: askama::Result<String>, policy: String) -> Response {
    let (Ok(page), Ok(policy)) = (page, HeaderValue::from_str(&policy)) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response();
    };
    let headers = [(CONTENT_SECURITY_POLICY, policy), (X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))];
    (status, headers, Html(page)).into_response()
}
