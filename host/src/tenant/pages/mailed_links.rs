//! The links of the tenant's own mails that set a new password.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::directory::Credential;
use crate::model::{ApiError, IdentityKey};
use crate::service::page;
use crate::service::page::filters;
use crate::tenant::embedded::database;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{OAuthError, PASSWORD_CHANGED, RESET_USED};
use crate::tenant::logins::log_events::AccountEvent;
use crate::tenant::logins::mailbox_proof::{MailboxProof, part_unproved_links, try_verify_email};
use crate::tenant::people::mail_links::ResetLink;
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

/// Sets a new password by a mailed link. It verifies the address too, because only its
/// owner has the mail.
pub(crate) fn reset_password(tenant: &Tenant, ticket: &str, password: &str) -> Response {
    let used = || html::error_page(StatusCode::BAD_REQUEST, RESET_USED);
    if tenant.people.resets.get(ticket).is_none() {
        return used();
    }
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => return OAuthError::busy().into_response(),
        Err(_) => {
            return reset_page(ticket, Some("The password is too weak: 8 to 256 characters."));
        }
    };
    match tenant.people.resets.spend(ticket, |ticket| set_password(tenant, ticket, hash)) {
        Some(Ok(true)) => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        Some(Ok(false)) | None => used(),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// Sets the password. False if the address has another holder by now, or the password has
/// changed since.
fn set_password(tenant: &Tenant, ticket: &ResetLink, hash: String) -> Result<bool, ApiError> {
    let Some(connection) = tenant.config.connection(&ticket.connection) else { return Ok(false) };
    let known = database::find_holder(&*tenant.directory, connection, &ticket.email)?;
    let Some(known) = known.filter(|known| known.user_id == ticket.user_id) else { return Ok(false) };
    // The mail is older than the password.
    let user_id = format!("auth0|{}", known.user_id);
    if tenant.people.revocations.is_revoked(&user_id, ticket.began) {
        return Ok(false);
    }
    let key = IdentityKey { connection: &known.connection, provider: "auth0", user_id: &known.user_id };
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(false) };
    let credential = Credential { password: Some(hash), ..known };
    let proof = MailboxProof { identity: &user_id, email: &ticket.email, now: tenant.ambient.now() };
    part_unproved_links(&*tenant.directory, &owner.user, proof)?;
    tenant.directory.set_credential(&credential)?;
    tenant.people.apply_credential_change(&credential, &owner.user);
    tracing::info!(target: "audit", connection = connection.name, "a password was reset");
    tenant.logins.events.record_account_event(
        &tenant.config,
        &AccountEvent { kind: "scp", connection: &connection.name, user_id: &user_id, email: &ticket.email },
    );
    try_verify_email(&*tenant.directory, &user_id, &ticket.email, tenant.ambient.now());
    Ok(true)
}
