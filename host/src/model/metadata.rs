//! Metadata, and the patches by which the Management API changes it.

use serde_json::{Map, Value};

/// `user_metadata` or `app_metadata`: a JSON object.
pub type Metadata = Map<String, Value>;

/// A change of a user's metadata. Absent parts stay as they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataPatch {
    /// The change of `user_metadata`.
    pub user_metadata: Option<Metadata>,
    /// The change of `app_metadata`.
    pub app_metadata: Option<Metadata>,
}

impl MetadataPatch {
    /// Creates a patch of `app_metadata` alone.
    #[must_use]
    pub fn for_app_metadata(patch: Metadata) -> Self {
        Self { user_metadata: None, app_metadata: Some(patch) }
    }
}

/// Merges a patch into metadata, on the first level only. A `null` removes its key;
/// any other value replaces the one before. An empty patch clears everything.
///
/// Source: Auth0 Management API v2, `PATCH /api/v2/users/{id}`.
pub fn patch(target: &mut Option<Metadata>, patch: &Metadata) {
    if patch.is_empty() {
        *target = Some(Metadata::new());
        return;
    }
    let object = target.get_or_insert_default();
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            object.insert(key.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Metadata, patch};

    fn object(text: &str) -> Metadata {
        serde_json::from_str(text).unwrap()
    }

    fn patched(target: &str, with: &str) -> Metadata {
        let mut target = Some(object(target));
        patch(&mut target, &object(with));
        target.unwrap()
    }

    #[test]
    fn the_first_level_is_merged_and_no_other() {
        assert_eq!(patched(r#"{"a":{"x":1},"b":2}"#, r#"{"a":{"y":1}}"#), object(r#"{"a":{"y":1},"b":2}"#));
    }

    #[test]
    fn null_removes_and_an_empty_object_clears() {
        assert_eq!(patched(r#"{"a":1,"b":2}"#, r#"{"a":null}"#), object(r#"{"b":2}"#));
        assert_eq!(patched(r#"{"a":1,"b":2}"#, "{}"), object("{}"));
    }
}
