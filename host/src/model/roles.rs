//! Names of roles, in the forms in which an event or metadata gives them.

use serde_json::Value;

/// The names in an event's `authorization`. Auth0's form is an object with a list of
/// texts, or of objects with a `name`; in whatever else stands there, every word counts,
/// as in metadata: a word too many asks the user once, one too few hides an
/// administrator.
///
/// Source: Auth0 Actions, post-login trigger, `event.authorization.roles`.
pub(super) fn roles_of(authorization: &Value) -> Vec<String> {
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
                // A name may have spaces; with these in it, it is several.
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

/// Adds every word in a value: of its texts and of the keys of its objects, however
/// deep.
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

    use super::roles_of;

    #[test]
    fn a_role_is_one_in_whatever_form_it_stands() {
        let of = |roles| roles_of(&json!({ "roles": roles }));
        assert_eq!(of(json!(["admin", {"id": "rol_1", "name": "owner"}, 7])), ["admin", "owner"]);
        assert_eq!(of(json!("user; admin|owner")), ["user", "admin", "owner"]);
        assert_eq!(of(json!({"admin": true})), ["admin"]);
        assert_eq!(of(json!([["admin"], {"owner": true}])), ["admin", "owner"]);
        assert!(of(json!(null)).is_empty() && of(json!(7)).is_empty());
        assert_eq!(roles_of(&json!("admin")), ["admin"]);
        assert_eq!(roles_of(&json!(["admin"])), ["admin"]);
        assert!(roles_of(&json!({})).is_empty());
    }
}
