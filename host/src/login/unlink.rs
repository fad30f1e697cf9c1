//! What unlinking does to two users.

use serde_json::{Map, Value};

use super::{Identity, Metadata, Timestamp, User, Verification};

/// How many unlinked pairs an account remembers; the oldest are forgotten.
const REMEMBERED: usize = 20;

/// The user that a linked identity becomes again: its attributes from its
/// `profileData`, no metadata, no roles, never logged in.
///
/// Source: Auth0 Management API v2, `DELETE
/// /api/v2/users/{id}/identities/{provider}/{user_id}`; that dates are those of
/// the unlinking is not documented.
#[must_use]
pub fn stand_alone(identity: &Identity, now: Timestamp) -> User {
    let mut profile = identity.profile_data.clone().unwrap_or_default();
    let email = match profile.remove("email") {
        Some(Value::String(email)) => Some(email),
        _ => None,
    };
    let email_verified =
        profile.remove("email_verified").map_or(Verification::Absent, |held| Verification::from(&held));
    if let Some(email) = &email {
        // As at the creation of a user: what has no name is called by its address.
        profile.entry("name").or_insert_with(|| Value::from(email.as_str()));
    }
    User {
        user_id: identity.as_user_id(),
        email,
        email_verified,
        created_at: Some(now),
        updated_at: Some(now),
        identities: vec![Identity { profile_data: None, ..identity.clone() }],
        rest: profile.into_iter().filter(|(key, _)| !User::has_field(key)).collect(),
        ..User::default()
    }
}

/// Writes down that a user was separated from another, for the policy to let
/// the pair cool down: `app_metadata.linking.unlinked`. False if what stands
/// there is not of that form, and was left alone.
pub fn note_separation(user: &mut User, from: &str, now: Timestamp) -> bool {
    let mark = Value::Object(Map::from_iter([
        ("from".to_owned(), Value::from(from)),
        ("at".to_owned(), Value::from(now.as_millis())),
    ]));
    let metadata: &mut Metadata = user.app_metadata.get_or_insert_default();
    let linking = metadata.entry("linking").or_insert_with(|| Value::Object(Map::new()));
    let Some(linking) = linking.as_object_mut() else { return false };
    let unlinked = linking.entry("unlinked").or_insert_with(|| Value::Array(Vec::new()));
    let Some(unlinked) = unlinked.as_array_mut() else { return false };
    unlinked.retain(|known| known.get("from").and_then(Value::as_str) != Some(from));
    unlinked.push(mark);
    let surplus = unlinked.len().saturating_sub(REMEMBERED);
    unlinked.drain(..surplus);
    true
}

#[cfg(test)]
mod tests {
    use super::{note_separation, stand_alone};
    use crate::login::{Identity, Timestamp, User};

    #[test]
    fn a_user_made_of_an_identity_has_its_profile_and_nothing_else() {
        let identity: Identity = serde_json::from_str(
            r#"{"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2", "isSocial": true,
                "profileData": {"email": "ada@example.com", "email_verified": true, "given_name": "Ada",
                                "user_id": "auth0|1", "blocked": true}}"#,
        )
        .unwrap();
        let user = stand_alone(&identity, "2026-11-21T10:00:00Z".parse().unwrap());
        assert_eq!(
            serde_json::to_string(&user).unwrap(),
            r#"{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true,"created_at":"2026-11-21T10:00:00.000Z","updated_at":"2026-11-21T10:00:00.000Z","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}],"given_name":"Ada","name":"ada@example.com"}"#
        );
    }

    #[test]
    fn a_pair_is_remembered_once_and_not_for_ever() {
        let mut user = User::default();
        let now = Timestamp::now();
        for from in ["auth0|0".to_owned(), "auth0|0".to_owned()]
            .into_iter()
            .chain((1..=25).map(|n| format!("auth0|{n}")))
        {
            assert!(note_separation(&mut user, &from, now));
        }
        let unlinked = &user.app_metadata.unwrap()["linking"]["unlinked"];
        assert_eq!(unlinked.as_array().unwrap().len(), 20);
        assert_eq!(unlinked[19]["from"], "auth0|25");
    }

    #[test]
    fn what_is_of_another_form_is_left_alone() {
        let mut user: User =
            serde_json::from_str(r#"{"user_id": "auth0|1", "app_metadata": {"linking": "no"}}"#).unwrap();
        assert!(!note_separation(&mut user, "auth0|2", Timestamp::now()));
        assert_eq!(user.app_metadata.unwrap()["linking"], "no");
    }
}
