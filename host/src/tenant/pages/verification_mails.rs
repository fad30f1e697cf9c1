//! The tenant's own mail that verifies the address of an account.
//!
//! Anybody can sign up with the address of somebody else. Whoever reads the mail then owns the address,
//! and knows nothing of the password. Verified by them, the account could be linked with another one of
//! theirs at the next login by that password. So the page asks for the password, except in a browser that
//! is logged in to the account, and offers a new one, which ends the logins of whoever signed up.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::model::{ApiError, mask_addresses};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::config::Connection;
use crate::tenant::http::browser::Browser;
use crate::tenant::http::html;
use crate::tenant::http::html::see_result;
use crate::tenant::http::oauth_error::{BLOCKED, OAuthError, VERIFICATION_USED, unavailable};
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::mailbox_proof;
use crate::tenant::logins::prove::ProofError;
use crate::tenant::people::mail_links::{Closed, ResetLink, VerificationLink};
use crate::tenant::people::typed_credentials::TypedCredentials;

#[derive(Template)]
#[template(path = "verification.html")]
pub(super) struct VerificationPage<'a> {
    pub(super) ticket: &'a str,
    pub(super) email: &'a str,
    /// Whether the page asks for the password of the account.
    pub(super) asks_password: bool,
    /// Whether the login was linked into another account since the mail was sent.
    pub(super) is_linked: bool,
    pub(super) error: Option<&'a str>,
}

/// A link of a mail, and the account that it is about.
struct MailedLogin<'a> {
    visit: &'a Visit,
    ticket: &'a str,
    link: VerificationLink,
    connection: &'a Connection,
    /// The id of the identity, without its provider.
    identity: String,
    has_password: bool,
    is_linked: bool,
    /// Whether the address was verified in another way since the mail was sent. The mail is no key for
    /// a new password then.
    is_verified: bool,
}

/// Returns the page of a link, with a button or a form that verifies the address.
pub(super) fn show(visit: &Visit, ticket: &str) -> Response {
    respond(visit, ticket, |login| login.render(StatusCode::OK, None))
}

/// Verifies the address, or leads to the page of a new password.
pub(super) fn verify(visit: &Visit, ticket: &str) -> Response {
    respond(visit, ticket, |login| {
        if visit.params.get("choice") == Some("new-password") {
            return login.begin_reset();
        }
        if login.is_linked {
            return login.render(StatusCode::CONFLICT, None);
        }
        match login.require_password() {
            Ok(()) => login.verify(),
            Err(ProofError::Directory(error)) => Err(error),
            Err(error) => login.show_error(error),
        }
    })
}

/// The page of a link that verifies an address and cannot be used.
pub(super) fn show_closed(closed: Closed) -> Response {
    match closed {
        Closed::Used => html::error_page(StatusCode::BAD_REQUEST, VERIFICATION_USED),
        Closed::Changed => show_changed(),
        Closed::Blocked => html::error_page(StatusCode::FORBIDDEN, BLOCKED),
    }
}

/// Shows that the account has another address than the mail.
fn show_changed() -> Response {
    let words = "The account of this mail has another address now, or was deleted. Nothing was verified. Log in to see your account, and request a new mail there.";
    html::error_page_with_links(StatusCode::BAD_REQUEST, words, &[("/account", "Your account")])
}

fn show_verified() -> Response {
    html::message_page(StatusCode::OK, "Done", "Your address is verified.")
}

fn respond(
    visit: &Visit,
    ticket: &str,
    respond: impl FnOnce(&MailedLogin<'_>) -> Result<Response, ApiError>,
) -> Response {
    let Some(link) = visit.tenant.people.verifications.get(ticket) else {
        return show_closed(Closed::Used);
    };
    match MailedLogin::find(visit, ticket, link) {
        Ok(Ok(login)) if login.is_verified => show_verified(),
        Ok(Ok(login)) => respond(&login).unwrap_or_else(|error| unavailable(error).into_response()),
        Ok(Err(closed)) => show_closed(closed),
        Err(error) => unavailable(error).into_response(),
    }
}

impl<'a> MailedLogin<'a> {
    /// Finds the account of a link.
    fn find(
        visit: &'a Visit,
        ticket: &'a str,
        link: VerificationLink,
    ) -> Result<Result<Self, Closed>, ApiError> {
        let tenant = &*visit.tenant;
        let Some(owner) = tenant.directory.holder(&link.user_id)? else { return Ok(Err(Closed::Changed)) };
        let own = owner.user.identities.iter().find(|it| it.as_user_id() == link.user_id);
        let Some((identity, connection)) =
            own.and_then(|own| Some((own, tenant.config.connection(&own.connection)?)))
        else {
            return Ok(Err(Closed::Changed));
        };
        let credential = tenant.directory.credential_of(&identity.connection, &identity.user_id)?;
        let is_linked = owner.user.user_id != link.user_id;
        let email = if is_linked {
            credential.as_ref().and_then(|it| it.email.as_deref())
        } else {
            owner.user.email.as_deref()
        };
        if email != Some(link.email.as_str()) {
            return Ok(Err(Closed::Changed));
        }
        let checked = tenant.people.check_link(&owner.user, &link.user_id, link.began);
        let is_verified = !is_linked && owner.user.email_verified.is_verified();
        // A new password verifies the address, and ends the mail.
        if let Err(closed) = checked
            && !(is_verified && closed == Closed::Used)
        {
            return Ok(Err(closed));
        }
        let has_password = credential.is_some_and(|it| it.password.is_some());
        let identity = identity.user_id.clone();
        Ok(Ok(Self { visit, ticket, link, connection, identity, has_password, is_linked, is_verified }))
    }

    fn render(&self, status: StatusCode, error: Option<&str>) -> Result<Response, ApiError> {
        let page = VerificationPage {
            ticket: self.ticket,
            email: &self.link.email,
            asks_password: self.asks_password()?,
            is_linked: self.is_linked,
            error,
        };
        Ok(page::respond_in_login(status, page.render()))
    }

    fn show_error(&self, error: ProofError) -> Result<Response, ApiError> {
        let words = match &error {
            ProofError::WrongPassword => "This is not the password of the account.",
            ProofError::TooManyAttempts => {
                "There were too many wrong passwords. Try again in ten minutes, or set a new one."
            }
            _ => "The password cannot be checked now. Try again in a moment.",
        };
        let error = OAuthError::from(error);
        let page = self.render(error.status, Some(words))?;
        Ok((error.retry_after().map(AppendHeaders), page).into_response())
    }

    /// Returns whether the address is verified by the password of the account only.
    fn asks_password(&self) -> Result<bool, ApiError> {
        Ok(self.has_password && !self.is_linked && !self.is_logged_in()?)
    }

    /// Returns whether this browser is logged in to the account.
    fn is_logged_in(&self) -> Result<bool, ApiError> {
        let tenant = &*self.visit.tenant;
        let Some(session) = Browser::from_visit(self.visit).session(&tenant.people.sessions) else {
            return Ok(false);
        };
        let known = tenant.logins.find_session_user(&session)?;
        Ok(known.is_some_and(|stored| stored.user.user_id == self.link.user_id))
    }

    fn require_password(&self) -> Result<(), ProofError> {
        if !self.asks_password().map_err(ProofError::Directory)? {
            return Ok(());
        }
        let Visit { tenant, sender, params, .. } = self.visit;
        let secret = params.get("password").unwrap_or_default();
        if secret.is_empty() {
            return Err(ProofError::WrongPassword);
        }
        let typed = TypedCredentials { identifier: &self.link.email, secret, sender: &sender.ip };
        let proved = tenant.logins.prove_by_password(self.connection, typed)?;
        // The login with this address belongs to another account.
        if proved.user.user_id != self.link.user_id {
            return Err(ProofError::WrongPassword);
        }
        Ok(())
    }

    fn verify(&self) -> Result<Response, ApiError> {
        let tenant = &*self.visit.tenant;
        let directory = &*tenant.directory;
        let verify = |VerificationLink { user_id, email, .. }: &VerificationLink| -> Result<bool, ApiError> {
            let now = directory.ambient().now();
            let is_verified = mailbox_proof::verify_email(directory, user_id, email, now)?;
            if is_verified {
                tenant.logins.events.record_verification(user_id, email);
            }
            Ok(is_verified)
        };
        match tenant.people.verifications.spend(self.ticket, verify).transpose()? {
            None => Ok(show_closed(Closed::Used)),
            Some(true) => Ok(show_verified()),
            Some(false) => Ok(show_changed()),
        }
    }

    /// Leads to the page of a new password, as a mail that was requested for it does. The new password
    /// verifies the address, ends the logins of before and separates what was linked by them.
    fn begin_reset(&self) -> Result<Response, ApiError> {
        let Visit { tenant, sender, issuer, .. } = self.visit;
        if let Err(too_many) = tenant.people.message_limit.count(&sender.ip, &self.link.email) {
            let error = OAuthError::from(too_many);
            let page = self.render(error.status, Some(&error.description))?;
            return Ok((error.retry_after().map(AppendHeaders), page).into_response());
        }
        tracing::info!(
            target: "audit", user = %mask_addresses(&self.link.user_id),
            "the owner of a mailbox sets a new password instead of verifying a sign-up"
        );
        let ticket = tenant.people.resets.put(ResetLink {
            connection: self.connection.name.clone(),
            email: self.link.email.clone(),
            user_id: self.identity.clone(),
            began: tenant.ambient.draw_moment(),
        });
        Ok(see_result(&format!("{issuer}u/reset?ticket={ticket}")))
    }
}
