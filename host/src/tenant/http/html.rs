//! Pages for people.

use askama::Template;
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::service::page;
use crate::service::page::filters;

/// The header that says which other origins may embed an answer.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    title: &'a str,
    words: &'a str,
    links: &'a [PageLink],
}

/// A link on a page: its address, and its words.
pub(crate) type PageLink = (&'static str, &'static str);

const START: PageLink = ("/", "Start page of this tenant");

/// A page with a title and a text.
pub(crate) fn message_page(status: StatusCode, title: &str, words: &str) -> Response {
    message_page_with_links(status, (title, words), &[START])
}

/// A page with a title, a text, and the links by which a person continues.
pub(crate) fn message_page_with_links(
    status: StatusCode,
    (title, words): (&str, &str),
    links: &[PageLink],
) -> Response {
    page::respond(status, MessagePage { title, words, links }.render())
}

/// A page that says why something did not work.
pub(crate) fn error_page(status: StatusCode, words: &str) -> Response {
    error_page_with_links(status, words, &[START])
}

/// The same page with other links.
pub(crate) fn error_page_with_links(status: StatusCode, words: &str, links: &[PageLink]) -> Response {
    message_page_with_links(status, ("This did not work", words), links)
}

/// Redirects the browser, which then sends a `GET` request.
pub(crate) fn see_other(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(_) => error_page(StatusCode::BAD_REQUEST, "The address to return to is not valid."),
    }
}

/// Redirects the browser to the result of a form: the form is not sent again.
pub(crate) fn see_result(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => error_page(StatusCode::BAD_REQUEST, "The address to return to is not valid."),
    }
}

/// Sets `Cross-Origin-Resource-Policy: same-origin`.
pub(crate) async fn add_resource_policy(mut response: Response) -> Response {
    response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Returns whether the `Accept` header allows `text/html`, as that of a browser does.
///
/// Source: RFC 9110, 12.5.1.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let is_page = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let is_html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        let weight = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
        is_html && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|it| it > 0.0))
    };
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.flat_map(|accept| accept.split(',')).any(is_page)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::ACCEPT;

    use crate::tenant::http::html::wants_page;

    #[test]
    fn a_page_is_for_whoever_asks_for_one() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            wants_page(&headers)
        };
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "a/b, TEXT/HTML;q=0.1",
        ] {
            assert!(wants(browser), "{browser}");
        }
        for program in ["*/*", "application/json", "text/*", "text/html;q=0", "text/htmlx", "", ";q=1,"] {
            assert!(!wants(program), "{program}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
