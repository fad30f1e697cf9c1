//! The request that changes a user into another state.

use serde_json::{Value, json};

use crate::model::{Metadata, User};

/// Returns the body of `PATCH /api/v2/users/{id}` that gives a user the metadata and the
/// block of another state; none if they are the same. Auth0 merges metadata on the first
/// level, and removes a key by `null`.
pub(super) fn patch_between(current: &User, wanted: &User) -> Option<Value> {
    let mut patch = serde_json::Map::new();
    for (name, now, then) in [
        ("user_metadata", &current.user_metadata, &wanted.user_metadata),
        ("app_metadata", &current.app_metadata, &wanted.app_metadata),
    ] {
        let changes = metadata_between(now.as_ref(), then.as_ref());
        // An empty object would clear all metadata.
        if !changes.is_empty() {
            patch.insert(name.to_owned(), changes.into());
        }
    }
    if current.blocked != wanted.blocked {
        patch.insert("blocked".to_owned(), json!(wanted.blocked));
    }
    (!patch.is_empty()).then(|| patch.into())
}

fn metadata_between(now: Option<&Metadata>, then: Option<&Metadata>) -> Metadata {
    let value = |held: Option<&Metadata>, key: &str| -> Value {
        held.and_then(|held| held.get(key)).cloned().unwrap_or_default()
    };
    let keys = now.into_iter().chain(then).flat_map(|held| held.keys());
    keys.filter(|key| value(now, key) != value(then, key))
        .map(|key| (key.clone(), value(then, key)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::patch_between;

    fn patch(now: Value, then: Value) -> Option<Value> {
        let user = |mut fields: Value| {
            fields["user_id"] = "auth0|1".into();
            serde_json::from_value(fields).unwrap()
        };
        patch_between(&user(now), &user(then))
    }

    #[test]
    fn only_differences_are_sent_and_nothing_is_cleared() {
        let now = json!({ "user_metadata": { "a": 1, "b": 2 }, "app_metadata": { "x": { "y": 1 } } });
        assert_eq!(patch(now.clone(), now.clone()), None);
        assert_eq!(patch(json!({ "user_metadata": { "a": null } }), json!({})), None);
        let then = json!({ "user_metadata": { "a": 1, "c": [] }, "app_metadata": { "x": { "z": 1 } }, "blocked": true });
        assert_eq!(
            patch(now.clone(), then),
            Some(
                json!({ "user_metadata": { "b": null, "c": [] }, "app_metadata": { "x": { "z": 1 } }, "blocked": true })
            )
        );
        assert_eq!(
            patch(now, json!({})),
            Some(json!({ "user_metadata": { "a": null, "b": null }, "app_metadata": { "x": null } }))
        );
    }
}
