//! The question that is open in a browser. The browser keeps it in a cookie, sealed: any
//! process of the service can continue it, and no other browser.

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, ORIGIN, SET_COOKIE, USER_AGENT};
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use url::Url;

use super::question::{Digest, Question};
use crate::ambient::Ambient;
use crate::oidc::LoginAttempt;
use crate::service::sealing::{Purpose, open, seal};

/// The purpose of a question whose page is open, in the browser's cookie.
const OPEN_QUESTION: Purpose = Purpose::new("ligature sealed open question v1");

/// A question whose page is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenQuestion {
    /// The name of the page, which its forms send back.
    pub(super) page: String,
    pub(super) question: Question,
    /// The `state` of the tenant's transaction.
    pub(super) transaction: String,
    /// Whether a login to one of the accounts was proved, so that its second factor may be asked for. A
    /// request before it would tell a stranger that one of the accounts has one.
    #[serde(default)]
    pub(super) asks_factor: bool,
    /// The login that the user was sent to, if one was begun.
    pub(super) login: Option<LoginAttempt>,
}

/// A cookie of the confirmation.
#[derive(Debug, Clone, Copy)]
pub(super) struct CookieScope {
    is_https: bool,
}

impl CookieScope {
    pub(super) fn new(public_url: &Url) -> Self {
        Self { is_https: public_url.scheme() == "https" }
    }

    /// Browsers accept a cookie with this prefix only from the host itself, over https.
    fn name(self) -> &'static str {
        if self.is_https { "__Host-ligature-confirm" } else { "ligature-confirm" }
    }

    /// Returns the header that keeps a question in the browser until it expires. One browser
    /// has one open question.
    pub(super) fn keep(
        self,
        open_question: &OpenQuestion,
        secret: &hmac::Key,
        ambient: &Ambient,
    ) -> Option<(axum::http::HeaderName, HeaderValue)> {
        let value = seal(secret, OPEN_QUESTION, open_question, ambient.random())?;
        let now = ambient.since_epoch().as_secs();
        self.header(value, open_question.question.expires.saturating_sub(now))
    }

    /// Returns the header that removes the question from the browser.
    pub(super) fn forget(self) -> Option<(axum::http::HeaderName, HeaderValue)> {
        self.header(String::new(), 0)
    }

    fn header(self, value: String, seconds: u64) -> Option<(axum::http::HeaderName, HeaderValue)> {
        let mut cookie = Cookie::new(self.name(), value);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_secure(self.is_https);
        // The tenant sends the browser back by a link: a strict cookie would not arrive.
        cookie.set_same_site(SameSite::Lax);
        let lifetime = format!("{cookie}; Max-Age={seconds}");
        Some((SET_COOKIE, HeaderValue::from_str(&lifetime).ok()?))
    }

    /// Opens the question that the browser keeps. Returns the secret's number too.
    pub(super) fn read_question(
        self,
        headers: &HeaderMap,
        secrets: &[hmac::Key],
    ) -> Option<(OpenQuestion, usize)> {
        let sent = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut cookies = sent.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        let (_, value) = cookies.find(|(name, _)| *name == self.name())?;
        open(secrets, OPEN_QUESTION, value)
    }
}

/// Returns whether a page of another origin sent a form.
pub(super) fn is_foreign_form(headers: &HeaderMap, public_url: &Url) -> bool {
    let own = public_url.origin().ascii_serialization();
    let is_other_origin = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != own.as_bytes());
    // Source: Fetch Metadata Request Headers, 2.4.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    is_other_origin || site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

/// Returns the digest of the browser's user agent, as the tenant reports it in an event.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<Digest> {
    let sent = headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
    sent.filter(|it| !it.is_empty()).map(Digest::of_text)
}
