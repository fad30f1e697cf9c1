//! The beginning of a link or an unlink at `/authorize`: the owner logs in, unless a
//! recent session proves that they are here.

use std::sync::Arc;

use axum::response::Response;

use crate::model::User;
use crate::tenant::flows::authorization::Authorization;
use crate::tenant::flows::linking_request::{LinkingAction, LinkingRequest, LinkingStep};
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::linking::request::{find_owner, login_error, read_owner, report_refusal};
use crate::tenant::logins::outcome::LoggedIn;
use crate::tenant::oauth::browser_visit::{BrowserVisit, login_context};
use crate::tenant::people::sessions::Session;
use crate::tenant::signing::tokens::to_seconds;

/// The greatest age of the owner's login, in seconds.
///
/// Source: the Action, `maxAllowedAge`.
const MAX_AGE_S: u64 = 3600;

impl BrowserVisit<'_> {
    /// Begins a link or an unlink. An owner who is logged in in this browser proves the
    /// other account next; everybody else logs in first.
    pub(crate) fn begin_linking(self, authorization: Authorization, linking: &LinkingRequest) -> Response {
        let tenant = &self.visit.tenant;
        let owner = match read_owner(&*tenant.directory, linking) {
            Ok(owner) => owner,
            Err(error) => return self.refuse_linking(&authorization, error),
        };
        if linking.action == LinkingAction::Unlink {
            // The owner logs in by their main identity, even if a session exists: only
            // this login counts.
            let main = owner.identities.first().map(|identity| identity.connection.clone());
            return self.show_linking_step(authorization, LinkingStep::Owner { only: main });
        }
        let session = match self.find_usable_session(&authorization) {
            Ok(Some(session)) => session,
            Ok(None) => {
                let only = authorization.connection.clone();
                return self.show_linking_step(authorization, LinkingStep::Owner { only });
            }
            Err(error) => return self.refuse_linking(&authorization, error),
        };
        match find_owner(&*tenant.directory, &session.proved) {
            Ok(Some(user)) if user.user_id == linking.owner => {
                // A login by a linked identity does not decide about the account.
                if session.proved.user.user_id != linking.owner {
                    let main = user.identities.first().map(|identity| identity.connection.clone());
                    return self.show_linking_step(authorization, LinkingStep::Owner { only: main });
                }
            }
            Ok(Some(_)) => {
                let description =
                    "The user of id_token_hint is not the one who is logged in here. Log out and in again.";
                return self.refuse_linking(&authorization, OAuthError::access_denied(description));
            }
            Ok(None) => {
                return self.show_linking_step(authorization, LinkingStep::Owner { only: None });
            }
            Err(error) => return self.refuse_linking(&authorization, error),
        }
        let age = to_seconds(tenant.ambient.now()).saturating_sub(to_seconds(session.proved.at));
        if age >= MAX_AGE_S {
            return self.show_linking_step(authorization, LinkingStep::Owner { only: None });
        }
        match self.log_in_owner(&authorization, linking, &session) {
            Ok(owner) => {
                let step = LinkingStep::account(linking, &owner, &session);
                self.show_linking_step(authorization, step)
            }
            Err(error) => self.refuse_linking(&authorization, error),
        }
    }

    /// Logs in the owner by their session, which the plugin decides.
    fn log_in_owner(
        &self,
        authorization: &Authorization,
        linking: &LinkingRequest,
        session: &Session,
    ) -> Result<Arc<User>, OAuthError> {
        let Some(client) = self.visit.tenant.config.client(&authorization.client_id) else {
            return Err(OAuthError::unauthorized());
        };
        let context = login_context(client, authorization, &self.visit.sender);
        let logged_in = self.visit.tenant.logins.log_in_again(&session.proved, &context);
        require_owner(logged_in.map_err(login_error)?, linking)
    }

    /// Reports to the operator and to the application why nothing is linked.
    pub(crate) fn refuse_linking(self, authorization: &Authorization, error: OAuthError) -> Response {
        let error = report_refusal(&authorization.client_id, error);
        self.refuse(authorization, &error)
    }
}

/// Refuses a login after which the user is not the owner: the plugin may have linked the
/// owner to another account.
pub(crate) fn require_owner(logged_in: LoggedIn, linking: &LinkingRequest) -> Result<Arc<User>, OAuthError> {
    let user = logged_in.user();
    if user.user_id == linking.owner {
        return Ok(user);
    }
    Err(OAuthError::access_denied("The user of id_token_hint was linked to another account just now."))
}
