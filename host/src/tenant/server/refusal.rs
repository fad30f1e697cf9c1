//! Refusals that belong to no endpoint, in the form that the path's clients read.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::tenant::http::html;
use crate::tenant::management::Problem;

/// The kind of client, and the kind of path.
pub(crate) struct Envelope {
    is_page: bool,
    is_management: bool,
}

impl Envelope {
    /// People get a page, clients of the Management API its errors, and all
    /// others OAuth's.
    pub(crate) fn of(path: &str, headers: &HeaderMap) -> Self {
        Self { is_page: html::wants_page(headers), is_management: path.starts_with("/api/") }
    }

    /// The refusal, with a code for programs and words for people.
    pub(crate) fn refuse(&self, status: StatusCode, code: &'static str, words: String) -> Response {
        if self.is_page {
            return html::error_page(status, &words);
        }
        if self.is_management {
            return Problem::plain(status).saying(words).into_response();
        }
        (status, Json(json!({ "error": code, "error_description": words }))).into_response()
    }
}
