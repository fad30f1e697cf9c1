//! The way to the issuer and back, and logging out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::attempt_cookie::{ATTEMPT_LIFE, KeptAttempt};
use super::cookies::{CookieKind, Header};
use super::operator_login::OperatorLogin;
use super::return_path::accept_return_path;
use crate::console::frame::{Frame, Message, show_message};
use crate::console::params::Params;
use crate::console::paths::HOME;
use crate::console::redirect::see_page;
use crate::console::visit::{ConsoleVisit, PageResult};
use crate::model::mask_addresses;
use crate::oidc::{LoginHints, OidcError};
use crate::service::blocking::run_blocking;

/// The longest code of the issuer.
const LONGEST_CODE: usize = 4_096;

/// `GET /console/log-in`: sends the browser to the issuer.
pub(in crate::console) async fn log_in(
    State(login): State<Arc<OperatorLogin>>,
    request: Request,
) -> Response {
    let to = read_query(&request).get("to").map(accept_return_path).unwrap_or(HOME).to_owned();
    ask_issuer(login, move |login| begin(login, to)).await
}

/// `GET /console/callback`: the issuer's answer.
pub(in crate::console) async fn callback(
    State(login): State<Arc<OperatorLogin>>,
    request: Request,
) -> Response {
    let (params, headers) = (read_query(&request), request.headers().clone());
    ask_issuer(login, move |login| finish(login, &params, &headers)).await
}

/// `POST /console/log-out`: ends the session.
pub(in crate::console) fn log_out(visit: &ConsoleVisit) -> PageResult {
    let Some(login) = visit.login() else { return Err(visit.refuse(StatusCode::NOT_FOUND, "")) };
    login.sessions.end(&visit.operator.session);
    visit.audit("log out", "");
    let gone = AppendHeaders(login.cookies.forget(CookieKind::Session));
    let message = Message {
        title: "You are logged out",
        words: "Your session at the login page of your organization may go on; end it there, too.",
        link: Some((HOME, "Log in again")),
    };
    Ok((gone, show_message(Frame::new(None), StatusCode::OK, &message)).into_response())
}

fn read_query(request: &Request) -> Params {
    Params::read(request.uri().query().unwrap_or_default().as_bytes()).unwrap_or_default()
}

/// Does work that asks the issuer, if there is a turn for it.
async fn ask_issuer(
    login: Arc<OperatorLogin>,
    work: impl FnOnce(&OperatorLogin) -> Response + Send + 'static,
) -> Response {
    let Ok(turn) = login.turns.clone().try_acquire_owned() else {
        return show_failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many logins at once. Try again in a moment.",
        );
    };
    run_blocking(move || {
        let _turn = turn;
        work(&login)
    })
    .await
}

fn begin(login: &OperatorLogin, to: String) -> Response {
    let hints = LoginHints { connection: None, login_hint: None, second_factor: false };
    let (attempt, url) = match login.oidc.begin(hints) {
        Ok(begun) => begun,
        Err(error) => return refuse_issuer(&error),
    };
    let kept = KeptAttempt { attempt, to, expires: login.now() + ATTEMPT_LIFE };
    let cookie = kept.sign(&login.attempt_key);
    let cookie = cookie.and_then(|it| login.cookies.keep(CookieKind::Attempt, &it, Some(ATTEMPT_LIFE)));
    match (cookie, HeaderValue::from_str(url.as_str())) {
        (Some(cookie), Ok(url)) => {
            (StatusCode::SEE_OTHER, AppendHeaders([cookie]), [(LOCATION, url)]).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn finish(login: &OperatorLogin, params: &Params, headers: &HeaderMap) -> Response {
    let kept = login.cookies.read(CookieKind::Attempt, headers);
    let kept = kept.and_then(|it| KeptAttempt::verify(it, &login.attempt_key, login.now()));
    let Some(kept) = kept.filter(|kept| params.get("state") == Some(&*kept.attempt.state)) else {
        audit_refusal("unknown_login", "");
        let words = "This login has expired, was used already, or belongs to another browser.";
        return show_failure(StatusCode::BAD_REQUEST, words);
    };
    // A code is exchanged once, whatever its answer.
    let end = |response: Response, more: Option<Header>| {
        (AppendHeaders([login.cookies.forget(CookieKind::Attempt), more].into_iter().flatten()), response)
            .into_response()
    };
    let code = params.get("code").filter(|code| code.len() <= LONGEST_CODE);
    let (Some(code), None) = (code, params.get("error")) else {
        audit_refusal("cancelled", params.get("error").unwrap_or("no code"));
        return end(show_failure(StatusCode::FORBIDDEN, "You did not log in."), None);
    };
    let proved = match login.oidc.finish(&kept.attempt, code) {
        Ok(proved) => proved,
        Err(error) => return end(refuse_issuer(&error), None),
    };
    let Some(operator) = login.operators.find(&proved) else {
        let who = format!("{} {}", proved.user_id, proved.email.as_deref().unwrap_or_default());
        audit_refusal("no_operator", &who);
        return end(show_failure(StatusCode::FORBIDDEN, "You may not enter the console."), None);
    };
    // An older session of this browser ends: another person may have left it there.
    if let Some(old) = login.cookies.read(CookieKind::Session, headers) {
        login.sessions.end(old);
    }
    let session = login.sessions.begin(operator);
    tracing::info!(
        target: "audit", operator = %mask_addresses(operator), action = "log in",
        subject = %mask_addresses(&proved.user_id), "console"
    );
    let cookie = login.cookies.keep(CookieKind::Session, &session, None);
    end(see_page(&kept.to), cookie)
}

fn refuse_issuer(error: &OidcError) -> Response {
    audit_refusal("issuer", &error.to_string());
    show_failure(StatusCode::SERVICE_UNAVAILABLE, "The login could not be checked. The log says why.")
}

fn audit_refusal(code: &'static str, why: &str) {
    let why = mask_addresses(&crate::model::join_lines(why, 300)).into_owned();
    tracing::warn!(target: "audit", code, why, "a login to the console was refused");
}

fn show_failure(status: StatusCode, words: &str) -> Response {
    let message = Message { title: "You are not logged in", words, link: Some((HOME, "Log in")) };
    show_message(Frame::new(None), status, &message)
}
