//! The endpoints, and the counting of every response.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::action_request::{continue_login, post_login};
use super::confirmation_pages::{add_referrer_policy, ask, callback, decline, log_in};
use super::confirmations::{ASK, CALLBACK, DECLINE, LOG_IN, SUBMIT_SCRIPT};
use super::readiness::readyz;
use super::refusal::RequestRefusal;
use super::state::Hook;
use crate::service::page_script::SUBMIT;

/// The paths that the Action asks.
const POST_LOGIN: &str = "/v1/auth0/post-login";
const CONTINUE: &str = "/v1/auth0/continue";
/// The paths that are labels of metrics.
const LABELS: [&str; 10] =
    [POST_LOGIN, CONTINUE, ASK, LOG_IN, CALLBACK, DECLINE, SUBMIT_SCRIPT, "/healthz", "/readyz", "/metrics"];
/// The most bytes of a form of a page.
const FORM_BYTES: usize = 4 << 10;

/// Returns all routes.
pub(super) fn router(hook: &Arc<Hook>, more_routes: Router) -> Router {
    let failed = |_: Box<dyn std::any::Any + Send>| RequestRefusal::Failed.into_response();
    action_routes(hook)
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(more_routes.with_state(()))
        .fallback(async || RequestRefusal::NotFound)
        .method_not_allowed_fallback(async || RequestRefusal::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(failed))
        .layer(middleware::from_fn_with_state(hook.clone(), observe_request))
        .with_state(hook.clone())
}

/// Returns the routes of the Action, and of the confirmation, if there is one.
pub(super) fn action_routes(hook: &Arc<Hook>) -> Router<Arc<Hook>> {
    Router::new()
        .route(POST_LOGIN, post(post_login))
        .route(CONTINUE, post(continue_login))
        .merge(confirmation_routes(hook))
}

/// Returns the routes of the confirmation, if there is one.
fn confirmation_routes(hook: &Arc<Hook>) -> Router<Arc<Hook>> {
    let Some(confirmations) = hook.confirmations.clone() else { return Router::new() };
    Router::new()
        .route(ASK, get(ask))
        .route(LOG_IN, post(log_in))
        .route(CALLBACK, get(callback))
        .route(DECLINE, post(decline))
        .route(SUBMIT_SCRIPT, get(async |uri: Uri| SUBMIT.respond(&uri)))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::map_response(add_referrer_policy))
        .with_state((hook.clone(), confirmations))
}

/// Counts every response.
async fn observe_request(State(hook): State<Arc<Hook>>, request: Request, next: Next) -> Response {
    let start = hook.ambient.monotonic();
    // Unknown paths are not used as labels: a sender can choose their number and length.
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = LABELS.into_iter().find(|label| path == Some(label)).unwrap_or("none");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let (status, took) = (response.status().as_u16(), hook.ambient.elapsed(start));
    hook.metrics.count_response(route, status, took);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(target: "http", route, status, took_us, "answered");
    response
}

async fn metrics(State(hook): State<Arc<Hook>>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        hook.metrics.render_page(&hook.directory.state(), &hook.queue),
    )
}
