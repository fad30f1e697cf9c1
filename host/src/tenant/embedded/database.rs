//! Accounts of a database: made, verified, given a new password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contact_syntax::is_email_address;
use serde_json::{Value, json};

use crate::directory::Credential;
use crate::model::{self, ApiError, IdentityKey, Metadata};
use crate::tenant::config::Connection;
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{NOT_AN_ADDRESS, OAuthError, OfDatabase, PASSWORD_CHANGED, USED};
use crate::tenant::http::params::Params;
use crate::tenant::logins::mailbox_proof::part_unproved_links;
use crate::tenant::logins::mailbox_proof::try_verify_email;
use crate::tenant::logins::mailbox_proof::verify_email;
use crate::tenant::pages::login_pages;
use crate::tenant::people::mail_links::{ResetLink, VerificationLink};
use crate::tenant::people::outbox::{Kind, Message};
use crate::tenant::people::passwords::Wrong;
use crate::tenant::people::proved::bare_user;
use crate::tenant::server::blocking::run;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// Metadata that a sign-up may bring: fields, and characters in each.
///
/// Source: Auth0, "Signup", `user_metadata`.
const METADATA: (usize, usize) = (10, 500);

/// Makes an account. Returns the user's id.
pub(crate) fn made(
    tenant: &Tenant,
    issuer: &Issuer,
    connection: &Connection,
    params: &Params,
) -> Result<String, OAuthError> {
    let bad = |error, description: &str| Err(OAuthError::new(StatusCode::BAD_REQUEST, error, description));
    if !connection.sign_up {
        return bad("public_signup_disabled", "Public signup is disabled");
    }
    let (email, password) = (params.require("email")?.to_ascii_lowercase(), params.require("password")?);
    if !is_email_address(&email) {
        return bad("invalid_request", NOT_AN_ADDRESS);
    }
    let username = params.owned("username");
    let is_name = |name: &String| {
        name.len() <= 128
            && !name.contains('@')
            && !name.chars().any(|it| it.is_whitespace() || it.is_control())
    };
    if !username.iter().all(is_name) || (connection.requires_username && username.is_none()) {
        return bad("invalid_request", "username: expected up to 128 characters without spaces and @");
    }
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(Wrong::Busy) => return Err(OAuthError::busy()),
        Err(_) => return bad("invalid_password", "Password is too weak"),
    };
    let id = tenant.ambient.random().object_id();
    let now = tenant.ambient.now();
    let mut user = bare_user(connection, &id);
    let local = email.split_once('@').map_or("", |(local, _)| local);
    user.rest.insert("nickname".to_owned(), local.into());
    user.rest.insert("name".to_owned(), email.as_str().into());
    for name in ["given_name", "family_name", "name", "nickname", "picture", "username"] {
        if let Some(text) = params.get(name).filter(|text| text.chars().count() <= 300) {
            user.rest.insert(name.to_owned(), text.into());
        }
    }
    user.user_metadata = metadata(params)?;
    user.email = Some(email.clone());
    user.email_verified = model::Verification::Unverified;
    (user.created_at, user.updated_at) = (Some(now), Some(now));
    let credential = Credential {
        connection: connection.name.clone(),
        user_id: id,
        email: Some(email.clone()),
        username,
        password: Some(hash),
    };
    match tenant.directory.sign_up(user, &credential) {
        Ok(made) => {
            let link = VerificationLink::new(&made.user.user_id, &email);
            tenant.people.send_verification(issuer, connection, link);
            tenant.logins.events.record_account_event(
                &tenant.config,
                "ss",
                (&connection.name, &made.user.user_id, &email),
            );
            Ok(made.user.user_id.clone())
        }
        // One answer for every reason: it is to tell as little as possible of
        // who is there.
        Err(ApiError::Invalid(_) | ApiError::AlreadyLinked(_)) => bad("invalid_signup", "Invalid sign up"),
        Err(error) => Err(unavailable(error)),
    }
}

fn metadata(params: &Params) -> Result<Option<Metadata>, OAuthError> {
    let Some(value) = params.value("user_metadata") else { return Ok(None) };
    let (fields, characters) = METADATA;
    let fits = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= characters);
    match value {
        Value::Object(metadata) if metadata.len() <= fields && metadata.values().all(fits) => {
            Ok(Some(metadata.clone()))
        }
        _ => {
            Err(OAuthError::invalid_request("user_metadata: expected up to 10 texts of up to 500 characters"))
        }
    }
}

/// `/dbconnections/signup`.
pub(crate) async fn sign_up(
    State(tenant): State<Shared>,
    issuer: Issuer,
    params: Params,
) -> Result<Json<Value>, OfDatabase> {
    run(&tenant, move |tenant| {
        known_client(tenant, &params)?;
        let connection = named(tenant, &params)?;
        let user_id = made(tenant, &issuer, connection, &params)?;
        let id = user_id.split_once('|').map_or("", |(_, id)| id);
        let mut answer = json!({ "_id": id, "email": params.require("email")?.to_ascii_lowercase(), "email_verified": false });
        if let Some(username) = params.get("username") {
            answer["username"] = username.into();
        }
        Ok(Json(answer))
    })
    .await
}

/// `/dbconnections/change_password`: mails a link, whoever asks.
pub(crate) async fn change_password(
    State(tenant): State<Shared>,
    issuer: Issuer,
    params: Params,
) -> Result<&'static str, OfDatabase> {
    run(&tenant, move |tenant| {
        known_client(tenant, &params)?;
        let connection = named(tenant, &params)?;
        send_reset(tenant, &issuer, connection, params.require("email")?)?;
        // The same for those who are not there.
        Ok("We've just sent you an email to reset your password.")
    })
    .await
}

/// Mails a link to a page that asks for a new password, if there is somebody with
/// this address.
pub(crate) fn send_reset(
    tenant: &Tenant,
    issuer: &Issuer,
    connection: &Connection,
    email: &str,
) -> Result<(), OAuthError> {
    let email = email.to_ascii_lowercase();
    // Drawn first: a password that is set meanwhile outdates the mail.
    let (began, at) = (tenant.ambient.draw_moment(), tenant.ambient.now());
    if let Some(holder) = holder(tenant, connection, &email).map_err(unavailable)? {
        let (connection, user_id) = (connection.name.clone(), holder.user_id);
        let ticket = ResetLink { connection: connection.clone(), email: email.clone(), user_id, began };
        let link = format!("{issuer}u/reset?ticket={}", tenant.people.resets.put(ticket));
        let kind = Kind::Reset;
        tenant.people.outbox.send(Message { to: email, kind, connection, code: None, link: Some(link), at });
    }
    Ok(())
}

/// The one identity of this database with this address, imported users' included.
fn holder(tenant: &Tenant, connection: &Connection, email: &str) -> Result<Option<Credential>, ApiError> {
    let mut holders = tenant.directory.find_holders(&connection.name, email)?.into_iter();
    // If two users have the address, the mail could not say which one it is for.
    Ok(holders.next().filter(|_| holders.next().is_none()))
}

/// Sets a new password. Whoever has got the mail has the mailbox: the address is
/// verified, too.
pub(crate) fn reset(tenant: &Tenant, params: &Params) -> Response {
    let ticket = params.get("ticket").unwrap_or_default();
    let used = || html::error_page(StatusCode::BAD_REQUEST, USED);
    if tenant.people.resets.get(ticket).is_none() {
        return used();
    }
    let hash = match tenant.people.passwords.hash(params.get("password").unwrap_or_default()) {
        Ok(hash) => hash,
        Err(Wrong::Busy) => return OAuthError::busy().into_response(),
        Err(_) => {
            return login_pages::reset_page(ticket, Some("The password is too weak: 8 to 256 characters."));
        }
    };
    match tenant.people.resets.spend(ticket, |ticket| set_password(tenant, ticket, hash)) {
        Some(Ok(true)) => html::message_page(StatusCode::OK, "Done", PASSWORD_CHANGED),
        Some(Ok(false)) | None => used(),
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

/// False if the address has another holder by now, or the holder another password.
fn set_password(tenant: &Tenant, ticket: &ResetLink, hash: String) -> Result<bool, ApiError> {
    let Some(connection) = tenant.config.connection(&ticket.connection) else { return Ok(false) };
    let known = holder(tenant, connection, &ticket.email)?;
    let Some(known) = known.filter(|known| known.user_id == ticket.user_id) else { return Ok(false) };
    // An older mail than the password.
    let user_id = format!("auth0|{}", known.user_id);
    if tenant.people.revocations.is_revoked(&user_id, ticket.began) {
        return Ok(false);
    }
    let key = IdentityKey { connection: &known.connection, provider: "auth0", user_id: &known.user_id };
    let Some(owner) = tenant.directory.owner(key)? else { return Ok(false) };
    let credential = Credential { password: Some(hash), ..known };
    part_unproved_links(&*tenant.directory, &owner.user, &user_id, tenant.ambient.now())?;
    tenant.directory.set_credential(&credential)?;
    tenant.people.apply_credential_change(&credential, &owner.user);
    tracing::info!(target: "audit", connection = connection.name, "a password was reset");
    tenant.logins.events.record_account_event(
        &tenant.config,
        "scp",
        (&connection.name, &user_id, &ticket.email),
    );
    try_verify_email(&*tenant.directory, &user_id, &ticket.email, tenant.ambient.now());
    Ok(true)
}

/// Verifies the address of a mail.
pub(crate) fn verify(tenant: &Tenant, ticket: &str) -> Response {
    let verified = tenant.people.verifications.spend(ticket, |VerificationLink { user_id, email }| {
        let is_verified = verify_email(&*tenant.directory, user_id, email, tenant.ambient.now())?;
        if is_verified {
            tenant.logins.events.record_verification(user_id, email);
        }
        Ok(is_verified)
    });
    match verified {
        None => html::error_page(StatusCode::BAD_REQUEST, USED),
        Some(Ok(true)) => html::message_page(StatusCode::OK, "Done", "Your address is verified."),
        Some(Ok(false)) => {
            html::error_page(StatusCode::BAD_REQUEST, "The account has another address by now.")
        }
        Some(Err(error)) => unavailable(error).into_response(),
    }
}

fn known_client(tenant: &Tenant, params: &Params) -> Result<(), OAuthError> {
    let client = tenant.config.client(params.require("client_id")?);
    client.map(|_| ()).ok_or_else(|| OAuthError::invalid_request("the client was not found"))
}

fn named<'a>(tenant: &'a Tenant, params: &Params) -> Result<&'a Connection, OAuthError> {
    let connection = tenant.config.connection(params.require("connection")?);
    connection
        .filter(|it| it.is_database())
        .ok_or_else(|| OAuthError::invalid_request("connection: there is no database of that name"))
}
