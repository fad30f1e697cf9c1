//! The pages of a login, one for each step.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::service::page;
use crate::service::page::filters;
use crate::tenant::config::{Account, Connection};
use crate::tenant::flows::errand::Errand;
use crate::tenant::flows::linking_request::LinkingStep;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::visit::Visit;
use crate::tenant::linking::request::describe_linking;
use crate::tenant::pages::connections_page;
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::pages::page_view::{BackLink, FormFault, Page, View, page_path};

#[derive(Template)]
#[template(path = "stand_in.html")]
struct StandIn<'a> {
    state: &'a str,
    connection: &'a str,
    linking: Option<String>,
    label: &'a str,
    error: Option<&'a str>,
    accounts: Vec<OfferedAccount<'a>>,
    typed: TypedAccount<'a>,
    back: BackLink,
}

/// An account that the configuration does not have, as it was typed.
struct TypedAccount<'a> {
    error: Option<&'a str>,
    is_open: bool,
    user_id: &'a str,
    name: &'a str,
    email: &'a str,
    email_verified: bool,
}

struct OfferedAccount<'a> {
    user_id: &'a str,
    words: String,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    state: &'a str,
    connection: &'a str,
    linking: Option<String>,
    what: &'a str,
    is_phone: bool,
    /// Whether a code was sent.
    sent: bool,
    /// Whether a link was sent.
    is_link_sent: bool,
    address: &'a str,
    error: Option<&'a str>,
    /// The page that asks for an address.
    start: String,
    back: BackLink,
}

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPasswordPage<'a> {
    state: &'a str,
    connection: &'a str,
    email: &'a str,
    error: Option<&'a str>,
    sent_to: Option<&'a str>,
    back: BackLink,
}

impl LoginForm<'_> {
    /// Renders the page, with the typed values and the error of the form that was sent.
    pub(crate) fn render(&self, error: Option<&OAuthError>) -> Response {
        let status = error.map_or(StatusCode::OK, |error| error.status);
        let error = error.map(|error| describe(error, self.page));
        let error = error.as_deref();
        let only = self.pending.linking.as_ref().and_then(LinkingStep::only_connection);
        let connection = only.or(self.params().get("connection"));
        let connection = connection.and_then(|name| self.tenant().config.connection(name));
        let view = View {
            pending: &self.pending,
            params: self.params(),
            linking: describe_linking(&self.tenant().config, &self.pending)
                .or_else(|| self.pending.errand.as_ref().map(Errand::describe)),
            error,
        };
        let page = match (self.page, connection) {
            (Page::StandIn, Some(it)) if !it.is_database() && !it.is_passwordless() => {
                view.render_stand_in(it)
            }
            (Page::SendCode, Some(it)) if it.is_passwordless() => view.render_code_page(it, false),
            (Page::Code, Some(it)) if it.is_passwordless() => {
                view.render_code_page(it, self.params().get("address").is_some())
            }
            (Page::SecondFactor, _) if self.pending.first_factor.is_some() => view.render_second_factor(),
            (Page::Forgot, Some(it)) if it.is_database() => {
                let is_sent = error.is_none() && self.params().get("sent").is_some();
                // Its form leads back to this page.
                let page = view.render_forgot_password(it, self.params().get("email").filter(|_| is_sent));
                return page::respond(status, page);
            }
            _ => {
                let fault = error.map(|words| FormFault { words, is_of_sign_up: self.page == Page::SignUp });
                connections_page::render(&self.tenant().config, &view, fault)
            }
        };
        page::respond_in_login(status, page)
    }
}

impl View<'_> {
    pub(super) fn typed_value(&self, name: &str) -> &str {
        self.params.get(name).unwrap_or_default()
    }

    /// The address that is known before the user types one.
    fn login_hint(&self) -> &str {
        let hint = match &self.pending.suggestion {
            Some(suggestion) => suggestion.email.as_deref(),
            None => self.pending.authorization.shown_hint(),
        };
        hint.unwrap_or_default()
    }

    pub(super) fn back_link(&self) -> BackLink {
        let words = if self.pending.suggestion.is_some() {
            "Back to the question"
        } else {
            "Back to all ways to log in"
        };
        BackLink { href: page_path("login", self.typed_value("state"), None), words }
    }

    fn render_stand_in(&self, connection: &Connection) -> askama::Result<String> {
        let is_typed = self.error.is_some() && self.params.get("account").is_none();
        let typed = |name| if is_typed { self.typed_value(name) } else { "" };
        StandIn {
            state: self.typed_value("state"),
            connection: &connection.name,
            label: connection.label(),
            linking: self.linking.clone(),
            error: self.error,
            accounts: connection.accounts.iter().map(offer_account).collect(),
            typed: TypedAccount {
                error: self.error.filter(|_| is_typed),
                is_open: is_typed || connection.accounts.is_empty(),
                user_id: typed("user_id"),
                name: typed("name"),
                email: typed("email"),
                email_verified: !typed("email_verified").is_empty(),
            },
            back: self.back_link(),
        }
        .render()
    }

    fn render_code_page(&self, connection: &Connection, sent: bool) -> askama::Result<String> {
        let is_phone = connection.strategy == "sms";
        let address = match self.params.get("address") {
            Some(typed) => typed,
            None if is_phone => "",
            None => self.login_hint(),
        };
        CodePage {
            state: self.typed_value("state"),
            connection: &connection.name,
            linking: self.linking.clone(),
            what: if is_phone { "Phone number" } else { "Email" },
            is_phone,
            sent,
            is_link_sent: sent && self.error.is_none() && self.params.get("sent") == Some("link"),
            address,
            error: self.error,
            start: page_path("code", self.typed_value("state"), Some(&connection.name)),
            back: self.back_link(),
        }
        .render()
    }

    /// Renders the page that sends a reset link. Once it is requested, the page is the same whether
    /// or not the user exists.
    fn render_forgot_password(
        &self,
        connection: &Connection,
        sent_to: Option<&str>,
    ) -> askama::Result<String> {
        ForgotPasswordPage {
            state: self.typed_value("state"),
            connection: &connection.name,
            email: self.params.get("email").unwrap_or_else(|| self.login_hint()),
            error: self.error,
            sent_to,
            back: self.back_link(),
        }
        .render()
    }
}

fn offer_account(account: &Account) -> OfferedAccount<'_> {
    OfferedAccount { user_id: &account.user_id, words: account.words() }
}

/// The message of a sign-up that failed. It does not reveal whether the account exists.
const TAKEN: &str = "No account was created. If you have one already, log in, or choose “Forgot password?”.";

/// The message after too many wrong passwords. A new password allows logins again.
const TOO_MANY_PASSWORDS: &str = "There were too many wrong passwords. Try again in ten minutes, or set a new one with “Forgot password?”.";

/// The description of an error for people, without the parameter that programs read.
fn describe(error: &OAuthError, page: Page) -> String {
    let description = error.description.as_str();
    let words = match description.split_once(": ") {
        Some(("email" | "phone_number" | "username", words)) => words,
        _ if description == "Invalid sign up" => TAKEN,
        _ if error.error == "too_many_attempts" && page == Page::Login => TOO_MANY_PASSWORDS,
        _ => description,
    };
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `GET /u/login`: the page with all connections to log in with.
pub(crate) async fn show_login(visit: Visit) -> Response {
    show_page(visit, Page::Login).await
}

/// `GET /u/stand-in`: the page of a stand-in provider.
pub(crate) async fn show_stand_in(visit: Visit) -> Response {
    show_page(visit, Page::StandIn).await
}

/// `GET /u/code`: the page that asks for an address, or for the code that was sent.
pub(crate) async fn show_code(visit: Visit) -> Response {
    show_page(visit, Page::Code).await
}

/// `GET /u/forgot`: the page that asks for an address to send a reset link to.
pub(crate) async fn show_forgot(visit: Visit) -> Response {
    show_page(visit, Page::Forgot).await
}

async fn show_page(visit: Visit, page: Page) -> Response {
    let show = move |visit: &Visit| match LoginForm::open(visit, page) {
        Ok(form) => form.render(None),
        Err(refusal) => *refusal,
    };
    visit.run(show).await
}
