//! `/authorize`: a login that an application asks for.
//!
//! Source: OpenID Connect Core 1.0, 3; Auth0's Authentication API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::response::{IntoResponse, Response};

use crate::model::{Timestamp, User};
use crate::tenant::config::Client;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::{InQuery, Params};
use crate::tenant::linking::request as linking;
use crate::tenant::linking::request::{LinkStep, login_required};
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::LoginContext;
use crate::tenant::logins::context::Sender;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::authorization_request::{Authorization, Prompt, Told, Unanswered};
use crate::tenant::oauth::authorization_response::{of_error, refuse};
use crate::tenant::oauth::{authorization_response, issued_tokens};
use crate::tenant::pages::login_forms::Pending;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::sessions::Session;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::tokens::seconds;
use crate::tenant::state::{Shared, Tenant};

/// By GET.
pub(crate) async fn by_query(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    InQuery(params): InQuery,
) -> Response {
    // Whoever brings neither is shown a page.
    if params.get("login_ticket").is_none() && !headers.contains_key(COOKIE) {
        return authorize(&tenant, &issuer, &from, &headers, &params);
    }
    run(&tenant, move |tenant| authorize(tenant, &issuer, &from, &headers, &params)).await
}

/// By POST.
///
/// Source: OpenID Connect Core 1.0, 3.1.2.1.
pub(crate) async fn by_form(
    State(tenant): State<Shared>,
    issuer: Issuer,
    from: Sender,
    headers: HeaderMap,
    params: Params,
) -> Response {
    run(&tenant, move |tenant| authorize(tenant, &issuer, &from, &headers, &params)).await
}

/// An answer to one `/authorize`, with the browser it goes to.
pub(crate) struct Asked<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) issuer: &'a Issuer,
    pub(crate) from: &'a Sender,
    pub(crate) browser: Browser,
}

pub(crate) fn authorize(
    tenant: &Tenant,
    issuer: &Issuer,
    from: &Sender,
    headers: &HeaderMap,
    params: &Params,
) -> Response {
    let browser = Browser::of(&tenant.people.sessions, issuer, headers);
    let asked = Asked { tenant, issuer, from, browser };
    match Authorization::read(tenant, issuer, params) {
        Ok(authorization) => asked.authorize(authorization),
        Err(why) => refuse(why),
    }
}

impl Asked<'_> {
    fn authorize(self, authorization: Authorization) -> Response {
        if let Some(linking) = authorization.linking.clone() {
            return self.begin_linking(authorization, &linking);
        }
        if let Some(name) = &authorization.login_ticket {
            return match self.by_ticket(name, &authorization) {
                Ok((proved, is_same_browser)) => self.proved(authorization, &proved, is_same_browser),
                Err(why) => self.tell(&authorization, &why),
            };
        }
        if authorization.prompt != Prompt::Always
            && let Some(session) = self.browser.session(&self.tenant.people.sessions)
            && is_fit(&session, &authorization, self.tenant.ambient.now())
        {
            return self.remembered(authorization, session);
        }
        if authorization.prompt == Prompt::Never {
            return self.tell(&authorization, &login_required("Login required"));
        }
        self.show_login(authorization)
    }

    /// Whoever has a login ticket, and whether it is in the browser that got it.
    fn by_ticket(&self, name: &str, authorization: &Authorization) -> Result<(Proved, bool), OAuthError> {
        let unknown = || OAuthError::access_denied("Unknown or invalid login ticket.");
        let ticket = self.tenant.flows.login_tickets.get(name).ok_or_else(unknown)?;
        if !ticket.used.begin() {
            return Err(unknown());
        }
        if ticket.client_id != authorization.client_id {
            return Err(unknown());
        }
        let is_same = self.browser.known_id().as_ref() == Some(&ticket.browser);
        // Brought to another browser, a ticket would log its owner in there. A
        // browser that keeps third-party cookies from us cannot be told.
        if ticket.brought && !is_same {
            tracing::warn!(target: "audit", client = ticket.client_id, "a login ticket came from another browser");
            return Err(unknown());
        }
        Ok((Proved { by: Some(ticket.used), ..ticket.proved }, is_same))
    }

    /// Somebody has just proved who they are, without one of our pages.
    pub(crate) fn proved(
        mut self,
        authorization: Authorization,
        proved: &Proved,
        in_session: bool,
    ) -> Response {
        let Some(client) = self.tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        if authorization.linking.is_some() {
            let why = OAuthError::invalid_request("scope: a link needs the login page");
            let why = linking::told(&authorization.client_id, why);
            return self.tell(&authorization, &why);
        }
        let around = around(client, &authorization, self.from);
        match self.tenant.logins.log_in(proved, &around) {
            Ok(logged_in) => {
                let user = logged_in.user();
                // Third-party cookies may have been kept from us: without one,
                // whose browser this is cannot be told.
                let session =
                    in_session.then(|| self.browser.begin_session(&self.tenant.people.sessions, proved));
                self.finish(&authorization, &user, proved, session.as_ref())
            }
            Err(why) => self.tell(&authorization, &why.into()),
        }
    }

    /// Somebody is logged in already.
    fn remembered(mut self, authorization: Authorization, session: Session) -> Response {
        let Some(client) = self.tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let around = around(client, &authorization, self.from);
        match self.tenant.logins.log_in_again(&session.proved, &around) {
            Ok(logged_in) => self.finish(&authorization, &logged_in.user(), &session.proved, Some(&session)),
            Err(NotLoggedIn::Gone | NotLoggedIn::Revoked) => {
                self.browser.end_session(&self.tenant.people.sessions);
                if authorization.prompt == Prompt::Never {
                    return self.tell(&authorization, &login_required("Login required"));
                }
                self.show_login(authorization)
            }
            Err(why) => self.tell(&authorization, &why.into()),
        }
    }

    pub(crate) fn show_login(self, authorization: Authorization) -> Response {
        self.show(authorization, None)
    }

    /// The page of a step of a link.
    pub(crate) fn show_step(self, authorization: Authorization, step: LinkStep) -> Response {
        self.show(authorization, Some(step))
    }

    fn show(mut self, authorization: Authorization, linking: Option<LinkStep>) -> Response {
        let connection = match &linking {
            Some(step) => step.only().map(str::to_owned),
            None => authorization.connection.clone(),
        };
        let connection = connection.and_then(|name| self.tenant.config.connection(&name));
        let page = match connection {
            Some(it) if !it.is_database() && !it.is_passwordless() => "stand-in",
            Some(it) if it.is_passwordless() => "code",
            _ => "login",
        };
        let pending = Pending { authorization, browser: self.browser.id(), asked: None, linking };
        let name = self.tenant.flows.pending.put(Arc::new(pending));
        let mut params = Params::default();
        params.set("state", &name);
        if let Some(connection) = connection {
            params.set("connection", &connection.name);
        }
        let page = see_other(&format!("{}u/{page}?{}", self.issuer, params.to_query()));
        (self.browser.into_cookies(), page).into_response()
    }

    /// The application's answer, with the cookies of the session.
    pub(crate) fn finish(
        self,
        authorization: &Authorization,
        user: &User,
        proved: &Proved,
        session: Option<&Session>,
    ) -> Response {
        let Some(client) = self.tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let session = session.map(|session| session.sid.as_str());
        let answer =
            issued_tokens::answer(self.tenant, authorization, client, self.issuer, user, proved, session);
        let Authorization { redirect_uri, mode, state, .. } = authorization;
        let response = authorization_response::send(redirect_uri, *mode, state.as_deref(), answer);
        (self.browser.into_cookies(), response).into_response()
    }

    /// Tells the application why there is no login.
    pub(crate) fn tell(self, authorization: &Authorization, why: &OAuthError) -> Response {
        let Authorization { redirect_uri, mode, state, .. } = authorization;
        // As this endpoint calls it (RFC 6749, 4.1.2.1).
        let error = if why.error == "invalid_grant" { "access_denied" } else { why.error };
        let why = OAuthError { error, ..why.clone() };
        let response = authorization_response::send(redirect_uri, *mode, state.as_deref(), of_error(&why));
        (self.browser.into_cookies(), response).into_response()
    }
}

/// A login where nobody is asked anything.
pub(crate) fn around<'a>(
    client: &'a Client,
    authorization: &'a Authorization,
    from: &'a Sender,
) -> LoginContext<'a> {
    let (protocol, scope) = (authorization.protocol(), authorization.scope.as_str());
    LoginContext { client, protocol, scope, sender: from, interactive: false, answer: None }
}

/// Whether a session is as fresh as asked for, and of the connection asked for.
pub(crate) fn is_fit(session: &Session, authorization: &Authorization, now: Timestamp) -> bool {
    let age = seconds(now).saturating_sub(seconds(session.proved.at));
    let is_fresh = authorization.max_age.is_none_or(|max| age < max);
    let is_of = authorization.connection.as_ref().is_none_or(|name| *name == session.proved.connection);
    is_fresh && is_of
}

/// A refusal that the application is told of.
impl std::convert::From<(&Authorization, OAuthError)> for Unanswered {
    fn from((authorization, why): (&Authorization, OAuthError)) -> Self {
        Self::Told(Box::new(Told {
            redirect_uri: authorization.redirect_uri.clone(),
            mode: authorization.mode,
            state: authorization.state.clone(),
            why,
        }))
    }
}
