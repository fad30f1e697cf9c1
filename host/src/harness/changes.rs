//! What differs in a directory afterwards.

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
    /// The user was not there before.
    Added {
        /// Whom.
        user_id: String,
    },
    /// The user is no longer there.
    Removed {
        /// Whom.
        user_id: String,
    },
    /// A field of the user, or a key of its metadata, has changed.
    Changed {
        /// Whose.
        user_id: String,
        /// Which, such as `user_metadata.theme`.
        field: String,
        /// What it was; null if it was not there.
        before: Value,
        /// What it is; null if it is not there.
        after: Value,
    },
}

/// What differs between two states of a directory, in the order of user ids.
pub(super) fn changes(before: &[Arc<User>], after: &[Arc<User>]) -> Vec<Change> {
    let by_id = |users: &[Arc<User>]| -> BTreeMap<String, Arc<User>> {
        users.iter().map(|user| (user.user_id.clone(), user.clone())).collect()
    };
    let (before, after) = (by_id(before), by_id(after));
    let mut changes = Vec::new();
    for (user_id, was) in &before {
        match after.get(user_id) {
            None => changes.push(Change::Removed { user_id: user_id.clone() }),
            Some(is) if is != was => field_changes(user_id, was, is, &mut changes),
            Some(_) => {}
        }
    }
    let added = after.keys().filter(|user_id| !before.contains_key(*user_id));
    changes.extend(added.map(|user_id| Change::Added { user_id: user_id.clone() }));
    changes
}

fn field_changes(user_id: &str, was: &User, is: &User, changes: &mut Vec<Change>) {
    let (was, is) = (fields(was), fields(is));
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

/// A user's fields; metadata key by key, identities by their ids.
fn fields(user: &User) -> Map<String, Value> {
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
