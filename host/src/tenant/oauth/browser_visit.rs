//! The visit of a browser that logs in to an application, and the responses to it.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use crate::model::User;
use crate::tenant::config::Client;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::flows::errand::Errand;
use crate::tenant::flows::linking_request::LinkingStep;
use crate::tenant::flows::pending_login::PendingLogin;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::context::LoginRequest;
use crate::tenant::logins::context::Sender;
use crate::tenant::oauth::authorization_response;
use crate::tenant::oauth::authorization_response::error_params;
use crate::tenant::oauth::issued_tokens::Issuance;
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::sessions::Session;

/// A visit, and the browser whose cookies the response sets.
pub(crate) struct BrowserVisit<'a> {
    pub(crate) visit: &'a Visit,
    pub(crate) browser: Browser,
}

/// A user who has logged in.
#[derive(Clone, Copy)]
pub(crate) struct LoggedInUser<'a> {
    pub(crate) user: &'a User,
    pub(crate) proved: &'a ProvedIdentity,
    /// The browser's session, if it has one.
    pub(crate) session: Option<&'a Session>,
}

impl<'a> BrowserVisit<'a> {
    pub(crate) fn new(visit: &'a Visit) -> Self {
        Self { visit, browser: Browser::from_visit(visit) }
    }

    /// The browser's session.
    pub(crate) fn session(&self) -> Option<Session> {
        self.browser.session(&self.visit.tenant.people.sessions)
    }

    /// Begins a session for a user who has just logged in.
    pub(crate) fn begin_session(&mut self, proved: &ProvedIdentity) -> Session {
        self.browser.begin_session(&self.visit.tenant.people.sessions, proved)
    }

    /// Redirects to the login page.
    pub(crate) fn show_login(self, authorization: Authorization) -> Response {
        self.show(authorization, |_| ())
    }

    /// Redirects to the login page of one step of a link.
    pub(crate) fn show_linking_step(self, authorization: Authorization, step: LinkingStep) -> Response {
        self.show(authorization, |pending| pending.linking = Some(step))
    }

    /// Redirects to the login page of an errand.
    pub(crate) fn show_errand(self, authorization: Authorization, errand: Errand) -> Response {
        self.show(authorization, |pending| pending.errand = Some(errand))
    }

    /// Redirects to the login page, which begins with a notice.
    pub(crate) fn show_login_with_notice(
        self,
        authorization: Authorization,
        notice: Option<&'static str>,
    ) -> Response {
        self.show(authorization, |pending| pending.notice = notice)
    }

    /// Sends a code and redirects to the page of the second factor.
    pub(crate) fn show_second_factor(
        self,
        authorization: Authorization,
        first: &ProvedIdentity,
        begins_session: bool,
    ) -> Response {
        // The code or ticket is used by now.
        let first = ProvedIdentity { by: None, ..first.clone() };
        self.show(authorization, |pending| {
            pending.first_factor = Some(first);
            pending.begins_session = begins_session;
        })
    }

    fn show(mut self, authorization: Authorization, with: impl FnOnce(&mut PendingLogin)) -> Response {
        let Visit { tenant, issuer, .. } = self.visit;
        let mut pending = PendingLogin::new(authorization, self.browser.get_or_draw_id());
        with(&mut pending);
        let connection = match &pending.linking {
            Some(step) => step.only_connection(),
            None => pending.authorization.connection.as_deref(),
        };
        let connection = connection.and_then(|name| tenant.config.connection(name));
        let page = match connection {
            _ if pending.first_factor.is_some() => "second-factor",
            Some(it) if !it.is_database() && !it.is_passwordless() => "stand-in",
            Some(it) if it.is_passwordless() => "code",
            _ => "login",
        };
        if let Some(first) = &pending.first_factor {
            tenant.logins.send_second_factor(first, &pending.browser);
        }
        let mut params = Params::default();
        params.set("state", &tenant.flows.pending.put(Arc::new(pending)));
        if let Some(connection) = connection {
            params.set("connection", &connection.name);
        }
        let page = see_other(&format!("{issuer}u/{page}?{}", params.to_query()));
        (self.browser.into_cookies(), page).into_response()
    }

    /// Sends the application its authorization response, and the browser its cookies.
    pub(crate) fn finish(self, authorization: &Authorization, login: LoggedInUser<'_>) -> Response {
        let Visit { tenant, issuer, .. } = self.visit;
        let Some(client) = tenant.config.client_of_login(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let issuance = Issuance {
            issuer,
            client,
            user: login.user,
            proved: login.proved,
            scope: &authorization.scope,
            audience: &authorization.audience,
            nonce: authorization.nonce.as_deref(),
            session: login.session.map(|session| session.sid.as_str()),
            grant: None,
        };
        let params = issuance.issue_authorization_response(tenant, authorization);
        let response = authorization_response::send(authorization.response_target(), params);
        (self.browser.into_cookies(), response).into_response()
    }

    /// Sends the application the reason why the login failed.
    pub(crate) fn refuse(self, authorization: &Authorization, error: &OAuthError) -> Response {
        // Source: RFC 6749, 4.1.2.1: this endpoint has no `invalid_grant`.
        let code = if error.error == "invalid_grant" { "access_denied" } else { error.error };
        let error = OAuthError { error: code, ..error.clone() };
        let response = authorization_response::send(authorization.response_target(), error_params(&error));
        (self.browser.into_cookies(), response).into_response()
    }
}

/// Returns whether the application asks for a second factor that a login has not passed for its user: a
/// login that has just been linked into another account has passed that of its own account only.
pub(crate) fn lacks_requested_factor(
    authorization: &Authorization,
    proved: &ProvedIdentity,
    user: &User,
) -> bool {
    authorization.wants_second_factor && proved.passed_factor_of(&user.user_id).is_none()
}

/// The context of a login during which the user is not prompted.
pub(crate) fn login_context<'a>(
    client: &'a Client,
    authorization: &'a Authorization,
    sender: &'a Sender,
) -> LoginRequest<'a> {
    let (protocol, scope) = (authorization.protocol(), authorization.scope.as_str());
    LoginRequest { client, protocol, scope, sender, interactive: false, answer: None }
}
