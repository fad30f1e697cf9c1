//! The scripts of pages. Each has an address that changes with its text, so that browsers may keep it.

use std::fmt::Write as _;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// The number of bytes of the hash that tells versions apart.
const VERSION_BYTES: usize = 8;

/// A script of this program.
pub(crate) struct PageScript(&'static str);

/// The script that submits the form of a page.
pub(crate) const SUBMIT: PageScript = PageScript(include_str!("../../templates/submit.js"));
/// The script that sends the message of a page to the page that opened it.
#[cfg(feature = "tenant")]
pub(crate) const MESSAGE: PageScript = PageScript(include_str!("../../templates/message.js"));

impl PageScript {
    /// Returns the address of this version at a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{path}?{}", self.version_query())
    }

    /// Responds with the script. Only the address of this version may be cached: other versions of
    /// the program may answer the others.
    pub(crate) fn respond(&self, uri: &Uri) -> Response {
        let is_this_version = uri.query() == Some(&self.version_query());
        let caching = if is_this_version { "public, max-age=31536000, immutable" } else { "no-store" };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
            (CACHE_CONTROL, HeaderValue::from_static(caching)),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
        ];
        (headers, self.0).into_response()
    }

    fn version_query(&self) -> String {
        let hash = Sha256::digest(self.0);
        hash.iter().take(VERSION_BYTES).fold("v=".to_owned(), |mut query, byte| {
            let _ = write!(query, "{byte:02x}");
            query
        })
    }
}
