//! The identity that proves a user's address.

use serde_json::{Map, Value};

use super::User;

/// Returns the reason why a user's own identity does not prove the user's address,
/// if there is one. Once a user is linked, its own identity keeps the address that it
/// came with. Without such a record, the address counts as the identity's.
#[must_use]
pub fn find_unvouched(user: &User) -> Option<&'static str> {
    let is_own = |id: &str| id == user.user_id;
    let own = user.identities.iter().find(|it| is_own(&it.as_user_id())).or(user.identities.first())?;
    let profile: &Map<String, Value> = own.profile_data.as_ref()?;
    let root = user.email.as_deref().unwrap_or_default();
    let is_other = |held: &Value| !held.as_str().is_some_and(|address| address.eq_ignore_ascii_case(root));
    if profile.get("email").filter(|held| !held.is_null()).is_some_and(is_other) {
        return Some("its root identity supplied another address");
    }
    match profile.get("email_verified") {
        None | Some(Value::Null | Value::Bool(true)) => None,
        Some(_) => Some("its root identity did not verify it"),
    }
}

#[cfg(test)]
mod tests {
    use super::find_unvouched;
    use crate::model::User;

    fn user(profile: &str) -> User {
        let text = format!(
            r#"{{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "identities": [
                {{"provider": "github", "user_id": "6", "profileData": {{"email": "eve@example.com"}}}},
                {{"provider": "auth0", "user_id": "1"{profile}}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_identity_vouches_for_the_address_that_it_came_with() {
        for profile in [
            "",
            r#", "profileData": {}"#,
            r#", "profileData": {"email": null}"#,
            r#", "profileData": {"email": "Ada@Example.com"}"#,
            r#", "profileData": {"email": "ada@example.com", "email_verified": true}"#,
            r#", "profileData": {"email": "ada@example.com", "email_verified": null}"#,
        ] {
            assert_eq!(find_unvouched(&user(profile)), None, "{profile}");
        }
    }

    #[test]
    fn an_identity_with_another_or_an_unverified_address_does_not() {
        for profile in [
            r#", "profileData": {"email": "eve@example.com", "email_verified": true}"#,
            r#", "profileData": {"email": "ada@example.com", "email_verified": false}"#,
            r#", "profileData": {"email": "ada@example.com", "email_verified": "true"}"#,
            r#", "profileData": {"email": ["eve@example.com"]}"#,
            r#", "profileData": {"email_verified": false}"#,
        ] {
            assert!(find_unvouched(&user(profile)).is_some(), "{profile}");
        }
    }
}
