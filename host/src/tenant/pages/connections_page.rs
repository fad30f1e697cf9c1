//! The page with all connections to log in with. It also asks for the proof of a second
//! account, if the plugin suggests one.

use askama::Template;

use crate::service::page::filters;
use crate::tenant::config::{Config, Connection};
use crate::tenant::flows::errand::Errand;
use crate::tenant::flows::linking_request::LinkingStep;
use crate::tenant::flows::pending_login::{PendingLogin, Suggestion};
use crate::tenant::http::params::Params;
use crate::tenant::pages::page_view::{FormFault, View, page_path};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    state: &'a str,
    client: &'a str,
    /// The heading, if the login is an errand of the account page.
    heading: Option<&'static str>,
    current: Option<CurrentUser<'a>>,
    /// The description of the link or unlink that the application requests.
    linking: Option<String>,
    notice: Option<&'static str>,
    /// An error that is not about one of the forms.
    error: Option<&'a str>,
    databases: Vec<Database<'a>>,
    others: Vec<Other<'a>>,
}

/// The user who has logged in, and is asked for a second account.
struct CurrentUser<'a> {
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
    /// Whether the form is open when the page opens.
    comes_first: bool,
}

/// The field of a form that has the focus when the page opens.
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

/// Renders the page. It offers all connections, or only the one that the application
/// names.
pub(crate) fn render(
    config: &Config,
    view: &View<'_>,
    fault: Option<FormFault<'_>>,
) -> askama::Result<String> {
    let View { pending, params, .. } = *view;
    let state = params.get("state").unwrap_or_default();
    let authorization = &pending.authorization;
    let only = pending
        .linking
        .as_ref()
        .and_then(LinkingStep::only_connection)
        .or(authorization.connection.as_deref());
    let only = only.and_then(|name| config.connection(name));
    // The suggested account may be of another connection. The user has proved nothing of
    // it, so the page offers all connections, whichever leads to it.
    let wanted = |it: &&Connection| {
        pending.suggestion.is_some()
            || (only.is_none_or(|only| only.name == it.name) && pending.offers(&it.name))
    };
    let connections = || config.connections().filter(wanted);

    let typed_at = params.get("connection").filter(|_| fault.is_some());
    let hint = pending.suggestion.as_ref().map_or(authorization.shown_hint(), |it| it.email.as_deref());
    let hint = params.get("username").filter(|_| fault.is_none()).or(hint).unwrap_or_default();
    let form = |connection, is_first| {
        let is_typed = typed_at.is_some_and(|name| name == connection_name(connection));
        Database::new(connection, view, FormValues { hint, is_first, fault: fault.filter(|_| is_typed) })
    };
    let mut databases: Vec<Database<'_>> = Vec::new();
    for connection in connections().filter(|it| it.is_database()) {
        databases.push(form(connection, databases.is_empty()));
    }
    let is_placed = databases.iter().any(Database::has_error);
    if is_placed {
        for database in databases.iter_mut().filter(|it| !it.has_error()) {
            database.focus = Focus::Elsewhere;
        }
    }
    let href = |connection: &Connection| {
        let page = if connection.is_passwordless() { "code" } else { "stand-in" };
        page_path(page, state, Some(&connection.name))
    };
    LoginPage {
        state,
        client: client_label(config, pending),
        heading: pending.errand.as_ref().map(Errand::heading),
        current: pending.suggestion.as_ref().map(|suggestion| describe_current(config, suggestion)),
        linking: view.linking.clone(),
        notice: pending.notice.filter(|_| fault.is_none()),
        error: fault.filter(|_| !is_placed).map(|fault| fault.words),
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

/// The values that a form is filled with.
#[derive(Clone, Copy)]
struct FormValues<'a> {
    /// The address, if the form was not sent.
    hint: &'a str,
    is_first: bool,
    /// The error of this form.
    fault: Option<FormFault<'a>>,
}

impl<'a> Database<'a> {
    fn new(connection: &'a Connection, view: &View<'a>, typed: FormValues<'a>) -> Self {
        let View { params, pending, .. } = *view;
        let sent = |name| params.get(name).filter(|_| typed.fault.is_some()).unwrap_or_default();
        let of_sign_up = typed.fault.filter(|fault| fault.is_of_sign_up).map(|fault| fault.words);
        let of_login = typed.fault.filter(|fault| !fault.is_of_sign_up).map(|fault| fault.words);
        let username = if of_login.is_some() { sent("username") } else { typed.hint };
        let may_sign_up = pending.may_sign_up();
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
            forgot: forgot_path(connection, params.get("state").unwrap_or_default(), username),
            sign_up,
        }
    }

    fn has_error(&self) -> bool {
        self.error.is_some() || self.sign_up.as_ref().is_some_and(|it| it.error.is_some())
    }
}

/// The path of the page that sends a reset link, with the address if one was typed.
fn forgot_path(connection: &Connection, state: &str, username: &str) -> String {
    let mut params = Params::default();
    params.set("state", state);
    params.set("connection", &connection.name);
    if ligature_contact_syntax::is_email_address(username) {
        params.set("email", username);
    }
    format!("/u/forgot?{}", params.to_query())
}

/// Describes the user who has logged in. The page shows of the second account only the
/// address, which is the same.
fn describe_current<'a>(config: &'a Config, suggestion: &'a Suggestion) -> CurrentUser<'a> {
    let connection = config.connection(&suggestion.proved.connection);
    let way = match connection {
        Some(it) if it.is_database() => "a password",
        Some(it) if it.strategy == "sms" => "a code by phone",
        Some(it) if it.is_passwordless() => "a code by email",
        Some(it) => it.label(),
        None => &suggestion.proved.connection,
    };
    let name = suggestion.name.as_deref().filter(|name| Some(*name) != suggestion.email.as_deref());
    CurrentUser { way, name, email: suggestion.email.as_deref() }
}

/// The label of the application.
fn client_label<'a>(config: &'a Config, pending: &PendingLogin) -> &'a str {
    config.client_of_login(&pending.authorization.client_id).map_or("", |client| client.label())
}
