//! Refusals from outside the endpoints, in the format that clients of the path expect.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::http::html;
use crate::tenant::management::Problem;

/// The format of a refusal, by the kind of client and of path.
pub(crate) struct Envelope {
    is_page: bool,
    is_management: bool,
}

impl Envelope {
    /// Selects the format: a page for people, an error of the Management API for its clients, and
    /// an OAuth error for all others.
    pub(crate) fn from_request(path: &str, headers: &HeaderMap) -> Self {
        Self { is_page: html::wants_page(headers), is_management: path.starts_with("/api/") }
    }

    /// Returns the refusal, with a code for programs and a message for people.
    pub(crate) fn refuse(&self, status: StatusCode, code: &'static str, words: String) -> Response {
        if self.is_page {
            return html::error_page(status, &words);
        }
        if self.is_management {
            return Problem::plain(status).with_message(words).into_response();
        }
        (status, Json(json!({ "error": code, "error_description": words }))).into_response()
    }
}
