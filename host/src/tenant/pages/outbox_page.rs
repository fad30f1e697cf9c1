//! `/dev/outbox`: the mails and messages of this tenant, which are sent nowhere.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::service::page;
use crate::service::page::filters;
use crate::tenant::http::html;
use crate::tenant::people::outbox::Message;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Shared;

/// Messages that a page shows.
const ON_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage<'a> {
    messages: &'a [Message],
    /// Messages that are left out.
    older: usize,
}

/// `/dev/outbox`: a page where a browser asks, JSON otherwise. Behind the same
/// check of the host as everything else, and without leave for other origins:
/// pages elsewhere cannot read it.
pub(crate) async fn show(_: Issuer, State(tenant): State<Shared>, headers: HeaderMap) -> Response {
    let messages = tenant.people.outbox.messages();
    let answer = if html::wants_page(&headers) {
        let shown = &messages[..messages.len().min(ON_PAGE)];
        let page = OutboxPage { messages: shown, older: messages.len() - shown.len() };
        page::respond(StatusCode::OK, page.render())
    } else {
        Json(messages).into_response()
    };
    ([(VARY, ACCEPT.as_str())], answer).into_response()
}
