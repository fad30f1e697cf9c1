//! The forms of the login pages, which only the tenant's own pages may send.

use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::service::forms::refuse_foreign;
use crate::tenant::http::html;
use crate::tenant::signing::issuer::Issuer;

/// Refuses a form to a login page that a page of another origin sends. It covers every path below
/// `/u/`, so that no new form can lack the check. A form may have a secret besides, such as the name
/// of a pending login.
pub(super) async fn refuse_foreign_forms(request: Request, next: Next) -> Response {
    let is_form = !matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_form || !request.uri().path().starts_with("/u/") {
        return next.run(request).await;
    }
    let issuer = request.extensions().get::<Issuer>();
    if issuer.is_some_and(|issuer| refuse_foreign(request.headers(), issuer.origin()).is_ok()) {
        return next.run(request).await;
    }
    tracing::warn!(target: "audit", path = request.uri().path(), "a form of a login page was sent by another site");
    let words = "This form was sent by another site. Go back to the application and log in again.";
    // The form itself was not read, so that the connection cannot be used for another request.
    ([(CONNECTION, "close")], html::error_page(StatusCode::FORBIDDEN, words)).into_response()
}
