//! Checks of the values of a user's attributes.
//!
//! Source: Auth0's OpenAPI document, `post_users` and `patch_users_by_id`;
//! "Metadata field names and data types".

use ligature_contact_syntax::{is_email_address, is_phone_number};
use serde::{Deserialize, Deserializer};

use crate::model::Metadata;
use crate::tenant::management::problem::Problem;

/// The greatest length of each value, in characters.
pub(super) const LENGTHS: [(&str, usize); 7] = [
    ("given_name", 150),
    ("family_name", 150),
    ("name", 300),
    ("nickname", 300),
    ("username", 128),
    ("picture", 2048),
    ("client_id", 256),
];

/// The greatest size of each kind of metadata, in bytes. It is limited because plugins receive
/// the metadata at every login.
///
/// Source: Auth0, "Actions limitations".
const METADATA_BYTES: usize = 32 << 10;

/// Keys that `app_metadata` must not have: they would override the user's own attributes.
pub(super) const FORBIDDEN: [&str; 18] = [
    "__tenant",
    "_id",
    "blocked",
    "clientID",
    "created_at",
    "email_verified",
    "email",
    "globalClientID",
    "global_client_id",
    "identities",
    "lastIP",
    "lastLogin",
    "loginsCount",
    "metadata",
    "multifactor_last_modified",
    "multifactor",
    "updated_at",
    "user_id",
];

/// Deserializes an optional field so that `null` differs from an absent field.
pub(super) fn deserialize_present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Checks the syntax of an address; a malformed one is 400 `invalid_body`.
pub(super) fn check_email(email: &str) -> Result<(), Problem> {
    if is_email_address(email) {
        return Ok(());
    }
    Err(Problem::body("Object didn't pass validation for format email: on property email"))
}

/// Checks the syntax of a phone number; a malformed one is 400 `invalid_body`.
pub(super) fn check_phone(number: &str) -> Result<(), Problem> {
    if is_phone_number(number) {
        return Ok(());
    }
    Err(Problem::body("String does not match pattern ^\\+[0-9]{1,15}$ on property phone_number"))
}

/// Checks the length and the characters of a text; a wrong one is 400 `invalid_body`.
pub(super) fn check_text(name: &str, text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::body(&format!("String is too short (0 chars), minimum 1 on property {name}")));
    }
    let longest = LENGTHS.iter().find(|(known, _)| *known == name).map_or(1_024, |(_, longest)| *longest);
    let length = text.chars().count();
    if length > longest {
        let detail = format!("String is too long ({length} chars), maximum {longest} on property {name}");
        return Err(Problem::body(&detail));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::body(&format!("there is a control character on property {name}")));
    }
    Ok(())
}

/// Checks the size and the keys of metadata; wrong metadata is 400 `invalid_body`.
pub(super) fn check_metadata(name: &str, metadata: Option<&Metadata>) -> Result<(), Problem> {
    let Some(metadata) = metadata else { return Ok(()) };
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > METADATA_BYTES {
        let detail = format!("{name} is too large ({bytes} bytes), maximum {METADATA_BYTES}");
        return Err(Problem::body(&detail));
    }
    for key in metadata.keys() {
        if key.contains(['.', '$']) {
            return Err(Problem::body(&format!("keys must not contain . or $: {key} on property {name}")));
        }
        if name == "app_metadata" && FORBIDDEN.contains(&key.as_str()) {
            return Err(Problem::body(&format!(
                "Additional properties not allowed: {key} on property {name}"
            )));
        }
    }
    Ok(())
}
