//! Logins that arrive: what the event says wins over an older copy.

use ligature_host::directory::{Administration, ArrivalError, arrive};
use ligature_host::login::{LoginEvent, User};

use super::super::users::{InFewWords, ada, at, google, link, user};
use super::super::{Implementation, Opened, Test};
use super::credentials::credential;
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    an_older_copy_loses_its_verification
    a_login_moves_to_the_events_address_with_its_user
    a_login_that_cannot_move_is_told_and_nothing_changes
    a_linked_identitys_login_moves_with_its_profile
    an_own_profile_follows_the_root_address
    a_login_has_the_roles_of_both_the_directory_and_the_event
};

/// Ada, who logs in with her address or as `ada`.
fn signed_up(implementation: &Implementation) -> Opened {
    let opened = implementation.open();
    let login = credential("1", "ada@example.com", Some("ada"));
    opened.directory.sign_up(ada(), &login).expect("Ada signs up");
    opened
}

/// A login of this user, of the connection `auth0`.
fn login(user: &str) -> LoginEvent {
    let text = format!(r#"{{"user": {user}, "connection": {{"name": "auth0", "strategy": "auth0"}}}}"#);
    serde_json::from_str(&text).expect("an event")
}

fn address_of_login(directory: &dyn Administration, id: &str) -> Option<String> {
    directory.credential_of("auth0", id).unwrap().and_then(|found| found.email)
}

fn an_older_copy_loses_its_verification(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let event = login(r#"{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": false}"#);
    let arrived = arrive(&*opened.directory, event, at(9)).unwrap();
    assert!(!arrived.user.email_verified.is_verified());
    assert!(!opened.directory.user("auth0|1").email_verified.is_verified());
    let silent = arrive(&*opened.directory, login(r#"{"user_id": "auth0|1"}"#), at(10)).unwrap();
    assert_eq!(silent.user.email.as_deref(), Some("ada@example.com"), "the directory stands");
}

fn a_login_moves_to_the_events_address_with_its_user(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    let event = login(r#"{"user_id": "auth0|1", "email": "New@example.com", "email_verified": true}"#);
    let arrived = arrive(&**directory, event, at(9)).unwrap();
    assert_eq!(arrived.user.email.as_deref(), Some("New@example.com"));
    assert_eq!(directory.user("auth0|1").email, arrived.user.email);
    assert_eq!(directory.credential("auth0", "ada@example.com").unwrap(), None, "the old mailbox");
    assert_eq!(address_of_login(&**directory, "1").as_deref(), Some("new@example.com"));
    let kept = directory.credential("auth0", "ada").unwrap().expect("the username leads there still");
    assert_eq!(kept.password.as_deref(), Some("$argon2id$1"));
}

fn a_login_that_cannot_move_is_told_and_nothing_changes(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    let bob = user(r#"{"user_id": "auth0|2", "email": "bob@example.com"}"#);
    directory.sign_up(bob, &credential("2", "bob@example.com", None)).expect("Bob signs up");
    let event = login(r#"{"user_id": "auth0|1", "email": "bob@example.com", "email_verified": true}"#);
    let error = arrive(&**directory, event, at(9)).unwrap_err();
    assert!(matches!(error, ArrivalError::OtherLogin { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the event says that the address of auth0|1 is bob@example.com; in the directory it logs in with \
         ada@example.com, which cannot be changed: the login bob@example.com is taken"
    );
    assert_eq!(directory.user("auth0|1"), ada());
    assert_eq!(address_of_login(&**directory, "1").as_deref(), Some("ada@example.com"));
}

fn a_linked_identitys_login_moves_with_its_profile(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    directory.create(google()).unwrap();
    directory.link(&link("google-oauth2|115", "auth0|1")).unwrap();
    let event = login(r#"{"user_id": "auth0|1", "email": "new@example.com", "email_verified": true}"#);
    let arrived = arrive(&**directory, event, at(9)).unwrap();
    assert_eq!(arrived.user.user_id, "google-oauth2|115");
    assert_eq!(arrived.user.email, google().email);
    let profile = directory.user("google-oauth2|115").identities[1].profile_data.clone().unwrap();
    assert_eq!((&profile["email"], &profile["name"]), (&"new@example.com".into(), &"Ada".into()));
    assert_eq!(address_of_login(&**directory, "1").as_deref(), Some("new@example.com"));
}

fn a_login_has_the_roles_of_both_the_directory_and_the_event(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let event = serde_json::from_str(
        r#"{"user": {"user_id": "auth0|1"}, "connection": {"name": "auth0"},
            "authorization": {"roles": [{"name": "admin"}, "reader"]}}"#,
    );
    let arrived = arrive(&*opened.directory, event.unwrap(), at(9)).unwrap();
    assert_eq!(arrived.account().roles, ["reader", "admin"]);
    assert_eq!(opened.directory.user("auth0|1"), ada(), "the event's stay the event's");
}

fn an_own_profile_follows_the_root_address(implementation: &Implementation) {
    let change = |user: User| User { email: Some("new@example.com".to_owned()), ..user };
    for (held, follows) in [("ada@example.com", true), ("other@example.com", false)] {
        let opened = implementation.open();
        let directory = &opened.directory;
        let json = format!(
            r#"{{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "identities": [
                {{"provider": "auth0", "user_id": "1", "connection": "auth0",
                  "profileData": {{"email": "{held}", "email_verified": true, "name": "Ada"}}}}]}}"#
        );
        let made = directory.create(user(&json)).unwrap();
        directory.update(change(User::clone(&made.user)), made.version).unwrap();
        let profile = directory.user("auth0|1").identities[0].profile_data.clone().unwrap();
        let expected = if follows { "new@example.com" } else { held };
        assert_eq!((&profile["email"], &profile["name"]), (&expected.into(), &"Ada".into()), "{held}");
    }
}
