//! Keys that change an object's prototype when JavaScript merges it into another object, as
//! Auth0's clients do with metadata.

use serde_json::Value;

const PROTOTYPE: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Returns the first such key: this one, or one at any depth of its value.
pub(crate) fn find_prototype_key(key: &str, value: &Value) -> Option<&'static str> {
    PROTOTYPE.into_iter().find(|it| *it == key).or_else(|| find_below(value))
}

fn find_below(value: &Value) -> Option<&'static str> {
    match value {
        Value::Array(items) => items.iter().find_map(find_below),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| find_prototype_key(key, value)),
        _ => None,
    }
}
