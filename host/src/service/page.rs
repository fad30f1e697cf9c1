//! Pages for people: their styles, filters and headers.
//!
//! No page has an inline script. Its styles are the ones below, which the policy names by
//! their hashes.

use std::sync::OnceLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The styles of every page.
pub(crate) const STYLES: &str = include_str!("../../templates/styles.css");
/// The styles that the pages of the console have in addition.
pub(crate) const CONSOLE_STYLES: &str = include_str!("../../templates/console.css");

/// The part of a policy that lets a page run the scripts of its own origin.
const OWN_SCRIPTS: &str = "; script-src 'self'";
/// The part of a policy that keeps the forms of a page at its own origin.
const OWN_FORMS: &str = "; form-action 'self'";
/// The part of a policy that forbids other pages to frame a page.
const NO_FRAME: &str = "; frame-ancestors 'none'";

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

/// A page without scripts and resources, which no other page may frame, and whose forms lead to
/// pages of the same origin.
pub(crate) fn respond(status: StatusCode, page: askama::Result<String>) -> Response {
    respond_unframed(status, page, OWN_FORMS)
}

/// The same, for a page whose forms may end at an application. Chromium applies `form-action` to
/// the redirect after a form, too.
pub(crate) fn respond_in_login(status: StatusCode, page: askama::Result<String>) -> Response {
    respond_unframed(status, page, "")
}

/// A page with scripts of the same origin, which ask the same origin.
pub(crate) fn respond_with_own_script(status: StatusCode, page: askama::Result<String>) -> Response {
    respond_unframed(status, page, &format!("{OWN_FORMS}{OWN_SCRIPTS}; connect-src 'self'"))
}

/// A page with a form for another origin, which a script of the same origin submits.
pub(crate) fn respond_with_sent_form(page: askama::Result<String>) -> Response {
    respond_unframed(StatusCode::OK, page, OWN_SCRIPTS)
}

/// A page whose script sends a message to a page of the origin, which may frame it.
#[cfg(feature = "tenant")]
pub(crate) fn respond_with_message(page: askama::Result<String>, origin: &str) -> Response {
    let more = format!("{OWN_SCRIPTS}; form-action 'none'; frame-ancestors {origin}");
    respond_with_policy(StatusCode::OK, page, &more)
}

fn respond_unframed(status: StatusCode, page: askama::Result<String>, more: &str) -> Response {
    let mut response = respond_with_policy(status, page, &format!("{NO_FRAME}{more}"));
    response.headers_mut().insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn respond_with_policy(status: StatusCode, page: askama::Result<String>, more: &str) -> Response {
    let policy = HeaderValue::from_str(&format!("{}{more}", strict_policy()));
    let (Ok(page), Ok(policy)) = (page, policy) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response();
    };
    (status, [(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response()
}

/// Returns the part of the policy that all pages have.
fn strict_policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let [styles, console] = [STYLES, CONSOLE_STYLES].map(|it| STANDARD.encode(Sha256::digest(it)));
        format!(
            "default-src 'none'; img-src data:; style-src 'sha256-{styles}' 'sha256-{console}'; base-uri 'none'"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A page runs the scripts of its origin only: the policy forbids all others, and they would
    /// fail without a word.
    #[test]
    fn no_template_has_an_inline_script_or_style() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut pages = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|it| it != "html") {
                continue;
            }
            pages += 1;
            let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
            let place = path.display();
            assert_eq!(text.matches("<script").count(), text.matches("<script src=\"").count(), "{place}");
            assert_eq!(text.matches("<script").count(), text.matches("></script>").count(), "{place}");
            for words in [" style=", "nonce", "srcdoc", "javascript:"] {
                assert!(!text.contains(words), "{place}: {words}");
            }
            let handler = text.match_indices(" on").find(|(at, _)| {
                text[at + 3..].trim_start_matches(|it: char| it.is_ascii_lowercase()).starts_with('=')
            });
            assert_eq!(handler, None, "{place}");
        }
        assert!(pages > 40, "{pages} pages");
    }
}
