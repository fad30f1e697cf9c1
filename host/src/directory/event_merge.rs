//! Merging the directory's copy of a user with the copy in a login event.
//!
//! Either copy may be older. Where they differ on whether accounts may be linked, the
//! stricter value wins; otherwise the event's value wins.

use std::sync::Arc;

use ligature_linking_marks::{AUTHORIZATION, LINKING, NO_LINK, PRIVILEGED, ROLES, linking};
use serde_json::Value;

use crate::model::{LoginEvent, Metadata, User, add_words};

/// Replaces the event's user by the known user, merged with the event's copy.
pub(crate) fn merge_known_user(event: LoginEvent, known: &Arc<User>) -> LoginEvent {
    let mut user = known.clone();
    let said = event.account();
    if said.blocked && !user.blocked {
        Arc::make_mut(&mut user).blocked = true;
    }
    if FACTORS.iter().any(|key| said.rest.contains_key(*key) && said.rest.get(*key) != user.rest.get(*key)) {
        add_factors(Arc::make_mut(&mut user), said);
    }
    if said.roles.iter().any(|role| !user.roles.contains(role)) {
        Arc::make_mut(&mut user).add_roles(said.roles.iter().map(String::as_str));
    }
    if said.user_id == user.user_id {
        add_organizations(&mut user, said);
        add_identities(&mut user, said);
        add_metadata(&mut user, said);
    }
    event.with_user(user)
}

/// The attributes that name a user's second factors.
const FACTORS: [&str; 3] = ["enrolledFactors", "multifactor", "mfa_factors"];

/// Adds the second factors of another copy of a user, or of an account that the user was part of.
pub(super) fn add_factors(user: &mut User, other: &User) {
    for key in FACTORS {
        let Some(value) = other.rest.get(key).filter(|value| user.rest.get(key) != Some(*value)) else {
            continue;
        };
        let both = user.rest.get(key).map_or_else(|| value.clone(), |held| join_lists(held, value));
        user.rest.insert(key.to_owned(), both);
    }
}

/// Adds the organizations of the event's copy.
fn add_organizations(user: &mut Arc<User>, said: &User) {
    let new = said.organizations.iter().filter(|it| !user.organizations.contains(it));
    let new: Vec<String> = new.cloned().collect();
    if !new.is_empty() {
        Arc::make_mut(user).organizations.extend(new);
    }
}

/// Adds identities that the directory lacks, because they can log in to the account
/// too. The profiles of known identities are updated from the event.
fn add_identities(user: &mut Arc<User>, said: &User) {
    for identity in &said.identities {
        let place = user.identities.iter().position(|known| known.key() == identity.key());
        let Some(place) = place else {
            Arc::make_mut(user).identities.push(identity.clone());
            continue;
        };
        let Some(profile) = &identity.profile_data else { continue };
        if user.identities[place].profile_data.as_ref() != Some(profile) {
            let known = Arc::make_mut(user).identities[place].profile_data.get_or_insert_default();
            known.extend(profile.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
}

/// Merges the metadata of the event's copy.
fn add_metadata(user: &mut Arc<User>, said: &User) {
    if let Some(metadata) = said.user_metadata.as_ref().filter(|it| user.user_metadata.as_ref() != Some(*it))
    {
        let held = Arc::make_mut(user).user_metadata.get_or_insert_default();
        held.extend(metadata.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    let Some(metadata) = said.app_metadata.as_ref().filter(|it| user.app_metadata.as_ref() != Some(*it))
    else {
        return;
    };
    let user = Arc::make_mut(user);
    let held: &mut Metadata = user.app_metadata.get_or_insert_default();
    let mut roles = Vec::new();
    for (key, value) in metadata {
        match (key.as_str(), held.get_mut(key)) {
            (_, None) => drop(held.insert(key.clone(), value.clone())),
            (_, Some(held)) if held == value => {}
            (NO_LINK | PRIVILEGED, Some(held)) if is_mark(held) => {}
            // The event's roles are added to the account's roles, not to its metadata.
            (ROLES | AUTHORIZATION, Some(_)) => add_words(value, &mut roles),
            (LINKING, Some(held)) => add_marks(held, value),
            (_, Some(held)) => held.clone_from(value),
        }
    }
    user.add_roles(roles.iter().map(String::as_str));
}

/// Merges the event's marks in `linking` into the directory's. `null` counts as absent.
/// Any other value that is not an object forbids linking, so it wins.
fn add_marks(held: &mut Value, said: &Value) {
    let (marks, said) = match (&mut *held, said) {
        (_, Value::Null) => return,
        (Value::Object(marks), Value::Object(said)) => (marks, said),
        (Value::Object(_) | Value::Null, said) => return held.clone_from(said),
        _ => return,
    };
    for (key, value) in said.iter().filter(|(_, value)| !value.is_null()) {
        match (key.as_str(), marks.get_mut(key)) {
            (_, None | Some(Value::Null)) => drop(marks.insert(key.clone(), value.clone())),
            (linking::UNLINKED, Some(known)) => *known = join_lists(known, value),
            (linking::OPT_OUT | linking::DELETED, Some(known)) if is_mark(known) => {}
            // The host writes these, so its copy is newer.
            (linking::PROMPTS | linking::LAST_PROMPTED_AT | linking::CHECKED, Some(_)) => {}
            (_, Some(known)) => known.clone_from(value),
        }
    }
}

/// Returns whether a value sets a mark.
fn is_mark(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

/// Joins two lists without duplicates. A value that is not a list counts as an element.
fn join_lists(known: &Value, said: &Value) -> Value {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    };
    let mut both = list(known);
    let new: Vec<Value> = list(said).into_iter().filter(|it| !both.contains(it)).collect();
    both.extend(new);
    Value::Array(both)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::merge_known_user;
    use crate::model::{LoginEvent, User};

    /// Merges the event's copy `said` with the directory's copy `known`.
    fn merge_values(said: &Value, known: &Value) -> Value {
        let user = |more: &Value| {
            let mut user = json!({ "user_id": "auth0|1", "identities": [
                { "provider": "auth0", "user_id": "1", "connection": "db" }] });
            user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            user
        };
        let event = json!({ "user": user(said), "connection": { "name": "db" } });
        let event: LoginEvent = serde_json::from_value(event).unwrap();
        let known: User = serde_json::from_value(user(known)).unwrap();
        serde_json::to_value(&**merge_known_user(event, &Arc::new(known)).account()).unwrap()
    }

    #[test]
    fn what_forbids_counts_whoever_says_it() {
        for (one, other) in [
            (json!({ "blocked": true }), json!({})),
            (json!({ "app_metadata": { "no_link": true } }), json!({ "app_metadata": { "no_link": false } })),
            (
                json!({ "app_metadata": { "linking": { "opt_out": 1 } } }),
                json!({ "app_metadata": { "linking": {} } }),
            ),
            (
                json!({ "app_metadata": { "linking": { "opt_out": 1 } } }),
                json!({ "app_metadata": { "linking": null } }),
            ),
            (
                json!({ "app_metadata": { "linking": { "opt_out": 1 } } }),
                json!({ "app_metadata": { "linking": { "opt_out": null } } }),
            ),
            (json!({ "app_metadata": { "linking": 7 } }), json!({ "app_metadata": { "linking": null } })),
            (json!({ "app_metadata": { "no_link": true } }), json!({ "app_metadata": { "no_link": null } })),
            (
                json!({ "app_metadata": { "linking": 7 } }),
                json!({ "app_metadata": { "linking": { "prompts": 1 } } }),
            ),
        ] {
            for (said, known) in [(&one, &other), (&other, &one)] {
                let seen = merge_values(said, known);
                let forbids = seen["blocked"] == true
                    || seen["app_metadata"]["no_link"] == true
                    || seen["app_metadata"]["linking"]["opt_out"] == 1
                    || seen["app_metadata"]["linking"] == 7;
                assert!(forbids, "{said} {known} {seen}");
            }
        }
    }

    #[test]
    fn lists_are_joined() {
        let marks = |from: &str| json!({ "app_metadata": { "linking": { "unlinked": [{ "from": from, "at": 1 }] } } });
        let unlinked =
            merge_values(&marks("a|1"), &marks("b|2"))["app_metadata"]["linking"]["unlinked"].clone();
        assert_eq!(unlinked.as_array().unwrap().len(), 2);
        let roles = |role: &str| json!({ "app_metadata": { "roles": [role] } });
        let seen = merge_values(&roles("admin"), &roles("reader"));
        assert_eq!((&seen["roles"], &seen["app_metadata"]["roles"]), (&json!(["admin"]), &json!(["reader"])));
    }

    #[test]
    fn identities_of_the_event_lead_into_the_account() {
        let said = json!({ "identities": [
            { "provider": "auth0", "user_id": "1", "connection": "db", "profileData": { "email": "e@x.com" } },
            { "provider": "oauth2", "user_id": "9", "connection": "evil" }] });
        let seen = merge_values(&said, &json!({}));
        assert_eq!(seen["identities"][1]["connection"], "evil");
        assert_eq!(seen["identities"][0]["profileData"]["email"], "e@x.com");
    }

    #[test]
    fn what_is_newer_with_the_host_stays() {
        let prompts =
            |count: u64| json!({ "app_metadata": { "plan": count, "linking": { "prompts": count } } });
        let seen = merge_values(&prompts(1), &prompts(3));
        assert_eq!(
            (&seen["app_metadata"]["plan"], &seen["app_metadata"]["linking"]["prompts"]),
            (&json!(1), &json!(3))
        );
    }
}
