//! One user of an import: created, or updated if the user exists and the import allows updates.

use ligature_linking_marks::PROTECTED;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::directory::{Administration, Credential};
use crate::model::{ApiError, IdentityKey, Metadata, User, patch};
use crate::password_hash;
use crate::tenant::config::Connection;
use crate::tenant::management::new_user::NewUser;
use crate::tenant::management::problem::Problem;
use crate::tenant::management::tickets::find_by_address;
use crate::tenant::people::People;

/// The fields of the import format.
const ALLOWED: [&str; 15] = [
    "app_metadata",
    "blocked",
    "custom_password_hash",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "mfa_factors",
    "name",
    "nickname",
    "password_hash",
    "picture",
    "user_id",
    "user_metadata",
    "username",
];
/// The attributes of an existing user that an import may change.
const PROFILE: [&str; 5] = ["family_name", "given_name", "name", "nickname", "picture"];
/// The reason that a user was not imported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ImportFault {
    code: &'static str,
    message: String,
    path: &'static str,
}

impl ImportFault {
    pub(super) fn new(code: &'static str, message: impl Into<String>, path: &'static str) -> Self {
        Self { code, message: message.into(), path }
    }
}

impl From<Problem> for ImportFault {
    fn from(problem: Problem) -> Self {
        Self::new("INVALID_USER", problem.message, "")
    }
}

impl From<ApiError> for ImportFault {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Invalid(_) | ApiError::AlreadyLinked(_) => user_exists(),
            other => Problem::from(other).into(),
        }
    }
}

fn user_exists() -> ImportFault {
    ImportFault::new("USER_ALREADY_EXISTS", "The user already exists.", "")
}

/// The result of importing a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImportResult {
    Inserted,
    Updated,
}

/// A user of the import file.
pub(super) struct ImportedUser<'a> {
    connection: &'a Connection,
    new: NewUser,
    /// The fields as the file has them, for the update of an existing user.
    fields: Map<String, Value>,
    /// The user's id, without `auth0|`.
    id: Option<String>,
    hash: Option<String>,
    factors: Vec<String>,
}

impl<'a> ImportedUser<'a> {
    pub(super) fn parse(
        mut fields: Map<String, Value>,
        connection: &'a Connection,
    ) -> Result<Self, ImportFault> {
        if let Some(other) = fields.keys().find(|key| !ALLOWED.contains(&key.as_str())) {
            let message = format!("Additional properties not allowed: {other}");
            return Err(ImportFault::new("OBJECT_ADDITIONAL_PROPERTIES", message, ""));
        }
        fields.retain(|_, value| !value.is_null());
        let hash = password_hash::take_hash(&mut fields)
            .map_err(|(field, why)| ImportFault::new("PASSWORD_HASH", why.replace('`', ""), field))?;
        let factors = factors(fields.remove("mfa_factors"))?;
        let id = match fields.remove("user_id") {
            None => None,
            Some(Value::String(id)) => Some(id),
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(_) => {
                return Err(ImportFault::new(
                    "INVALID_TYPE",
                    "Expected type string on property user_id",
                    "user_id",
                ));
            }
        };
        if !fields.contains_key("email") && !fields.contains_key("username") {
            let message = "Missing required property: email";
            return Err(ImportFault::new("OBJECT_MISSING_REQUIRED_PROPERTY", message, "email"));
        }
        // A database keeps addresses in lower case.
        if let Some(Value::String(email)) = fields.get_mut("email") {
            email.make_ascii_lowercase();
        }
        let mut user = fields.clone();
        user.insert("connection".to_owned(), connection.name.as_str().into());
        if let Some(id) = &id {
            user.insert("user_id".to_owned(), id.as_str().into());
        }
        let new: NewUser = serde_json::from_value(Value::Object(user))
            .map_err(|error| ImportFault::new("INVALID_TYPE", error.to_string().replace('`', ""), ""))?;
        new.check()?;
        Ok(Self { connection, new, fields, id, hash, factors })
    }

    fn get_text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// Creates the user, or updates the existing one if `upsert` is set.
    pub(super) fn import(
        self,
        directory: &dyn Administration,
        people: &People,
        upsert: bool,
    ) -> Result<ImportResult, ImportFault> {
        match self.find_existing(directory)? {
            None => self.insert(directory),
            Some(_) if !upsert => Err(user_exists()),
            Some(id) => self.update(directory, people, &id),
        }
    }

    /// Returns the id of the existing identity that the file's user matches. Refuses a user whose
    /// id, address and username belong to different identities.
    fn find_existing(&self, directory: &dyn Administration) -> Result<Option<String>, ImportFault> {
        let name = &self.connection.name;
        let by_id = match &self.id {
            Some(id) => {
                let key = IdentityKey { connection: name, provider: "auth0", user_id: id };
                // `owner` fails if the id belongs to another database.
                directory.owner(key)?.map(|_| id.clone())
            }
            None => None,
        };
        let by_email = match self.get_text("email") {
            Some(email) => find_by_address(directory, name, email)?,
            None => None,
        };
        let by_name = match self.get_text("username") {
            Some(username) => directory.credential(name, username)?.map(|it| it.user_id),
            None => None,
        };
        let mut found = [by_id, by_email, by_name].into_iter().flatten();
        let first = found.next();
        if found.any(|other| Some(&other) != first.as_ref())
            || (first.is_some() && self.id.is_some() && self.id != first)
        {
            let message = "user_id, email and username are those of different users.";
            return Err(ImportFault::new("DIFFERENT_USERS", message, ""));
        }
        Ok(first)
    }

    fn insert(self, directory: &dyn Administration) -> Result<ImportResult, ImportFault> {
        let ambient = directory.ambient();
        let id = self.id.clone().unwrap_or_else(|| ambient.random().object_id());
        let credential = Credential {
            connection: self.connection.name.clone(),
            user_id: id.clone(),
            // The address is reserved even if the user has no password.
            email: self.get_text("email").map(str::to_owned),
            username: self.get_text("username").map(str::to_lowercase),
            password: self.hash,
        };
        let email = credential.email.clone();
        let mut user = self.new.into_user(self.connection, &id, ambient.now());
        user.email = email;
        if !self.factors.is_empty() {
            user.rest.insert("multifactor".to_owned(), json!(self.factors));
        }
        directory.sign_up(user, &credential)?;
        Ok(ImportResult::Inserted)
    }

    /// Updates the user's profile and metadata. The login name and the verification of the address
    /// stay as they are. An update can block the user, but not unblock the user.
    fn update(
        self,
        directory: &dyn Administration,
        people: &People,
        id: &str,
    ) -> Result<ImportResult, ImportFault> {
        let different = |what: &'static str| {
            ImportFault::new(
                "NOT_CHANGED",
                format!("An import does not change {what} of an existing user."),
                what,
            )
        };
        if self.hash.is_some() {
            return Err(different("custom_password_hash"));
        }
        if !self.factors.is_empty() {
            return Err(different("mfa_factors"));
        }
        for _ in 0..5 {
            let stored = match directory.get(&format!("auth0|{id}")) {
                Ok(stored) => stored,
                Err(ApiError::NotFound(_)) => {
                    let message = "The user is linked to another user and has no profile of its own.";
                    return Err(ImportFault::new("LINKED", message, ""));
                }
                Err(error) => return Err(error.into()),
            };
            if self.get_text("email").is_some_and(|email| stored.user.email.as_deref() != Some(email)) {
                return Err(different("email"));
            }
            let mut user = User::clone(&stored.user);
            let username = user.rest.get("username").and_then(Value::as_str).map(str::to_lowercase);
            if self.get_text("username").is_some_and(|name| username != Some(name.to_lowercase())) {
                return Err(different("username"));
            }
            for key in PROFILE {
                if let Some(value) = self.fields.get(key) {
                    user.rest.insert(key.to_owned(), value.clone());
                }
            }
            self.patch_metadata(&mut user)?;
            user.blocked |= self.fields.get("blocked") == Some(&Value::Bool(true));
            user.updated_at = Some(directory.ambient().now());
            match directory.update(user, stored.version) {
                Ok(updated) => {
                    if updated.user.blocked {
                        people.revoke_logins(&updated.user);
                    }
                    return Ok(ImportResult::Updated);
                }
                Err(ApiError::StateChanged(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiError::StateChanged(String::new()).into())
    }

    fn patch_metadata(&self, user: &mut User) -> Result<(), ImportFault> {
        let object = |key: &str| self.fields.get(key).and_then(Value::as_object);
        if let Some(change) = object("user_metadata").filter(|it| !it.is_empty()) {
            patch(&mut user.user_metadata, change);
        }
        if let Some(change) = object("app_metadata").filter(|it| !it.is_empty()) {
            let held = |key: &str| user.app_metadata.as_ref().and_then(|it| it.get(key));
            // An import must not change these marks of an existing user: only an administrator sets them,
            // by hand.
            if PROTECTED.iter().any(|mark| change.get(*mark).is_some_and(|value| held(mark) != Some(value))) {
                let message =
                    "An import does not change linking, no_link and privileged of an existing user.";
                return Err(ImportFault::new("NOT_CHANGED", message, "app_metadata"));
            }
            patch(&mut user.app_metadata, change);
        }
        let both: [(&str, Option<&Metadata>); 2] =
            [("user_metadata", user.user_metadata.as_ref()), ("app_metadata", user.app_metadata.as_ref())];
        both.into_iter().try_for_each(|(name, metadata)| {
            crate::tenant::management::attributes::check_metadata(name, metadata)
        })?;
        Ok(())
    }
}

/// Returns the kinds of the listed second factors, without their secrets, which are not stored.
fn factors(listed: Option<Value>) -> Result<Vec<String>, ImportFault> {
    let fault = || {
        ImportFault::new("INVALID_FORMAT", "Expected up to 10 factors: totp, phone or email.", "mfa_factors")
    };
    let Some(listed) = listed else { return Ok(Vec::new()) };
    let listed = listed.as_array().filter(|it| it.len() <= 10).ok_or_else(fault)?;
    let mut kinds = Vec::new();
    for factor in listed {
        let factor = factor.as_object().ok_or_else(fault)?;
        for kind in factor.keys() {
            if !["totp", "phone", "email"].contains(&kind.as_str()) {
                return Err(fault());
            }
            kinds.push(kind.clone());
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}
