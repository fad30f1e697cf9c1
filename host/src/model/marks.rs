//! The marks in `app_metadata.linking` that the host writes, and the only function that writes
//! them. `docs/marks.md` documents every mark; the crate `ligature-linking-marks` defines their keys.
//!
//! A value of another type in place of a mark was not written by the host, and is never
//! overwritten. `null` counts as absent.

use ligature_linking_marks::{LINKING, checked, linking};
use serde_json::{Map, Value, json};

use super::{Metadata, Timestamp, User};

/// A mark that the host writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostMark {
    /// The identities that the account was separated from.
    Unlinked,
    /// The number of times the user has been prompted.
    Prompts,
    /// The time at which the user was last prompted.
    LastPromptedAt,
    /// The last look-up that found no other account.
    Checked,
}

impl HostMark {
    /// All marks.
    pub(super) const ALL: [Self; 4] = [Self::Unlinked, Self::Prompts, Self::LastPromptedAt, Self::Checked];

    /// Returns the key of the mark in `linking`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Unlinked => linking::UNLINKED,
            Self::Prompts => linking::PROMPTS,
            Self::LastPromptedAt => linking::LAST_PROMPTED_AT,
            Self::Checked => linking::CHECKED,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Unlinked => "a list",
            Self::Prompts => "a number from 0 to 4294967295",
            Self::LastPromptedAt => "a time in milliseconds",
            Self::Checked => "an object with a time and a fingerprint",
        }
    }

    fn is_of_its_type(self, value: &Value) -> bool {
        match self {
            Self::Unlinked => value.is_array(),
            Self::Prompts => value.as_u64().is_some_and(|it| u32::try_from(it).is_ok()),
            Self::LastPromptedAt => value.is_u64(),
            Self::Checked => value[checked::AT].is_u64() && value[checked::FOR].is_string(),
        }
    }
}

/// The reason why a mark is not written: a value of another type is in its place, and was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`app_metadata.{path}` is {held}, not {expected}, and was left alone")]
pub struct ForeignMark {
    path: String,
    held: &'static str,
    expected: &'static str,
}

impl ForeignMark {
    fn new(path: String, held: &Value, expected: &'static str) -> Self {
        let held = match held {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "another number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Self { path, held, expected }
    }
}

/// Changes one mark in `app_metadata`. `change` receives the mark's value and returns the new one.
/// All other keys of `linking` are kept. If `change` returns `None` and there is no mark, the
/// metadata is unchanged.
///
/// # Errors
///
/// When `linking` is not an object, or the mark is of another type. Nothing is changed then.
pub(super) fn change_mark(
    app_metadata: &mut Option<Metadata>,
    mark: HostMark,
    change: impl FnOnce(Option<&Value>) -> Option<Value>,
) -> Result<(), ForeignMark> {
    let held = app_metadata.as_ref().and_then(|metadata| metadata.get(LINKING));
    let mut object = match held {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(object)) => object.clone(),
        Some(other) => return Err(ForeignMark::new(LINKING.to_owned(), other, "an object")),
    };
    let key = mark.key();
    let before = object.get(key).filter(|value| !value.is_null());
    if let Some(before) = before.filter(|before| !mark.is_of_its_type(before)) {
        return Err(ForeignMark::new(format!("{LINKING}.{key}"), before, mark.expected()));
    }
    let after = change(before);
    if after.as_ref() == before {
        return Ok(());
    }
    match after {
        Some(after) => drop(object.insert(key.to_owned(), after)),
        None => drop(object.remove(key)),
    }
    app_metadata.get_or_insert_default().insert(LINKING.to_owned(), Value::Object(object));
    Ok(())
}

/// Returns `app_metadata` without everything but `linking`, which a patch replaces whole.
fn linking_of(app_metadata: Option<&Metadata>) -> Option<Metadata> {
    let linking = app_metadata.and_then(|metadata| metadata.get_key_value(LINKING));
    Some(linking.map(|(key, value)| (key.clone(), value.clone())).into_iter().collect())
}

/// Returns the patch of `app_metadata` that marks a user as checked at this time: a
/// look-up by these settings has found no other account with the address.
///
/// # Errors
///
/// When a value of another type is in place of the mark.
pub fn mark_checked(user: &User, settings: &str, now: Timestamp) -> Result<Metadata, ForeignMark> {
    let mut marked = linking_of(user.app_metadata.as_ref());
    let identities = user.identities.iter().map(|it| (it.provider.as_str(), it.user_id.as_str()));
    let email = user.email.as_deref().unwrap_or_default();
    let fingerprint = checked::fingerprint(settings, &user.user_id, email, identities);
    let mark = json!({ checked::AT: now.as_millis(), checked::FOR: fingerprint });
    change_mark(&mut marked, HostMark::Checked, |_| Some(mark))?;
    Ok(marked.unwrap_or_default())
}

/// Removes the mark of a look-up, so that the next login looks up. A value of another type
/// stays.
pub(super) fn remove_check(app_metadata: &mut Option<Metadata>) {
    let _ = change_mark(app_metadata, HostMark::Checked, |_| None);
}

/// Returns the patch of `app_metadata` that counts one more prompt at this time.
///
/// # Errors
///
/// When a value of another type is in place of a mark.
pub fn count_prompt(app_metadata: Option<&Metadata>, now: Timestamp) -> Result<Metadata, ForeignMark> {
    let mut counted = linking_of(app_metadata);
    change_mark(&mut counted, HostMark::Prompts, |held| {
        let prompts = held.and_then(Value::as_u64).unwrap_or(0);
        Some(Value::from(prompts.saturating_add(1).min(u64::from(u32::MAX))))
    })?;
    change_mark(&mut counted, HostMark::LastPromptedAt, |_| Some(Value::from(now.as_millis())))?;
    Ok(counted.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{HostMark, change_mark, count_prompt, mark_checked};
    use crate::model::{Metadata, Timestamp, User};

    fn metadata(value: &Value) -> Option<Metadata> {
        serde_json::from_value(json!({ "linking": value, "plan": "pro" })).unwrap()
    }

    /// Returns, for each mark, `linking` after a write of the mark, or the reason why it is not
    /// written.
    fn written(linking: &Value) -> [Result<Value, String>; 4] {
        HostMark::ALL.map(|mark| {
            let mut held = metadata(linking);
            let value = match mark {
                HostMark::Unlinked => json!([]),
                HostMark::Checked => json!({ "at": 7, "for": "f" }),
                HostMark::Prompts | HostMark::LastPromptedAt => json!(7),
            };
            let result = change_mark(&mut held, mark, |_| Some(value));
            let held = held.unwrap();
            assert_eq!(held["plan"], "pro");
            match result {
                Ok(()) => Ok(held["linking"].clone()),
                Err(error) => {
                    assert_eq!(held["linking"], *linking);
                    Err(error.to_string())
                }
            }
        })
    }

    #[test]
    fn a_linking_of_another_type_is_left_alone() {
        for (linking, held) in [
            (json!("a hobby"), "a text"),
            (json!(["a"]), "a list"),
            (json!(7), "another number"),
            (json!(true), "a boolean"),
        ] {
            let why = format!("`app_metadata.linking` is {held}, not an object, and was left alone");
            assert_eq!(written(&linking), [(); 4].map(|()| Err(why.clone())));
        }
    }

    #[test]
    fn a_linking_of_null_or_none_becomes_an_object() {
        let expected = [
            json!({ "unlinked": [] }),
            json!({ "prompts": 7 }),
            json!({ "last_prompted_at": 7 }),
            json!({ "checked": { "at": 7, "for": "f" } }),
        ];
        assert_eq!(written(&Value::Null), expected.clone().map(Ok));
        let mut none = None;
        assert_eq!(change_mark(&mut none, HostMark::Prompts, |held| held.cloned()), Ok(()));
        assert_eq!(none, None);
        assert_eq!(change_mark(&mut none, HostMark::Prompts, |_| Some(json!(7))), Ok(()));
        assert_eq!(none.unwrap()["linking"], expected[1]);
    }

    #[test]
    fn other_keys_of_linking_are_kept() {
        let linking = json!({ "opt_out": true, "theirs": { "a": [1] }, "prompts": null });
        let [unlinked, prompts, ..] = written(&linking).map(Result::unwrap);
        assert_eq!(
            unlinked,
            json!({ "opt_out": true, "theirs": { "a": [1] }, "prompts": null, "unlinked": [] })
        );
        assert_eq!(prompts, json!({ "opt_out": true, "theirs": { "a": [1] }, "prompts": 7 }));
    }

    #[test]
    fn a_mark_of_another_type_is_left_alone() {
        let linking =
            json!({ "unlinked": {}, "prompts": "many", "last_prompted_at": -1, "checked": { "at": 1 } });
        let why = |key: &str, held: &str, expected: &str| {
            Err(format!("`app_metadata.linking.{key}` is {held}, not {expected}, and was left alone"))
        };
        assert_eq!(
            written(&linking),
            [
                why("unlinked", "an object", "a list"),
                why("prompts", "a text", "a number from 0 to 4294967295"),
                why("last_prompted_at", "another number", "a time in milliseconds"),
                why("checked", "an object", "an object with a time and a fingerprint"),
            ]
        );
        assert!(written(&json!({ "prompts": 4_294_967_296_u64 }))[1].is_err());
    }

    #[test]
    fn a_check_is_marked_beside_what_linking_holds() {
        let user = |linking: &Value| -> User {
            serde_json::from_value(json!({ "user_id": "auth0|1", "email": "ada@example.com",
                "app_metadata": { "linking": linking, "plan": "pro" } }))
            .unwrap()
        };
        let now = Timestamp::from_millis(5).unwrap();
        let marked = |linking: &Value| mark_checked(&user(linking), "{}", now).map(Value::from);
        let first = marked(&json!({ "opt_out": false })).unwrap();
        let mark = json!({ "at": 5, "for": first["linking"]["checked"]["for"] });
        assert_eq!(first, json!({ "linking": { "opt_out": false, "checked": mark } }));
        assert_eq!(
            marked(&json!({ "checked": { "at": 1, "for": "x" } })),
            Ok(json!({ "linking": { "checked": mark } }))
        );
        assert_eq!(marked(&Value::Null), Ok(json!({ "linking": { "checked": mark } })));
        for foreign in [json!("a hobby"), json!({ "checked": "today" }), json!({ "checked": { "at": 1 } })] {
            assert!(marked(&foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_prompt_is_counted_whole_or_not_at_all() {
        let now = Timestamp::from_millis(5).unwrap();
        let counted = |linking: &Value| count_prompt(metadata(linking).as_ref(), now).map(Value::from);
        assert_eq!(counted(&json!({})), Ok(json!({ "linking": { "prompts": 1, "last_prompted_at": 5 } })));
        assert_eq!(
            counted(&json!({ "prompts": 2, "opt_out": false })),
            Ok(json!({ "linking": { "prompts": 3, "last_prompted_at": 5, "opt_out": false } }))
        );
        assert_eq!(count_prompt(None, now).map(Value::from), counted(&Value::Null));
        assert!(counted(&json!({ "prompts": 2, "last_prompted_at": "now" })).is_err());
        assert!(counted(&json!("a hobby")).is_err());
    }
}
