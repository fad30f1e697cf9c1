//! The account of a login, between what the login brings and what a directory
//! knows.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Identity, LoginEvent, User, profile};

/// The user as it is after this login: made from the event at the first one, when
/// nobody is known; later as the directory has it, with the attributes that the identity's
/// provider has just sent. A provider speaks for the root attributes if its
/// identity is the primary one, else for the identity's `profileData`. Database
/// and passwordless accounts have no provider that sends anything.
///
/// Source: Auth0, "Sync user profile attributes at each login"; that a linked
/// identity's profile is synchronised too is not documented.
#[must_use]
pub fn signed_in<'a>(event: &'a LoginEvent, known: Option<&'a User>) -> Cow<'a, User> {
    let Some(known) = known else { return Cow::Borrowed(event.account()) };
    let sent = event.identity().filter(|used| {
        !matches!(used.provider.as_str(), "auth0" | "email" | "sms") && is_own(used, &event.user)
    });
    let Some(used) = sent else { return Cow::Borrowed(known) };
    let mut user = known.clone();
    if is_own(used, known) {
        synchronise(&mut user, &event.user);
    } else if let Some(linked) = user.identities.iter_mut().find(|it| it.key() == used.key()) {
        take_over(linked.profile_data.get_or_insert_default(), profile(&event.user));
    }
    Cow::Owned(user)
}

/// Whether it is the user's primary identity. An event in which it is not
/// carries the primary's attributes, not the identity's.
fn is_own(identity: &Identity, user: &User) -> bool {
    user.user_id.split_once('|') == Some((&identity.provider, &identity.user_id))
}

fn synchronise(user: &mut User, sent: &User) {
    if sent.email.is_some() {
        user.email.clone_from(&sent.email);
        user.email_verified = sent.email_verified.clone();
    }
    let mut profile = profile(sent);
    profile.remove("email");
    profile.remove("email_verified");
    take_over(&mut user.rest, profile);
}

/// What a provider has sent replaces what was there. An address or a number that
/// comes without a word on whether it is verified is not verified, whatever was
/// said of the one before.
fn take_over(held: &mut Map<String, Value>, sent: Map<String, Value>) {
    for (key, verified) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
        if sent.contains_key(key) {
            held.remove(verified);
        }
    }
    held.extend(sent);
}

#[cfg(test)]
mod tests {
    use super::signed_in;
    use crate::login::{LoginEvent, User};

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
        let made = signed_in(&event, None);
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
        let user = signed_in(&event, Some(&known)).into_owned();
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
        let user = signed_in(&event, Some(&known));
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
        let user = signed_in(&event, Some(&known)).into_owned();
        let profile = serde_json::to_string(&user.identities[1].profile_data).unwrap();
        assert_eq!(profile, r#"{"email":"victim@example.com","phone_number":"+1"}"#);
    }

    #[test]
    fn a_database_account_is_what_the_directory_says() {
        let known = user(r#"{"user_id": "auth0|1", "email": "ada@example.com"}"#);
        let event =
            event(r#"{"user_id": "auth0|1", "email": "eve@example.com", "email_verified": true}"#, "db");
        assert_eq!(*signed_in(&event, Some(&known)), known);
    }
}
