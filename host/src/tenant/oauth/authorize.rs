//! `/authorize`: a login that an application requests.
//!
//! Source: OpenID Connect Core 1.0, 3; Auth0's Authentication API.

use axum::response::{IntoResponse, Response};

use crate::tenant::flows::authorization::{Authorization, Prompt};
use crate::tenant::http::oauth_error::{OAuthError, unavailable};
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request as linking;
use crate::tenant::linking::request::login_required;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::authorization_params::AuthorizationParams;
use crate::tenant::oauth::authorization_response::send_error;
use crate::tenant::oauth::browser_visit::{
    BrowserVisit, LoggedInUser, lacks_requested_factor, login_context,
};
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::sessions::Session;
use crate::tenant::signing::tokens::to_seconds;

/// `GET` or `POST /authorize`.
///
/// Source: OpenID Connect Core 1.0, 3.1.2.1.
pub(crate) async fn authorize(visit: Visit) -> Response {
    visit.run(respond).await
}

/// Responds to an authorization request, whose parameters are those of the visit.
pub(crate) fn respond(visit: &Visit) -> Response {
    match Authorization::parse(visit, &AuthorizationParams::from_params(&visit.params)) {
        Ok(authorization) => BrowserVisit::new(visit).authorize(authorization),
        Err(error) => send_error(error),
    }
}

impl BrowserVisit<'_> {
    fn authorize(self, authorization: Authorization) -> Response {
        if let Some(linking) = authorization.linking.clone() {
            return self.begin_linking(authorization, &linking);
        }
        if let Some(ticket) = &authorization.login_ticket {
            return match self.redeem_login_ticket(ticket, &authorization) {
                Ok((proved, is_same_browser)) => self.log_in(authorization, &proved, is_same_browser),
                Err(error) => self.refuse(&authorization, &error),
            };
        }
        if let Some(session) = self.find_recent_session(&authorization) {
            return self.log_in_by_session(authorization, session);
        }
        if authorization.prompt == Prompt::Never {
            return self.refuse(&authorization, &login_required("Login required"));
        }
        self.show_login(authorization)
    }

    /// Finds the session of the browser, if the request allows its use, and if it is recent enough and
    /// uses the requested connection.
    fn find_recent_session(&self, authorization: &Authorization) -> Option<Session> {
        if authorization.prompt == Prompt::Always {
            return None;
        }
        let session = self.session()?;
        let age = to_seconds(self.visit.tenant.ambient.now()).saturating_sub(to_seconds(session.proved.at));
        let is_fresh = authorization.max_age.is_none_or(|max| age < max);
        let connection = authorization.connection.as_ref();
        let is_usable = is_fresh && connection.is_none_or(|name| *name == session.proved.connection);
        is_usable.then_some(session)
    }

    /// Finds the same session, if it has the requested factors as well.
    pub(crate) fn find_usable_session(
        &self,
        authorization: &Authorization,
    ) -> Result<Option<Session>, OAuthError> {
        let Some(session) = self.find_recent_session(authorization) else { return Ok(None) };
        let has_factors = !authorization.wants_second_factor
            || self.visit.tenant.logins.has_passed_second_factor(&session.proved).map_err(unavailable)?;
        Ok(has_factors.then_some(session))
    }

    /// Redeems a login ticket. Returns the proved identity, and whether this browser
    /// got the ticket.
    fn redeem_login_ticket(
        &self,
        ticket: &str,
        authorization: &Authorization,
    ) -> Result<(ProvedIdentity, bool), OAuthError> {
        let unknown = || OAuthError::access_denied("Unknown or invalid login ticket.");
        let tickets = &self.visit.tenant.flows.login_tickets;
        let ticket = tickets.get(ticket).ok_or_else(unknown)?;
        if !ticket.used.begin() {
            return Err(unknown());
        }
        if ticket.client_id != authorization.client_id {
            return Err(unknown());
        }
        let is_same = self.browser.sent_id().as_ref() == Some(&ticket.browser);
        // A ticket taken to another browser would log its owner in there.
        if ticket.is_bound && !is_same {
            tracing::warn!(target: "audit", client = ticket.client_id, "a login ticket came from another browser");
            return Err(unknown());
        }
        Ok((ProvedIdentity { by: Some(ticket.used), ..ticket.proved }, is_same))
    }

    /// Logs in a user who has just proved an identity without one of the tenant's
    /// pages. Begins a session if `in_session` is set.
    pub(crate) fn log_in(
        mut self,
        authorization: Authorization,
        proved: &ProvedIdentity,
        in_session: bool,
    ) -> Response {
        let tenant = &self.visit.tenant;
        let Some(client) = tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        if authorization.linking.is_some() {
            let error = OAuthError::invalid_request("scope: a link needs the login page");
            let error = linking::report_refusal(&authorization.client_id, error);
            return self.refuse(&authorization, &error);
        }
        let context = login_context(client, &authorization, &self.visit.sender);
        if authorization.wants_second_factor {
            match tenant.logins.has_passed_second_factor(proved) {
                Ok(true) => {}
                Ok(false) => return self.ask_second_factor(authorization, proved, in_session),
                Err(error) => {
                    proved.give_back();
                    return self.refuse(&authorization, &unavailable(error));
                }
            }
        }
        match tenant.logins.log_in(proved, &context) {
            Err(NotLoggedIn::LacksSecondFactor) => self.ask_second_factor(authorization, proved, in_session),
            Ok(logged_in) => {
                let user = logged_in.user();
                if lacks_requested_factor(&authorization, proved, &user) {
                    return self.ask_second_factor(authorization, proved, in_session);
                }
                // The browser may have withheld third-party cookies: without one, it
                // is unknown whose browser this is.
                let session = in_session.then(|| self.begin_session(proved));
                self.finish(&authorization, LoggedInUser { user: &user, proved, session: session.as_ref() })
            }
            Err(why) => self.refuse(&authorization, &why.into()),
        }
    }

    /// Leads to the page of the second factor, unless no page may be shown.
    fn ask_second_factor(
        self,
        authorization: Authorization,
        proved: &ProvedIdentity,
        in_session: bool,
    ) -> Response {
        if authorization.prompt == Prompt::Never {
            return self.refuse(&authorization, &login_required("Multifactor authentication required"));
        }
        let limit = &self.visit.tenant.people.message_limit;
        if let Err(too_many) = limit.count(&self.visit.sender.ip, &proved.user.user_id) {
            proved.give_back();
            return self.refuse(&authorization, &too_many.into());
        }
        self.show_second_factor(authorization, proved, in_session)
    }

    fn log_in_by_session(mut self, authorization: Authorization, session: Session) -> Response {
        let tenant = &self.visit.tenant;
        let Some(client) = tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let proved = &session.proved;
        // Without an owner, the login reports why the session has ended.
        match tenant.logins.find_session_owner(&session) {
            Ok(Some(owner)) if lacks_requested_factor(&authorization, proved, &owner.user) => {
                return self.ask_second_factor(authorization, proved, true);
            }
            Ok(_) => {}
            Err(error) => return self.refuse(&authorization, &unavailable(error)),
        }
        let context = login_context(client, &authorization, &self.visit.sender);
        match tenant.logins.log_in_again(proved, &context) {
            Ok(logged_in) => {
                let user = logged_in.user();
                if lacks_requested_factor(&authorization, proved, &user) {
                    return self.ask_second_factor(authorization, proved, true);
                }
                self.finish(&authorization, LoggedInUser { user: &user, proved, session: Some(&session) })
            }
            Err(NotLoggedIn::LacksSecondFactor) => self.ask_second_factor(authorization, proved, true),
            Err(NotLoggedIn::Gone | NotLoggedIn::Revoked) => {
                self.browser.end_session(&tenant.people.sessions);
                if authorization.prompt == Prompt::Never {
                    return self.refuse(&authorization, &login_required("Login required"));
                }
                self.show_login(authorization)
            }
            Err(why) => self.refuse(&authorization, &why.into()),
        }
    }
}
