//! A user as a file holds it.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::login::{Identity, User};
use crate::place::without_place;

/// The connection of database users that name none: Auth0's own default.
pub(super) const DATABASE: &str = "Username-Password-Authentication";

/// What a file may hold and the directory does not keep, with the reason.
const LEFT_OUT: [(&str, &str); 4] = [
    ("password_hash", "the directory keeps no passwords"),
    ("custom_password_hash", "the directory keeps no passwords"),
    ("password", "the directory keeps no passwords"),
    ("mfa_factors", "of MFA enrolments only the kind is kept, in `multifactor`, not the secret"),
];

/// Why this field is left out of users.
pub(super) fn why_left_out(field: &str) -> &'static str {
    LEFT_OUT.iter().find(|(left_out, _)| *left_out == field).map_or("", |(_, why)| why)
}

/// Reads one user. `from_import` is the import format: the id has no provider
/// in front, and the user belongs to a database. `left_out` is told what the
/// directory does not keep.
pub(super) fn read(
    json: &str,
    from_import: bool,
    connection: Option<&str>,
    mut left_out: impl FnMut(&'static str),
) -> Result<User, String> {
    let mut user = if from_import { imported(json, connection)? } else { exported(json)? };
    if user.identities.is_empty() {
        let connection = connection.map_or_else(|| connection_of(&user.user_id), str::to_owned);
        user = user.with_own_identity(&connection);
    }
    let factors = factors(&user);
    for (secret, _) in LEFT_OUT {
        if user.rest.remove(secret).is_some() {
            left_out(secret);
        }
    }
    if !factors.is_empty() && !user.rest.contains_key("multifactor") {
        user.rest.insert("multifactor".to_owned(), json!(factors));
    }
    Ok(user)
}

fn exported(json: &str) -> Result<User, String> {
    serde_json::from_str(json).map_err(|error| words(&error))
}

/// What serde_json says. Its line is that within the user, which nobody counts.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let what = without_place(&words, error.line(), error.column());
    if error.line() == 1 { format!("{what}, column {}", error.column()) } else { what.to_owned() }
}

/// Source: Auth0, "Bulk User Import Database Schema and Examples": the id is
/// made the part behind `auth0|`; without one, Auth0 makes one up.
fn imported(json: &str, connection: Option<&str>) -> Result<User, String> {
    let mut fields: Map<String, Value> = serde_json::from_str(json).map_err(|error| words(&error))?;
    let id = match fields.get("user_id") {
        Some(Value::String(id)) if id.contains('|') => id.clone(),
        Some(Value::String(id)) if !id.is_empty() => format!("auth0|{id}"),
        Some(Value::Number(id)) => format!("auth0|{id}"),
        None | Some(Value::Null) => format!("auth0|{}", made_up(&fields, connection)?),
        Some(_) => return Err("`user_id` is neither a text nor a number".to_owned()),
    };
    fields.insert("user_id".to_owned(), Value::from(id));
    // Auth0 keeps the addresses of its databases in lower case.
    if let Some(Value::String(email)) = fields.get_mut("email") {
        *email = email.to_ascii_lowercase();
    }
    let user: User = serde_json::from_value(Value::Object(fields)).map_err(|error| words(&error))?;
    Ok(if user.identities.is_empty() { user.with_own_identity(connection.unwrap_or(DATABASE)) } else { user })
}

/// An id made of what tells the user from the others, so that importing it again
/// finds it.
fn made_up(fields: &Map<String, Value>, connection: Option<&str>) -> Result<String, String> {
    let key =
        ["email", "username", "phone_number"].iter().find_map(|key| fields.get(*key).and_then(Value::as_str));
    let key = key.ok_or("it has neither `user_id` nor `email`, `username` or `phone_number`")?;
    let digest = Sha256::new()
        .chain_update(connection.unwrap_or(DATABASE))
        .chain_update([0])
        .chain_update(key.to_ascii_lowercase())
        .finalize();
    Ok(digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// The connection of an identity that names none: enterprise ids have it in
/// their middle.
fn connection_of(user_id: &str) -> String {
    let mut parts = user_id.splitn(3, '|');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("auth0"), ..) => DATABASE.to_owned(),
        (Some(_), Some(connection), Some(_)) => connection.to_owned(),
        (Some(provider), ..) => provider.to_owned(),
        _ => String::new(),
    }
}

/// The kinds of factors that the import format enrols.
fn factors(user: &User) -> Vec<String> {
    let factors = user.rest.get("mfa_factors").and_then(Value::as_array);
    let kinds = factors.into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys);
    let mut kinds: Vec<String> = kinds.cloned().collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// A user in the import format; none if it is no database user, which that
/// format cannot hold.
pub(super) fn to_import(user: &User) -> Option<Value> {
    let own: &Identity = user.identities.first()?;
    if own.provider != "auth0" {
        return None;
    }
    let whole = serde_json::to_value(user).ok()?;
    let mut fields = Map::new();
    for key in [
        "email",
        "email_verified",
        "username",
        "given_name",
        "family_name",
        "name",
        "nickname",
        "picture",
        "blocked",
        "user_metadata",
        "app_metadata",
    ] {
        if let Some(value) = whole.get(key) {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    fields.insert("user_id".to_owned(), Value::from(own.user_id.as_str()));
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::{read, to_import};

    #[test]
    fn an_exported_user_is_kept_as_it_is() {
        let line =
            r#"{"user_id": "samlp|acme|ada@example.com", "email": "Ada@example.com", "logins_count": 3}"#;
        let user = read(line, false, None, |_| {}).unwrap();
        assert_eq!(user.email.as_deref(), Some("Ada@example.com"));
        assert_eq!(user.identities[0].connection, "acme");
        assert_eq!(user.identities[0].user_id, "acme|ada@example.com");
    }

    #[test]
    fn an_imported_user_belongs_to_a_database() {
        let mut left_out = Vec::new();
        let json = r#"{"email": "Ada@Example.com", "user_id": 7, "password_hash": "$2b$10$x",
                       "mfa_factors": [{"totp": {"secret": "S3CRET"}}]}"#;
        let user = read(json, true, None, |field| left_out.push(field)).unwrap();
        assert_eq!((user.user_id.as_str(), user.email.as_deref()), ("auth0|7", Some("ada@example.com")));
        assert_eq!(user.identities[0].connection, "Username-Password-Authentication");
        assert_eq!(user.mfa_factors(), ["totp"]);
        let text = serde_json::to_string(&user).unwrap();
        assert!(!text.contains("$2b$") && !text.contains("S3CRET"), "{text}");
        assert_eq!(left_out, ["password_hash", "mfa_factors"]);
        assert_eq!(to_import(&user).unwrap()["user_id"], "7");
    }

    #[test]
    fn an_id_that_is_made_up_is_the_same_again() {
        let id = |json: &str| read(json, true, None, |_| {}).map(|user| user.user_id);
        let first = id(r#"{"email": "ada@example.com"}"#).unwrap();
        assert_eq!(Ok(first), id(r#"{"email": "ADA@example.com", "name": "Ada"}"#));
        assert!(id("{}").unwrap_err().contains("neither"));
    }
}
