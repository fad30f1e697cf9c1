//! Writing a user in Auth0's import format.

use serde_json::{Map, Value};

use crate::model::{Identity, User};

/// Converts a user to the import format. None if it is not a database user, which the
/// format cannot represent.
pub(super) fn to_import_format(user: &User) -> Option<Value> {
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
