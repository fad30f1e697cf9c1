//! Accounts of a database: sign-up, and links to set a new password.

use axum::Json;
use axum::http::StatusCode;
use ligature_contact_syntax::is_email_address;
use serde_json::{Value, json};

use crate::directory::{Administration, Credential};
use crate::model::{self, ApiError, IdentityKey, Metadata};
use crate::tenant::config::Connection;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::http::oauth_error::{DatabaseError, NOT_AN_ADDRESS, OAuthError};
use crate::tenant::http::params::Params;
use crate::tenant::http::visit::Visit;
use crate::tenant::logins::log_events::AccountEvent;
use crate::tenant::people::mail_links::{ResetLink, VerificationLink};
use crate::tenant::people::outbox::{Message, MessageKind};
use crate::tenant::people::passwords::PasswordError;
use crate::tenant::people::proved_identity::new_user;

/// Metadata that a sign-up may bring: fields, and characters in each.
///
/// Source: Auth0, "Signup", `user_metadata`.
const METADATA: (usize, usize) = (10, 500);

/// Creates an account with the parameters of a visit. Returns the user's id.
pub(crate) fn create_account(visit: &Visit, connection: &Connection) -> Result<String, OAuthError> {
    let Visit { tenant, issuer, params, .. } = visit;
    let bad = |error, description: &str| Err(OAuthError::new(StatusCode::BAD_REQUEST, error, description));
    if !connection.sign_up {
        return bad("public_signup_disabled", "Public signup is disabled");
    }
    let (email, password) = (params.require("email")?.to_ascii_lowercase(), params.require("password")?);
    if !is_email_address(&email) {
        return bad("invalid_request", NOT_AN_ADDRESS);
    }
    let username = params.get_owned("username");
    let is_name = |name: &String| {
        name.len() <= 128
            && !name.contains('@')
            && !name.chars().any(|it| it.is_whitespace() || it.is_control())
    };
    if !username.iter().all(is_name) || (connection.requires_username && username.is_none()) {
        return bad("invalid_request", "username: expected up to 128 characters without spaces and @");
    }
    tenant.people.message_limit.count_sign_up(&visit.sender.ip)?;
    let hash = match tenant.people.passwords.hash(password) {
        Ok(hash) => hash,
        Err(PasswordError::Busy) => return Err(OAuthError::busy()),
        Err(_) => return bad("invalid_password", "Password is too weak"),
    };
    let id = tenant.ambient.random().object_id();
    let now = tenant.ambient.now();
    let mut user = new_user(connection, &id);
    let local = email.split_once('@').map_or("", |(local, _)| local);
    user.rest.insert("nickname".to_owned(), local.into());
    user.rest.insert("name".to_owned(), email.as_str().into());
    for name in ["given_name", "family_name", "name", "nickname", "picture", "username"] {
        if let Some(text) = params.get(name).filter(|text| text.chars().count() <= 300) {
            user.rest.insert(name.to_owned(), text.into());
        }
    }
    user.user_metadata = read_metadata(params)?;
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
            let link = VerificationLink::new(&made.user.user_id, &email, tenant.ambient.draw_moment());
            tenant.people.send_verification(issuer, connection, link);
            tenant.logins.events.record_account_event(
                &tenant.config,
                &AccountEvent {
                    kind: "ss",
                    connection: &connection.name,
                    user_id: &made.user.user_id,
                    email: &email,
                },
            );
            Ok(made.user.user_id.clone())
        }
        // The same error for every reason, so that it does not reveal who has an account.
        Err(ApiError::Invalid(_) | ApiError::AlreadyLinked(_)) => bad("invalid_signup", "Invalid sign up"),
        Err(error) => Err(unavailable(error)),
    }
}

fn read_metadata(params: &Params) -> Result<Option<Metadata>, OAuthError> {
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

/// `POST /dbconnections/signup`: creates an account.
pub(crate) async fn sign_up(visit: Visit) -> Result<Json<Value>, DatabaseError> {
    visit
        .run(|visit| {
            require_client(visit)?;
            let user_id = create_account(visit, find_database(visit)?)?;
            let id = user_id.split_once('|').map_or("", |(_, id)| id);
            let email = visit.params.require("email")?.to_ascii_lowercase();
            let mut body = json!({ "_id": id, "email": email, "email_verified": false });
            if let Some(username) = visit.params.get("username") {
                body["username"] = username.into();
            }
            Ok(Json(body))
        })
        .await
}

/// `POST /dbconnections/change_password`: mails a reset link. The response is the same
/// whether or not the user exists.
pub(crate) async fn change_password(visit: Visit) -> Result<&'static str, DatabaseError> {
    visit
        .run(|visit| {
            require_client(visit)?;
            send_reset_link(visit, find_database(visit)?, visit.params.require("email")?)?;
            Ok("We've just sent you an email to reset your password.")
        })
        .await
}

/// Mails a link to the page that asks for a new password, if a user has this address.
pub(crate) fn send_reset_link(visit: &Visit, connection: &Connection, email: &str) -> Result<(), OAuthError> {
    let Visit { tenant, issuer, .. } = visit;
    let email = email.to_ascii_lowercase();
    // Counted for every address, so that the limit does not reveal who has an account.
    tenant.people.message_limit.count(&visit.sender.ip, &email)?;
    // The moment is read first, so that a password that is set meanwhile outdates the mail.
    let (began, at) = (tenant.ambient.draw_moment(), tenant.ambient.now());
    if let Some(holder) = find_holder(&*tenant.directory, connection, &email).map_err(unavailable)? {
        if is_blocked(&*tenant.directory, &holder).map_err(unavailable)? {
            tracing::warn!(target: "audit", connection = connection.name, "no password link was mailed to a blocked user");
            return Ok(());
        }
        let (connection, user_id) = (connection.name.clone(), holder.user_id);
        let ticket = ResetLink { connection: connection.clone(), email: email.clone(), user_id, began };
        let link = format!("{issuer}u/reset?ticket={}", tenant.people.resets.put(ticket));
        let kind = MessageKind::Reset;
        tenant.people.outbox.send(Message {
            to: email,
            kind,
            connection,
            code: None,
            link: Some(link),
            text: Vec::new(),
            at,
        });
    }
    Ok(())
}

/// Finds the only identity of this database with this address, imported users included.
pub(crate) fn find_holder(
    directory: &dyn Administration,
    connection: &Connection,
    email: &str,
) -> Result<Option<Credential>, ApiError> {
    let mut holders = directory.find_holders(&connection.name, email)?.into_iter();
    // With two holders, the mail could not say which one it is for.
    Ok(holders.next().filter(|_| holders.next().is_none()))
}

/// Returns whether the account of a credential is blocked.
fn is_blocked(directory: &dyn Administration, holder: &Credential) -> Result<bool, ApiError> {
    let key = IdentityKey { connection: &holder.connection, provider: "auth0", user_id: &holder.user_id };
    Ok(directory.owner(key)?.is_some_and(|owner| owner.user.blocked))
}

fn require_client(visit: &Visit) -> Result<(), OAuthError> {
    let client = visit.tenant.config.client(visit.params.require("client_id")?);
    client.map(|_| ()).ok_or_else(|| OAuthError::invalid_request("the client was not found"))
}

fn find_database(visit: &Visit) -> Result<&Connection, OAuthError> {
    let connection = visit.tenant.config.connection(visit.params.require("connection")?);
    connection
        .filter(|it| it.is_database())
        .ok_or_else(|| OAuthError::invalid_request("connection: there is no database of that name"))
}
