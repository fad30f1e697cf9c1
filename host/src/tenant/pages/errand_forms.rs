//! The login forms of an errand: the account page asks for a proof of a second account, or for a
//! new login of its owner.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use crate::tenant::flows::account_proof::AccountProof;
use crate::tenant::flows::errand::{Errand, LogInAgainErrand, ProveErrand};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::linking::request::find_owner;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::oauth::browser_visit::{LoggedInUser, login_context};
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The response to a form that was sent twice.
const USED: &str = "This page was used already. Open your account again.";

impl LoginForm<'_> {
    /// Continues an errand with a user who has proved an identity.
    pub(super) fn continue_errand(self, errand: &Errand, proved: &ProvedIdentity) -> Response {
        match errand {
            Errand::Prove(errand) => self.keep_proof(errand, proved),
            Errand::LogInAgain(errand) => self.log_in_owner_again(errand, proved),
        }
    }

    /// Keeps the proof of a second account for its preview. Nobody is logged in or created.
    fn keep_proof(self, errand: &ProveErrand, second: &ProvedIdentity) -> Response {
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, USED);
        }
        if self.browser_visit.session().is_none_or(|session| session.sid != errand.sid) {
            tracing::warn!(target: "audit", "a second account was proved after the owner's session had ended");
            let words = "You have logged out, or logged in again. Open your account again.";
            return html::error_page(StatusCode::FORBIDDEN, words);
        }
        let proof = AccountProof {
            browser: self.pending.browser.clone(),
            sid: errand.sid.clone(),
            owner: errand.owner.clone(),
            // The code or ticket is used by now.
            second: ProvedIdentity { by: None, ..second.clone() },
        };
        let name = self.tenant().flows.account_proofs.put(Arc::new(proof));
        see_other(&format!("{}?state={name}", self.pending.authorization.redirect_uri))
    }

    /// Logs in the owner again. The proved identity must be one of those that count: it logs in no
    /// other user, and creates none.
    fn log_in_owner_again(mut self, errand: &LogInAgainErrand, proved: &ProvedIdentity) -> Response {
        let tenant = self.tenant();
        let owner = match find_owner(&*tenant.directory, proved) {
            Ok(owner) => owner.filter(|user| user.user_id == errand.owner),
            Err(error) => return self.show_unavailable(proved, &error),
        };
        if owner.is_none() {
            tracing::warn!(target: "audit", "a login again was of another account");
            let words =
                "This login belongs to another account. Log in to the account that you want to change.";
            return self.show_refusal(&OAuthError::access_denied(words));
        }
        if !proved.key().is_some_and(|key| errand.accepts(key)) {
            let words =
                "Only the main login of your account can change how you log in. Log in with that one.";
            return self.show_refusal(&OAuthError::access_denied(words));
        }
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, USED);
        }
        let pending = self.pending.clone();
        let authorization = &pending.authorization;
        let Some(client) = tenant.config.client_of_login(&authorization.client_id) else {
            return html::error_page(StatusCode::BAD_REQUEST, USED);
        };
        match tenant.logins.log_in(proved, &login_context(client, authorization, self.sender())) {
            Ok(logged_in) => {
                let user = logged_in.user();
                let session = self.browser_visit.begin_session(proved);
                let login = LoggedInUser { user: &user, proved, session: Some(&session) };
                self.browser_visit.finish(authorization, login)
            }
            Err(why @ NotLoggedIn::Failed(_)) => {
                self.keep_pending(pending);
                self.show_unavailable(proved, &why.into())
            }
            Err(why) => self.browser_visit.refuse(authorization, &why.into()),
        }
    }

    /// Ends an errand because the user gives up.
    pub(super) fn cancel_errand(self) -> Response {
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, USED);
        }
        see_other(&format!("{}account", self.issuer()))
    }
}
