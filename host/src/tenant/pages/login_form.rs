//! A form of a page of a login. It contains the random name of its pending login, and is
//! accepted only from the browser that the login's page was shown to.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use crate::tenant::config::Connection;
use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::browser_visit::BrowserVisit;
use crate::tenant::pages::page_view::Page;
use crate::tenant::people::typed_credentials::TypedCredentials;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Tenant;

/// A visit of the page of a pending login, or of one of its forms.
pub(crate) struct LoginForm<'a> {
    pub(crate) browser_visit: BrowserVisit<'a>,
    /// The page that the form is on.
    pub(crate) page: Page,
    pub(crate) pending: Arc<PendingLogin>,
}

impl<'a> LoginForm<'a> {
    /// Opens the pending login that the parameter `state` names. Refuses a form of
    /// another origin or another browser.
    pub(crate) fn open(visit: &'a Visit, page: Page) -> Result<Self, Box<Response>> {
        let browser_visit = BrowserVisit::new(visit);
        let state = visit.params.get("state").unwrap_or_default();
        let pending = visit.tenant.flows.pending.get(state).ok_or_else(|| {
            let words = match page {
                Page::Link => {
                    "This link has expired, or was used already. Go back to the application and log in again."
                }
                _ => {
                    "This page has expired, or was used already. Go back to the application and log in again."
                }
            };
            Box::new(html::error_page(StatusCode::BAD_REQUEST, words))
        })?;
        let foreign = visit.is_cross_origin();
        if foreign || browser_visit.browser.sent_id().as_deref() != Some(pending.browser.as_str()) {
            tracing::warn!(target: "audit", foreign, "a form came from another page or another browser");
            let words = match page {
                Page::Link => {
                    "Open this link in the browser in which you have asked for it. Nobody was logged in here."
                }
                _ => {
                    "This page was opened in another browser, or sent by another site. Go back to the application and log in again."
                }
            };
            return Err(Box::new(html::error_page(StatusCode::FORBIDDEN, words)));
        }
        Ok(Self { browser_visit, page, pending })
    }

    /// Opens a form, and responds to it.
    pub(super) async fn submit(
        visit: Visit,
        page: Page,
        respond: impl FnOnce(LoginForm<'_>) -> Response + Send + 'static,
    ) -> Response {
        visit
            .run(move |visit| match LoginForm::open(visit, page) {
                Ok(form) => respond(form),
                Err(refusal) => *refusal,
            })
            .await
    }

    pub(crate) fn tenant(&self) -> &'a Tenant {
        &self.browser_visit.visit.tenant
    }

    pub(crate) fn issuer(&self) -> &'a Issuer {
        &self.browser_visit.visit.issuer
    }

    pub(crate) fn sender(&self) -> &'a Sender {
        &self.browser_visit.visit.sender
    }

    pub(crate) fn params(&self) -> &'a Params {
        &self.browser_visit.visit.params
    }

    /// The name of the pending login.
    pub(super) fn state(&self) -> &'a str {
        self.params().get("state").unwrap_or_default()
    }

    /// Takes the pending login, so that no other form continues it. `None` if another
    /// form has.
    pub(crate) fn take_pending(&self) -> Option<Arc<PendingLogin>> {
        self.tenant().flows.pending.take(self.state())
    }

    /// Keeps a pending login under the same name.
    pub(crate) fn keep_pending(&self, pending: Arc<PendingLogin>) {
        self.tenant().flows.pending.put_as(self.state().to_owned(), pending);
    }

    /// Reads the fields with these names.
    pub(super) fn credentials(&self, login: &str, secret: &str) -> Result<TypedCredentials<'a>, OAuthError> {
        let (login, secret) = (self.params().require(login)?, self.params().require(secret)?);
        Ok(TypedCredentials { identifier: login, secret, sender: &self.sender().ip })
    }

    /// The connection that the form names, if it is one of this kind.
    pub(super) fn connection(
        &self,
        is_fit: impl Fn(&Connection) -> bool,
    ) -> Result<&'a Connection, OAuthError> {
        let config = &self.tenant().config;
        let found = match self.params().get("connection") {
            Some(name) => config.connection(name),
            None => config.connections().find(|it| is_fit(it)),
        };
        let found = found.filter(|it| self.pending.offers(&it.name) && is_fit(it));
        found.ok_or_else(|| OAuthError::invalid_request("the connection was not found"))
    }
}
