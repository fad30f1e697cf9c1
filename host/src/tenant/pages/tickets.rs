//! Tickets: links that the Management API issues, to verify an address or to set a
//! password. The application that requests a ticket names the account, and the page that
//! it leads to afterwards. A ticket changes the account once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::directory::{Administration, Credential};
use crate::model::{ApiError, IdentityKey};
use crate::service::page;
use crate::tenant::flows::tickets::{PasswordTicket, ResultPage, VerificationTicket};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{OAuthError, PASSWORD_CHANGED, RESET_USED, VERIFICATION_USED};
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::log_events::{AccountEvent, Events};
use crate::tenant::logins::mailbox_proof;
use crate::tenant::logins::mailbox_proof::{MailboxProof, part_unproved_links, try_verify_email};
use crate::tenant::pages::mailed_links;
use crate::tenant::pages::verification_mails;
use crate::tenant::pages::verification_mails::VerificationPage;
use crate::tenant::people::passwords::PasswordError;
use crate::tenant::state::Tenant;

impl ResultPage {
    /// Redirects to the page, with the result.
    fn follow(mut self, message: &str) -> Response {
        {
            let mut query = self.url.query_pairs_mut();
            if let Some(email) = &self.email {
                query.append_pair("email", email);
            }
            query
                .append_pair("success", "true")
                .append_pair("code", "success")
                .append_pair("message", message);
        }
        see_other(self.url.as_str())
    }
}

fn show_used(words: &str) -> Response {
    html::error_page(StatusCode::BAD_REQUEST, words)
}

/// `GET /u/email-verification`: a page with a button that verifies an address. A link
/// alone must not verify it, because programs that scan mails open links.
pub(crate) async fn show_verification(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let flows = &visit.tenant.flows;
            let ticket = visit.params.get("ticket").unwrap_or_default();
            let Some(known) = flows.tickets.verifications.get(ticket) else {
                return verification_mails::show(visit, ticket);
            };
            if known.until <= visit.tenant.ambient.now() {
                return show_used(VERIFICATION_USED);
            }
            // The application that has requested the ticket answers for its user.
            let (asks_password, is_linked, error) = (false, false, None);
            let email = known.email.as_str();
            let page = VerificationPage { ticket, email, asks_password, is_linked, error };
            page::respond_in_login(StatusCode::OK, page.render())
        })
        .await
}

/// `POST /u/email-verification`: verifies an address.
pub(crate) async fn verify_email(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let tenant = &*visit.tenant;
            let ticket = visit.params.get("ticket").unwrap_or_default();
            let (directory, events) = (&*tenant.directory, &tenant.logins.events);
            let tickets = &tenant.flows.tickets.verifications;
            let verified = tickets.spend(ticket, |known| redeem_verification(directory, events, known));
            match verified {
                None => verification_mails::verify(visit, ticket),
                Some(Ok(response)) => response,
                Some(Err(error)) => unavailable(error).into_response(),
            }
        })
        .await
}

fn redeem_verification(
    directory: &dyn Administration,
    events: &Events,
    ticket: &VerificationTicket,
) -> Result<Response, ApiError> {
    let VerificationTicket { user_id, email, then, until, .. } = ticket;
    let now = directory.ambient().now();
    if *until <= now {
        return Ok(show_used(VERIFICATION_USED));
    }
    if !mailbox_proof::verify_email(directory, user_id, email, now)? {
        return Ok(verification_mails::show_changed());
    }
    events.record_verification(user_id, email);
    Ok(match then {
        Some(then) => then.clone().follow("Your email was verified. You can continue using the application."),
        None => html::message_page(StatusCode::OK, "Done", "Your address is verified."),
    })
}

/// `GET /u/reset`: a page that asks for a new password.
pub(crate) async fn show_reset(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let flows = &visit.tenant.flows;
            let ticket = visit.params.get("ticket").unwrap_or_default();
            let is_valid = match flows.tickets.passwords.get(ticket) {
                None => visit.tenant.people.resets.get(ticket).is_some(),
                Some(known) => known.until > visit.tenant.ambient.now(),
            };
            if is_valid { mailed_links::reset_page(ticket, None) } else { show_used(RESET_USED) }
        })
        .await
}

/// `POST /u/reset`: sets a new password.
pub(crate) async fn reset_password(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let tenant = &*visit.tenant;
            let ticket = visit.params.get("ticket").unwrap_or_default();
            let password = visit.params.get("password").unwrap_or_default();
            match tenant.flows.tickets.passwords.get(ticket) {
                None => mailed_links::reset_password(tenant, ticket, password),
                Some(known) if known.until <= visit.tenant.ambient.now() => show_used(RESET_USED),
                Some(_) => redeem_password_ticket(tenant, ticket, password),
            }
        })
        .await
}

fn redeem_password_ticket(tenant: &Tenant, ticket: &str, password: &str) -> Response {
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => return OAuthError::busy().into_response(),
        Err(_) => {
            return mailed_links::reset_page(ticket, Some("The password is too weak: 8 to 256 characters."));
        }
    };
    let set = tenant.flows.tickets.passwords.spend(ticket, |ticket| {
        let is_set = set_password_hash(tenant, ticket, hash)?;
        Ok(is_set.then(|| match &ticket.then {
            Some(then) => then.clone().follow("You can now login to the application with the new password."),
            None => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        }))
    });
    match set {
        Some(Ok(Some(response))) => response,
        Some(Ok(None)) | None => show_used(RESET_USED),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// Sets the password. False if the identity is gone, or its password has changed since.
fn set_password_hash(tenant: &Tenant, ticket: &PasswordTicket, hash: String) -> Result<bool, ApiError> {
    let PasswordTicket { connection, identity, verifies, began, .. } = ticket;
    let key = IdentityKey { connection, provider: "auth0", user_id: identity };
    let user_id = format!("auth0|{identity}");
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(false) };
    if tenant.people.revocations.is_revoked(&user_id, *began) {
        return Ok(false);
    }
    let known = tenant.directory.credential_of(connection, identity)?;
    let credential = known.unwrap_or_else(|| Credential {
        connection: connection.clone(),
        user_id: identity.clone(),
        // The user's own identity may have been imported without a credential; it has the
        // user's address, and another identity does not.
        email: owner.user.email.clone().filter(|_| owner.user.user_id == user_id),
        username: None,
        password: None,
    });
    let credential = Credential { password: Some(hash), ..credential };
    // An application that mails the ticket mails it to the address of the login.
    let own_email = owner.user.email.as_deref().filter(|_| owner.user.user_id == user_id);
    let email = verifies.as_deref().or(credential.email.as_deref()).or(own_email).unwrap_or_default();
    let proof = MailboxProof { identity: &user_id, email, now: tenant.ambient.now() };
    part_unproved_links(&*tenant.directory, &owner.user, proof)?;
    tenant.directory.set_credential(&credential)?;
    tenant.people.apply_credential_change(&credential, &owner.user);
    tracing::info!(target: "audit", connection, "a password was set by a ticket");
    let email = owner.user.email.as_deref().unwrap_or_default();
    tenant.logins.events.record_account_event(
        &tenant.config,
        &AccountEvent { kind: "scp", connection, user_id: &user_id, email },
    );
    if let Some(email) = verifies {
        try_verify_email(&*tenant.directory, &user_id, email, tenant.ambient.now());
    }
    Ok(true)
}
