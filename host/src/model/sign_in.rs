//! The changes that a sign-in makes to a user's attributes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Identity, LoginEvent, User, Verification, profile_data};

/// Returns the user after this login. At the first login, when `known` is none, the
/// user is made from the event. Later it is the known user, updated from the event.
///
/// The event's address replaces the known one for every kind of account. It becomes
/// the root address if the event's user is the known user, whichever of its identities
/// has logged in. It becomes the address in `profileData` if the event's user is that
/// linked identity. The other attributes are updated only if the identity's provider
/// sends them, which database and passwordless connections do not. Attributes that
/// the event lacks stay as they are.
///
/// Source: Auth0, "Sync user profile attributes at each login"; that a linked
/// identity's profile is synchronised too is not documented.
#[must_use]
pub fn apply_sign_in<'a>(event: &'a LoginEvent, known: Option<&'a User>) -> Cow<'a, User> {
    let Some(known) = known else { return Cow::Borrowed(event.account()) };
    let mut user = known.clone();
    let used = event.identity().filter(|used| is_own(used, &event.user));
    let sends_profile = used.is_some_and(|it| !matches!(it.provider.as_str(), "auth0" | "email" | "sms"));
    let mut sent = profile_data(&event.user);
    if !sends_profile {
        sent.retain(|key, _| matches!(key.as_str(), "email" | "email_verified"));
    }
    if event.user.user_id == known.user_id {
        set_root_address(&mut user, &event.user);
        sent.remove("email");
        sent.remove("email_verified");
        replace_attributes(&mut user.rest, sent);
    } else if let Some(used) = used
        && let Some(linked) = user.identities.iter_mut().find(|it| it.key() == used.key())
        && !sent.is_empty()
    {
        replace_attributes(linked.profile_data.get_or_insert_default(), sent);
    }
    Cow::Owned(user)
}

/// Sets the root address to the one that was sent. An address sent without
/// `email_verified` is not verified. An `email_verified` sent without an address
/// applies to an unknown address, so the known one loses its verification.
fn set_root_address(user: &mut User, sent: &User) {
    if sent.email.is_some() {
        user.email.clone_from(&sent.email);
        user.email_verified = sent.email_verified.clone();
    } else if !sent.email_verified.is_absent() {
        let is_denied = !sent.email_verified.is_verified();
        user.email_verified = if is_denied { sent.email_verified.clone() } else { Verification::Absent };
    }
}

/// Returns whether this is the user's primary identity. Otherwise the event carries
/// the attributes of the primary identity, not of this one.
fn is_own(identity: &Identity, user: &User) -> bool {
    user.user_id.split_once('|') == Some((&identity.provider, &identity.user_id))
}

/// Replaces attributes by those that a provider has sent. An address or a number sent
/// without its verification is not verified, even if the one before was.
fn replace_attributes(held: &mut Map<String, Value>, sent: Map<String, Value>) {
    for (key, verified) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
        if sent.contains_key(key) {
            held.remove(verified);
        }
    }
    held.extend(sent);
}

#[cfg(test)]
mod tests {
    use super::apply_sign_in;
    use crate::model::{LoginEvent, User, Verification};

    fn user(text: &str) -> User {
        serde_json::from_str::<User>(text).unwrap().with_own_identity("")
    }

    fn event(user: &str, connection: &str) -> LoginEvent {
        serde_json::from_str(&format!(r#"{{"user": {user}, "connection": {{"name": "{connection}"}}}}"#))
            .unwrap()
    }

    #[test]
    fn the_first_login_makes_the_user() {
        let event = event(r#"{"user_id": "google-oauth2|2", "email": "ada@example.com"}"#, "google-oauth2");
        let made = apply_sign_in(&event, None);
        assert_eq!(made.identities[0].connection, "google-oauth2");
    }

    #[test]
    fn a_provider_speaks_for_its_own_account() {
        let known = user(
            r#"{"user_id": "google-oauth2|2", "email": "old@example.com", "email_verified": true,
                "app_metadata": {"plan": "pro"}}"#,
        );
        let event = event(
            r#"{"user_id": "google-oauth2|2", "email": "new@example.com", "email_verified": false, "name": "Ada",
                "app_metadata": {"plan": "free"}}"#,
            "google-oauth2",
        );
        let user = apply_sign_in(&event, Some(&known)).into_owned();
        assert_eq!(user.email.as_deref(), Some("new@example.com"));
        assert!(!user.email_verified.is_verified());
        assert_eq!(user.rest["name"], "Ada");
        assert_eq!(user.app_metadata.unwrap()["plan"], "pro");
    }

    #[test]
    fn a_linked_identity_speaks_for_its_profile_only() {
        let known = user(
            r#"{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "identities": [
                {"provider": "auth0", "user_id": "1", "connection": "db"},
                {"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2", "profileData": {"locale": "en"}}]}"#,
        );
        let event = event(
            r#"{"user_id": "google-oauth2|2", "email": "else@example.com", "email_verified": true}"#,
            "google-oauth2",
        );
        let user = apply_sign_in(&event, Some(&known));
        assert_eq!(user.email, known.email);
        let profile = user.identities[1].profile_data.as_ref().unwrap();
        assert_eq!((&profile["email"], &profile["locale"]), (&"else@example.com".into(), &"en".into()));
    }

    #[test]
    fn an_address_without_a_word_on_it_is_not_verified() {
        let known = user(
            r#"{"user_id": "auth0|1", "identities": [
                {"provider": "auth0", "user_id": "1", "connection": "db"},
                {"provider": "oauth2", "user_id": "2", "connection": "idp",
                 "profileData": {"email": "own@example.com", "email_verified": true, "phone_verified": true}}]}"#,
        );
        let event = event(
            r#"{"user_id": "oauth2|2", "email": "victim@example.com", "email_verified": null, "phone_number": "+1"}"#,
            "idp",
        );
        let user = apply_sign_in(&event, Some(&known)).into_owned();
        let profile = serde_json::to_string(&user.identities[1].profile_data).unwrap();
        assert_eq!(profile, r#"{"email":"victim@example.com","phone_number":"+1"}"#);
    }

    #[test]
    fn the_events_word_on_the_address_wins_whatever_the_kind_of_account() {
        for id in ["auth0|1", "email|1", "sms|1", "google-oauth2|1"] {
            let known = user(&format!(
                r#"{{"user_id": "{id}", "email": "old@example.com", "email_verified": true, "name": "Ada"}}"#
            ));
            let event = event(
                &format!(r#"{{"user_id": "{id}", "email": "new@example.com", "email_verified": false}}"#),
                "any",
            );
            let user = apply_sign_in(&event, Some(&known)).into_owned();
            assert_eq!(user.email.as_deref(), Some("new@example.com"), "{id}");
            assert_eq!(user.email_verified, Verification::Unverified, "{id}");
            assert_eq!(user.rest["name"], "Ada", "{id}");
        }
    }

    #[test]
    fn a_database_account_keeps_the_rest_of_its_profile() {
        let known = user(r#"{"user_id": "auth0|1", "name": "Ada", "given_name": "Ada"}"#);
        let event = event(r#"{"user_id": "auth0|1", "name": "Eve", "given_name": "Eve"}"#, "db");
        assert_eq!(*apply_sign_in(&event, Some(&known)), known);
    }

    #[test]
    fn the_root_address_is_the_events_whichever_identity_logged_in() {
        let identities = r#""identities": [
            {"provider": "auth0", "user_id": "1", "connection": "db"},
            {"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2",
             "profileData": {"email": "g@example.com", "email_verified": true}}]"#;
        let user_with = |email: &str| {
            format!(r#"{{"user_id": "auth0|1", "email": "{email}", "email_verified": true, {identities}}}"#)
        };
        let (known, event) =
            (user(&user_with("old@example.com")), event(&user_with("new@example.com"), "google-oauth2"));
        let user = apply_sign_in(&event, Some(&known)).into_owned();
        assert_eq!(user.email.as_deref(), Some("new@example.com"));
        assert_eq!(user.identities, known.identities);
    }

    #[test]
    fn a_word_without_an_address_takes_the_verification_away() {
        let of = |verified: &str| {
            format!(r#"{{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": {verified}}}"#)
        };
        let after = |known: &str, said: &str| {
            let event = event(&format!(r#"{{"user_id": "auth0|1", "email_verified": {said}}}"#), "db");
            apply_sign_in(&event, Some(&user(&of(known)))).email_verified.is_verified()
        };
        assert!(!after("true", "false") && !after("true", "null") && !after("true", "\"true\""));
        assert!(!after("true", "true") && !after("false", "true"));
    }

    #[test]
    fn an_event_without_attributes_leaves_the_directory_as_it_is() {
        let known = user(
            r#"{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "identities": [
                {"provider": "auth0", "user_id": "1", "connection": "db"},
                {"provider": "auth0", "user_id": "2", "connection": "other"}]}"#,
        );
        for (id, connection) in [("auth0|1", "db"), ("auth0|2", "other")] {
            let event = event(&format!(r#"{{"user_id": "{id}"}}"#), connection);
            assert_eq!(*apply_sign_in(&event, Some(&known)), known, "{id}");
        }
    }
}
