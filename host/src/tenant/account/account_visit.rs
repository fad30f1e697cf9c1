//! A visit of the account page by a user who is logged in, and the forms that it accepts.

use axum::http::StatusCode;
use axum::response::Response;

use crate::directory::{Actor, Provenance, Stored};
use crate::model::{ApiError, User, mask_addresses};
use crate::service::forms::{Form, FormFault, refuse_foreign};
use crate::tenant::account::change::Change;
use crate::tenant::account::paths::{ADD, HISTORY, LINK, REMOVE, UNDO};
use crate::tenant::config::ACCOUNT_CLIENT;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html;
use crate::tenant::http::visit::Visit;
use crate::tenant::notices::{AccountChange, ChangeKind, Notices, Reach};
use crate::tenant::oauth::browser_visit::BrowserVisit;
use crate::tenant::people::sessions::Session;
use crate::tenant::state::Tenant;

/// A visit by a user who is logged in.
pub(super) struct AccountVisit<'a> {
    pub(super) visit: &'a Visit,
    pub(super) session: Session,
    /// The user, as the directory has them now.
    pub(super) account: Stored,
}

/// A response other than the one that was asked for.
pub(super) type Refusal = Box<Response>;

/// Shows a page of a user who is logged in. Without a session, it leads to the login and back.
pub(super) async fn show(
    visit: Visit,
    page: impl FnOnce(&AccountVisit<'_>) -> Response + Send + 'static,
) -> Response {
    visit
        .run(move |visit| match AccountVisit::open(visit) {
            Ok(account) => page(&account),
            Err(refusal) => *refusal,
        })
        .await
}

/// Responds to a form of a user who is logged in, which is sent to `action`.
pub(super) async fn submit(
    visit: Visit,
    action: &'static str,
    respond: impl FnOnce(&AccountVisit<'_>) -> Response + Send + 'static,
) -> Response {
    visit
        .run(move |visit| {
            let accepted = accept_origin(visit).and_then(|()| AccountVisit::open(visit));
            let response = match accepted.and_then(|account| account.accept_form(action).map(|()| account)) {
                Ok(account) => respond(&account),
                Err(refusal) => *refusal,
            };
            if let Some(change) = name_change(action) {
                visit.tenant.metrics.count_account_change(change, response.status());
            }
            response
        })
        .await
}

/// Returns the name of the change that a form makes, in metrics.
fn name_change(action: &str) -> Option<&'static str> {
    match action {
        LINK => Some("add"),
        REMOVE => Some("remove"),
        UNDO => Some("undo"),
        _ => None,
    }
}

/// Refuses a form of another origin.
pub(super) fn accept_origin(visit: &Visit) -> Result<(), Refusal> {
    refuse_foreign(&visit.headers, visit.issuer.origin()).map_err(|fault| Box::new(refuse_form(fault)))
}

fn refuse_form(fault: FormFault) -> Response {
    tracing::warn!(target: "audit", ?fault, "a form of the account page was refused");
    match fault {
        FormFault::Foreign => error_page(StatusCode::FORBIDDEN, "This form was sent by another site."),
        FormFault::Expired => {
            error_page(StatusCode::BAD_REQUEST, "This page has expired. Open your account again.")
        }
    }
}

/// A page that says why something did not work, and leads back to the account.
pub(super) fn error_page(status: StatusCode, words: &str) -> Response {
    html::error_page_with_links(status, words, &[("/account", "Your account")])
}

/// A page that says that the directory does not answer.
pub(super) fn show_unavailable(error: &ApiError) -> Response {
    tracing::error!(error = %mask_addresses(&error.to_string()), "the directory failed");
    let words = "Your account cannot be read or changed now. Nothing was changed; try again later.";
    error_page(StatusCode::SERVICE_UNAVAILABLE, words)
}

impl<'a> AccountVisit<'a> {
    fn open(visit: &'a Visit) -> Result<Self, Refusal> {
        let tenant = &*visit.tenant;
        let Some(session) = Browser::from_visit(visit).session(&tenant.people.sessions) else {
            return Err(Box::new(begin_login(visit, false)));
        };
        match tenant.logins.find_session_user(&session) {
            Ok(Some(account)) => Ok(Self { visit, session, account }),
            Ok(None) => Err(Box::new(begin_login(visit, true))),
            Err(error) => Err(Box::new(show_unavailable(&error))),
        }
    }

    fn accept_form(&self, action: &str) -> Result<(), Refusal> {
        let form = Form { action, session: &self.session.sid };
        let token = self.visit.params.get("form").unwrap_or_default();
        self.tenant().people.form_key.check(form, token).map_err(|fault| Box::new(refuse_form(fault)))
    }

    /// Returns the token of a form that is sent to `action`.
    pub(super) fn form_token(&self, action: &str) -> String {
        self.tenant().people.form_key.issue(Form { action, session: &self.session.sid })
    }

    pub(super) fn tenant(&self) -> &'a Tenant {
        &self.visit.tenant
    }

    pub(super) fn user(&self) -> &User {
        &self.account.user
    }

    /// Tells both sides of a change, which the user has made: the account that stays, and the one
    /// that goes or becomes a user again. Returns the number of notices.
    pub(super) fn tell(&self, kind: ChangeKind, [kept, moved]: [&User; 2]) -> usize {
        let after = match kind {
            ChangeKind::Added(_) => "after a login to both",
            ChangeKind::Removed(_) | ChangeKind::Undone(_) | ChangeKind::Contested => {
                "within five minutes after a login"
            }
        };
        let manner = format!("It was done from {}, {after}.", self.visit.sender.ip);
        notices_of(self.visit).send(&AccountChange { kind, kept, moved, manner, reach: Reach::All })
    }

    /// Returns the provenance of a change by the user.
    pub(super) fn provenance(&self) -> Provenance {
        let actor = Actor::User { user_id: self.user().user_id.clone() };
        Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
    }

    /// Returns the address of one of the tenant's own pages.
    pub(super) fn address(&self, path: &str) -> String {
        address(self.visit, path)
    }
}

/// Returns the notices whose links lead to the tenant as this client calls it.
pub(super) fn notices_of(visit: &Visit) -> Notices<'_> {
    let Tenant { config, people, ambient, .. } = &*visit.tenant;
    Notices { config, people, ambient, issuer: visit.issuer.as_str() }
}

fn address(visit: &Visit, path: &str) -> String {
    format!("{}{}", visit.issuer, path.trim_start_matches('/'))
}

/// Begins a login that leads back to the page.
fn begin_login(visit: &Visit, had_session: bool) -> Response {
    let page = address(visit, &find_page(visit));
    let authorization = Authorization::on_own_page(ACCOUNT_CLIENT, page, None);
    let notice = match (visit.sender.method, visit.params.get("done")) {
        ("POST", _) => Some("You are logged out. Nothing was changed."),
        (_, Some("logged-out")) => Some("You are logged out."),
        // The account that stays has a second factor, which this session has not passed.
        (_, Some("linked")) if had_session => {
            Some("The accounts are one account now. Log in again to see it.")
        }
        _ => None,
    };
    BrowserVisit::new(visit).show_login_with_notice(authorization, notice)
}

/// Returns the path of the page to which a login leads: that of the request, if it is a page of the
/// account that a login may lead to.
fn find_page(visit: &Visit) -> String {
    let change = match visit.path().filter(|_| visit.sender.method == "GET") {
        Some(HISTORY) => return HISTORY.to_owned(),
        Some(ADD) => Change::parse(Some("add"), None),
        Some(REMOVE) => Change::parse(Some("remove"), visit.params.get("identity")),
        Some(UNDO) => Change::parse(Some("undo"), visit.params.get("link")),
        _ => None,
    };
    change.map_or_else(|| "/account".to_owned(), |change| change.path())
}
