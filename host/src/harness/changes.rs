//! The differences between two states of a directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::User;

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// The user is new.
    Added {
        /// The user's id.
        user_id: String,
    },
    /// The user is gone.
    Removed {
        /// The user's id.
        user_id: String,
    },
    /// A field of the user, or a key of its metadata, has changed.
    Changed {
        /// The user's id.
        user_id: String,
        /// The name of the field, such as `user_metadata.theme`.
        field: String,
        /// The value before; null if there was none.
        before: Value,
        /// The value afterwards; null if there is none.
        after: Value,
    },
}

/// Compares two states of a directory. The differences are sorted by user id.
pub(super) fn find_changes(before: &[Arc<User>], after: &[Arc<User>]) -> Vec<Change> {
    let by_id = |users: &[Arc<User>]| -> BTreeMap<String, Arc<User>> {
        users.iter().map(|user| (user.user_id.clone(), user.clone())).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut changes = Vec::new();
    for (user_id, was) in &before {
        match after.get(user_id) {
            None => changes.push(Change::Removed { user_id: user_id.clone() }),
            Some(is) if is != was => add_field_changes(user_id, was, is, &mut changes),
            Some(_) => {}
        }
    }
    let added = after.keys().filter(|user_id| !before.contains_key(*user_id));
    changes.extend(added.map(|user_id| Change::Added { user_id: user_id.clone() }));
    changes
}

fn add_field_changes(user_id: &str, was: &User, is: &User, changes: &mut Vec<Change>) {
    let (was, is) = (flatten_fields(was), flatten_fields(is));
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let get = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
        let (before, after) = (get(&was), get(&is));
        if before != after {
            changes.push(Change::Changed { user_id: user_id.to_owned(), field: name.clone(), before, after });
        }
    }
}

/// Returns a user's fields. Each key of metadata is a field; identities are ids.
fn flatten_fields(user: &User) -> Map<String, Value> {
    let Ok(Value::Object(whole)) = serde_json::to_value(user) else { return Map::new() };
    let mut fields = Map::new();
    for (name, value) in whole {
        match value {
            Value::Object(metadata) if name.ends_with("_metadata") => {
                fields.extend(metadata.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            _ if name == "identities" => {
                let ids: Vec<String> = user.identities.iter().map(|identity| identity.as_user_id()).collect();
                fields.insert(name, json!(ids));
            }
            value => {
                fields.insert(name, value);
            }
        }
    }
    fields
}
