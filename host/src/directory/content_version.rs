//! The version of a tenant's user, which the tenant itself does not number.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{ApiError, User};

/// The fields that a login changes, or that change with every other field.
const VOLATILE: [&str; 4] = ["last_ip", "last_login", "logins_count", "updated_at"];

/// Returns a hash of the user's content, without the fields that a login changes.
pub(crate) fn compute_content_version(user: &User) -> Result<u64, ApiError> {
    let unreadable = |error: serde_json::Error| ApiError::Other(format!("{}: {error}", user.user_id));
    let mut content = serde_json::to_value(user).map_err(unreadable)?;
    if let Some(fields) = content.as_object_mut() {
        fields.retain(|key, _| !VOLATILE.contains(&key.as_str()));
    }
    let mut hash = Sha256::new();
    add_value(&mut hash, &content);
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    Ok(u64::from_be_bytes(first))
}

/// Adds a value to a hash. The order of an object's keys does not matter.
fn add_value(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_unstable();
            add_text(hash, b'{', &keys.len().to_string());
            for key in keys {
                add_text(hash, b'k', key);
                add_value(hash, &fields[key]);
            }
        }
        Value::Array(items) => {
            add_text(hash, b'[', &items.len().to_string());
            items.iter().for_each(|item| add_value(hash, item));
        }
        Value::String(text) => add_text(hash, b's', text),
        other => add_text(hash, b'v', &other.to_string()),
    }
}

/// Adds a text with its kind and its length, so that no two contents look the same.
fn add_text(hash: &mut Sha256, kind: u8, text: &str) {
    hash.update([kind]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

#[cfg(test)]
mod tests {
    use super::compute_content_version;

    fn version(json: &str) -> u64 {
        compute_content_version(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn a_login_does_not_change_the_version_and_everything_else_does() {
        let one = version(r#"{"user_id":"auth0|1","email":"ada@example.com","user_metadata":{"a":1,"b":2}}"#);
        let after_login = r#"{"user_metadata":{"b":2,"a":1},"user_id":"auth0|1","email":"ada@example.com",
            "last_login":"2026-01-01T00:00:00Z","logins_count":9,"last_ip":"192.0.2.1","updated_at":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(version(after_login), one);
        for other in [
            r#"{"user_id":"auth0|1","email":"Ada@example.com","user_metadata":{"a":1,"b":2}}"#,
            r#"{"user_id":"auth0|1","email":"ada@example.com","user_metadata":{"a":1,"b":"2"}}"#,
            r#"{"user_id":"auth0|1","email":"ada@example.com","user_metadata":{"a":1,"b":2},"blocked":true}"#,
            r#"{"user_id":"auth0|1","email":"ada@example.com","app_metadata":{"a":1,"b":2}}"#,
            r#"{"user_id":"auth0|1","email":"ada@example.com","user_metadata":{"a":1,"b":2},"nickname":"a"}"#,
        ] {
            assert_ne!(version(other), one, "{other}");
        }
    }
}
