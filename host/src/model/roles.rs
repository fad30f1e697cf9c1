//! Role names, in the forms in which events and metadata hold them.

use serde_json::Value;

/// Returns the role names in an event's `authorization`. Auth0's form is an object
/// with a list of strings, or of objects with a `name`. In any other form every word
/// counts as a name, as in metadata: an extra word asks the user once more, but a
/// missing word hides an administrator.
///
/// Source: Auth0 Actions, post-login trigger, `event.authorization.roles`.
pub(super) fn role_names(authorization: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let roles = match authorization {
        Value::Object(fields) => fields.get("roles").unwrap_or(&Value::Null),
        other => other,
    };
    let Value::Array(roles) = roles else {
        add_words(roles, &mut found);
        return found;
    };
    for role in roles {
        match (role.as_str(), role.get("name").and_then(Value::as_str)) {
            (Some(name), _) => {
                found.push(name.to_owned());
                // A name may contain spaces, but these characters separate names.
                if name.contains([',', ';', '|']) {
                    add_words(role, &mut found);
                }
            }
            (None, Some(name)) => found.push(name.to_owned()),
            (None, None) => add_words(role, &mut found),
        }
    }
    found
}

/// Adds every word of a value: those in its strings and in the keys of its objects,
/// at any depth.
pub(crate) fn add_words(value: &Value, found: &mut Vec<String>) {
    let split = |text: &str, found: &mut Vec<String>| {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
        found.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    match value {
        Value::String(text) => split(text, found),
        Value::Array(items) => items.iter().for_each(|item| add_words(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            split(key, found);
            add_words(value, found);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::role_names;

    #[test]
    fn a_role_is_one_in_whatever_form_it_stands() {
        let of = |roles| role_names(&json!({ "roles": roles }));
        assert_eq!(of(json!(["admin", {"id": "rol_1", "name": "owner"}, 7])), ["admin", "owner"]);
        assert_eq!(of(json!("user; admin|owner")), ["user", "admin", "owner"]);
        assert_eq!(of(json!({"admin": true})), ["admin"]);
        assert_eq!(of(json!([["admin"], {"owner": true}])), ["admin", "owner"]);
        assert!(of(json!(null)).is_empty() && of(json!(7)).is_empty());
        assert_eq!(role_names(&json!("admin")), ["admin"]);
        assert_eq!(role_names(&json!(["admin"])), ["admin"]);
        assert!(role_names(&json!({})).is_empty());
    }
}
