//! The metadata that a link may write: the rules of the host's guard
//! (`host/src/guard/patch.rs` in Ligature's workspace), without a list of
//! allowed keys.

use serde_json::{Map, Value};

use super::words::{NAME, join_lines};
use crate::LinkRequest;

/// Keys by which the host and the tenant keep accounts apart.
const MARKS: [&str; 3] = ["linking", "no_link", "privileged"];

/// Keys that change an object's prototype in JavaScript.
const PROTOTYPE: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Returns the reason why a link may not write this metadata; none if it may. The
/// texts are JSON objects.
pub(super) fn find_patch_fault(request: &LinkRequest) -> Option<String> {
    let objects = [("user_metadata", &request.user_metadata), ("app_metadata", &request.app_metadata)];
    objects.into_iter().find_map(|(name, text)| {
        let object: Map<String, Value> = serde_json::from_str(text.as_deref()?).ok()?;
        let mark = object.keys().find(|key| name == "app_metadata" && MARKS.contains(&key.as_str()));
        if let Some(key) = mark {
            let key = join_lines(key, NAME);
            return Some(format!("`{name}.{key}` is a mark, which no link writes or removes"));
        }
        let key = object.iter().find_map(|(key, value)| find_prototype(key, value))?;
        Some(format!("`{name}` holds the key `{key}`, which no link writes"))
    })
}

fn find_prototype(key: &str, value: &Value) -> Option<&'static str> {
    PROTOTYPE.into_iter().find(|it| *it == key).or_else(|| prototype_below(value))
}

fn prototype_below(value: &Value) -> Option<&'static str> {
    match value {
        Value::Array(items) => items.iter().find_map(prototype_below),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| find_prototype(key, value)),
        _ => None,
    }
}
