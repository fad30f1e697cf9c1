//! The paths of the console, and the headers of its responses.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use super::access::Access;
#[cfg(feature = "hook")]
use super::login::login_pages;
#[cfg(feature = "hook")]
use super::paths::{CALLBACK, LOG_IN, LOG_OUT};
use super::paths::{
    CONFLICTS, DECISION, DECISIONS, ENTRY, HOME, JOURNAL, LIVE, LIVE_EVENTS, LIVE_SCRIPT, MERGE, SETTLE,
    UNDO, USER, USERS,
};
use super::state::Console;
use super::visit::{ConsoleVisit, PageResult, respond, respond_at_once};
use super::{
    conflict_pages, decision_pages, home, journal_pages, live_pages, merge_page, undo_page, user_page,
    users_page,
};

/// The most bytes of a form.
const FORM_BYTES: usize = 16 << 10;

/// Renders the response to a visit.
type Render = fn(&ConsoleVisit) -> PageResult;

/// Returns the pages.
pub(super) fn router(console: &Arc<Console>) -> Router {
    let pages = Router::new()
        .route(HOME, show(home::show))
        .route(USERS, show(users_page::show))
        .route(USER, show(user_page::show))
        .route(JOURNAL, show(journal_pages::list))
        .route(ENTRY, show(journal_pages::show))
        .route(UNDO, show(undo_page::show_effect).merge(submit(undo_page::undo)))
        .route(DECISIONS, show(decision_pages::list))
        .route(DECISION, show(decision_pages::show))
        .route(CONFLICTS, show(conflict_pages::list))
        .route(SETTLE, submit(conflict_pages::settle))
        .route(LIVE, show(live_pages::show))
        .route(LIVE_SCRIPT, show_at_once(live_pages::script))
        .route(LIVE_EVENTS, get(live_pages::events))
        .route(MERGE, show(merge_page::preview).merge(submit(merge_page::merge)))
        .with_state(console.clone());
    let login = match &console.access {
        Access::Local => Router::new(),
        #[cfg(feature = "hook")]
        Access::Operators(login) => Router::new()
            .route(LOG_IN, get(login_pages::log_in))
            .route(CALLBACK, get(login_pages::callback))
            .with_state(login.clone())
            .merge(
                Router::new()
                    .route(LOG_OUT, submit_at_once(login_pages::log_out))
                    .with_state(console.clone()),
            ),
    };
    pages.merge(login).layer(DefaultBodyLimit::max(FORM_BYTES)).layer(middleware::map_response(add_headers))
}

fn show_at_once(render: Render) -> MethodRouter<Arc<Console>> {
    get(async move |State(console), request: Request| respond_at_once(console, request, render).await)
}

#[cfg(feature = "hook")]
fn submit_at_once(render: Render) -> MethodRouter<Arc<Console>> {
    post(async move |State(console), request: Request| respond_at_once(console, request, render).await)
}

fn show(render: Render) -> MethodRouter<Arc<Console>> {
    get(async move |State(console), request: Request| respond(console, request, render).await)
}

fn submit(render: Render) -> MethodRouter<Arc<Console>> {
    post(async move |State(console), request: Request| respond(console, request, render).await)
}

/// Keeps pages out of caches, and from pages of other origins.
async fn add_headers(mut response: Response) -> Response {
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}
