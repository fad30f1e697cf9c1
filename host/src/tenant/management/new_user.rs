//! Creating users.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::directory::{Administration, Credential};
use crate::model::{ApiError, Metadata, Timestamp, User, Verification};
use crate::tenant::config::Connection;
use crate::tenant::management::attributes::{check_email, check_metadata, check_phone, check_text};
use crate::tenant::management::problem::Problem;
use crate::tenant::people::identifier_keys::derive_passwordless_id;
use crate::tenant::people::mail_links::VerificationLink;
use crate::tenant::people::passwords::PasswordError;
use crate::tenant::people::proved_identity::new_user;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Tenant;

/// A user to create.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// The connection's name.
    connection: String,
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    #[schema(pattern = "^\\+[0-9]{1,15}$")]
    phone_number: Option<String>,
    #[schema(min_length = 1, max_length = 128)]
    username: Option<String>,
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
    /// The id, without the provider.
    #[schema(pattern = "^[^\\s|\\x00-\\x1F\\x7F-\\x9F]{1,255}$")]
    user_id: Option<String>,
    #[schema(value_type = Option<Object>)]
    user_metadata: Option<Metadata>,
    #[schema(value_type = Option<Object>)]
    app_metadata: Option<Metadata>,
    blocked: Option<bool>,
    email_verified: Option<bool>,
    phone_verified: Option<bool>,
    #[schema(min_length = 1, max_length = 150)]
    given_name: Option<String>,
    #[schema(min_length = 1, max_length = 150)]
    family_name: Option<String>,
    #[schema(min_length = 1, max_length = 300)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 300)]
    nickname: Option<String>,
    #[schema(min_length = 1, max_length = 2048)]
    picture: Option<String>,
    /// Whether to send a mail that verifies the address; true by default.
    verify_email: Option<bool>,
}

/// Creates the user, and its credential if it has a password.
pub(super) fn create_user(tenant: &Tenant, issuer: &Issuer, new: NewUser) -> Result<Arc<User>, Problem> {
    new.check()?;
    let no_connection = || Problem::bad("The connection does not exist.", "inexistent_connection");
    let connection = tenant.config.connection(&new.connection).ok_or_else(no_connection)?;
    let now = tenant.ambient.now();
    if connection.is_database() {
        new.create_in_database(tenant, issuer, connection)
    } else if connection.is_passwordless() {
        new.new_passwordless_user(&*tenant.directory, connection, now)
    } else {
        Err(Problem::operation("The connection is not supported for this operation."))
    }
}

impl NewUser {
    /// Checks the fields of the request; a wrong one is 400 `invalid_body`.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let texts = [
            ("given_name", &self.given_name),
            ("family_name", &self.family_name),
            ("name", &self.name),
            ("nickname", &self.nickname),
            ("picture", &self.picture),
            ("username", &self.username),
        ];
        for (name, text) in texts {
            text.iter().try_for_each(|text| check_text(name, text))?;
        }
        self.email.iter().try_for_each(|email| check_email(email))?;
        self.phone_number.iter().try_for_each(|number| check_phone(number))?;
        let is_id = |id: &String| {
            (1..=255).contains(&id.chars().count())
                && !id.chars().any(|it| it.is_whitespace() || it.is_control() || it == '|')
        };
        if !self.user_id.iter().all(is_id) {
            return Err(Problem::body("String does not match pattern ^[^\\s|]{1,255}$ on property user_id"));
        }
        check_metadata("user_metadata", self.user_metadata.as_ref())?;
        check_metadata("app_metadata", self.app_metadata.as_ref())
    }

    fn create_in_database(
        self,
        tenant: &Tenant,
        issuer: &Issuer,
        connection: &Connection,
    ) -> Result<Arc<User>, Problem> {
        let missing = |name: &str| Problem::body(&format!("Missing required property: {name}"));
        if connection.requires_username && self.username.is_none() {
            return Err(missing("username"));
        }
        let email = self.email.as_ref().map(|email| email.to_ascii_lowercase());
        if email.is_none() && self.username.is_none() {
            return Err(missing("email"));
        }
        let password = self.password.as_deref().ok_or_else(|| missing("password"))?;
        let hash = tenant.people.passwords.hash(password).map_err(refuse_password)?;
        let id = self.user_id.clone().unwrap_or_else(|| tenant.ambient.random().object_id());
        let credential = Credential {
            connection: connection.name.clone(),
            user_id: id.clone(),
            email: email.clone(),
            username: self.username.as_ref().map(|name| name.to_lowercase()),
            password: Some(hash),
        };
        let verify = self.verify_email.unwrap_or(true) && self.email_verified != Some(true);
        let user = User { email: email.clone(), ..self.into_user(connection, &id, tenant.ambient.now()) };
        let made = tenant.directory.sign_up(user, &credential).map_err(user_exists)?;
        if let (true, Some(email)) = (verify, &email) {
            let link = VerificationLink::new(&made.user.user_id, email, tenant.ambient.draw_moment());
            tenant.people.send_verification(issuer, connection, link);
        }
        Ok(made.user)
    }

    fn new_passwordless_user(
        self,
        directory: &dyn Administration,
        connection: &Connection,
        now: Timestamp,
    ) -> Result<Arc<User>, Problem> {
        let name = if connection.strategy == "sms" { "phone_number" } else { "email" };
        let address = if connection.strategy == "sms" { &self.phone_number } else { &self.email };
        let address =
            address.as_ref().ok_or_else(|| Problem::body(&format!("Missing required property: {name}")))?;
        if self.password.is_some() || self.user_id.is_some() {
            return Err(Problem::body("Additional properties not allowed: password, user_id"));
        }
        let id = derive_passwordless_id(connection, address);
        let user = User { email: self.email.clone(), ..self.into_user(connection, &id, now) };
        directory.create(user).map(|made| made.user).map_err(user_exists)
    }

    pub(super) fn into_user(self, connection: &Connection, id: &str, now: Timestamp) -> User {
        let name = self.name.or_else(|| self.email.clone());
        let local =
            self.email.as_ref().and_then(|email| email.split_once('@')).map(|(local, _)| local.to_owned());
        let attributes = [
            ("given_name", self.given_name),
            ("family_name", self.family_name),
            ("name", name),
            ("nickname", self.nickname.or(local)),
            ("picture", self.picture),
            ("username", self.username),
            ("phone_number", self.phone_number.clone()),
        ];
        let mut user = new_user(connection, id);
        user.rest.extend(
            attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))),
        );
        if self.phone_number.is_some() {
            user.rest.insert("phone_verified".to_owned(), self.phone_verified.unwrap_or(false).into());
        }
        user.email_verified = match (self.email_verified, &self.email) {
            (Some(true), Some(_)) => Verification::Verified,
            (_, Some(_)) => Verification::Unverified,
            (_, None) => Verification::Absent,
        };
        user.blocked = self.blocked.unwrap_or(false);
        user.user_metadata = self.user_metadata;
        user.app_metadata = self.app_metadata;
        (user.created_at, user.updated_at) = (Some(now), Some(now));
        user
    }
}

pub(super) fn refuse_password(why: PasswordError) -> Problem {
    match why {
        PasswordError::Busy => Problem::too_many(),
        _ => Problem::bad("PasswordStrengthError: Password is too weak", "invalid_password"),
    }
}

/// Returns the refusal for a user that could not be stored, usually because the user exists
/// already.
///
/// Source: Auth0, "Create a user", 409.
pub(super) fn user_exists(error: ApiError) -> Problem {
    match error {
        ApiError::Invalid(_) | ApiError::AlreadyLinked(_) => {
            Problem::new(axum::http::StatusCode::CONFLICT, "The user already exists.", "user_exists")
        }
        other => other.into(),
    }
}
