//! What people see while they log in.

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::error::Refused;
use super::linking::{Does, LinkStep};
use super::params::{InQuery, Params};
use super::steps::{Form, Pending, Question};
use crate::tenant::config::Connection;
use crate::tenant::issuer::Issuer;
use crate::tenant::login::From;
use crate::tenant::{Shared, Tenant, random};

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    nonce: &'a str,
    state: &'a str,
    client: &'a str,
    asked: Option<&'a Question>,
    linking: Option<String>,
    may_sign_up: bool,
    error: Option<&'a str>,
    username: &'a str,
    databases: Vec<&'a Connection>,
    others: Vec<Other<'a>>,
}

struct Other<'a> {
    name: &'a str,
    href: String,
}

#[derive(Template)]
#[template(path = "stand_in.html")]
struct StandIn<'a> {
    nonce: &'a str,
    state: &'a str,
    connection: &'a str,
    linking: Option<String>,
    error: Option<&'a str>,
    accounts: Vec<Offered<'a>>,
}

struct Offered<'a> {
    user_id: &'a str,
    words: String,
}

#[derive(Template)]
#[template(path = "code.html")]
struct Code<'a> {
    nonce: &'a str,
    state: &'a str,
    connection: &'a str,
    linking: Option<String>,
    what: &'a str,
    hint: &'a str,
    sent_to: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct Reset<'a> {
    nonce: &'a str,
    ticket: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "verification.html")]
struct Verification<'a> {
    nonce: &'a str,
    ticket: &'a str,
    email: &'a str,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    nonce: &'a str,
    title: &'a str,
    words: &'a str,
}

/// The page of a step of a login, with what was wrong before.
pub(super) fn login_page(
    tenant: &Tenant,
    pending: &Pending,
    page: &str,
    params: &Params,
    error: Option<&Refused>,
) -> Response {
    let nonce = random::secret();
    let state = params.get("state").unwrap_or_default();
    let status = error.map_or(StatusCode::OK, |error| error.status);
    let error = error.map(|error| error.description.as_str());
    let only = pending.linking.as_ref().and_then(LinkStep::only);
    let connection = only.or(params.get("connection")).and_then(|name| tenant.config.connection(name));
    let hint = pending.asked.as_ref().map_or(&pending.authorization.login_hint, |question| &question.email);
    let hint =
        hint.as_deref().filter(|_| connection.is_none_or(|it| it.strategy != "sms")).unwrap_or_default();
    let body = match (page, connection) {
        ("stand-in", Some(connection)) if !connection.is_database() && !connection.is_passwordless() => {
            StandIn {
                nonce: &nonce,
                state,
                connection: &connection.name,
                linking: linking_words(tenant, pending),
                error,
                accounts: connection
                    .accounts
                    .iter()
                    .map(|account| Offered {
                        user_id: &account.user_id,
                        words: {
                            let name = account.rest.get("name").and_then(|name| name.as_str());
                            let verified = if account.email_verified == Some(true) {
                                "verified"
                            } else {
                                "not verified"
                            };
                            match (name, &account.email) {
                                (Some(name), Some(email)) => format!("{name} ({email}, {verified})"),
                                (None, Some(email)) => format!("{email} ({verified})"),
                                (Some(name), None) => name.to_owned(),
                                (None, None) => account.user_id.clone(),
                            }
                        },
                    })
                    .collect(),
            }
            .render()
        }
        ("code", Some(connection)) if connection.is_passwordless() => Code {
            nonce: &nonce,
            state,
            connection: &connection.name,
            linking: linking_words(tenant, pending),
            what: if connection.strategy == "sms" { "Phone number" } else { "Email" },
            hint,
            sent_to: params.get("address").unwrap_or_default(),
            error,
        }
        .render(),
        _ => login_forms(tenant, pending, connection, params, &nonce, error),
    };
    shown(status, body, &nonce)
}

/// What a login is for that an application has asked to link or unlink by.
fn linking_words(tenant: &Tenant, pending: &Pending) -> Option<String> {
    let (step, linking) = (pending.linking.as_ref()?, pending.authorization.linking.as_ref()?);
    let client = tenant.config.client(&pending.authorization.client_id)?;
    let client = if client.name.is_empty() { &client.client_id } else { &client.name };
    let connection = &linking.connection;
    Some(match (step, linking.does) {
        (LinkStep::Owner { .. }, Does::Link) => format!(
            "{client} asks to link an account of {connection} to yours. Log in to the account that you use there."
        ),
        (LinkStep::Owner { .. }, Does::Unlink) => format!(
            "{client} asks to take the account of {connection} away from yours. Log in once more, if you want that."
        ),
        (LinkStep::Account { owner, .. }, _) => format!(
            "Log in to the account of {connection} that is to be linked to {owner}. From then on both lead to one account."
        ),
    })
}

fn login_forms(
    tenant: &Tenant,
    pending: &Pending,
    only: Option<&Connection>,
    params: &Params,
    nonce: &str,
    error: Option<&str>,
) -> askama::Result<String> {
    let state = params.get("state").unwrap_or_default();
    let authorization = &pending.authorization;
    let only = only.or_else(|| tenant.config.connection(authorization.connection.as_deref()?));
    // A question is about an account that may be of another connection. Whoever
    // is asked has proved nothing of it, so all are offered, whichever leads to it.
    let wanted = |it: &&Connection| pending.asked.is_some() || only.is_none_or(|only| only.name == it.name);
    let href = |connection: &Connection| {
        let mut params = Params::default();
        params.set("state", state);
        params.set("connection", &connection.name);
        let page = if connection.is_passwordless() { "code" } else { "stand-in" };
        format!("/u/{page}?{}", params.to_query())
    };
    let hint = pending.asked.as_ref().map_or(&authorization.login_hint, |question| &question.email);
    let client = tenant.config.client(&authorization.client_id);
    let client = client.map_or("", |it| if it.name.is_empty() { &it.client_id } else { &it.name });
    let connections = || tenant.config.connections().filter(wanted);
    Login {
        nonce,
        state,
        client,
        asked: pending.asked.as_ref(),
        linking: linking_words(tenant, pending),
        may_sign_up: pending.asked.is_none() && pending.linking.as_ref().is_none_or(LinkStep::may_sign_up),
        error,
        username: params.get("username").or(hint.as_deref()).unwrap_or_default(),
        databases: connections().filter(|it| it.is_database()).collect(),
        others: connections()
            .filter(|it| !it.is_database())
            .map(|it| Other { name: &it.name, href: href(it) })
            .collect(),
    }
    .render()
}

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $page:literal) => {
        $(#[$doc])*
        pub(super) async fn $name(
            State(tenant): State<Shared>,
            issuer: Issuer,
            from: From,
            headers: HeaderMap,
            InQuery(params): InQuery,
        ) -> Response {
            match Form::of(&tenant, &issuer, &from, &headers, &params) {
                Ok(form) => login_page(&tenant, &form.pending, $page, form.params, None),
                Err(refusal) => *refusal,
            }
        }
    };
}

page!(
    /// All ways to log in.
    login, "login"
);
page!(
    /// A provider that is played.
    stand_in, "stand-in"
);
page!(
    /// A code that is mailed.
    code, "code"
);

/// A link of a mail that verifies an address: a page with a button, since
/// programs that look at mails open links, too.
pub(super) async fn verification(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    match tenant.flows.verifications.get(ticket) {
        None => error(StatusCode::BAD_REQUEST, "This link has expired, or was used already."),
        Some(super::Verification { email, .. }) => {
            let nonce = random::secret();
            shown(StatusCode::OK, Verification { nonce: &nonce, ticket, email: &email }.render(), &nonce)
        }
    }
}

/// A page that asks for a new password.
pub(super) async fn reset(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    if tenant.flows.resets.get(ticket).is_none() {
        return error(StatusCode::BAD_REQUEST, "This link has expired, or was used already.");
    }
    reset_page(ticket, None)
}

pub(super) fn reset_page(ticket: &str, error: Option<&str>) -> Response {
    let nonce = random::secret();
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    shown(status, Reset { nonce: &nonce, ticket, error }.render(), &nonce)
}

pub(super) fn message(title: &str, words: &str) -> Response {
    let nonce = random::secret();
    shown(StatusCode::OK, Message { nonce: &nonce, title, words }.render(), &nonce)
}

/// What went wrong, to whoever sits there.
pub(super) fn error(status: StatusCode, words: &str) -> Response {
    let nonce = random::secret();
    shown(status, Message { nonce: &nonce, title: "This did not work", words }.render(), &nonce)
}

/// A page that runs nothing, and that nobody may put into a frame.
fn shown(status: StatusCode, page: askama::Result<String>, nonce: &str) -> Response {
    let Ok(page) = page else { return Refused::server().into_response() };
    let policy =
        format!("default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'");
    let Ok(policy) = HeaderValue::from_str(&policy) else { return Refused::server().into_response() };
    let headers = [(CONTENT_SECURITY_POLICY, policy), (X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))];
    (status, headers, Html(page)).into_response()
}
