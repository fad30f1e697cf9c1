//! The effect of an unlink on two users.

use serde_json::Value;

use super::{Identity, Timestamp, User, Verification};

/// Returns the user that a linked identity becomes again. It takes its attributes from
/// `profileData`, and has no metadata, no roles and no logins.
///
/// Source: Auth0 Management API v2, `DELETE
/// /api/v2/users/{id}/identities/{provider}/{user_id}`; that dates are those of
/// the unlinking is not documented.
#[must_use]
pub fn user_from_identity(identity: &Identity, now: Timestamp) -> User {
    let mut profile = identity.profile_data.clone().unwrap_or_default();
    let email = match profile.remove("email") {
        Some(Value::String(email)) => Some(email),
        _ => None,
    };
    let email_verified =
        profile.remove("email_verified").map_or(Verification::Absent, |held| Verification::from(&held));
    if let Some(email) = &email {
        // The address serves as the name if there is none, as at the creation of a user.
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

#[cfg(test)]
mod tests {
    use super::user_from_identity;
    use crate::model::Identity;

    #[test]
    fn a_user_made_of_an_identity_has_its_profile_and_nothing_else() {
        let identity: Identity = serde_json::from_str(
            r#"{"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2", "isSocial": true,
                "profileData": {"email": "ada@example.com", "email_verified": true, "given_name": "Ada",
                                "user_id": "auth0|1", "blocked": true}}"#,
        )
        .unwrap();
        let user = user_from_identity(&identity, "2026-11-21T10:00:00Z".parse().unwrap());
        assert_eq!(
            serde_json::to_string(&user).unwrap(),
            r#"{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true,"created_at":"2026-11-21T10:00:00.000Z","updated_at":"2026-11-21T10:00:00.000Z","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}],"given_name":"Ada","name":"ada@example.com"}"#
        );
    }
}
