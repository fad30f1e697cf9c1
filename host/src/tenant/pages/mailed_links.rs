//! The links of the tenant's own mails that set a new password.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::directory::{Credential, Stored};
use crate::model::{ApiError, IdentityKey};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::embedded::database;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{BLOCKED, OAuthError, PASSWORD_CHANGED, RESET_USED};
use crate::tenant::logins::log_events::AccountEvent;
use crate::tenant::logins::mailbox_proof::{MailboxProof, part_unproved_links, try_verify_email};
use crate::tenant::people::mail_links::{Closed, ResetLink};
use crate::tenant::people::passwords::PasswordError;
use crate::tenant::state::Tenant;

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage<'a> {
    ticket: &'a str,
    error: Option<&'a str>,
}

/// The page that asks for a new password.
pub(crate) fn reset_page(ticket: &str, error: Option<&str>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    page::respond_in_login(status, ResetPage { ticket, error }.render())
}

/// The page of a link that sets a password and cannot be used.
pub(super) fn show_closed(closed: Closed) -> Response {
    match closed {
        Closed::Used | Closed::Changed => html::error_page(StatusCode::BAD_REQUEST, RESET_USED),
        Closed::Blocked => html::error_page(StatusCode::FORBIDDEN, BLOCKED),
    }
}

/// Shows the page of a mailed link that sets a new password.
pub(super) fn show_reset(tenant: &Tenant, ticket: &str) -> Response {
    let Some(link) = tenant.people.resets.get(ticket) else { return show_closed(Closed::Used) };
    match find_login(tenant, &link) {
        Ok(Ok(_)) => reset_page(ticket, None),
        Ok(Err(closed)) => show_closed(closed),
        Err(error) => unavailable(error).into_response(),
    }
}

/// Sets a new password by a mailed link. It verifies the address too, because only its
/// owner has the mail.
pub(super) fn reset_password(tenant: &Tenant, ticket: &str, password: &str) -> Response {
    let Some(link) = tenant.people.resets.get(ticket) else { return show_closed(Closed::Used) };
    match find_login(tenant, &link) {
        Ok(Ok(_)) => {}
        Ok(Err(closed)) => return show_closed(closed),
        Err(error) => return unavailable(error).into_response(),
    }
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => return OAuthError::busy().into_response(),
        Err(_) => {
            return reset_page(ticket, Some("The password is too weak: 8 to 256 characters."));
        }
    };
    match tenant.people.resets.spend(ticket, |ticket| set_password(tenant, ticket, hash)) {
        Some(Ok(Ok(()))) => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        Some(Ok(Err(closed))) => show_closed(closed),
        None => show_closed(Closed::Used),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// Finds the login whose password a link sets, and its account.
fn find_login(tenant: &Tenant, link: &ResetLink) -> Result<Result<(Credential, Stored), Closed>, ApiError> {
    let Some(connection) = tenant.config.connection(&link.connection) else {
        return Ok(Err(Closed::Changed));
    };
    let known = database::find_holder(&*tenant.directory, connection, &link.email)?;
    let Some(known) = known.filter(|known| known.user_id == link.user_id) else {
        return Ok(Err(Closed::Changed));
    };
    let key = IdentityKey { connection: &known.connection, provider: "auth0", user_id: &known.user_id };
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(Err(Closed::Changed)) };
    let identity = format!("auth0|{}", known.user_id);
    // A password that is newer than the mail ends it.
    let checked = tenant.people.check_link(&owner.user, &identity, link.began);
    Ok(checked.map(|()| (known, owner)))
}

/// Sets the password.
fn set_password(tenant: &Tenant, ticket: &ResetLink, hash: String) -> Result<Result<(), Closed>, ApiError> {
    let (known, owner) = match find_login(tenant, ticket)? {
        Ok(found) => found,
        Err(closed) => return Ok(Err(closed)),
    };
    let (connection, user_id) = (&ticket.connection, format!("auth0|{}", known.user_id));
    let credential = Credential { password: Some(hash), ..known };
    let proof = MailboxProof { identity: &user_id, email: &ticket.email, now: tenant.ambient.now() };
    part_unproved_links(&*tenant.directory, &owner.user, proof)?;
    tenant.directory.set_credential(&credential)?;
    tenant.people.apply_credential_change(&credential, &owner.user);
    tracing::info!(target: "audit", connection, "a password was reset");
    tenant.logins.events.record_account_event(
        &tenant.config,
        &AccountEvent { kind: "scp", connection, user_id: &user_id, email: &ticket.email },
    );
    try_verify_email(&*tenant.directory, &user_id, &ticket.email, tenant.ambient.now());
    Ok(Ok(()))
}
