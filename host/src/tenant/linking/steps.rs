//! The steps of a link that an application asks for: the owner logs in, the
//! other account is proved.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;

use crate::model::User;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::linking::completion::Completion;
use crate::tenant::linking::request::{
    Does, LinkStep, Linking, holder, login_required, not_logged_in, owner_now, told,
};
use crate::tenant::logins::outcome::LoggedIn;
use crate::tenant::oauth::authorization_request::{Authorization, Prompt};
use crate::tenant::oauth::authorize::{Asked, around, is_fit};
use crate::tenant::pages::login_forms::Form;
use crate::tenant::pages::login_pages::Page;
use crate::tenant::people::proved::Proved;
use crate::tenant::people::sessions::Session;
use crate::tenant::signing::tokens::seconds;

/// The greatest age of the owner's login, in seconds.
///
/// Source: the Action, `maxAllowedAge`.
const FRESH_S: u64 = 3600;

impl Asked<'_> {
    /// Begins: whoever is logged in here as the owner proves the other account
    /// next; everybody else logs in first.
    pub(crate) fn begin_linking(self, authorization: Authorization, linking: &Linking) -> Response {
        let owner = match owner_now(&*self.tenant.directory, linking) {
            Ok(owner) => owner,
            Err(why) => return self.refuse_link(&authorization, why),
        };
        if linking.does == Does::Unlink {
            // Their own main identity, whoever is logged in: what they prove
            // next is all that counts.
            let main = owner.identities.first().map(|identity| identity.connection.clone());
            return self.show_step(authorization, LinkStep::Owner { only: main });
        }
        let session = self.browser.session(&self.tenant.people.sessions);
        let session = session.filter(|it| {
            authorization.prompt != Prompt::Always && is_fit(it, &authorization, self.tenant.ambient.now())
        });
        let Some(session) = session else {
            let only = authorization.connection.clone();
            return self.show_step(authorization, LinkStep::Owner { only });
        };
        match holder(&*self.tenant.directory, &session.proved) {
            Ok(Some(user)) if user.user_id == linking.owner => {}
            Ok(Some(_)) => {
                let why =
                    "The user of id_token_hint is not the one who is logged in here. Log out and in again.";
                return self.refuse_link(&authorization, OAuthError::access_denied(why));
            }
            Ok(None) => {
                return self.show_step(authorization, LinkStep::Owner { only: None });
            }
            Err(why) => return self.refuse_link(&authorization, why),
        }
        let age = seconds(self.tenant.ambient.now()).saturating_sub(seconds(session.proved.at));
        if age >= FRESH_S {
            return self.show_step(authorization, LinkStep::Owner { only: None });
        }
        match self.logged_in_owner(&authorization, linking, &session) {
            Ok(owner) => self.show_account(authorization, linking, &owner, &session),
            Err(why) => self.refuse_link(&authorization, why),
        }
    }

    /// Asks the plugin about the owner's login, by their session.
    fn logged_in_owner(
        &self,
        authorization: &Authorization,
        linking: &Linking,
        session: &Session,
    ) -> Result<Arc<User>, OAuthError> {
        let client =
            self.tenant.config.client(&authorization.client_id).ok_or_else(OAuthError::unauthorized)?;
        let around = around(client, authorization, self.from);
        let logged_in = self.tenant.logins.log_in_again(&session.proved, &around);
        still_owner(logged_in.map_err(not_logged_in)?, linking)
    }

    /// The page where the account to be linked is proved.
    fn show_account(
        self,
        authorization: Authorization,
        linking: &Linking,
        owner: &User,
        session: &Session,
    ) -> Response {
        let named = owner.rest.get("name").and_then(|name| name.as_str());
        let named = owner.email.as_deref().or(named).unwrap_or(&owner.user_id);
        let step = LinkStep::Account {
            connection: linking.connection.clone(),
            owner: named.chars().take(128).collect(),
            sid: session.sid.clone(),
        };
        self.show_step(authorization, step)
    }

    /// Tells operator and application why nothing is linked.
    fn refuse_link(self, authorization: &Authorization, why: OAuthError) -> Response {
        let why = told(&authorization.client_id, why);
        self.tell(authorization, &why)
    }
}

/// The plugin may have linked the owner to somebody else.
fn still_owner(logged_in: LoggedIn, linking: &Linking) -> Result<Arc<User>, OAuthError> {
    let user = logged_in.user();
    if user.user_id == linking.owner {
        return Ok(user);
    }
    Err(OAuthError::access_denied("The user of id_token_hint was linked to another account just now."))
}

impl Form<'_> {
    /// Goes on with somebody who has proved who they are.
    pub(crate) fn link_step(
        self,
        page: Page,
        (linking, step): (&Linking, &LinkStep),
        proved: &Proved,
    ) -> Response {
        // A form that is sent twice gets one answer.
        if self.tenant().flows.pending.take(&self.name).is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, "This page was used already.");
        }
        match step {
            LinkStep::Owner { .. } => self.owner_proved(page, linking, proved),
            LinkStep::Account { sid, .. } => self.account_proved(page, (linking, sid), proved),
        }
    }

    /// Tells the application why nothing is linked. Where the directory did not
    /// answer, the page stays for another attempt.
    fn refused(self, page: Page, proved: &Proved, why: OAuthError) -> Response {
        if why != OAuthError::temporarily_unavailable() {
            return self.asked.refuse_link(&self.pending.authorization, why);
        }
        self.tenant().flows.pending.put_as(self.name.clone(), self.pending.clone());
        self.later(page, proved, &why)
    }

    fn owner_proved(mut self, page: Page, linking: &Linking, proved: &Proved) -> Response {
        let authorization = &self.pending.authorization;
        let owner = self.logged_in_as_owner(linking, proved);
        let owner = match owner {
            Ok(owner) => owner,
            Err(why) => return self.refused(page, proved, why),
        };
        if linking.does == Does::Link {
            let session = self.asked.browser.begin_session(&self.asked.tenant.people.sessions, proved);
            return self.asked.show_account(authorization.clone(), linking, &owner, &session);
        }
        match (Completion { logins: &self.asked.tenant.logins, linking }).unlink(&authorization.client_id) {
            Ok(user) => {
                let session = self.asked.browser.begin_session(&self.asked.tenant.people.sessions, proved);
                self.asked.finish(authorization, &user, proved, Some(&session))
            }
            Err(why) => self.refused(page, proved, why),
        }
    }

    /// The owner's login: before the plugin is asked, it is clear that it is
    /// theirs. Nobody else is logged in by it, and no user is made.
    fn logged_in_as_owner(&self, linking: &Linking, proved: &Proved) -> Result<Arc<User>, OAuthError> {
        let tenant = self.asked.tenant;
        let authorization = &self.pending.authorization;
        let is_owner = holder(&*tenant.directory, proved)?.is_some_and(|user| user.user_id == linking.owner);
        if !is_owner {
            return Err(OAuthError::access_denied("This is another account than the one of id_token_hint."));
        }
        let is_main = proved.user.user_id == linking.owner;
        if linking.does == Does::Unlink && !is_main {
            return Err(OAuthError::access_denied("Unlinking needs a login by the account's main identity."));
        }
        let client = tenant.config.client(&authorization.client_id).ok_or_else(OAuthError::unauthorized)?;
        let logged_in = tenant.logins.log_in(proved, &around(client, authorization, self.asked.from));
        still_owner(logged_in.map_err(not_logged_in)?, linking)
    }

    fn account_proved(self, page: Page, (linking, sid): (&Linking, &str), second: &Proved) -> Response {
        let authorization = &self.pending.authorization;
        let session = self
            .asked
            .browser
            .session(&self.asked.tenant.people.sessions)
            .filter(|session| session.sid == sid);
        let linked = session.ok_or_else(|| login_required("The owner of the account has logged out."));
        let linked = linked.and_then(|session| {
            let client = self
                .asked
                .tenant
                .config
                .client(&authorization.client_id)
                .ok_or_else(OAuthError::unauthorized)?;
            let around = around(client, authorization, self.asked.from);
            let user = (Completion { logins: &self.asked.tenant.logins, linking }).link(
                &session.proved,
                second,
                &around,
            )?;
            Ok((user, session))
        });
        match linked {
            Ok((user, session)) => self.asked.finish(authorization, &user, &session.proved, Some(&session)),
            Err(why) => self.refused(page, second, why),
        }
    }

    /// Somebody gives up.
    pub(crate) fn cancel_link(self) -> Response {
        if self.tenant().flows.pending.take(&self.name).is_none() {
            return html::error_page(StatusCode::BAD_REQUEST, "This page was used already.");
        }
        let why = OAuthError::access_denied("The user did not log in to the account.");
        self.asked.refuse_link(&self.pending.authorization, why)
    }
}
