//! The page with all ways to log in, and the one that asks for a second account.

use askama::Template;

use crate::tenant::config::Connection;
use crate::tenant::http::params::Params;
use crate::tenant::linking::request::{LinkStep, linking_words};
use crate::tenant::pages::login_forms::{Pending, Question};
use crate::tenant::pages::login_pages::{Wrong, at};
use crate::tenant::state::Tenant;

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    nonce: &'a str,
    state: &'a str,
    client: &'a str,
    asked: Option<Asked<'a>>,
    /// The application's request to link or unlink, in words.
    linking: Option<String>,
    /// An error that belongs to none of the forms.
    error: Option<&'a str>,
    databases: Vec<Database<'a>>,
    others: Vec<Other<'a>>,
}

/// The user who has logged in, as far as they have proved it.
struct Asked<'a> {
    way: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
}

/// The forms of a database.
struct Database<'a> {
    name: &'a str,
    label: &'a str,
    username: &'a str,
    error: Option<&'a str>,
    focus: Focus,
    forgot: String,
    sign_up: Option<SignUp<'a>>,
}

struct SignUp<'a> {
    requires_username: bool,
    username: &'a str,
    email: &'a str,
    error: Option<&'a str>,
    /// Whether the page begins with it.
    comes_first: bool,
}

/// Which field of a form a page begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Focus {
    Username,
    Password,
    Elsewhere,
}

struct Other<'a> {
    label: &'a str,
    href: String,
}

/// All ways to log in; those of the connection alone that the application names,
/// if it does.
pub(crate) fn render(
    tenant: &Tenant,
    pending: &Pending,
    params: &Params,
    nonce: &str,
    wrong: Option<Wrong<'_>>,
) -> askama::Result<String> {
    let state = params.get("state").unwrap_or_default();
    let authorization = &pending.authorization;
    let only = pending.linking.as_ref().and_then(LinkStep::only).or(authorization.connection.as_deref());
    let only = only.and_then(|name| tenant.config.connection(name));
    // A question is about an account that may be of another connection. Whoever
    // is asked has proved nothing of it, so all are offered, whichever leads to it.
    let wanted = |it: &&Connection| pending.asked.is_some() || only.is_none_or(|only| only.name == it.name);
    let connections = || tenant.config.connections().filter(wanted);

    let typed_at = params.get("connection").filter(|_| wrong.is_some());
    let hint = pending.asked.as_ref().map_or(&authorization.login_hint, |question| &question.email);
    let hint = params.get("username").filter(|_| wrong.is_none()).or(hint.as_deref()).unwrap_or_default();
    let form = |connection, is_first| {
        let is_typed = typed_at.is_some_and(|name| name == connection_name(connection));
        Database::of(
            connection,
            params,
            pending,
            TypedCredentials { hint, is_first, wrong: wrong.filter(|_| is_typed) },
        )
    };
    let mut databases: Vec<Database<'_>> = Vec::new();
    for connection in connections().filter(|it| it.is_database()) {
        databases.push(form(connection, databases.is_empty()));
    }
    let is_placed = databases.iter().any(Database::says_what_is_wrong);
    if is_placed {
        for database in databases.iter_mut().filter(|it| !it.says_what_is_wrong()) {
            database.focus = Focus::Elsewhere;
        }
    }
    let href = |connection: &Connection| {
        let page = if connection.is_passwordless() { "code" } else { "stand-in" };
        at(page, state, Some(&connection.name))
    };
    Login {
        nonce,
        state,
        client: client(tenant, pending),
        asked: pending.asked.as_ref().map(|question| asked(tenant, question)),
        linking: linking_words(tenant, pending),
        error: wrong.filter(|_| !is_placed).map(|wrong| wrong.words),
        databases,
        others: connections()
            .filter(|it| !it.is_database())
            .map(|it| Other { label: it.label(), href: href(it) })
            .collect(),
    }
    .render()
}

fn connection_name(connection: &Connection) -> &str {
    &connection.name
}

/// The values with which a form begins.
#[derive(Clone, Copy)]
struct TypedCredentials<'a> {
    /// The address, where the form was not sent.
    hint: &'a str,
    is_first: bool,
    /// The fault of this form.
    wrong: Option<Wrong<'a>>,
}

impl<'a> Database<'a> {
    fn of(
        connection: &'a Connection,
        params: &'a Params,
        pending: &Pending,
        typed: TypedCredentials<'a>,
    ) -> Self {
        let sent = |name| params.get(name).filter(|_| typed.wrong.is_some()).unwrap_or_default();
        let of_sign_up = typed.wrong.filter(|wrong| wrong.is_of_sign_up).map(|wrong| wrong.words);
        let of_login = typed.wrong.filter(|wrong| !wrong.is_of_sign_up).map(|wrong| wrong.words);
        let username = if of_login.is_some() { sent("username") } else { typed.hint };
        // Whoever is asked for an account they have does not make one.
        let may_sign_up =
            pending.asked.is_none() && pending.linking.as_ref().is_none_or(LinkStep::may_sign_up);
        let comes_first = of_sign_up.is_some()
            || (pending.authorization.begins_with_sign_up
                && connection.sign_up
                && may_sign_up
                && typed.is_first
                && of_login.is_none());
        let focus = match (comes_first, typed.is_first || of_login.is_some(), username.is_empty()) {
            (true, _, _) | (_, false, _) => Focus::Elsewhere,
            (_, _, true) => Focus::Username,
            (_, _, false) => Focus::Password,
        };
        let sign_up = (connection.sign_up && may_sign_up).then(|| SignUp {
            requires_username: connection.requires_username,
            username: if of_sign_up.is_some() { sent("username") } else { "" },
            email: sent("email"),
            error: of_sign_up,
            comes_first,
        });
        Self {
            name: &connection.name,
            label: connection.label(),
            username,
            error: of_login.or(of_sign_up.filter(|_| sign_up.is_none())),
            focus,
            forgot: at("forgot", params.get("state").unwrap_or_default(), Some(&connection.name)),
            sign_up,
        }
    }

    fn says_what_is_wrong(&self) -> bool {
        self.error.is_some() || self.sign_up.as_ref().is_some_and(|it| it.error.is_some())
    }
}

/// Describes the login's own user. Nothing is said of the account in question but the
/// address, which is the login's own.
fn asked<'a>(tenant: &'a Tenant, question: &'a Question) -> Asked<'a> {
    let connection = tenant.config.connection(&question.proved.connection);
    let way = match connection {
        Some(it) if it.is_database() => "a password",
        Some(it) if it.strategy == "sms" => "a code by phone",
        Some(it) if it.is_passwordless() => "a code by email",
        Some(it) => it.label(),
        None => &question.proved.connection,
    };
    let name = question.name.as_deref().filter(|name| Some(*name) != question.email.as_deref());
    Asked { way, name, email: question.email.as_deref() }
}

/// The application's name for people.
fn client<'a>(tenant: &'a Tenant, pending: &Pending) -> &'a str {
    tenant.config.client(&pending.authorization.client_id).map_or("", |client| client.label())
}
