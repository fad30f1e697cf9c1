//! Tickets: links that the Management API issues, to verify an address or to set a
//! password. The application that requests a ticket names the account, and the page that
//! it leads to afterwards. A ticket changes the account once.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::directory::{Credential, Stored};
use crate::model::{ApiError, IdentityKey};
use crate::service::page;
use crate::tenant::flows::tickets::{PasswordTicket, ResultPage, VerificationTicket};
use crate::tenant::http::html;
use crate::tenant::http::html::see_other;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{OAuthError, PASSWORD_CHANGED};
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::log_events::AccountEvent;
use crate::tenant::logins::mailbox_proof;
use crate::tenant::logins::mailbox_proof::{MailboxProof, part_unproved_links, try_verify_email};
use crate::tenant::pages::mailed_links;
use crate::tenant::pages::verification_mails;
use crate::tenant::pages::verification_mails::VerificationPage;
use crate::tenant::people::mail_links::Closed;
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
            match check_verification(&visit.tenant, &known) {
                Ok(Ok(())) => {}
                Ok(Err(closed)) => return verification_mails::show_closed(closed),
                Err(error) => return unavailable(error).into_response(),
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
            let tickets = &tenant.flows.tickets.verifications;
            let verified = tickets.spend(ticket, |known| redeem_verification(tenant, known));
            match verified {
                None => verification_mails::verify(visit, ticket),
                Some(Ok(response)) => response,
                Some(Err(error)) => unavailable(error).into_response(),
            }
        })
        .await
}

/// Checks that a ticket may verify its address.
fn check_verification(tenant: &Tenant, ticket: &VerificationTicket) -> Result<Result<(), Closed>, ApiError> {
    let VerificationTicket { user_id, email, began, until, .. } = ticket;
    if *until <= tenant.ambient.now() {
        return Ok(Err(Closed::Used));
    }
    let stored = match tenant.directory.get(user_id) {
        Ok(stored) => stored,
        Err(ApiError::NotFound(_)) => return Ok(Err(Closed::Changed)),
        Err(error) => return Err(error),
    };
    if stored.user.email.as_ref() != Some(email) {
        return Ok(Err(Closed::Changed));
    }
    Ok(tenant.people.check_link(&stored.user, user_id, *began))
}

fn redeem_verification(tenant: &Tenant, ticket: &VerificationTicket) -> Result<Response, ApiError> {
    if let Err(closed) = check_verification(tenant, ticket)? {
        return Ok(verification_mails::show_closed(closed));
    }
    let VerificationTicket { user_id, email, then, .. } = ticket;
    if !mailbox_proof::verify_email(&*tenant.directory, user_id, email, tenant.ambient.now())? {
        return Ok(verification_mails::show_closed(Closed::Changed));
    }
    tenant.logins.events.record_verification(user_id, email);
    Ok(match then {
        Some(then) => then.clone().follow("Your email was verified. You can continue using the application."),
        None => html::message_page(StatusCode::OK, "Done", "Your address is verified."),
    })
}

/// `GET /u/reset`: a page that asks for a new password.
pub(crate) async fn show_reset(visit: Visit) -> Response {
    visit
        .run(|visit| {
            let tenant = &*visit.tenant;
            let ticket = visit.params.get("ticket").unwrap_or_default();
            let Some(known) = tenant.flows.tickets.passwords.get(ticket) else {
                return mailed_links::show_reset(tenant, ticket);
            };
            match find_owner(tenant, &known) {
                Ok(Ok(_)) => mailed_links::reset_page(ticket, None),
                Ok(Err(closed)) => mailed_links::show_closed(closed),
                Err(error) => unavailable(error).into_response(),
            }
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
                Some(known) => match find_owner(tenant, &known) {
                    Ok(Ok(_)) => redeem_password_ticket(tenant, ticket, password),
                    Ok(Err(closed)) => mailed_links::show_closed(closed),
                    Err(error) => unavailable(error).into_response(),
                },
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
        if let Err(closed) = set_password_hash(tenant, ticket, hash)? {
            return Ok(mailed_links::show_closed(closed));
        }
        Ok(match &ticket.then {
            Some(then) => then.clone().follow("You can now login to the application with the new password."),
            None => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        })
    });
    match set {
        Some(Ok(response)) => response,
        None => mailed_links::show_closed(Closed::Used),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// Finds the account whose password a ticket sets.
fn find_owner(tenant: &Tenant, ticket: &PasswordTicket) -> Result<Result<Stored, Closed>, ApiError> {
    let PasswordTicket { connection, identity, began, until, .. } = ticket;
    if *until <= tenant.ambient.now() {
        return Ok(Err(Closed::Used));
    }
    let key = IdentityKey { connection, provider: "auth0", user_id: identity };
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(Err(Closed::Changed)) };
    let checked = tenant.people.check_link(&owner.user, &format!("auth0|{identity}"), *began);
    Ok(checked.map(|()| owner))
}

/// Sets the password.
fn set_password_hash(
    tenant: &Tenant,
    ticket: &PasswordTicket,
    hash: String,
) -> Result<Result<(), Closed>, ApiError> {
    let owner = match find_owner(tenant, ticket)? {
        Ok(owner) => owner,
        Err(closed) => return Ok(Err(closed)),
    };
    let PasswordTicket { connection, identity, verifies, .. } = ticket;
    let user_id = format!("auth0|{identity}");
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
    Ok(Ok(()))
}
