//! The page of the second factor, which a login reaches after its first one.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::model::Step;
use crate::service::page::filters;
use crate::tenant::flows::pending_login::{PendingLogin, Suggestion};
use crate::tenant::http::html;
use crate::tenant::http::html::see_result;
use crate::tenant::http::oauth_error::{FORM_USED, OAuthError, unavailable};
use crate::tenant::http::visit::Visit;
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::pages::page_view::{BackLink, Page, View, page_path};
use crate::tenant::people::proved_identity::ProvedIdentity;
use crate::tenant::people::typed_credentials::TypedCredentials;

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage<'a> {
    state: &'a str,
    linking: Option<String>,
    error: Option<&'a str>,
    back: BackLink,
}

/// `GET /u/second-factor`: the page that asks for the code.
pub(crate) async fn show(visit: Visit) -> Response {
    let show = |visit: &Visit| match LoginForm::open(visit, Page::SecondFactor) {
        Ok(form) => form.render(None),
        Err(refusal) => *refusal,
    };
    visit.run(show).await
}

/// `POST /u/second-factor`: continues the login if the code is right.
pub(crate) async fn pass(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::SecondFactor, |form| {
        let Some(first) = &form.pending.first_factor else { return show_absent() };
        let passed = form.params().require("code").and_then(|secret| {
            let typed = TypedCredentials { identifier: "", secret, sender: &form.sender().ip };
            Ok(form.tenant().logins.pass_second_factor(first, &form.pending.browser, typed)?)
        });
        form.proceed(passed)
    })
    .await
}

/// `POST /u/second-factor/send`: sends a new code.
pub(crate) async fn send(visit: Visit) -> Response {
    LoginForm::submit(visit, Page::SecondFactor, |form| {
        let Some(first) = &form.pending.first_factor else { return show_absent() };
        match form.count_second_factor(first) {
            Ok(()) => {
                form.tenant().logins.send_second_factor(first, &form.pending.browser);
                see_result(&form.second_factor_address())
            }
            Err(error) => form.show_error(&error),
        }
    })
    .await
}

fn show_absent() -> Response {
    html::error_page(StatusCode::BAD_REQUEST, "This login has no second factor to pass. Log in first.")
}

impl LoginForm<'_> {
    /// Returns whether a proof has to be followed by a second factor: because the application, the
    /// policy or the account asks for one.
    pub(super) fn needs_second_factor(&self, proved: &ProvedIdentity) -> Result<bool, OAuthError> {
        let is_step_up = self.pending.suggestion.as_ref().is_some_and(|it| it.step == Step::StepUpMfa);
        let logins = &self.tenant().logins;
        if is_step_up || self.pending.authorization.wants_second_factor {
            return Ok(!logins.has_passed_second_factor(proved).map_err(unavailable)?);
        }
        logins.lacks_second_factor(proved).map_err(unavailable)
    }

    /// Keeps the first factor, sends a code, and leads to its page. The login then answers this
    /// suggestion, if there is one.
    pub(super) fn ask_second_factor(
        self,
        first: &ProvedIdentity,
        suggestion: Option<Suggestion>,
    ) -> Response {
        if let Err(error) = self.count_second_factor(first) {
            return self.show_unavailable(first, &error);
        }
        let Some(pending) = self.take_pending() else {
            return html::error_page(StatusCode::BAD_REQUEST, FORM_USED);
        };
        // The code or ticket of the first factor is used by now.
        let first = ProvedIdentity { by: None, ..first.clone() };
        self.tenant().logins.send_second_factor(&first, &pending.browser);
        let pending = PendingLogin { first_factor: Some(first), suggestion, ..PendingLogin::clone(&pending) };
        self.keep_pending(Arc::new(pending));
        see_result(&self.second_factor_address())
    }

    /// Counts a code against the limit of messages to this account.
    fn count_second_factor(&self, first: &ProvedIdentity) -> Result<(), OAuthError> {
        let limit = &self.tenant().people.message_limit;
        Ok(limit.count(&self.sender().ip, &first.user.user_id)?)
    }

    fn second_factor_address(&self) -> String {
        format!("{}{}", self.issuer(), page_path("second-factor", self.state(), None).trim_start_matches('/'))
    }
}

impl View<'_> {
    pub(super) fn render_second_factor(&self) -> askama::Result<String> {
        SecondFactorPage {
            state: self.typed_value("state"),
            linking: self.linking.clone(),
            error: self.error,
            back: self.back_link(),
        }
        .render()
    }
}
