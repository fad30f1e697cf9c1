//! One user of an import: made, or changed if it is there and may be.

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::new_user::NewUser;
use super::problem::Problem;
use super::tickets::by_address;
use crate::directory::Credential;
use crate::login::{ApiError, IdentityKey, Metadata, Timestamp, User, patch};
use crate::tenant::config::Connection;
use crate::tenant::{Tenant, random};

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
/// Attributes that an import may change of a user that is there.
const PROFILE: [&str; 5] = ["family_name", "given_name", "name", "nickname", "picture"];
/// Metadata that separates accounts or marks a powerful one. An import does not set
/// it: an administrator does, by hand.
const MARKS: [&str; 3] = ["linking", "no_link", "privileged"];
/// The dearest imported hash that is accepted: KiB, passes, lanes. Each login
/// pays it.
const DEAREST: (u32, u32, u32) = (64 << 10, 10, 4);
/// The dearest product of memory in KiB and passes: each login pays it, and others
/// wait meanwhile.
const DEAREST_WORK: u64 = 256 << 10;

/// The reason that a user was left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Fault {
    code: &'static str,
    message: String,
    path: &'static str,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>, path: &'static str) -> Self {
        Self { code, message: message.into(), path }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::new("INVALID_USER", problem.message, "")
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Invalid(_) | ApiError::AlreadyLinked(_) => exists(),
            other => Problem::from(other).into(),
        }
    }
}

fn exists() -> Fault {
    Fault::new("USER_ALREADY_EXISTS", "The user already exists.", "")
}

/// The result of importing a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Inserted,
    Updated,
}

/// A user of the file.
pub(super) struct ImportedUser<'a> {
    connection: &'a Connection,
    new: NewUser,
    /// As the file has them, for a change.
    fields: Map<String, Value>,
    /// Without `auth0|`.
    id: Option<String>,
    hash: Option<String>,
    factors: Vec<String>,
}

impl<'a> ImportedUser<'a> {
    pub(super) fn read(mut fields: Map<String, Value>, connection: &'a Connection) -> Result<Self, Fault> {
        if let Some(other) = fields.keys().find(|key| !ALLOWED.contains(&key.as_str())) {
            let message = format!("Additional properties not allowed: {other}");
            return Err(Fault::new("OBJECT_ADDITIONAL_PROPERTIES", message, ""));
        }
        fields.retain(|_, value| !value.is_null());
        if fields.remove("password_hash").is_some() {
            let message = "A bcrypt hash cannot be checked here; leave it out, and the user sets a first password by a reset.";
            return Err(Fault::new("PASSWORD_HASH", message, "password_hash"));
        }
        let hash = fields.remove("custom_password_hash").map(|hash| argon2_hash(&hash)).transpose()?;
        let factors = factors(fields.remove("mfa_factors"))?;
        let id = match fields.remove("user_id") {
            None => None,
            Some(Value::String(id)) => Some(id),
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(_) => {
                return Err(Fault::new(
                    "INVALID_TYPE",
                    "Expected type string on property user_id",
                    "user_id",
                ));
            }
        };
        if !fields.contains_key("email") && !fields.contains_key("username") {
            let message = "Missing required property: email";
            return Err(Fault::new("OBJECT_MISSING_REQUIRED_PROPERTY", message, "email"));
        }
        // As an address of a database is kept.
        if let Some(Value::String(email)) = fields.get_mut("email") {
            email.make_ascii_lowercase();
        }
        let mut user = fields.clone();
        user.insert("connection".to_owned(), connection.name.as_str().into());
        if let Some(id) = &id {
            user.insert("user_id".to_owned(), id.as_str().into());
        }
        let new: NewUser = serde_json::from_value(Value::Object(user))
            .map_err(|error| Fault::new("INVALID_TYPE", error.to_string().replace('`', ""), ""))?;
        new.check()?;
        Ok(Self { connection, new, fields, id, hash, factors })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// Makes the user, or changes the one that is there.
    pub(super) fn put(self, tenant: &Tenant, upsert: bool) -> Result<Became, Fault> {
        match self.known(tenant)? {
            None => self.inserted(tenant),
            Some(_) if !upsert => Err(exists()),
            Some(id) => self.updated(tenant, &id),
        }
    }

    /// The identity that the file's user is already, if all of its names lead to
    /// one.
    fn known(&self, tenant: &Tenant) -> Result<Option<String>, Fault> {
        let name = &self.connection.name;
        let by_id = match &self.id {
            Some(id) => {
                let key = IdentityKey { connection: name, provider: "auth0", user_id: id };
                // The error: the id is another database's.
                tenant.directory.owner(key)?.map(|_| id.clone())
            }
            None => None,
        };
        let by_email = match self.text("email") {
            Some(email) => by_address(tenant, name, email)?,
            None => None,
        };
        let by_name = match self.text("username") {
            Some(username) => tenant.directory.credential(name, username)?.map(|it| it.user_id),
            None => None,
        };
        let mut found = [by_id, by_email, by_name].into_iter().flatten();
        let first = found.next();
        if found.any(|other| Some(&other) != first.as_ref())
            || (first.is_some() && self.id.is_some() && self.id != first)
        {
            let message = "user_id, email and username are those of different users.";
            return Err(Fault::new("DIFFERENT_USERS", message, ""));
        }
        Ok(first)
    }

    fn inserted(self, tenant: &Tenant) -> Result<Became, Fault> {
        let id = self.id.clone().unwrap_or_else(random::object_id);
        let credential = Credential {
            connection: self.connection.name.clone(),
            user_id: id.clone(),
            // Without a password too: the address is taken.
            email: self.text("email").map(str::to_owned),
            username: self.text("username").map(str::to_lowercase),
            password: self.hash,
        };
        let email = credential.email.clone();
        let mut user = self.new.user(self.connection, &id, Timestamp::now());
        user.email = email;
        if !self.factors.is_empty() {
            user.rest.insert("multifactor".to_owned(), json!(self.factors));
        }
        tenant.directory.sign_up(user, &credential)?;
        Ok(Became::Inserted)
    }

    /// Updates the user's profile. The login name, the address's verification and the
    /// block stay as they are.
    fn updated(self, tenant: &Tenant, id: &str) -> Result<Became, Fault> {
        let different = |what: &'static str| {
            Fault::new(
                "NOT_CHANGED",
                format!("An import does not change {what} of a user that is there."),
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
            let stored = match tenant.directory.get(&format!("auth0|{id}")) {
                Ok(stored) => stored,
                Err(ApiError::NotFound(_)) => {
                    let message = "The user is linked to another one, whose profile it no longer is.";
                    return Err(Fault::new("LINKED", message, ""));
                }
                Err(error) => return Err(error.into()),
            };
            if self.text("email").is_some_and(|email| stored.user.email.as_deref() != Some(email)) {
                return Err(different("email"));
            }
            let mut user = User::clone(&stored.user);
            let username = user.rest.get("username").and_then(Value::as_str).map(str::to_lowercase);
            if self.text("username").is_some_and(|name| username != Some(name.to_lowercase())) {
                return Err(different("username"));
            }
            for key in PROFILE {
                if let Some(value) = self.fields.get(key) {
                    user.rest.insert(key.to_owned(), value.clone());
                }
            }
            self.patch_metadata(&mut user)?;
            user.blocked |= self.fields.get("blocked") == Some(&Value::Bool(true));
            user.updated_at = Some(Timestamp::now());
            match tenant.directory.update(user, stored.version) {
                Ok(updated) => {
                    if updated.user.blocked {
                        tenant.revoke_logins(&updated.user);
                    }
                    return Ok(Became::Updated);
                }
                Err(ApiError::StateChanged(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApiError::StateChanged(String::new()).into())
    }

    fn patch_metadata(&self, user: &mut User) -> Result<(), Fault> {
        let object = |key: &str| self.fields.get(key).and_then(Value::as_object);
        if let Some(change) = object("user_metadata").filter(|it| !it.is_empty()) {
            patch(&mut user.user_metadata, change);
        }
        if let Some(change) = object("app_metadata").filter(|it| !it.is_empty()) {
            let held = |key: &str| user.app_metadata.as_ref().and_then(|it| it.get(key));
            if MARKS.iter().any(|mark| change.get(*mark).is_some_and(|value| held(mark) != Some(value))) {
                let message =
                    "An import does not change linking, no_link and privileged of a user that is there.";
                return Err(Fault::new("NOT_CHANGED", message, "app_metadata"));
            }
            patch(&mut user.app_metadata, change);
        }
        let both: [(&str, Option<&Metadata>); 2] =
            [("user_metadata", user.user_metadata.as_ref()), ("app_metadata", user.app_metadata.as_ref())];
        both.into_iter()
            .try_for_each(|(name, metadata)| super::attributes::check_metadata(name, metadata))?;
        Ok(())
    }
}

/// The hash, if a login can be checked against it.
fn argon2_hash(custom: &Value) -> Result<String, Fault> {
    let fault = |message: &str| Err(Fault::new("PASSWORD_HASH", message, "custom_password_hash"));
    let only = |object: &Value, keys: &[&str]| {
        object.as_object().is_some_and(|object| object.keys().all(|key| keys.contains(&key.as_str())))
    };
    if custom["algorithm"] != "argon2" {
        return fault(
            "Only a hash of argon2 can be checked here; leave it out, and the user sets a first password by a reset.",
        );
    }
    let hash = &custom["hash"];
    let is_utf8 = hash.get("encoding").is_none_or(|it| it == "utf8");
    if !only(custom, &["algorithm", "hash"]) || !only(hash, &["value", "encoding"]) || !is_utf8 {
        return fault("Expected algorithm and hash.value in the PHC format, and nothing besides.");
    }
    let text = hash["value"].as_str().unwrap_or_default();
    let Ok(read) = PasswordHash::new(text) else { return fault("The hash is none in the PHC format.") };
    let params = Params::try_from(&read);
    let is_argon2 = ["argon2d", "argon2i", "argon2id"].contains(&read.algorithm.as_str());
    let (Ok(params), true, true) = (params, is_argon2, read.salt.is_some() && read.hash.is_some()) else {
        return fault("The hash is none of argon2, or has no salt.");
    };
    let (memory, passes, lanes) = DEAREST;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes || work > DEAREST_WORK
    {
        return fault(
            "The hash is too dear: up to 65536 KiB, 10 passes, 4 lanes, and 262144 KiB times passes can be checked here.",
        );
    }
    Ok(text.to_owned())
}

/// The kinds of factors; their secrets are not kept.
fn factors(listed: Option<Value>) -> Result<Vec<String>, Fault> {
    let fault =
        || Fault::new("INVALID_FORMAT", "Expected up to 10 factors: totp, phone or email.", "mfa_factors");
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::argon2_hash;

    fn is_taken(algorithm: &str, value: &str) -> bool {
        argon2_hash(&json!({ "algorithm": algorithm, "hash": { "value": value } })).is_ok()
    }

    #[test]
    fn a_hash_is_taken_that_a_login_can_be_checked_against() {
        const HASH: &str = "c29tZXNhbHQxMjM$ElYVYOZZp7W8wtiu83bKmT3mE/R9ym2JbOJmP4lWZuA";
        for kind in ["argon2i", "argon2d", "argon2id"] {
            assert!(is_taken("argon2", &format!("${kind}$v=19$m=4096,t=3,p=1${HASH}")), "{kind}");
        }
        let argon2id = |params: &str| is_taken("argon2", &format!("$argon2id$v=19${params}${HASH}"));
        for dear in
            ["m=65537,t=3,p=1", "m=65536,t=5,p=1", "m=4096,t=11,p=1", "m=4096,t=3,p=5", "m=4194304,t=3,p=1"]
        {
            assert!(!argon2id(dear), "{dear}");
        }
        assert!(!is_taken("argon2", "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQxMjM"));
        assert!(!is_taken("argon2", "$scrypt$ln=15,r=8,p=1$c29tZXNhbHQxMjM$ElYVYOZZp7W8wtiu83bKmQ"));
        assert!(!is_taken("argon2", "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG"));
        assert!(!is_taken("bcrypt", "$2b$10$C9hB01.YxRSTcn/ZOOo4j.TW7xCKKFKBSF.C7E0xiUwumqIDqWUXG"));
        assert!(!is_taken("argon2", ""));
        let peppered = json!({ "algorithm": "argon2", "hash": { "value": format!("$argon2id$v=19$m=4096,t=3,p=1${HASH}") }, "salt": { "value": "x" } });
        assert!(argon2_hash(&peppered).is_err());
    }
}
