//! Refusals of the endpoints for authors of tests, for programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::http::visit::Visit;

/// Returns whether a page of another origin sent the request. Programs send neither header.
///
/// Source: Fetch Metadata Request Headers, 2.3: `none` is a request of the user, not of a page.
pub(super) fn is_from_another_site(visit: &Visit<()>) -> bool {
    let site = visit.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    visit.is_cross_origin() || site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
}

/// Refuses a request, with a message for people.
pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    let error = status.canonical_reason().unwrap_or_default();
    let problem = json!({ "statusCode": status.as_u16(), "error": error, "message": message });
    (status, Json(problem)).into_response()
}
