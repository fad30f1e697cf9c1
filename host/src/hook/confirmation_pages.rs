//! The pages on which a user confirms another account: the question, the login at the
//! tenant, and the way back.
//!
//! Before the user has logged in to the other account, nothing of it is shown or sent to the
//! browser: neither its id, its name nor its connections.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::header::{LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;

use super::confirmation_end::Ended;
use super::confirmations::{ANSWER, Confirmations, DECLINE, LOG_IN, QUESTION, SUBMIT_SCRIPT, join_path};
use super::open_question::{CookieScope, OpenQuestion, is_foreign_form, user_agent};
use super::question::{Digest, Question, SealedAnswer};
use super::return_form::{ReturnClaims, continue_url, return_page, sign};
use super::state::Hook;
use crate::model::{Proof, Step, mask_addresses};
use crate::oidc::{LoginHints, OidcError, ProvedLogin};
use crate::service::blocking::run_blocking;
use crate::service::page;
use crate::service::page::filters;
use crate::service::page_script::SUBMIT;
use crate::service::provider_names::provider_display_name;
use crate::service::sealing::{open, seal};

/// The time in which an answer is accepted, in seconds.
const ANSWER_LIFE: u64 = 120;

/// The longest `state` of a transaction.
const LONGEST_STATE: usize = 700;

/// The longest code of the tenant, and the longest token of a question.
const LONGEST_PARAMETER: usize = 4_096;

const CANCELLED: &str = "You did not log in to the other account. Try again, or choose “Not now”.";
const FAILED: &str = "The other account could not be checked. Try again, or choose “Not now”.";
const OTHER_ACCOUNT: &str = "This login belongs to another account than the one to be linked. Log in to that account, \
                             for example with its password, or choose “Not now”.";
const SAME_ACCOUNT: &str =
    "This is the account that you have just used. Log in to the other one, or choose “Not now”.";
const NO_SECOND_FACTOR: &str = "You logged in to the other account without a second factor, which this link needs. Log in \
                                with one, or choose “Not now”.";
const UNVERIFIED: &str = "The address of that account is not verified. Verify it first, or choose “Not now”.";

#[derive(Template)]
#[template(path = "confirm.html")]
struct QuestionPage<'a> {
    page: &'a str,
    way: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    error: Option<&'static str>,
    log_in: String,
    decline: String,
}

#[derive(Template)]
#[template(path = "confirm_ended.html")]
struct EndedPage {
    title: &'static str,
    words: &'static str,
    /// The URL at which the login goes on, if it is known.
    action: Option<String>,
}

/// The query of the page: the token of the question, and the tenant's transaction.
#[derive(Deserialize)]
pub(super) struct AskParams {
    #[serde(default)]
    token: String,
    #[serde(default)]
    state: String,
}

/// The form of the page.
#[derive(Deserialize)]
pub(super) struct PageForm {
    #[serde(default)]
    page: String,
}

/// The tenant's answer to a login.
#[derive(Deserialize)]
pub(super) struct CallbackParams {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// One visit of a browser.
pub(super) struct ConfirmationVisit {
    hook: Arc<Hook>,
    confirmations: Arc<Confirmations>,
    headers: HeaderMap,
}

/// `GET /v1/confirm`: the question.
pub(super) async fn ask(
    State((hook, confirmations)): State<(Arc<Hook>, Arc<Confirmations>)>,
    headers: HeaderMap,
    Query(params): Query<AskParams>,
) -> Response {
    ConfirmationVisit { hook, confirmations, headers }.ask(params)
}

/// `POST /v1/confirm/login`: sends the user to the tenant's login.
pub(super) async fn log_in(
    State((hook, confirmations)): State<(Arc<Hook>, Arc<Confirmations>)>,
    headers: HeaderMap,
    Form(form): Form<PageForm>,
) -> Response {
    ConfirmationVisit { hook, confirmations, headers }.ask_tenant(move |visit| visit.log_in(&form)).await
}

/// `GET /v1/confirm/callback`: the tenant's answer to the login.
pub(super) async fn callback(
    State((hook, confirmations)): State<(Arc<Hook>, Arc<Confirmations>)>,
    headers: HeaderMap,
    Query(params): Query<CallbackParams>,
) -> Response {
    ConfirmationVisit { hook, confirmations, headers }.ask_tenant(move |visit| visit.finish(&params)).await
}

/// `POST /v1/confirm/decline`: the user does not link now.
pub(super) async fn decline(
    State((hook, confirmations)): State<(Arc<Hook>, Arc<Confirmations>)>,
    headers: HeaderMap,
    Form(form): Form<PageForm>,
) -> Response {
    ConfirmationVisit { hook, confirmations, headers }.decline(&form)
}

impl ConfirmationVisit {
    /// Does work that asks the tenant, if there is a turn for it.
    async fn ask_tenant(self, work: impl FnOnce(Self) -> Response + Send + 'static) -> Response {
        let Ok(turn) = self.confirmations.turns.clone().try_acquire_owned() else {
            return self.end(Ended::Busy, None, None);
        };
        run_blocking(move || {
            let _turn = turn;
            work(self)
        })
        .await
    }

    fn ask(self, params: AskParams) -> Response {
        let AskParams { token, state } = params;
        let is_state = !state.is_empty() && state.len() <= LONGEST_STATE && state.is_ascii();
        let transaction = is_state.then_some(state.as_str());
        if token.len() > LONGEST_PARAMETER {
            return self.end(Ended::Altered, transaction, None);
        }
        let opened = open::<Question>(self.hook.secrets.keys(), QUESTION, &token);
        let (Some((question, secret)), Some(transaction)) = (opened, transaction) else {
            return self.end(Ended::Altered, transaction, None);
        };
        if question.browser.user_agent != user_agent(&self.headers) {
            // No way on: whoever sent this address here may be the one who has logged in.
            return self.end(Ended::OtherBrowser, None, Some(&question));
        }
        if question.has_expired(self.confirmations.now()) {
            return self.end(Ended::Expired, Some(transaction), Some(&question));
        }
        self.count("asked");
        let page = self.confirmations.ambient.random().secret();
        let transaction = transaction.to_owned();
        let opened = OpenQuestion { page, question, transaction, asks_factor: false, login: None };
        self.show(&opened, secret, None)
    }

    fn log_in(self, form: &PageForm) -> Response {
        let (opened, secret) = match self.open_question(|it| it.page == form.page, true) {
            Ok(opened) => opened,
            Err(ended) => return *ended,
        };
        self.send_to_login(opened, secret)
    }

    /// Sends the browser to a login at the tenant.
    fn send_to_login(&self, opened: OpenQuestion, secret: usize) -> Response {
        let hints = LoginHints {
            connection: self.confirmations.connection.as_deref(),
            login_hint: opened.question.email.as_deref(),
            second_factor: opened.asks_factor,
        };
        match self.confirmations.oidc.begin(hints) {
            Ok((attempt, url)) => {
                let opened = OpenQuestion { login: Some(attempt), ..opened };
                let cookie = self.keep(&opened, secret);
                let Ok(location) = HeaderValue::from_str(url.as_str()) else { return broken() };
                (StatusCode::SEE_OTHER, cookie, [(LOCATION, location)]).into_response()
            }
            Err(error) => self.ask_again(&opened, secret, &error),
        }
    }

    fn finish(self, params: &CallbackParams) -> Response {
        let is_answer = |it: &OpenQuestion| it.login.as_ref().is_some_and(|it| it.state == params.state);
        let (opened, secret) = match self.open_question(is_answer, false) {
            Ok(opened) => opened,
            Err(ended) => return *ended,
        };
        // A code is exchanged once, whatever its answer.
        let Some(attempt) = opened.login.clone() else { return broken() };
        let opened = OpenQuestion { login: None, ..opened };
        let code = params.code.as_deref().filter(|it| !it.is_empty() && it.len() <= LONGEST_PARAMETER);
        let (Some(code), None) = (code, &params.error) else {
            self.audit("cancelled", &opened.question, params.error.as_deref().unwrap_or("no code"));
            return self.show(&opened, secret, Some(CANCELLED));
        };
        let proved = match self.confirmations.oidc.finish(&attempt, code) {
            Ok(proved) => proved,
            Err(error) => return self.ask_again(&opened, secret, &error),
        };
        let lacks_factor = opened.question.second_factor && !proved.has_second_factor();
        match accept(&opened, proved) {
            // The tenant has not asked for the factor by itself.
            Ok(_) if lacks_factor && !opened.asks_factor => {
                self.audit("first_factor", &opened.question, "");
                self.send_to_login(OpenQuestion { asks_factor: true, ..opened }, secret)
            }
            Ok(proof) => {
                self.audit("proved", &opened.question, "");
                self.send_back(&opened, Some(proof), secret)
            }
            Err((code, words)) => {
                self.audit(code, &opened.question, words);
                self.show(&opened, secret, Some(words))
            }
        }
    }

    fn decline(self, form: &PageForm) -> Response {
        match self.open_question(|it| it.page == form.page, true) {
            Ok((opened, secret)) => {
                self.audit("declined", &opened.question, "");
                self.send_back(&opened, None, secret)
            }
            Err(ended) => *ended,
        }
    }

    /// Opens the question of this browser, if it is the one that is meant.
    fn open_question(
        &self,
        is_meant: impl Fn(&OpenQuestion) -> bool,
        is_form: bool,
    ) -> Result<(OpenQuestion, usize), Box<Response>> {
        if is_form && is_foreign_form(&self.headers, &self.confirmations.public_url) {
            return Err(Box::new(self.end(Ended::ForeignForm, None, None)));
        }
        let opened = self.cookies().read_question(&self.headers, self.hook.secrets.keys());
        let Some((opened, secret)) = opened.filter(|(opened, _)| is_meant(opened)) else {
            return Err(Box::new(self.end(Ended::NoQuestion, None, None)));
        };
        if opened.question.has_expired(self.confirmations.now()) {
            let ended = self.end(Ended::Expired, Some(&opened.transaction), Some(&opened.question));
            return Err(Box::new(ended));
        }
        Ok((opened, secret))
    }

    /// Shows the question again after a failure of the tenant or of its answer.
    fn ask_again(&self, opened: &OpenQuestion, secret: usize, error: &OidcError) -> Response {
        self.audit("failed", &opened.question, &error.to_string());
        self.show(opened, secret, Some(FAILED))
    }

    fn show(&self, opened: &OpenQuestion, secret: usize, error: Option<&'static str>) -> Response {
        let public_url = &self.confirmations.public_url;
        let question = &opened.question;
        let shown = QuestionPage {
            page: &opened.page,
            way: way(&question.connection),
            name: question.name.as_deref(),
            email: question.email.as_deref(),
            error,
            log_in: join_path(public_url, LOG_IN).into(),
            decline: join_path(public_url, DECLINE).into(),
        };
        (self.keep(opened, secret), page::respond_in_login(StatusCode::OK, shown.render())).into_response()
    }

    /// Sends the browser back to the tenant with the answer, and forgets the question.
    fn send_back(&self, opened: &OpenQuestion, proof: Option<Proof>, secret: usize) -> Response {
        let OpenQuestion { question, transaction, .. } = opened;
        let now = self.confirmations.now();
        // The accounts in question are not needed any more.
        let question = Question { candidates: Vec::new(), name: None, ..question.clone() };
        let answered = SealedAnswer { question, proof, expires: now + ANSWER_LIFE };
        let issuer = self.confirmations.oidc.issuer();
        let returned = self.hook.secrets.keys().get(secret).and_then(|secret| {
            let answer = seal(secret, ANSWER, &answered, self.confirmations.ambient.random())?;
            let claims = ReturnClaims {
                iss: issuer.host_str().unwrap_or_default(),
                sub: &answered.question.current,
                iat: now,
                exp: now + ANSWER_LIFE,
                state: transaction,
                answer: &answer,
            };
            let script = SUBMIT.address(join_path(&self.confirmations.public_url, SUBMIT_SCRIPT).as_str());
            Some(return_page(&continue_url(issuer, transaction), &sign(secret, &claims)?, &script))
        });
        let Some(page) = returned else { return broken() };
        (AppendHeaders(self.cookies().forget()), page).into_response()
    }

    /// Ends a visit. The login goes on unlinked, if its transaction is known.
    fn end(&self, why: Ended, transaction: Option<&str>, question: Option<&Question>) -> Response {
        let user = question.map(|it| mask_addresses(&it.current).into_owned());
        if self.hook.refusal_log.admit(why.code()) {
            tracing::warn!(target: "audit", user, code = why.code(), "a confirmation was refused");
        }
        self.count("refused");
        let issuer = self.confirmations.oidc.issuer();
        let page = EndedPage {
            title: "This did not work",
            words: why.words(),
            action: transaction.map(|it| continue_url(issuer, it).into()),
        };
        let respond = if transaction.is_some() { page::respond_in_login } else { page::respond };
        respond(why.status(), page.render())
    }

    fn audit(&self, code: &'static str, question: &Question, why: &str) {
        let user = mask_addresses(&question.current);
        tracing::info!(target: "audit", %user, code, why = %mask_addresses(why), "confirmation");
        self.count(code);
    }

    fn count(&self, code: &'static str) {
        self.hook.metrics.count_confirmation(code);
    }

    fn cookies(&self) -> CookieScope {
        CookieScope::new(&self.confirmations.public_url)
    }

    fn keep(&self, opened: &OpenQuestion, secret: usize) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
        let secret = self.hook.secrets.keys().get(secret);
        let ambient = &self.confirmations.ambient;
        AppendHeaders(secret.and_then(|secret| self.cookies().keep(opened, secret, ambient)))
    }
}

/// Accepts a login to one of the accounts in question, and only with a verified address, and
/// with a second factor if the step is one and it was asked for. Returns the code for the log and the words
/// for the user otherwise.
fn accept(opened: &OpenQuestion, proved: ProvedLogin) -> Result<Proof, (&'static str, &'static str)> {
    let OpenQuestion { question, asks_factor, .. } = opened;
    let lacks_factor = *asks_factor && question.step == Step::StepUpMfa && !proved.has_second_factor();
    let ProvedLogin { user_id, email_verified, at, methods, email: _ } = proved;
    if user_id == question.current {
        return Err(("same_account", SAME_ACCOUNT));
    }
    if !question.candidates.contains(&Digest::of_text(&user_id)) {
        return Err(("other_account", OTHER_ACCOUNT));
    }
    if !email_verified {
        return Err(("unverified", UNVERIFIED));
    }
    if lacks_factor {
        return Err(("no_second_factor", NO_SECOND_FACTOR));
    }
    Ok(Proof { current: question.current.clone(), candidate: user_id, proved_at: at, methods })
}

/// The words for the way of a login.
fn way(connection: &str) -> &str {
    match connection {
        // Source: Auth0, the name of a new tenant's database.
        "Username-Password-Authentication" => "a password",
        connection => provider_display_name(connection),
    }
}

fn broken() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response()
}

/// Keeps the tokens in the pages' addresses from other hosts. Without the origin, a browser
/// would send its forms as if from nowhere.
pub(super) async fn add_referrer_policy(mut response: Response) -> Response {
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    response
}
