//! The parts of the operators' login.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::http::HeaderMap;
use tokio::sync::Semaphore;
use url::Url;

use super::cookies::{CookieKind, Cookies};
use super::operator_list::OperatorList;
use super::sessions::Sessions;
use super::settings::{ConsoleError, OperatorSettings};
use crate::ambient::Ambient;
use crate::console::frame::Operator;
use crate::console::paths::CALLBACK;
use crate::oidc::{OidcClient, OidcError};
use crate::service::public_url::parse_public_url;

/// The most requests for which the issuer is asked at once. Each takes a thread of those that decide
/// logins, and a stranger can send any number of them.
const MOST_AT_ISSUER: usize = 8;

/// The operators' login.
pub(in crate::console) struct OperatorLogin {
    /// The origin of the console, without a slash at the end.
    pub(in crate::console) origin: String,
    pub(super) callback: Url,
    pub(super) oidc: OidcClient,
    pub(super) operators: OperatorList,
    pub(super) sessions: Sessions,
    pub(super) cookies: Cookies,
    pub(super) attempt_key: hmac::Key,
    /// The turns of requests that ask the issuer.
    pub(super) turns: Arc<Semaphore>,
    pub(super) ambient: Ambient,
}

impl OperatorLogin {
    /// Checks the settings. Asks the issuer for nothing yet.
    pub(in crate::console) fn new(
        settings: OperatorSettings,
        ambient: &Ambient,
    ) -> Result<Self, ConsoleError> {
        let url = parse_public_url(&settings.public_url).map_err(ConsoleError::PublicUrl)?;
        if !matches!(url.path(), "" | "/") {
            return Err(ConsoleError::PublicUrl("it contains a path, and the console is served at /console"));
        }
        let operators = OperatorList::new(settings.operators).map_err(ConsoleError::Operators)?;
        let mut callback = url.clone();
        callback.set_path(CALLBACK);
        let oidc = OidcClient::of_issuer(&settings.issuer, settings.credentials, callback.clone(), ambient)
            .map_err(|error| ConsoleError::Issuer(error.to_string()))?;
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            callback,
            oidc,
            operators,
            sessions: Sessions::new(ambient),
            cookies: Cookies { is_https: url.scheme() == "https" },
            attempt_key: hmac::Key::new(hmac::HMAC_SHA256, ambient.random().secret().as_bytes()),
            turns: Arc::new(Semaphore::new(MOST_AT_ISSUER)),
            ambient: ambient.clone(),
        })
    }

    /// Checks that the issuer answers, and that it accepts the application, its secret and its callback.
    pub(in crate::console) fn check(&self) -> Result<Url, ConsoleError> {
        self.oidc.check().map_err(|error: OidcError| ConsoleError::Issuer(error.to_string()))?;
        Ok(self.callback.clone())
    }

    /// Returns the operator of the browser's session, which counts as used.
    pub(in crate::console) fn find_operator(&self, headers: &HeaderMap) -> Option<Operator> {
        let id = self.cookies.read(CookieKind::Session, headers)?;
        let name = self.sessions.use_session(id)?;
        Some(Operator { name, session: id.to_owned() })
    }

    /// Returns whether an operator's session is still open.
    pub(in crate::console) fn is_open(&self, operator: &Operator) -> bool {
        self.sessions.is_open(&operator.session)
    }

    /// Begins a session without a login.
    #[cfg(test)]
    pub(in crate::console) fn begin_session(&self, operator: &str) -> String {
        self.sessions.begin(operator)
    }

    pub(super) fn now(&self) -> u64 {
        self.ambient.since_epoch().as_secs()
    }
}
