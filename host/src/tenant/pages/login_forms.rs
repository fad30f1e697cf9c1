//! What people send while they log in. Each form carries the name of the login
//! it belongs to, which nobody can guess, and is taken from the browser alone
//! that the login's page was shown to.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::model::{Identity, Proof, Step, StepAnswer};
use crate::tenant::config::{Account, Connection};
use crate::tenant::embedded::{database, passwordless};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{NOT_AN_ADDRESS, OAuthError};
use crate::tenant::http::params::Params;
use crate::tenant::linking::request::LinkStep;
use crate::tenant::logins::browser::Browser;
use crate::tenant::logins::context::LoginContext;
use crate::tenant::logins::context::Sender;
use crate::tenant::logins::outcome::LoggedIn;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::logins::prove::prove_as_account;
use crate::tenant::oauth::authorization_request::Authorization;
use crate::tenant::oauth::authorize::{Asked, around};
use crate::tenant::pages::login_pages;
use crate::tenant::pages::login_pages::Page;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::typed::TypedCredentials;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};
use crate::tenant::store::weight::Weighed;

/// A login whose page is open.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) authorization: Authorization,
    /// The browser that the page was shown to.
    pub(crate) browser: String,
    /// What the plugin wants to know first.
    pub(crate) asked: Option<Question>,
    /// The step of a link that an application has asked for.
    pub(crate) linking: Option<LinkStep>,
}

impl Weighed for Pending {
    fn bytes(&self) -> usize {
        self.authorization.bytes() + self.browser.len() + self.asked.bytes() + self.linking.bytes()
    }
}

/// A login that waits for a proof of a second account.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Who has logged in.
    pub(crate) proved: Proved,
    /// Their user.
    pub(crate) current: String,
    pub(crate) step: Step,
    /// Accounts of which one is to be proved. Nothing of them is shown before.
    pub(crate) candidates: Vec<String>,
    /// The address of who has logged in.
    pub(crate) email: Option<String>,
    /// Their name.
    pub(crate) name: Option<String>,
    /// The policy that asks.
    pub(crate) policy: String,
}

impl Weighed for Question {
    fn bytes(&self) -> usize {
        let Self { proved, current, step: _, candidates, email, name, policy } = self;
        proved.bytes() + current.len() + candidates.bytes() + email.bytes() + name.bytes() + policy.len()
    }
}

/// One form, and the login it belongs to.
pub(crate) struct Form<'a> {
    pub(crate) asked: Asked<'a>,
    pub(crate) name: String,
    pub(crate) pending: Arc<Pending>,
    pub(crate) params: &'a Params,
}

impl<'a> Form<'a> {
    pub(crate) fn of(
        tenant: &'a Tenant,
        issuer: &'a Issuer,
        from: &'a Sender,
        headers: &HeaderMap,
        params: &'a Params,
    ) -> Result<Self, Box<Response>> {
        let browser = Browser::of(&tenant.people.sessions, issuer, headers);
        let name = params.get("state").unwrap_or_default().to_owned();
        let pending = tenant.flows.pending.get(&name).ok_or_else(|| {
            let words =
                "This page has expired, or was used already. Go back to the application and log in again.";
            Box::new(html::error_page(StatusCode::BAD_REQUEST, words))
        })?;
        let foreign =
            headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != issuer.origin().as_bytes());
        if foreign || browser.known_id().as_deref() != Some(pending.browser.as_str()) {
            tracing::warn!(target: "audit", foreign, "a form came from another page or another browser");
            let words = "This page was opened in another browser, or sent by another site. Go back to the application and log in again.";
            return Err(Box::new(html::error_page(StatusCode::FORBIDDEN, words)));
        }
        Ok(Self { asked: Asked { tenant, issuer, from, browser }, name, pending, params })
    }

    pub(crate) fn tenant(&self) -> &'a Tenant {
        self.asked.tenant
    }

    /// Reads these two fields.
    fn typed(&self, login: &str, secret: &str) -> Result<TypedCredentials<'a>, OAuthError> {
        let (login, secret) = (self.params.require(login)?, self.params.require(secret)?);
        Ok(TypedCredentials { login, secret, sender: &self.asked.from.ip })
    }

    /// The connection that the form names, if it is one of this kind.
    fn connection(&self, is_fit: impl Fn(&Connection) -> bool) -> Result<&'a Connection, OAuthError> {
        let named = self.params.get("connection");
        let found = match named {
            Some(name) => self.tenant().config.connection(name),
            None => self.tenant().config.connections().find(|it| is_fit(it)),
        };
        let only = self.pending.linking.as_ref().and_then(LinkStep::only);
        let found = found.filter(|it| only.is_none_or(|only| it.name == only));
        found
            .filter(|it| is_fit(it))
            .ok_or_else(|| OAuthError::invalid_request("the connection was not found"))
    }

    /// The page again, with what was typed and what was wrong.
    fn again(self, page: Page, why: &OAuthError) -> Response {
        let page = login_pages::login_page(self.tenant(), &self.pending, (page, self.params), Some(why));
        (self.asked.browser.into_cookies(), why.retry_after().map(AppendHeaders), page).into_response()
    }

    /// The page again, because the directory did not answer: the proof is good for
    /// another attempt.
    pub(crate) fn later(self, page: Page, proved: &Proved, why: &OAuthError) -> Response {
        proved.give_back();
        self.again(page, why)
    }

    /// Goes on with somebody who has proved who they are, on this page.
    fn proved(self, page: Page, proved: &Proved) -> Response {
        let pending = self.pending.clone();
        if let (Some(linking), Some(step)) = (&pending.authorization.linking, &pending.linking) {
            return self.link_step(page, (linking, step), proved);
        }
        match self.pending.asked.clone() {
            None => self.log_in(page, proved, None),
            Some(question) => self.answered(page, question, proved),
        }
    }

    /// Whether there is nothing to be asked any more: another login has linked
    /// the accounts since, or the first one is gone.
    fn is_settled(&self, question: &Question) -> Result<bool, OAuthError> {
        let owner = question.proved.key().map(|key| self.tenant().directory.owner(key)).transpose();
        let Some(owner) = owner.map_err(unavailable)?.flatten() else { return Ok(true) };
        let is_candidate = |it: &Identity| question.candidates.contains(&it.as_user_id());
        Ok(owner.user.user_id != question.current || owner.user.identities.iter().any(is_candidate))
    }

    /// Somebody has proved a second account.
    fn answered(self, page: Page, question: Question, second: &Proved) -> Response {
        match self.is_settled(&question) {
            Ok(false) => {}
            Ok(true) => return self.log_in(page, &question.proved, None),
            Err(why) => return self.later(page, second, &why),
        }
        let owner = second.key().map(|key| self.tenant().directory.owner(key));
        let candidate = match owner {
            Some(Ok(Some(owner))) => owner.user.user_id.clone(),
            Some(Err(error)) => return self.later(page, second, &unavailable(error)),
            _ => String::new(),
        };
        if !question.candidates.contains(&candidate) {
            let words = "That way leads to another account than the one in question. Log in to the other one, such as \
                         by its password, or choose “Not now”.";
            let why = OAuthError::access_denied(words);
            return self.again(Page::Login, &why);
        }
        let proof = Proof {
            current: question.current,
            candidate,
            proved_at: second.at,
            methods: vec![second.method.to_owned()],
        };
        let answer = StepAnswer { step: question.step, proof: Some(proof), policy: Some(question.policy) };
        // The second proof is the answer; where it comes to nothing, it is good again.
        let proved = Proved { by: second.by.clone(), ..question.proved };
        self.log_in(page, &proved, Some(&answer))
    }

    fn log_in(mut self, page: Page, proved: &Proved, answer: Option<&StepAnswer>) -> Response {
        let tenant = self.tenant();
        let authorization = &self.pending.authorization;
        let Some(client) = tenant.config.client(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let around = LoginContext {
            interactive: answer.is_none(),
            answer,
            ..around(client, authorization, self.asked.from)
        };
        // Whoever was asked had a user by then.
        let logged_in = match self.pending.asked {
            None => tenant.logins.log_in(proved, &around),
            Some(_) => tenant.logins.log_in_known(proved, &around),
        };
        if let Err(why @ NotLoggedIn::Failed(_)) = logged_in {
            return self.later(page, proved, &why.into());
        }
        // Whoever sends the same form twice gets one answer.
        if tenant.flows.pending.take(&self.name).is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, "This page was used already.");
        }
        match logged_in {
            Ok(LoggedIn::As(user)) => {
                let session = self.asked.browser.begin_session(&tenant.people.sessions, proved);
                self.asked.finish(authorization, &user, proved, Some(&session))
            }
            Ok(LoggedIn::Prompted { current, step, candidates, policy }) => {
                let question = Question {
                    // By now it is used.
                    proved: Proved { by: None, ..proved.clone() },
                    current: current.user_id.clone(),
                    step,
                    candidates,
                    email: current.email.clone(),
                    name: current.rest.get("name").and_then(|name| name.as_str()).map(str::to_owned),
                    policy,
                };
                let pending = Pending { asked: Some(question), ..Pending::clone(&self.pending) };
                tenant.flows.pending.put_as(self.name.clone(), Arc::new(pending));
                see_other(&format!("{}u/login?state={}", self.asked.issuer, self.name))
            }
            Err(why) => self.asked.tell(authorization, &why.into()),
        }
    }
}

macro_rules! step {
    ($(#[$doc:meta])* $name:ident, $form:ident, $what:expr) => {
        $(#[$doc])*
        pub(crate) async fn $name(
            State(tenant): State<Shared>,
            issuer: Issuer,
            from: Sender,
            headers: HeaderMap,
            params: Params,
        ) -> Response {
            run(&tenant, move |tenant| match Form::of(tenant, &issuer, &from, &headers, &params) {
                Ok($form) => $what,
                Err(refusal) => *refusal,
            })
            .await
        }
    };
}

step!(
    /// With a password.
    by_password, form, {
        let proved = form.connection(Connection::is_database).and_then(|connection| {
            Ok(form.tenant().logins.prove_by_password(connection, form.typed("username", "password")?)?)
        });
        form.go_on(Page::Login, proved)
    }
);

step!(
    /// With a new account.
    sign_up, form, {
        let issuer = form.asked.issuer;
        let may_sign_up = form.pending.linking.as_ref().is_none_or(LinkStep::may_sign_up);
        let proved = form.connection(Connection::is_database).and_then(|connection| {
            if !may_sign_up {
                return Err(OAuthError::access_denied("Log in to the account that you have."));
            }
            let user_id = database::made(form.tenant(), issuer, connection, form.params)?;
            let id = user_id.split_once('|').map_or("", |(_, id)| id);
            Ok(Proved::new(connection, id, "pwd", &form.tenant().ambient))
        });
        form.go_on(Page::SignUp, proved)
    }
);

step!(
    /// As an account at a provider that is played.
    by_stand_in, form, {
        let is_played = |it: &Connection| !it.is_database() && !it.is_passwordless();
        let proved = form.connection(is_played).and_then(|connection| {
            Ok(prove_as_account(&form.tenant().ambient, connection, &account(connection, form.params)?))
        });
        form.go_on(Page::StandIn, proved)
    }
);

step!(
    /// Asks for a code.
    send_code, form, {
        let sent = form.connection(Connection::is_passwordless).and_then(|connection| {
            let address = form.params.require("address")?;
            passwordless::send_code(form.tenant(), connection, address)
        });
        match sent {
            Ok(_) => {
                let mut params = Params::default();
                for name in ["state", "connection", "address"] {
                    params.set(name, form.params.get(name).unwrap_or_default());
                }
                see_other(&format!("{}u/code?{}", form.asked.issuer, params.to_query()))
            }
            Err(why) => form.again(Page::SendCode, &why),
        }
    }
);

step!(
    /// With a code.
    by_code, form, {
        let proved = form.connection(Connection::is_passwordless).and_then(|connection| {
            Ok(form.tenant().logins.prove_by_code(connection, form.typed("address", "code")?)?)
        });
        form.go_on(Page::Code, proved)
    }
);

step!(
    /// Asks for a link to a page that asks for a new password.
    forgot, form, {
        let sent = form.connection(Connection::is_database).and_then(|connection| {
            let email = form.params.require("email")?;
            database::send_reset(form.tenant(), form.asked.issuer, connection, email)?;
            Ok(connection)
        });
        match sent {
            Ok(connection) => login_pages::link_sent(&form.pending, form.params, connection),
            Err(why) => form.again(Page::Forgot, &why),
        }
    }
);

step!(
    /// Without an answer to what the plugin wants to know.
    skip, form, {
        match form.pending.asked.clone() {
            None if form.pending.linking.is_some() => form.cancel_link(),
            None => html::error_page(StatusCode::BAD_REQUEST, "There is nothing to skip."),
            Some(question) if matches!(form.is_settled(&question), Ok(true)) => {
                form.log_in(Page::Login, &question.proved, None)
            }
            Some(question) => {
                let answer = StepAnswer { step: question.step, proof: None, policy: Some(question.policy.clone()) };
                form.log_in(Page::Login, &question.proved, Some(&answer))
            }
        }
    }
);

impl Form<'_> {
    fn go_on(self, page: Page, proved: Result<Proved, OAuthError>) -> Response {
        match proved {
            Ok(proved) => self.proved(page, &proved),
            Err(why) => self.again(page, &why),
        }
    }
}

/// One that the configuration offers, or one that was typed.
fn account(connection: &Connection, params: &Params) -> Result<Account, OAuthError> {
    if let Some(id) = params.get("account") {
        let known = connection.accounts.iter().find(|account| account.user_id == id);
        return known.cloned().ok_or_else(|| OAuthError::invalid_request("there is no such account"));
    }
    let user_id = params.require("user_id")?.trim();
    let is_id = !user_id.is_empty()
        && user_id.len() <= 255
        && !user_id.chars().any(|it| it.is_control() || it.is_whitespace());
    if !is_id {
        return Err(OAuthError::invalid_request("the id has spaces, or more than 255 characters"));
    }
    let email = params.owned("email");
    if email.as_ref().is_some_and(|email| !contact_syntax::is_email_address(email)) {
        return Err(OAuthError::invalid_request(NOT_AN_ADDRESS));
    }
    let mut rest = crate::model::Metadata::new();
    if let Some(name) = params.get("name") {
        rest.insert("name".to_owned(), name.into());
    }
    Ok(Account {
        user_id: user_id.to_owned(),
        email,
        email_verified: Some(params.get("email_verified").is_some_and(|it| it != "false")),
        rest,
    })
}
