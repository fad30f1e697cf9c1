//! What people see while they log in.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::tenant::config::{Account, Connection};
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::{OAuthError, USED};
use crate::tenant::http::params::{InQuery, Params};
use crate::tenant::linking::request::{LinkStep, linking_words};
use crate::tenant::logins::context::Sender;
use crate::tenant::pages::connections_page;
use crate::tenant::pages::login_forms::{Form, Pending};
use crate::tenant::people::mail_links::VerificationLink;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// A page of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// All ways to log in.
    Login,
    /// The same, with what was wrong at the form that makes an account.
    SignUp,
    /// A provider that is played.
    StandIn,
    /// An address to send a code to.
    SendCode,
    /// The code that was sent.
    Code,
    /// An address to send a link to a new password to.
    Forgot,
}

/// The fault of the form that was sent before.
#[derive(Clone, Copy)]
pub(crate) struct Wrong<'a> {
    pub(crate) words: &'a str,
    pub(crate) is_of_sign_up: bool,
}

/// The way back to the page with all ways to log in.
struct Back {
    href: String,
    words: &'static str,
}

#[derive(Template)]
#[template(path = "stand_in.html")]
struct StandIn<'a> {
    nonce: &'a str,
    state: &'a str,
    connection: &'a str,
    linking: Option<String>,
    label: &'a str,
    error: Option<&'a str>,
    accounts: Vec<Offered<'a>>,
    typed: Somebody<'a>,
    back: Back,
}

/// Somebody whom the configuration does not offer, as they were typed.
struct Somebody<'a> {
    error: Option<&'a str>,
    is_open: bool,
    user_id: &'a str,
    name: &'a str,
    email: &'a str,
    email_verified: bool,
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
    is_phone: bool,
    /// Whether a code was sent.
    sent: bool,
    address: &'a str,
    error: Option<&'a str>,
    /// The page that asks for an address.
    start: String,
    back: Back,
}

#[derive(Template)]
#[template(path = "forgot.html")]
struct Forgot<'a> {
    nonce: &'a str,
    state: &'a str,
    connection: &'a str,
    email: &'a str,
    error: Option<&'a str>,
    sent_to: Option<&'a str>,
    back: Back,
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

/// The page of a step of a login, with what was typed and what was wrong before.
pub(crate) fn login_page(
    tenant: &Tenant,
    pending: &Pending,
    (page, params): (Page, &Params),
    error: Option<&OAuthError>,
) -> Response {
    let nonce = html::nonce();
    let status = error.map_or(StatusCode::OK, |error| error.status);
    let error = error.map(|error| for_people(&error.description));
    let error = error.as_deref();
    let only = pending.linking.as_ref().and_then(LinkStep::only);
    let connection = only.or(params.get("connection")).and_then(|name| tenant.config.connection(name));
    let linking = linking_words(tenant, pending);
    let shows = Shows { pending, params, nonce: &nonce, linking, error };
    let body = match (page, connection) {
        (Page::StandIn, Some(connection)) if !connection.is_database() && !connection.is_passwordless() => {
            shows.stand_in(connection)
        }
        (Page::SendCode, Some(connection)) if connection.is_passwordless() => shows.code(connection, false),
        (Page::Code, Some(connection)) if connection.is_passwordless() => {
            shows.code(connection, params.get("address").is_some())
        }
        (Page::Forgot, Some(connection)) if connection.is_database() => shows.forgot(connection, None),
        _ => {
            let wrong = error.map(|words| Wrong { words, is_of_sign_up: page == Page::SignUp });
            connections_page::render(tenant, pending, params, &nonce, wrong)
        }
    };
    html::page(status, body, &nonce)
}

/// The page after a link was asked for: the same whether or not the user exists.
pub(crate) fn link_sent(pending: &Pending, params: &Params, connection: &Connection) -> Response {
    let nonce = html::nonce();
    let shows = Shows { pending, params, nonce: &nonce, linking: None, error: None };
    html::page(StatusCode::OK, shows.forgot(connection, params.get("email")), &nonce)
}

/// One page of a login.
struct Shows<'a> {
    pending: &'a Pending,
    params: &'a Params,
    nonce: &'a str,
    /// The application's request to link or unlink, in words.
    linking: Option<String>,
    error: Option<&'a str>,
}

impl Shows<'_> {
    fn typed(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// The address that is known so far.
    fn hint(&self) -> &str {
        let hint = match &self.pending.asked {
            Some(question) => question.email.as_deref(),
            None => self.pending.authorization.login_hint.as_deref(),
        };
        hint.unwrap_or_default()
    }

    fn back(&self) -> Back {
        let words =
            if self.pending.asked.is_some() { "Back to the question" } else { "Back to all ways to log in" };
        Back { href: at("login", self.typed("state"), None), words }
    }

    fn stand_in(&self, connection: &Connection) -> askama::Result<String> {
        let is_typed = self.error.is_some() && self.params.get("account").is_none();
        let typed = |name| if is_typed { self.typed(name) } else { "" };
        StandIn {
            nonce: self.nonce,
            state: self.typed("state"),
            connection: &connection.name,
            label: connection.label(),
            linking: self.linking.clone(),
            error: self.error,
            accounts: connection.accounts.iter().map(offered).collect(),
            typed: Somebody {
                error: self.error.filter(|_| is_typed),
                is_open: is_typed || connection.accounts.is_empty(),
                user_id: typed("user_id"),
                name: typed("name"),
                email: typed("email"),
                email_verified: !typed("email_verified").is_empty(),
            },
            back: self.back(),
        }
        .render()
    }

    fn code(&self, connection: &Connection, sent: bool) -> askama::Result<String> {
        let is_phone = connection.strategy == "sms";
        let address = match self.params.get("address") {
            Some(typed) => typed,
            None if is_phone => "",
            None => self.hint(),
        };
        Code {
            nonce: self.nonce,
            state: self.typed("state"),
            connection: &connection.name,
            linking: self.linking.clone(),
            what: if is_phone { "Phone number" } else { "Email" },
            is_phone,
            sent,
            address,
            error: self.error,
            start: at("code", self.typed("state"), Some(&connection.name)),
            back: self.back(),
        }
        .render()
    }

    fn forgot(&self, connection: &Connection, sent_to: Option<&str>) -> askama::Result<String> {
        Forgot {
            nonce: self.nonce,
            state: self.typed("state"),
            connection: &connection.name,
            email: self.params.get("email").unwrap_or_else(|| self.hint()),
            error: self.error,
            sent_to,
            back: self.back(),
        }
        .render()
    }
}

fn offered(account: &Account) -> Offered<'_> {
    Offered { user_id: &account.user_id, words: account.words() }
}

/// Where a page of a login is.
pub(crate) fn at(page: &str, state: &str, connection: Option<&str>) -> String {
    let mut params = Params::default();
    params.set("state", state);
    if let Some(connection) = connection {
        params.set("connection", connection);
    }
    format!("/u/{page}?{}", params.to_query())
}

/// It does not say whether there is such an account.
const TAKEN: &str = "No account was made. If you have one already, log in, or choose “Forgot password?”.";

/// A refusal without the name of the parameter, which programs read.
fn for_people(description: &str) -> String {
    let words = match description.split_once(": ") {
        Some(("email" | "phone_number" | "username", words)) => words,
        _ if description == "Invalid sign up" => TAKEN,
        _ => description,
    };
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $page:expr) => {
        $(#[$doc])*
        pub(crate) async fn $name(
            State(tenant): State<Shared>,
            issuer: Issuer,
            from: Sender,
            headers: HeaderMap,
            InQuery(params): InQuery,
        ) -> Response {
            match Form::of(&tenant, &issuer, &from, &headers, &params) {
                Ok(form) => login_page(&tenant, &form.pending, ($page, form.params), None),
                Err(refusal) => *refusal,
            }
        }
    };
}

page!(
    /// All ways to log in.
    login, Page::Login
);
page!(
    /// A provider that is played.
    stand_in, Page::StandIn
);
page!(
    /// A code that is mailed.
    code, Page::Code
);
page!(
    /// A link to a page that asks for a new password.
    forgot, Page::Forgot
);

/// A link of a mail that verifies an address: a page with a button, since
/// programs that look at mails open links, too.
pub(crate) async fn verification(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    match tenant.people.verifications.get(ticket) {
        None => html::error_page(StatusCode::BAD_REQUEST, USED),
        Some(VerificationLink { email, .. }) => {
            let nonce = html::nonce();
            html::page(StatusCode::OK, Verification { nonce: &nonce, ticket, email: &email }.render(), &nonce)
        }
    }
}

/// A page that asks for a new password.
pub(crate) async fn reset(State(tenant): State<Shared>, InQuery(params): InQuery) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    if tenant.people.resets.get(ticket).is_none() {
        return html::error_page(StatusCode::BAD_REQUEST, USED);
    }
    reset_page(ticket, None)
}

pub(crate) fn reset_page(ticket: &str, error: Option<&str>) -> Response {
    let nonce = html::nonce();
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    html::page(status, Reset { nonce: &nonce, ticket, error }.render(), &nonce)
}
