//! The forms that people send while they log in.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::model::{Identity, Proof, StepAnswer};
use crate::tenant::config::{Account, Connection};
use crate::tenant::embedded::{database, passwordless};
use crate::tenant::flows::pending_login::{PendingLogin, Suggestion};
use crate::tenant::http::html;
use crate::tenant::http::html::{see_other, see_result};
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{FORM_USED, NOT_AN_ADDRESS, OAuthError};
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::context::LoginRequest;
use crate::tenant::logins::outcome::LoggedIn;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::logins::prove::prove_as_account;
use crate::tenant::oauth::browser_visit::{LoggedInUser, lacks_requested_factor, login_context};
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::pages::page_view::Page;
use crate::tenant::people::proved_identity::ProvedIdentity;

impl LoginForm<'_> {
    /// Shows the page again, with the values that were typed and the error.
    pub(super) fn show_error(self, error: &OAuthError) -> Response {
        let page = self.render(Some(error));
        (self.browser_visit.browser.into_cookies(), error.retry_after().map(AppendHeaders), page)
            .into_response()
    }

    /// Shows the page with all connections again, and the reason why the proof does not count.
    pub(super) fn show_refusal(mut self, error: &OAuthError) -> Response {
        self.page = Page::Login;
        self.show_error(error)
    }

    /// Shows the page again because the directory did not respond, or a limit was reached. The proof
    /// can be used for another attempt.
    pub(crate) fn show_unavailable(self, proved: &ProvedIdentity, error: &OAuthError) -> Response {
        proved.give_back();
        self.show_error(error)
    }

    /// Continues the login by the result of a proof.
    pub(super) fn proceed(self, proved: Result<ProvedIdentity, OAuthError>) -> Response {
        match proved {
            Ok(proved) => self.proceed_as(&proved),
            Err(error) => self.show_error(&error),
        }
    }

    fn proceed_as(self, proved: &ProvedIdentity) -> Response {
        let pending = self.pending.clone();
        match self.needs_second_factor(proved) {
            Ok(false) => {}
            Ok(true) => return self.ask_second_factor(proved, pending.suggestion.clone()),
            Err(error) => return self.show_unavailable(proved, &error),
        }
        if let (Some(linking), Some(step)) = (&pending.authorization.linking, &pending.linking) {
            return self.continue_linking(linking, step, proved);
        }
        if let Some(errand) = &pending.errand {
            return self.continue_errand(errand, proved);
        }
        match self.pending.suggestion.clone() {
            None => self.log_in(proved, None),
            Some(suggestion) => self.answer_suggestion(suggestion, proved),
        }
    }

    /// Returns whether a suggestion is obsolete: another login has linked the accounts since, or
    /// the first one is gone.
    fn is_obsolete(&self, suggestion: &Suggestion) -> Result<bool, OAuthError> {
        let owner = suggestion.proved.key().map(|key| self.tenant().directory.owner(key)).transpose();
        let Some(owner) = owner.map_err(unavailable)?.flatten() else { return Ok(true) };
        let is_candidate = |it: &Identity| suggestion.candidates.contains(&it.as_user_id());
        Ok(owner.user.user_id != suggestion.current || owner.user.identities.iter().any(is_candidate))
    }

    /// Continues with a user who has proved a second account.
    fn answer_suggestion(self, suggestion: Suggestion, second: &ProvedIdentity) -> Response {
        // The second proof is the answer. If the login fails, it can be used again. A factor counts for
        // the account that has it, whichever of the two proofs passed it.
        let factors = [suggestion.proved.factors.clone(), second.factors.clone()].concat();
        let proved = ProvedIdentity { by: second.by.clone(), factors, ..suggestion.proved.clone() };
        match self.is_obsolete(&suggestion) {
            Ok(false) => {}
            Ok(true) => return self.log_in(&proved, None),
            Err(error) => return self.show_unavailable(second, &error),
        }
        let owner = second.key().map(|key| self.tenant().directory.owner(key));
        let candidate = match owner {
            Some(Ok(Some(owner))) => owner.user.user_id.clone(),
            Some(Err(error)) => return self.show_unavailable(second, &unavailable(error)),
            _ => String::new(),
        };
        if !suggestion.candidates.contains(&candidate) {
            let account = suggestion.email.as_deref().map_or(String::new(), |email| format!(" {email}"));
            let words = format!(
                "That was a different account. Log in to the existing account{account}, for example with its password, or choose “Not now”."
            );
            return self.show_refusal(&OAuthError::access_denied(words));
        }
        let methods = second.methods_for(&candidate);
        let proof = Proof { current: suggestion.current, candidate, proved_at: second.at, methods };
        let answer =
            StepAnswer { step: suggestion.step, proof: Some(proof), policy: Some(suggestion.policy) };
        self.log_in(&proved, Some(&answer))
    }

    fn log_in(mut self, proved: &ProvedIdentity, answer: Option<&StepAnswer>) -> Response {
        let tenant = self.tenant();
        let pending = self.pending.clone();
        let authorization = &pending.authorization;
        let Some(client) = tenant.config.client_of_login(&authorization.client_id) else {
            return OAuthError::unauthorized().into_response();
        };
        let context = LoginRequest {
            interactive: answer.is_none(),
            answer,
            ..login_context(client, authorization, self.sender())
        };
        // A login with a suggestion had a user by then.
        let logged_in = match pending.suggestion {
            None => tenant.logins.log_in(proved, &context),
            Some(_) => tenant.logins.log_in_known(proved, &context),
        };
        match &logged_in {
            Err(why @ NotLoggedIn::Failed(_)) => return self.show_unavailable(proved, &why.clone().into()),
            // The account was linked into one with a factor while the page was open, or by this login.
            Err(NotLoggedIn::LacksSecondFactor) => return self.ask_second_factor(proved, None),
            Ok(LoggedIn::As(user)) if lacks_requested_factor(authorization, proved, user) => {
                return self.ask_second_factor(proved, None);
            }
            _ => {}
        }
        // A form that is sent twice gets one response.
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, FORM_USED);
        }
        match logged_in {
            Ok(LoggedIn::As(user)) => {
                let session = pending.begins_session.then(|| self.browser_visit.begin_session(proved));
                let login = LoggedInUser { user: &user, proved, session: session.as_ref() };
                self.browser_visit.finish(authorization, login)
            }
            Ok(LoggedIn::Prompted { current, step, candidates, policy }) => {
                let suggestion = Suggestion {
                    // The code or ticket is used by now.
                    proved: ProvedIdentity { by: None, ..proved.clone() },
                    current: current.user_id.clone(),
                    step,
                    candidates,
                    email: current.email.clone(),
                    name: current.rest.get("name").and_then(|name| name.as_str()).map(str::to_owned),
                    policy,
                };
                let pending = PendingLogin {
                    suggestion: Some(suggestion),
                    first_factor: None,
                    ..PendingLogin::clone(&pending)
                };
                self.keep_pending(Arc::new(pending));
                see_other(&format!("{}u/login?state={}", self.issuer(), self.state()))
            }
            Err(why) => self.browser_visit.refuse(authorization, &why.into()),
        }
    }
}

/// `POST /u/login`: logs in with a password.
pub(crate) async fn log_in_with_password(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::Login, |form| {
        let proved = form.connection(Connection::is_database).and_then(|connection| {
            Ok(form
                .tenant()
                .logins
                .prove_by_password(connection, form.credentials("username", "password")?)?)
        });
        form.proceed(proved)
    })
    .await
}

/// `POST /u/sign-up`: creates an account, and logs in with it.
pub(crate) async fn sign_up(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::SignUp, |form| {
        let may_sign_up = form.pending.may_sign_up();
        let proved = form.connection(Connection::is_database).and_then(|connection| {
            if !may_sign_up {
                return Err(OAuthError::access_denied("Log in to the account that you have."));
            }
            let user_id = database::create_account(form.browser_visit.visit, connection)?;
            let id = user_id.split_once('|').map_or("", |(_, id)| id);
            Ok(ProvedIdentity::new(connection, id, "pwd", &form.tenant().ambient))
        });
        form.proceed(proved)
    })
    .await
}

/// `POST /u/stand-in`: logs in with an account of a stand-in provider.
pub(crate) async fn log_in_with_stand_in(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::StandIn, |form| {
        let is_stand_in = |it: &Connection| !it.is_database() && !it.is_passwordless();
        let proved = form.connection(is_stand_in).and_then(|connection| {
            Ok(prove_as_account(
                &form.tenant().ambient,
                connection,
                &read_account(connection, form.params())?,
            ))
        });
        form.proceed(proved)
    })
    .await
}

/// `POST /u/code/start`: sends a one-time password or a link.
pub(crate) async fn send_code(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::SendCode, |form| {
        let sent = form.connection(Connection::is_passwordless).and_then(|connection| {
            let address = &compact_address(connection, form.params().require("address")?);
            if form.params().get("send") == Some("link") {
                form.send_link(connection, address)?;
            } else {
                let client_id = &form.pending.authorization.client_id;
                passwordless::send_code(form.browser_visit.visit, client_id, connection, address)?;
            }
            Ok((connection, address.clone()))
        });
        let (connection, address) = match sent {
            Ok(sent) => sent,
            Err(error) => return form.show_error(&error),
        };
        let mut params = Params::default();
        params.set("state", form.state());
        params.set("connection", &connection.name);
        params.set("address", &address);
        if form.params().get("send") == Some("link") {
            params.set("sent", "link");
        }
        see_other(&format!("{}u/code?{}", form.issuer(), params.to_query()))
    })
    .await
}

/// `POST /u/code`: logs in with a one-time password.
pub(crate) async fn log_in_with_code(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::Code, |form| {
        let proved = form.connection(Connection::is_passwordless).and_then(|connection| {
            let client_id = &form.pending.authorization.client_id;
            let typed = form.credentials("address", "code")?;
            Ok(form.tenant().logins.prove_by_code(connection, client_id, typed)?)
        });
        form.proceed(proved)
    })
    .await
}

/// `POST /u/forgot`: sends a link to the page that asks for a new password.
pub(crate) async fn send_reset_link(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::Forgot, |form| {
        let sent = form.connection(Connection::is_database).and_then(|connection| {
            let email = form.params().require("email")?;
            database::send_reset_link(form.browser_visit.visit, connection, email)?;
            Ok(connection)
        });
        match sent {
            // A page of its own, so that a browser that goes back to it sends no form again.
            Ok(connection) => {
                let mut params = Params::default();
                params.set("state", form.state());
                params.set("connection", &connection.name);
                params.set("email", form.params().get("email").unwrap_or_default());
                params.set("sent", "true");
                see_result(&format!("{}u/forgot?{}", form.issuer(), params.to_query()))
            }
            Err(error) => form.show_error(&error),
        }
    })
    .await
}

/// `POST /u/skip`: logs in without the suggested step, or cancels a link or an errand.
pub(crate) async fn skip_linking(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::Login, |form| match form.pending.suggestion.clone() {
        None if form.pending.linking.is_some() => form.cancel_linking(),
        None if form.pending.errand.is_some() => form.cancel_errand(),
        None => html::error_page(StatusCode::BAD_REQUEST, "There is nothing to skip."),
        Some(suggestion) if matches!(form.is_obsolete(&suggestion), Ok(true)) => {
            form.log_in(&suggestion.proved, None)
        }
        Some(suggestion) => {
            let policy = Some(suggestion.policy.clone());
            let answer = StepAnswer { step: suggestion.step, proof: None, policy };
            form.log_in(&suggestion.proved, Some(&answer))
        }
    })
    .await
}

/// The address as it is sent to. People type phone numbers with blanks.
fn compact_address(connection: &Connection, typed: &str) -> String {
    if connection.strategy == "sms" { typed.split_whitespace().collect() } else { typed.to_owned() }
}

/// Reads an account of a stand-in provider: one of the configuration, or a typed one.
fn read_account(connection: &Connection, params: &Params) -> Result<Account, OAuthError> {
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
    let email = params.get_owned("email");
    if email.as_ref().is_some_and(|email| !ligature_contact_syntax::is_email_address(email)) {
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
