//! The account page: the user's ways to log in, and logging out.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::directory::JournalQuery;
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::account::account_visit::{AccountVisit, show as show_page, show_unavailable, submit};
use crate::tenant::account::history::{HistoryLine, list_history};
use crate::tenant::account::methods::{Method, Times, list_methods};
use crate::tenant::account::paths::VERIFY;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html::see_result;
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::words::{mask_contact, name_user};

pub(super) const LOG_OUT: &str = "/account/log-out";

/// The number of journal entries that are searched for the times of links.
const NEWEST: usize = 100;
/// The number of changes on the page.
const SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    /// The result of the form that led here.
    done: Option<String>,
    /// The user's name, unless it is the address.
    name: Option<String>,
    email: Option<String>,
    is_verified: bool,
    /// The form that mails a link to verify the address, if that is possible.
    verify: Option<String>,
    log_out: String,
    methods: Vec<Method<'a>>,
    /// The newest changes.
    lines: Vec<HistoryLine>,
}

/// `GET /account`: the user's ways to log in.
pub(super) async fn show(visit: Visit) -> Response {
    show_page(visit, render).await
}

fn render(visit: &AccountVisit<'_>) -> Response {
    let user = visit.user();
    let query =
        JournalQuery { user_id: Some(user.user_id.clone()), limit: NEWEST, ..JournalQuery::default() };
    let directory = &visit.tenant().directory;
    let read =
        directory.journal(&query).and_then(|links| Ok((links, directory.last_uses(&user.identities)?)));
    let times = match read {
        Ok((links, uses)) => Times { links, uses },
        Err(error) => return show_unavailable(&error),
    };
    let email = user.email.as_deref().map(mask_contact);
    let page = AccountPage {
        done: visit.visit.params.get("done").and_then(|name| describe_result(name, visit)),
        name: Some(name_user(user)).filter(|name| Some(name) != email.as_ref()),
        email,
        verify: visit.can_verify(user).then(|| visit.form_token(VERIFY)),
        is_verified: user.email_verified.is_verified(),
        log_out: visit.form_token(LOG_OUT),
        methods: list_methods(&visit.tenant().config, user, &times),
        lines: list_history(visit, &times.links[..times.links.len().min(SHOWN)]),
    };
    page::respond(StatusCode::OK, page.render())
}

/// Describes the result of a form, by its name in the address. Other words are not shown: anybody
/// could have written the address.
fn describe_result(name: &str, visit: &AccountVisit<'_>) -> Option<String> {
    let words = match name {
        "linked" => {
            let methods = list_methods(&visit.tenant().config, visit.user(), &Times::default());
            let stays = methods.first().map(|main| main.to_string()).unwrap_or_default();
            return Some(format!(
                "The way to log in was added. The account with the main login {stays} stays."
            ));
        }
        "removed" => "The way to log in was removed.",
        "undone" => "The change was undone.",
        "mailed" => {
            "A mail to verify your address was sent: see /dev/outbox. Open the link in it, and then load this page again."
        }
        _ => return None,
    };
    Some(words.to_owned())
}

/// `POST /account/log-out`: ends the session of this browser.
pub(super) async fn log_out(visit: Visit) -> Response {
    submit(visit, LOG_OUT, |visit| {
        let mut browser = Browser::from_visit(visit.visit);
        browser.end_session(&visit.tenant().people.sessions);
        (browser.into_cookies(), see_result(&visit.address("/account?done=logged-out"))).into_response()
    })
    .await
}
