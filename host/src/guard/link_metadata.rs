//! The metadata that a link may write.

use crate::model::{LinkRequest, Metadata, find_prototype_key, join_lines};
use ligature_linking_marks::PROTECTED;

/// The length to which a message shortens a key, in bytes.
const NAME: usize = 100;

/// Returns the first fault of a link's metadata, in words; none if it may be
/// written. `allowed` lists the first-level keys that the operator allows; none
/// allows every key.
pub(super) fn find_fault(request: &LinkRequest, allowed: Option<&[String]>) -> Option<String> {
    let objects =
        [("user_metadata", &request.user_metadata), ("app_metadata", &request.app_metadata)].into_iter();
    let mut written = objects.filter_map(|(name, object)| Some((name, object.as_ref()?)));
    written.find_map(|(name, object)| {
        find_key_fault(name, object, allowed).or_else(|| find_prototype_fault(name, object))
    })
}

fn find_key_fault(name: &str, object: &Metadata, allowed: Option<&[String]>) -> Option<String> {
    let is_mark = |key: &str| name == "app_metadata" && PROTECTED.contains(&key);
    object.keys().find_map(|key| {
        let shown = || join_lines(key, NAME);
        if is_mark(key) {
            return Some(format!("`{name}.{}` is a mark, which no link writes or removes", shown()));
        }
        let is_allowed = allowed.is_none_or(|allowed| allowed.iter().any(|it| it == key));
        (!is_allowed).then(|| {
            let shown = shown();
            format!("`{name}.{shown}` is not among the keys that a link may write (the limit is `link_metadata_keys`)")
        })
    })
}

fn find_prototype_fault(name: &str, object: &Metadata) -> Option<String> {
    let key = object.iter().find_map(|(key, value)| find_prototype_key(key, value))?;
    Some(format!("`{name}` holds the key `{key}`, which no link writes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::find_fault;
    use crate::model::LinkRequest;

    fn refused(user: serde_json::Value, app: serde_json::Value, allowed: Option<&[&str]>) -> Option<String> {
        let request = LinkRequest {
            primary: "auth0|1".to_owned(),
            secondary: "auth0|2".to_owned(),
            user_metadata: serde_json::from_value(user).unwrap(),
            app_metadata: serde_json::from_value(app).unwrap(),
            reasons: [].into(),
        };
        let allowed: Option<Vec<String>> =
            allowed.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
        find_fault(&request, allowed.as_deref())
    }

    #[test]
    fn a_mark_is_refused_whatever_its_value() {
        for key in ["linking", "no_link", "privileged"] {
            for value in [json!(null), json!(false), json!(true), json!({}), json!({ "prompts": -5 })] {
                let why = refused(json!(null), json!({ "plan": "pro", key: value }), None);
                assert_eq!(
                    why.unwrap(),
                    format!("`app_metadata.{key}` is a mark, which no link writes or removes")
                );
            }
        }
        assert_eq!(refused(json!({ "linking": "a hobby" }), json!({ "plan": { "linking": 1 } }), None), None);
    }

    #[test]
    fn a_key_of_the_prototype_is_refused_at_any_depth() {
        for object in [
            json!({ "__proto__": 1 }),
            json!({ "a": { "constructor": null } }),
            json!({ "a": [1, [{ "b": { "prototype": {} } }]] }),
        ] {
            assert!(refused(object.clone(), json!(null), None).is_some(), "{object}");
            assert!(refused(json!(null), object.clone(), None).is_some(), "{object}");
        }
        assert_eq!(refused(json!({ "a": "__proto__", "Prototype": 1 }), json!(null), None), None);
    }

    #[test]
    fn the_operators_list_is_of_first_level_keys() {
        let allowed: Option<&[&str]> = Some(&["theme", "linking"]);
        assert_eq!(refused(json!({ "theme": { "dark": true } }), json!({}), allowed), None);
        assert_eq!(
            refused(json!({ "theme": 1 }), json!({ "roles": null }), allowed).unwrap(),
            "`app_metadata.roles` is not among the keys that a link may write (the limit is `link_metadata_keys`)"
        );
        assert!(refused(json!(null), json!({ "linking": {} }), allowed).unwrap().contains("is a mark"));
        assert!(refused(json!({ "theme": 1 }), json!(null), Some(&[])).is_some());
    }
}
