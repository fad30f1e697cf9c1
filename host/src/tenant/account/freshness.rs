//! The new login that every change of the account needs.
//!
//! The login ends at the page of the change. A form is never sent again on the user's behalf.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::model::Identity;
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::account::account_visit::{AccountVisit, Refusal, error_page, submit};
use crate::tenant::account::change::Change;
use crate::tenant::account::methods::{Method, Times, list_methods};
use crate::tenant::config::ACCOUNT_CLIENT;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::flows::errand::{Errand, LogInAgainErrand};
use crate::tenant::http::html::see_result;
use crate::tenant::http::visit::Visit;
use crate::tenant::oauth::browser_visit::BrowserVisit;

pub(super) const FRESH: &str = "/account/fresh";

/// A login is fresh for less than this time, in milliseconds.
const FRESH_MS: u64 = 300_000;

#[derive(Template)]
#[template(path = "account_again.html")]
struct AgainPage<'a> {
    form: String,
    kind: &'static str,
    subject: &'a str,
    /// The main login, if the session's login is another one.
    main: Option<Method<'a>>,
    minutes: u64,
}

impl AccountVisit<'_> {
    /// Refuses a change without a fresh login by the main identity: a page asks for one. A person
    /// who holds only a linked login must not decide about the account: they could hand it over to
    /// another account of theirs, or remove the other logins.
    pub(super) fn require_fresh(&self, change: &Change, status: StatusCode) -> Result<(), Refusal> {
        let is_linked = !self.is_by_main_identity();
        let age_ms = self.login_age_ms();
        if !is_linked && age_ms.is_some_and(|age_ms| age_ms < FRESH_MS) {
            return Ok(());
        }
        let (kind, subject) = change.fields();
        let page = AgainPage {
            form: self.form_token(FRESH),
            kind,
            subject,
            main: is_linked
                .then(|| list_methods(&self.tenant().config, self.user(), &Times::default()))
                .into_iter()
                .flatten()
                .next(),
            minutes: age_ms.unwrap_or_default() / 60_000,
        };
        Err(Box::new(page::respond(status, page.render())))
    }

    fn is_by_main_identity(&self) -> bool {
        let main = self.user().identities.first().map(Identity::key);
        main.is_some() && main == self.session.proved.key()
    }

    /// Returns the age of the session's login. `None` if the clock was set back since.
    fn login_age_ms(&self) -> Option<u64> {
        let now = self.tenant().ambient.now().as_millis();
        now.checked_sub(self.session.proved.at.as_millis())
    }
}

/// `POST /account/fresh`: leads to the page of a change, by way of a new login if it needs one.
pub(super) async fn refresh(visit: Visit) -> Response {
    submit(visit, FRESH, |visit| {
        let params = &visit.visit.params;
        let Some(change) = Change::parse(params.get("for"), params.get("what")) else {
            return error_page(StatusCode::BAD_REQUEST, "This page has expired. Open your account again.");
        };
        if visit.require_fresh(&change, StatusCode::OK).is_ok() {
            return see_result(&visit.address(&change.path()));
        }
        let main = visit.user().identities.first();
        let errand =
            LogInAgainErrand::new(&visit.user().user_id, main.map(std::slice::from_ref).unwrap_or_default());
        let authorization = Authorization::on_own_page(ACCOUNT_CLIENT, visit.address(&change.path()), None);
        BrowserVisit::new(visit.visit).show_errand(authorization, Errand::LogInAgain(errand))
    })
    .await
}
