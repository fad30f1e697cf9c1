//! Mails and messages that are sent nowhere: they can be read.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::model::Timestamp;
use crate::tenant::pages::html;
use crate::tenant::people::random;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Shared;

/// Messages that are kept.
const KEPT: usize = 1_000;

/// What would have been sent, the newest first.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<VecDeque<Message>>);

/// A mail or a text message.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// An address or a phone number.
    pub(crate) to: String,
    pub(crate) kind: Kind,
    pub(crate) connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
    pub(crate) at: Timestamp,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A one-time password.
    Code,
    /// A link that logs in.
    Link,
    /// A link to a page that asks for a new password.
    Reset,
    /// A link that verifies the address.
    Verify,
}

impl Message {
    /// The message's subject, for people.
    fn what(&self) -> &'static str {
        match self.kind {
            Kind::Code => "A code to log in with",
            Kind::Link => "A link to log in with",
            Kind::Reset => "A link to choose a new password",
            Kind::Verify => "A link to verify the address",
        }
    }
}

impl Outbox {
    pub(crate) fn send(&self, message: Message) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(message);
        kept.truncate(KEPT);
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Messages that a page shows.
const ON_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "outbox.html")]
struct Page<'a> {
    nonce: &'a str,
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
        let nonce = random::secret();
        let shown = &messages[..messages.len().min(ON_PAGE)];
        let page = Page { nonce: &nonce, messages: shown, older: messages.len() - shown.len() };
        html::page(StatusCode::OK, page.render(), &nonce)
    } else {
        Json(messages).into_response()
    };
    ([(VARY, ACCEPT.as_str())], answer).into_response()
}
