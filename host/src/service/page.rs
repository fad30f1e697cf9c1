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
}

/// A page without scripts and resources, which no other page may frame.
pub(crate) fn respond(status: StatusCode, page: askama::Result<String>, nonce: &str) -> Response {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    );
    let (Ok(page), Ok(policy)) = (page, HeaderValue::from_str(&policy)) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response();
    };
    let headers = [(CONTENT_SECURITY_POLICY, policy), (X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))];
    (status, headers, Html(page)).into_response()
}
