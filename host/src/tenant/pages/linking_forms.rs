//! The login forms of a link or an unlink that an application requests: the owner logs
//! in, then the user logs in to the other account.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use crate::model::User;
use crate::tenant::flows::linking_request::{LinkingAction, LinkingRequest, LinkingStep};
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::{FORM_USED, OAuthError};
use crate::tenant::linking::completion::Completion;
use crate::tenant::linking::request::{find_owner, login_error, login_required};
use crate::tenant::oauth::begin_linking::require_owner;
use crate::tenant::oauth::browser_visit::{LoggedInUser, login_context};
use crate::tenant::pages::login_form::LoginForm;
use crate::tenant::people::proved_identity::ProvedIdentity;

impl LoginForm<'_> {
    /// Continues a link or an unlink with a user who has proved an identity.
    pub(crate) fn continue_linking(
        self,
        linking: &LinkingRequest,
        step: &LinkingStep,
        proved: &ProvedIdentity,
    ) -> Response {
        // A form that is sent twice gets one response.
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, FORM_USED);
        }
        match step {
            LinkingStep::Owner { .. } => self.continue_as_owner(linking, proved),
            LinkingStep::Account { sid, .. } => self.link_account(linking, sid, proved),
        }
    }

    /// Reports to the application why nothing is linked. If the directory did not
    /// respond, the page stays for another attempt.
    fn refuse_linking(self, proved: &ProvedIdentity, error: OAuthError) -> Response {
        if error != OAuthError::temporarily_unavailable() {
            return self.browser_visit.refuse_linking(&self.pending.authorization, error);
        }
        self.keep_pending(self.pending.clone());
        self.show_unavailable(proved, &error)
    }

    fn continue_as_owner(mut self, linking: &LinkingRequest, proved: &ProvedIdentity) -> Response {
        let pending = self.pending.clone();
        let authorization = &pending.authorization;
        let owner = match self.log_in_owner(linking, proved) {
            Ok(owner) => owner,
            Err(error) => return self.refuse_linking(proved, error),
        };
        if linking.action == LinkingAction::Link {
            let session = self.browser_visit.begin_session(proved);
            let step = LinkingStep::account(linking, &owner, &session);
            return self.browser_visit.show_linking_step(authorization.clone(), step);
        }
        match (Completion { logins: &self.tenant().logins, linking }).unlink(&authorization.client_id) {
            Ok(user) => {
                let session = self.browser_visit.begin_session(proved);
                let login = LoggedInUser { user: &user, proved, session: Some(&session) };
                self.browser_visit.finish(authorization, login)
            }
            Err(error) => self.refuse_linking(proved, error),
        }
    }

    /// Logs in the owner. Before the plugin decides, the proved identity must be the
    /// owner's: it logs in no other user, and creates none.
    fn log_in_owner(
        &self,
        linking: &LinkingRequest,
        proved: &ProvedIdentity,
    ) -> Result<Arc<User>, OAuthError> {
        let tenant = self.tenant();
        let authorization = &self.pending.authorization;
        let is_owner =
            find_owner(&*tenant.directory, proved)?.is_some_and(|user| user.user_id == linking.owner);
        if !is_owner {
            return Err(OAuthError::access_denied("This is another account than the one of id_token_hint."));
        }
        let is_main = proved.user.user_id == linking.owner;
        if !is_main {
            let description = match linking.action {
                LinkingAction::Link => "Linking needs a login by the account's main identity.",
                LinkingAction::Unlink => "Unlinking needs a login by the account's main identity.",
            };
            return Err(OAuthError::access_denied(description));
        }
        let client = tenant.config.client(&authorization.client_id).ok_or_else(OAuthError::unauthorized)?;
        let context = login_context(client, authorization, self.sender());
        let logged_in = tenant.logins.log_in(proved, &context);
        require_owner(logged_in.map_err(login_error)?, linking)
    }

    fn link_account(self, linking: &LinkingRequest, sid: &str, second: &ProvedIdentity) -> Response {
        let pending = self.pending.clone();
        let authorization = &pending.authorization;
        let session = self.browser_visit.session().filter(|session| session.sid == sid);
        let session = session.ok_or_else(|| login_required("The owner of the account has logged out."));
        let linked = session.and_then(|session| {
            let tenant = self.tenant();
            let client =
                tenant.config.client(&authorization.client_id).ok_or_else(OAuthError::unauthorized)?;
            let context = login_context(client, authorization, self.sender());
            let completion = Completion { logins: &tenant.logins, linking };
            let user = completion.link(&session.proved, second, &context)?;
            Ok((user, session))
        });
        match linked {
            Ok((user, session)) => {
                let login = LoggedInUser { user: &user, proved: &session.proved, session: Some(&session) };
                self.browser_visit.finish(authorization, login)
            }
            Err(error) => self.refuse_linking(second, error),
        }
    }

    /// Ends a link because the user gives up.
    pub(crate) fn cancel_linking(self) -> Response {
        if self.take_pending().is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, FORM_USED);
        }
        let error = OAuthError::access_denied("The user did not log in to the account.");
        self.browser_visit.refuse_linking(&self.pending.authorization, error)
    }
}
