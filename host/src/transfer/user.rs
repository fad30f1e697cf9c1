//! Reading a user in Auth0's formats.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::foreign::{self, Fields};
use super::rejects::UserFormat;
use super::user_connections::{DATABASE, OptionalFields, assign_connection, check_names, take_connection};
use super::user_fault::UserFault;
use crate::directory::UserWithPassword;
use crate::model::{Timestamp, User};
use crate::password_hash;
use crate::reading::{read_json, rewrite_message};

/// The fields that are not imported, with the reason.
const LEFT_OUT: [(&str, &str); 6] = [
    (COUNT, "it is not a whole number; the user is imported without it"),
    ("password", "a password in plain text is not imported; `password_hash` and `custom_password_hash` are"),
    ("mfa_factors", "only the kind of an MFA enrolment is kept, in `multifactor`, not its secret"),
    ("created_at", NO_TIME),
    ("updated_at", NO_TIME),
    ("last_login", NO_TIME),
];
const COUNT: &str = "logins_count";
const NO_TIME: &str = "it is not a time such as 2026-11-21T10:00:00Z; the user is imported without it";
/// Fields that are left out if they are malformed.
const DATES: [&str; 3] = ["created_at", "updated_at", "last_login"];
/// Fields of exported users that the import format lacks.
const EXPORTED: [&str; 3] = ["last_login", "logins_count", "last_ip"];

/// Returns the reason why a field is not imported.
pub(super) fn explain_left_out(field: &str) -> &'static str {
    LEFT_OUT.iter().find(|(left_out, _)| *left_out == field).map_or("", |(_, why)| why)
}

/// A user that was read from a file.
#[derive(Debug)]
pub(super) struct ReadUser {
    pub(super) user: UserWithPassword,
    /// The value that the id was derived from, if the file has no id.
    pub(super) id_source: Option<String>,
}

/// The settings for reading the users of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The format of the file's first user.
    pub(super) format: UserFormat,
    /// The connection of users that name none.
    pub(super) connection: Option<&'a str>,
}

/// Detects the format of a user. None if the text is not a user.
pub(super) fn detect_format(json: &str) -> Option<UserFormat> {
    let fields: Fields<'_> = serde_json::from_str(json).ok()?;
    let held = |key: &str| fields.get(key).map(|it| it.get()).filter(|it| *it != "null");
    let has_provider = held("user_id").is_some_and(|id| id.starts_with('"') && id.contains('|'));
    let is_exported = has_provider || held("identities").is_some_and(|it| it != "[]");
    let is_like_exported = EXPORTED.iter().any(|key| fields.contains_key(*key));
    Some(if is_exported || is_like_exported { UserFormat::Export } else { UserFormat::Import })
}

/// Describes the product that a user comes from, if it is not Auth0.
pub(super) fn describe_foreign(json: &str) -> Option<String> {
    foreign::describe_user(&serde_json::from_str::<Fields<'_>>(json).ok()?)
}

impl Reader<'_> {
    /// Reads one user. `left_out` is called with each field that is not imported.
    pub(super) fn read_user(
        &self,
        json: &str,
        mut left_out: impl FnMut(&'static str),
    ) -> Result<ReadUser, UserFault> {
        let mut read = match serde_json::from_str::<User>(json) {
            Ok(user) if is_exported(&user) => self.read_exported(user, json)?,
            _ => self.read_closely(json, &mut left_out)?,
        };
        let user = &mut read.user.user;
        let factors = factor_kinds(user);
        for secret in ["password", "mfa_factors"] {
            if user.rest.remove(secret).is_some() {
                left_out(secret);
            }
        }
        if !factors.is_empty() && !user.rest.contains_key("multifactor") {
            user.rest.insert("multifactor".to_owned(), json!(factors));
        }
        Ok(read)
    }

    /// Reads a user of the import format, or one with a fault.
    fn read_closely(
        &self,
        json: &str,
        left_out: &mut dyn FnMut(&'static str),
    ) -> Result<ReadUser, UserFault> {
        if !json.starts_with('{') && serde_json::from_str::<IgnoredAny>(json).is_ok() {
            return Err("this is not a user object".to_owned().into());
        }
        let mut fields: Map<String, Value> = parse_json(json)?;
        if let Some(why) = describe_foreign(json) {
            return Err(why.into());
        }
        let mut is_odd = false;
        for date in DATES {
            let held = fields.get(date).filter(|held| !held.is_null());
            if held.is_some_and(|held| serde_json::from_value::<Timestamp>(held.clone()).is_err()) {
                fields.remove(date);
                left_out(date);
                is_odd = true;
            }
        }
        if let Some(held) = fields.get_mut(COUNT).filter(|held| !held.is_null() && held.as_u64().is_none()) {
            is_odd = true;
            match parse_whole_number(held) {
                Some(count) => *held = count.into(),
                None => {
                    fields.remove(COUNT);
                    left_out(COUNT);
                }
            }
        }
        let has_provider = matches!(fields.get("user_id"), Some(Value::String(id)) if id.contains('|'));
        if has_provider || fields.get("identities").is_some_and(|it| !it.is_null() && *it != json!([])) {
            let user = if is_odd { parse_fields(fields)? } else { parse_json(json)? };
            return self.read_exported(user, json);
        }
        let why = match (self.format, fields.get("user_id").filter(|it| !it.is_null())) {
            (UserFormat::Import, _) => return self.read_imported(fields, json),
            (UserFormat::Export, None) => "`user_id` is missing; an export has to be asked for it",
            (UserFormat::Export, Some(_)) => {
                "`user_id`: expected `provider|id`, as exported users have it, such as `auth0|1`"
            }
        };
        Err(why.to_owned().into())
    }

    /// Reads a user of the export format.
    fn read_exported(&self, mut user: User, json: &str) -> Result<ReadUser, UserFault> {
        let said = take_connection(&mut user.rest)?;
        let optional = OptionalFields::from_line(&user, json);
        let is_made = user.identities.is_empty();
        if is_made {
            user = user.with_own_identity("");
        }
        let own = user.identities.iter().position(|it| it.as_user_id() == user.user_id).unwrap_or(0);
        for (n, identity) in user.identities.iter_mut().enumerate() {
            let is_named = !is_made && optional.names_connection(n);
            if is_named && !identity.connection_assumed {
                continue;
            }
            let said = if n == own { self.agree_connection(said.clone())? } else { None };
            assign_connection(identity, said, is_named)?;
        }
        if let (Some(said), Some(own)) = (said, user.identities.get(own))
            && own.connection != said
        {
            let why = format!("`connection`: it is `{said}`, and that of its identity `{}`", own.connection);
            return Err(why.into());
        }
        check_names(&user)?;
        let password = password_hash::take_hash(&mut user.rest).map_err(hash_fault)?;
        let states_block = user.blocked || optional.blocked.is_some();
        let user = UserWithPassword { user, password, states_block };
        Ok(ReadUser { user, id_source: None })
    }

    /// Reads a user of the import format.
    ///
    /// Source: Auth0, "Bulk User Import Database Schema and Examples": the id becomes the
    /// part after `auth0|`; without one, Auth0 generates an id.
    fn read_imported(&self, mut fields: Map<String, Value>, json: &str) -> Result<ReadUser, UserFault> {
        let said = self.agree_connection(take_connection(&mut fields)?)?;
        let connection = said.as_deref().unwrap_or(DATABASE);
        let mut id_source = None;
        let id = match fields.get("user_id") {
            Some(Value::String(id)) if !id.is_empty() => format!("auth0|{id}"),
            Some(Value::Number(id)) => format!("auth0|{id}"),
            None | Some(Value::Null) => {
                let key = find_identifying_field(&fields).ok_or_else(|| {
                    UserFault::from(
                        "it has neither `user_id` nor `email`, `username` or `phone_number`".to_owned(),
                    )
                })?;
                id_source = Some(key.to_owned());
                format!("auth0|{}", derive_id(connection, key))
            }
            Some(Value::String(_)) => return Err("`user_id` is empty".to_owned().into()),
            Some(_) => return Err("`user_id` is neither a text nor a number".to_owned().into()),
        };
        fields.insert("user_id".to_owned(), Value::from(id));
        // Auth0 stores the addresses of database users in lower case.
        if let Some(Value::String(email)) = fields.get_mut("email") {
            *email = email.to_ascii_lowercase();
        }
        let password = password_hash::take_hash(&mut fields).map_err(hash_fault)?;
        // The position of the fault is that of the field in the original text.
        let states_block = fields.get("blocked").is_some_and(|it| !it.is_null());
        let user = parse_fields(fields).map_err(|fault| parse_json::<Typed>(json).err().unwrap_or(fault))?;
        let mut user = user.with_own_identity(connection);
        user.identities.iter_mut().for_each(|own| own.connection_assumed = said.is_none());
        check_names(&user)?;
        Ok(ReadUser { user: UserWithPassword { user, password, states_block }, id_source })
    }

    /// Returns the connection of the line, or else the one given for the file. Fails if both
    /// differ.
    fn agree_connection(&self, said: Option<String>) -> Result<Option<String>, UserFault> {
        match (said, self.connection) {
            (Some(said), Some(given)) if said != given => {
                let why = format!("`connection`: it is `{said}`, and the import is into `{given}`");
                Err(why.into())
            }
            (said, given) => Ok(said.or_else(|| given.map(str::to_owned))),
        }
    }
}

/// Parses a whole number in another notation: `100.0`, `1e2`, `"3"`.
fn parse_whole_number(value: &Value) -> Option<u64> {
    let text = match value {
        Value::String(text) => text.trim(),
        other => return to_whole_number(other.as_f64()?),
    };
    text.parse().ok().or_else(|| to_whole_number(text.parse().ok()?))
}

/// Converts a float without a fraction.
fn to_whole_number(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
    // This format has neither a decimal point nor an exponent.
    is_whole.then(|| format!("{number:.0}").parse().ok())?
}

/// Returns whether a user is in the export format.
fn is_exported(user: &User) -> bool {
    user.user_id.contains('|') || !user.identities.is_empty()
}

/// The typed fields of the import format.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only read, for the place of an error")]
struct Typed {
    email: Option<String>,
    logins_count: Option<u64>,
    blocked: Option<bool>,
    user_metadata: Option<Map<String, Value>>,
    app_metadata: Option<Map<String, Value>>,
    roles: Option<Vec<String>>,
    organizations: Option<Vec<String>>,
}

/// Parses a text, with the position of a fault.
fn parse_json<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, UserFault> {
    Ok(read_json("".as_ref(), json)?)
}

/// Converts fields to a user.
fn parse_fields(fields: Map<String, Value>) -> Result<User, UserFault> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let why = rewrite_message(&error.into_inner().to_string());
        if path == "." { why } else { format!("`{path}`: {why}") }.into()
    })
}

/// Converts the error of a password hash.
fn hash_fault((field, why): (&str, String)) -> UserFault {
    format!("`{field}`: {why}").into()
}

/// Returns the field that identifies a user in its database.
fn find_identifying_field(fields: &Map<String, Value>) -> Option<&str> {
    let text = |key: &&str| fields.get(*key).and_then(Value::as_str).filter(|text| !text.is_empty());
    ["email", "username", "phone_number"].iter().find_map(text)
}

/// Derives an id from the field that identifies the user, so that a second import finds
/// the same user.
fn derive_id(connection: &str, key: &str) -> String {
    let digest = Sha256::new()
        .chain_update(connection)
        .chain_update([0])
        .chain_update(key.to_ascii_lowercase())
        .finalize();
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the kinds of enrolled factors in the import format.
fn factor_kinds(user: &User) -> Vec<String> {
    let factors = user.rest.get("mfa_factors").and_then(Value::as_array);
    let kinds = factors.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys);
    let mut kinds: Vec<String> = kinds.cloned().collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests;
