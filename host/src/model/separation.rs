//! The marks of separated accounts, by which a policy enforces a cool-down:
//! `app_metadata.linking.unlinked`, a list of `{"from": identity, "at": time}`, and
//! `"by": "operator"` where an operator separated them.
//!
//! A mark names an identity rather than a user, because links move identities between
//! users.

use ligature_linking_marks::unlinked::{AT, BY, FROM};
use ligature_linking_marks::{LINKING, PROTECTED, linking};
use serde_json::{Map, Value, json};

use super::marks::{ForeignMark, HostMark, change_mark, remove_check};
use super::{Timestamp, User};

/// The number of marks that an account keeps. Older ones are dropped.
const REMEMBERED: usize = 50;

/// Marks a user as separated from these identities, with the actor if `by` is given. The
/// user's next login looks up again.
///
/// # Errors
///
/// If the marks are of another type. The user is unchanged then.
pub fn note_separation<'a>(
    user: &mut User,
    from: impl IntoIterator<Item = &'a str>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), ForeignMark> {
    change_mark(&mut user.app_metadata, HostMark::Unlinked, |held| {
        let mut marks = parse_marks(held);
        for from in from {
            marks.retain(|known| known[FROM] != from);
            let mut mark = json!({ FROM: from, AT: now.as_millis() });
            if let Some(by) = by {
                mark[BY] = by.into();
            }
            marks.push(mark);
        }
        drop_surplus(&mut marks);
        Some(marks.into())
    })?;
    remove_check(&mut user.app_metadata);
    Ok(())
}

/// Returns the user with the marks of the user that it replaces, unless it sets them itself:
/// importing an export without the marks must not remove them. The host's marks in `linking` are
/// always kept, because an export of another tenant lacks them. Marks of another type stay
/// unchanged.
#[must_use]
pub fn keep_marks(mut user: User, before: &User) -> User {
    let Some(held) = &before.app_metadata else { return user };
    for key in PROTECTED {
        let Some(mark) = held.get(key) else { continue };
        let kept = user.app_metadata.get_or_insert_default().entry(key).or_insert(Value::Null);
        if kept.is_null() {
            kept.clone_from(mark);
        }
    }
    let Some(linking) = held.get(LINKING).and_then(Value::as_object) else { return user };
    carry_over_marks(&mut user, before);
    for mark in HostMark::ALL {
        let before = linking.get(mark.key());
        // A value of another type in the user's own metadata is kept.
        let _ = change_mark(&mut user.app_metadata, mark, |held| held.or(before).cloned());
    }
    user
}

/// Copies the marks of a secondary user to the user that it was linked to, keeping the latest mark
/// for each identity. Marks that name the linked user's own identities are dropped. Values without
/// the documented form are kept unchanged.
pub(crate) fn carry_over_marks(linked: &mut User, secondary: &User) {
    let carried: Vec<Value> =
        get_marks(secondary).into_iter().flatten().filter(|mark| is_mark(mark)).cloned().collect();
    if carried.is_empty() && get_marks(linked).is_none() {
        return;
    }
    let own: Vec<String> = linked.identities.iter().map(super::Identity::as_user_id).collect();
    let is_own = |mark: &Value| own.iter().any(|own| mark[FROM] == own.as_str());
    let stale = get_marks(linked).into_iter().flatten().any(&is_own);
    let carried: Vec<Value> = carried.into_iter().filter(|mark| !is_own(mark)).collect();
    if carried.is_empty() && !stale {
        return;
    }
    let joined = |held: Option<&Value>| {
        let mut marks = parse_marks(held);
        marks.retain(|mark| !is_own(mark));
        for mark in carried {
            match marks.iter_mut().find(|known| known[FROM] == mark[FROM]) {
                Some(known) if mark_time(known) >= mark_time(&mark) => {}
                Some(known) => *known = mark,
                None => marks.push(mark),
            }
        }
        marks.sort_by_key(mark_time);
        drop_surplus(&mut marks);
        Some(marks.into())
    };
    // A value of another type opts the account out of linking, so nothing is lost.
    let _ = change_mark(&mut linked.app_metadata, HostMark::Unlinked, joined);
}

/// Returns `linking` without the changes that a link made to its marks: marks that it added are
/// removed, and marks that it dropped are restored. Returns `None` if the link changed more than
/// marks, or if the current value has another form.
pub(crate) fn revert_carried_marks(
    now: &Value,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<Value> {
    // `null` counts as absent.
    let split = |linking: Option<&Value>| {
        let mut rest = match linking {
            None | Some(Value::Null) => Map::new(),
            Some(linking) => linking.as_object()?.clone(),
        };
        let marks = match rest.remove(linking::UNLINKED) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(marks)) => marks,
            Some(_) => return None,
        };
        Some((rest, marks))
    };
    let ((rest_before, before), (rest_after, after)) = (split(before)?, split(after)?);
    let (mut rest, mut marks) = split(Some(now))?;
    if rest_before != rest_after {
        return None;
    }
    marks.retain(|mark| before.contains(mark) || !after.contains(mark));
    let dropped: Vec<Value> = before
        .into_iter()
        .filter(|mark| !after.contains(mark) && !marks.iter().any(|known| known[FROM] == mark[FROM]))
        .collect();
    marks.extend(dropped);
    marks.sort_by_key(mark_time);
    if !marks.is_empty() {
        rest.insert(linking::UNLINKED.to_owned(), marks.into());
    }
    Some(rest.into())
}

/// Returns the time of the last separation that the marks of a user name.
pub(crate) fn last_separation(user: &User) -> Option<Timestamp> {
    let times = get_marks(user)?.iter().filter(|mark| is_mark(mark)).map(mark_time);
    times.max().and_then(Timestamp::from_millis)
}

fn get_marks(user: &User) -> Option<&Vec<Value>> {
    user.app_metadata.as_ref()?.get(LINKING)?.get(linking::UNLINKED)?.as_array()
}

fn parse_marks(held: Option<&Value>) -> Vec<Value> {
    held.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn is_mark(mark: &Value) -> bool {
    mark[FROM].is_string() && mark[AT].is_u64()
}

fn mark_time(mark: &Value) -> u64 {
    mark[AT].as_u64().unwrap_or(0)
}

fn drop_surplus(marks: &mut Vec<Value>) {
    let surplus = marks.len().saturating_sub(REMEMBERED);
    marks.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{carry_over_marks, keep_marks, note_separation, revert_carried_marks};
    use crate::model::{Timestamp, User};

    fn user(app_metadata: &Value, identities: &[&str]) -> User {
        let identities: Vec<Value> = identities
            .iter()
            .filter_map(|id| id.split_once('|'))
            .map(|(provider, id)| json!({ "provider": provider, "user_id": id }))
            .collect();
        let user = json!({ "user_id": "auth0|1", "app_metadata": app_metadata, "identities": identities });
        serde_json::from_value(user).unwrap()
    }

    fn marked(marks: &[(&str, u64)]) -> Value {
        let marks: Vec<Value> = marks.iter().map(|(from, at)| json!({ "from": from, "at": at })).collect();
        json!({ "linking": { "unlinked": marks } })
    }

    #[test]
    fn a_separated_user_is_looked_up_again() {
        let mut user = user(&json!({ "linking": { "checked": { "at": 1, "for": "f" } } }), &["auth0|1"]);
        note_separation(&mut user, ["auth0|2"], None, Timestamp::default()).unwrap();
        assert_eq!(
            user.app_metadata.unwrap()["linking"],
            json!({ "unlinked": [{ "from": "auth0|2", "at": 0 }] })
        );
    }

    #[test]
    fn an_identity_is_remembered_once_and_not_for_ever() {
        let mut user = User::default();
        let now = Timestamp::default();
        let ids: Vec<String> = (0..=55).map(|n| format!("auth0|{n}")).collect();
        note_separation(&mut user, ["auth0|0"], None, now).unwrap();
        note_separation(&mut user, ids.iter().map(String::as_str), Some("operator"), now).unwrap();
        let unlinked = &user.app_metadata.unwrap()["linking"]["unlinked"];
        assert_eq!(unlinked.as_array().unwrap().len(), 50);
        assert_eq!((&unlinked[0]["from"], &unlinked[49]["from"]), (&json!("auth0|6"), &json!("auth0|55")));
        assert_eq!(unlinked[0]["by"], "operator");
    }

    #[test]
    fn what_is_of_another_form_is_left_alone() {
        let no = json!({ "linking": "no" });
        let mut left = user(&no, &[]);
        let why = note_separation(&mut left, ["auth0|2"], None, Timestamp::default()).unwrap_err();
        assert_eq!(why.to_string(), "`app_metadata.linking` is a text, not an object, and was left alone");
        carry_over_marks(&mut left, &user(&marked(&[("sms|1", 1)]), &[]));
        assert_eq!(left.app_metadata.unwrap()["linking"], "no");
    }

    #[test]
    fn marks_are_carried_over_once_each_and_never_of_an_own_identity() {
        let mut linked =
            user(&marked(&[("sms|1", 5), ("github|3", 7), ("email|4", 8)]), &["auth0|1", "github|3"]);
        carry_over_marks(
            &mut linked,
            &user(&marked(&[("sms|1", 9), ("auth0|1", 3), ("email|4", 2), ("x|5", 4)]), &[]),
        );
        let expected = marked(&[("x|5", 4), ("email|4", 8), ("sms|1", 9)]);
        assert_eq!(Value::from(linked.app_metadata.unwrap()), expected);
    }

    #[test]
    fn a_user_that_is_replaced_keeps_what_the_host_has_written() {
        let before = user(
            &json!({ "plan": "pro", "linking": { "prompts": 2, "opt_out": true,
            "unlinked": [{ "from": "sms|1", "at": 5 }] } }),
            &["auth0|1"],
        );
        let kept = keep_marks(user(&json!({ "plan": "free" }), &["auth0|1"]), &before);
        let expected = json!({ "plan": "free",
            "linking": { "opt_out": true, "prompts": 2, "unlinked": [{ "from": "sms|1", "at": 5 }] } });
        assert_eq!(Value::from(kept.app_metadata.unwrap()), expected);
        let nothing = user(&json!({ "plan": "free" }), &["auth0|1"]);
        assert_eq!(keep_marks(nothing.clone(), &nothing), nothing);
    }

    #[test]
    fn an_import_lifts_no_mark_by_null_or_by_another_type_of_its_own() {
        let before = user(
            &json!({ "no_link": true, "linking": { "opt_out": true, "prompts": "many",
            "unlinked": [{ "from": "sms|1", "at": 5 }] } }),
            &["auth0|1"],
        );
        let kept =
            |said: Value| Value::from(keep_marks(user(&said, &["auth0|1"]), &before).app_metadata.unwrap());
        let held = Value::from(before.app_metadata.clone().unwrap());
        assert_eq!(kept(json!({})), held);
        assert_eq!(kept(json!({ "no_link": null, "linking": null })), held);
        let own = kept(json!({ "linking": { "opt_out": false, "theirs": 1, "unlinked": null } }));
        let marks = json!({ "opt_out": false, "theirs": 1, "prompts": "many",
            "unlinked": [{ "from": "sms|1", "at": 5 }] });
        assert_eq!(own, json!({ "no_link": true, "linking": marks }));
        assert_eq!(kept(json!({ "linking": "a hobby" }))["linking"], "a hobby");
    }

    #[test]
    fn a_separation_is_noted_in_an_object_that_holds_more() {
        for (linking, rest) in [
            (json!({ "theirs": 1, "opt_out": true }), json!({ "theirs": 1, "opt_out": true })),
            (json!({ "unlinked": null }), json!({})),
            (Value::Null, json!({})),
        ] {
            let mut user = user(&json!({ "linking": linking }), &[]);
            note_separation(&mut user, ["auth0|2"], None, Timestamp::default()).unwrap();
            let mut expected = rest;
            expected["unlinked"] = json!([{ "from": "auth0|2", "at": 0 }]);
            assert_eq!(user.app_metadata.unwrap()["linking"], expected);
        }
        for linking in
            [json!("a"), json!([]), json!(1), json!({ "unlinked": "a" }), json!({ "unlinked": {} })]
        {
            let mut user = user(&json!({ "linking": linking }), &[]);
            let before = user.clone();
            assert!(note_separation(&mut user, ["auth0|2"], None, Timestamp::default()).is_err());
            carry_over_marks(&mut user, &self::user(&marked(&[("sms|1", 1)]), &[]));
            assert_eq!(user, before);
        }
    }

    #[test]
    fn who_has_no_marks_gets_none() {
        let mut linked = user(&json!({ "linking": { "prompts": 1 } }), &["auth0|1"]);
        let before = linked.clone();
        for nothing in [json!({}), json!({ "linking": "no" }), json!({ "linking": { "unlinked": [{}] } })] {
            carry_over_marks(&mut linked, &user(&nothing, &[]));
            assert_eq!(linked, before, "{nothing}");
        }
    }

    #[test]
    fn what_was_carried_over_goes_and_what_came_since_stays() {
        let (before, after) = (marked(&[("a|1", 1)]), marked(&[("b|2", 2)]));
        let mut now = marked(&[("b|2", 2), ("c|3", 3)])["linking"].clone();
        now["prompts"] = 4.into();
        let restored = revert_carried_marks(&now, before.get("linking"), after.get("linking")).unwrap();
        let expected = marked(&[("a|1", 1), ("c|3", 3)]);
        assert_eq!(
            (&restored["unlinked"], &restored["prompts"]),
            (&expected["linking"]["unlinked"], &json!(4))
        );
        assert_eq!(revert_carried_marks(&json!(1), before.get("linking"), None), None);
    }

    #[test]
    fn null_counts_as_absent_when_carried_marks_are_reverted() {
        let after = marked(&[("b|2", 2)]);
        let mut now = after["linking"].clone();
        now["prompts"] = 4.into();
        for before in [json!(null), json!({ "unlinked": null }), json!({})] {
            let restored = revert_carried_marks(&now, Some(&before), after.get("linking"));
            assert_eq!(restored, Some(json!({ "prompts": 4 })), "{before}");
        }
    }
}
