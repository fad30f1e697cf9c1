//! The parts that every page has: operator and headers.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::service::page;
use crate::service::page::filters;

/// The person who visits the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operator {
    /// The name in the journal.
    pub(super) name: String,
    /// The id of the session; the same for all visits if the console has no login of its own.
    pub(super) session: String,
}

/// The parts that every page has.
pub(super) struct Frame {
    /// The operator's name; none on a page before the login.
    pub(super) operator: Option<String>,
    /// The token of the form that logs out; none if there is no login.
    pub(super) log_out: Option<String>,
}

#[derive(Template)]
#[template(path = "console_message.html")]
struct MessagePage<'a> {
    frame: Frame,
    title: &'a str,
    words: &'a str,
    /// The address and the words of a link.
    link: Option<(&'a str, &'a str)>,
}

impl Frame {
    /// The frame of a page for an operator, or of one before the login.
    pub(super) fn new(operator: Option<&Operator>) -> Self {
        Self { operator: operator.map(|it| it.name.clone()), log_out: None }
    }
}

/// A text in a frame.
pub(super) struct Message<'a> {
    pub(super) title: &'a str,
    pub(super) words: &'a str,
    /// The address and the words of a link.
    pub(super) link: Option<(&'a str, &'a str)>,
}

/// A page with a title and a text.
pub(super) fn show_message(frame: Frame, status: StatusCode, message: &Message<'_>) -> Response {
    let Message { title, words, link } = *message;
    let page = MessagePage { frame, title, words, link };
    page::respond(status, page.render())
}
