//! Changes to a user.
//!
//! Source: Auth0's OpenAPI document, `patch_users_by_id`, with its messages.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::directory::{Credential, Stored};
use crate::model::{ApiError, Metadata, User, Verification, patch};
use crate::tenant::config::Connection;
use crate::tenant::management::attributes::{
    check_email, check_metadata, check_phone, check_text, deserialize_present,
};
use crate::tenant::management::new_user::{refuse_password, user_exists};
use crate::tenant::management::problem::Problem;
use crate::tenant::people::mail_links::VerificationLink;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Tenant;

/// A change to a user: each field given replaces the user's value, and `null` removes it.
/// Metadata is merged at its first level.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UserChange {
    blocked: Option<bool>,
    email_verified: Option<bool>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(format = "email", max_length = 254, value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(pattern = "^\\+[0-9]{1,15}$", value_type = Option<String>)]
    phone_number: Option<Option<String>>,
    phone_verified: Option<bool>,
    #[schema(value_type = Option<Object>)]
    user_metadata: Option<Metadata>,
    #[schema(value_type = Option<Object>)]
    app_metadata: Option<Metadata>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(min_length = 1, max_length = 150, value_type = Option<String>)]
    given_name: Option<Option<String>>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(min_length = 1, max_length = 150, value_type = Option<String>)]
    family_name: Option<Option<String>>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(min_length = 1, max_length = 300, value_type = Option<String>)]
    name: Option<Option<String>>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(min_length = 1, max_length = 300, value_type = Option<String>)]
    nickname: Option<Option<String>>,
    #[serde(deserialize_with = "deserialize_present")]
    #[schema(min_length = 1, max_length = 2048, value_type = Option<String>)]
    picture: Option<Option<String>>,
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
    #[schema(min_length = 1, max_length = 128)]
    username: Option<String>,
    /// The connection of the identity to change. By default it is the user's main identity.
    connection: Option<String>,
    /// Whether to send a mail that verifies the address.
    verify_email: Option<bool>,
    /// Accepted without effect: messages are sent in no application's name.
    #[serde(rename = "client_id")]
    #[schema(rename = "client_id")]
    _client_id: Option<String>,
    /// Accepted without effect.
    #[serde(rename = "verify_phone_number")]
    #[schema(rename = "verify_phone_number")]
    _verify_phone_number: Option<bool>,
}

/// Changes a user. Returns the changed user.
pub(super) fn change_user(
    tenant: &Tenant,
    issuer: &Issuer,
    user_id: &str,
    change: &UserChange,
) -> Result<Arc<User>, Problem> {
    change.check()?;
    // Hash the password once: the change below is retried when a concurrent change gets in first.
    let hash = change
        .password
        .as_deref()
        .map(|password| tenant.people.passwords.hash(password).map_err(refuse_password))
        .transpose()?;
    for _ in 0..5 {
        let stored = tenant.directory.get(user_id)?;
        match change.apply(tenant, &stored, hash.as_deref())? {
            Ok(user) => {
                if let Some((connection, link)) = change.verification(tenant, &user) {
                    tenant.people.send_verification(issuer, connection, link);
                }
                return Ok(user);
            }
            Err(ApiError::StateChanged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::StateChanged(String::new()).into())
}

impl UserChange {
    fn check(&self) -> Result<(), Problem> {
        for (name, value) in self.profile() {
            value.iter().flatten().try_for_each(|text| check_text(name, text))?;
        }
        self.username.iter().try_for_each(|name| check_text("username", name))?;
        self.email.iter().flatten().try_for_each(|email| check_email(email))?;
        self.phone_number.iter().flatten().try_for_each(|number| check_phone(number))?;
        check_metadata("user_metadata", self.user_metadata.as_ref())?;
        check_metadata("app_metadata", self.app_metadata.as_ref())?;
        let (email, verified) = (self.email.is_some(), self.email_verified.is_some());
        let (password, username) = (self.password.is_some(), self.username.is_some());
        let conflicts = [
            (password && email, "Cannot update password and email simultaneously."),
            (password && verified, "Cannot update password and email_verified simultaneously."),
            (username && email, "Cannot update username and email simultaneously."),
            (username && verified, "Cannot update username and email_verified simultaneously."),
            (username && password, "Cannot update username and password simultaneously."),
        ];
        match conflicts.iter().find(|(is_so, _)| *is_so) {
            Some((_, message)) => Err(Problem::operation(message)),
            None => Ok(()),
        }
    }

    fn profile(&self) -> [(&'static str, &Option<Option<String>>); 5] {
        [
            ("given_name", &self.given_name),
            ("family_name", &self.family_name),
            ("name", &self.name),
            ("nickname", &self.nickname),
            ("picture", &self.picture),
        ]
    }

    /// Applies the change to a stored user. The inner error is the directory's, such as a conflict
    /// with a concurrent change, which the caller retries.
    fn apply(
        &self,
        tenant: &Tenant,
        stored: &Stored,
        hash: Option<&str>,
    ) -> Result<Result<Arc<User>, ApiError>, Problem> {
        let mut user = User::clone(&stored.user);
        let place = match &self.connection {
            None => 0,
            Some(name) => {
                let place = user.identities.iter().position(|it| it.connection == *name);
                place.ok_or_else(|| Problem::operation("Connection does not exist."))?
            }
        };
        let Some(identity) = user.identities.get(place) else { return Err(Problem::no_user()) };
        let connection = tenant.config.connection(&identity.connection);
        let id = identity.user_id.clone();
        self.allow(&user, place, connection)?;

        if let Some(blocked) = self.blocked {
            user.blocked = blocked;
        }
        if let Some(change) = &self.user_metadata {
            patch(&mut user.user_metadata, change);
            check_metadata("user_metadata", user.user_metadata.as_ref())?;
        }
        if let Some(change) = &self.app_metadata {
            patch(&mut user.app_metadata, change);
            check_metadata("app_metadata", user.app_metadata.as_ref())?;
        }
        for (name, value) in self.profile() {
            if let Some(value) = value {
                set(&mut user.rest, name, value.as_deref());
            }
        }
        if place == 0 {
            self.set_root(&mut user);
        } else if let Some(linked) = user.identities.get_mut(place) {
            self.set_profile(linked.profile_data.get_or_insert_default());
        }
        user.updated_at = Some(tenant.ambient.now());

        let login_changes = self.email.is_some() || self.username.is_some() || hash.is_some();
        let Some(connection) = connection.filter(|it| it.is_database() && login_changes) else {
            return Ok(tenant.directory.update(user, stored.version).map(|it| it.user));
        };
        let known = tenant.directory.credential_of(&connection.name, &id)?;
        let mut credential = known.unwrap_or_else(|| Credential {
            connection: connection.name.clone(),
            user_id: id,
            email: user.email.as_ref().filter(|_| place == 0).map(|email| email.to_ascii_lowercase()),
            username: None,
            password: None,
        });
        if let Some(email) = &self.email {
            credential.email = email.as_ref().map(|email| email.to_ascii_lowercase());
        }
        if let Some(username) = &self.username {
            credential.username = Some(username.to_lowercase());
        }
        if let Some(hash) = hash {
            credential.password = Some(hash.to_owned());
        }
        match tenant.directory.change_login(user, stored.version, &credential) {
            Ok(stored) => {
                tenant.people.apply_credential_change(&credential, &stored.user);
                Ok(Ok(stored.user))
            }
            Err(error @ ApiError::StateChanged(_)) => Ok(Err(error)),
            Err(error) => Err(user_exists(error)),
        }
    }

    /// Returns the verification link to mail to the user's address, if the change asks for it and
    /// the address is not verified; and the connection in whose name it is mailed.
    fn verification<'a>(
        &self,
        tenant: &'a Tenant,
        user: &User,
    ) -> Option<(&'a Connection, VerificationLink)> {
        let connection = tenant.config.connection(&user.identities.first()?.connection)?;
        let email = user.email.as_ref()?;
        let is_wanted =
            self.verify_email == Some(true) && connection.is_database() && !user.email_verified.is_verified();
        let began = tenant.ambient.draw_moment();
        is_wanted.then(|| (connection, VerificationLink::new(&user.user_id, email, began)))
    }

    fn set_root(&self, user: &mut User) {
        if let Some(email) = &self.email {
            user.email = email.as_ref().map(|email| email.to_ascii_lowercase());
            // The new address is not verified yet.
            user.email_verified =
                if user.email.is_some() { Verification::Unverified } else { Verification::Absent };
        }
        if let Some(verified) = self.email_verified {
            user.email_verified = if verified { Verification::Verified } else { Verification::Unverified };
        }
        self.set_others(&mut user.rest);
    }

    fn set_profile(&self, profile: &mut Map<String, Value>) {
        if let Some(email) = &self.email {
            set(profile, "email", email.as_ref().map(|email| email.to_ascii_lowercase()).as_deref());
            profile.insert("email_verified".to_owned(), false.into());
        }
        if let Some(verified) = self.email_verified {
            profile.insert("email_verified".to_owned(), verified.into());
        }
        self.set_others(profile);
    }

    fn set_others(&self, attributes: &mut Map<String, Value>) {
        if let Some(number) = &self.phone_number {
            set(attributes, "phone_number", number.as_deref());
            attributes.insert("phone_verified".to_owned(), false.into());
        }
        if let Some(verified) = self.phone_verified {
            attributes.insert("phone_verified".to_owned(), verified.into());
        }
        if let Some(username) = &self.username {
            set(attributes, "username", Some(username));
        }
    }

    fn allow(&self, user: &User, place: usize, connection: Option<&Connection>) -> Result<(), Problem> {
        let profile: Vec<&str> =
            self.profile().iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
        let not_profile = |why: &str| {
            let names = profile.join(", ");
            Err(Problem::operation(&format!(
                "The following user attributes cannot be updated: {names}. {why}"
            )))
        };
        if !profile.is_empty() && place > 0 {
            return not_profile("The specified connection belongs to a secondary identity.");
        }
        let provider = user.identities.get(place).map_or("", |identity| identity.provider.as_str());
        let is_database = provider == "auth0";
        let is_passwordless = matches!(provider, "email" | "sms");
        if !profile.is_empty() && !is_database && !is_passwordless {
            return not_profile(
                "The connection must either be a database connection (using the Auth0 store), a passwordless \
                 connection (email or sms) or has disabled 'Sync user profile attributes at each login'.",
            );
        }
        // A passwordless user's address cannot be changed either: the owner of the old mailbox could
        // still log in.
        if self.email.is_some() && !is_database {
            return Err(Problem::operation("Cannot update email for non-database user."));
        }
        if self.phone_number.is_some() && provider == "sms" {
            return Err(Problem::operation("Connection is not supported for this operation."));
        }
        if (self.password.is_some() || self.username.is_some()) && !(is_database && connection.is_some()) {
            return Err(Problem::operation("Connection is not supported for this operation."));
        }
        let is_enterprise = connection.is_some_and(|it| !it.is_social()) && !is_database && !is_passwordless;
        if self.email_verified.is_some() && is_enterprise {
            return Err(Problem::operation("Email verification is not supported for enterprise users."));
        }
        Ok(())
    }
}

fn set(attributes: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    match value {
        Some(text) => attributes.insert(name.to_owned(), text.into()),
        None => attributes.remove(name),
    };
}
