//! Logins that arrive: the event takes precedence over an older copy in the
//! directory.

use ligature_host::directory::{Administration, ArrivalError, Credential, arrive, arrive_existing};
use ligature_host::model::{ApiError, LoginEvent, User};

use super::super::users::{InFewWords, ada, at, google, link, user};
use super::super::{Implementation, Opened, Test};
use super::credentials::credential;
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    an_older_copy_loses_its_verification
    a_first_login_is_counted_once_it_has_completed
    a_login_that_changes_its_user_changes_updated_at
    a_login_of_an_existing_user_creates_none
    a_login_moves_to_the_events_address_with_its_user
    a_login_of_another_address_than_the_users_stays
    a_login_that_cannot_move_is_told_and_nothing_changes
    a_linked_identitys_login_moves_with_its_profile
    an_own_profile_follows_the_root_address
    a_login_has_the_roles_of_both_the_directory_and_the_event
    an_assumed_connection_is_settled_with_its_credential
    a_login_through_the_assumed_connection_settles_it
    a_login_of_another_strategy_settles_no_connection
    an_assumed_connection_is_not_settled_into_anothers_login
    a_linked_identity_is_settled_in_its_primary_and_comes_back_so
    every_user_is_handed_out_until_it_is_enough
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

fn a_first_login_is_counted_once_it_has_completed(implementation: &Implementation) {
    let opened = implementation.open();
    for (id, sent, kept) in [("auth0|1", 1, None), ("auth0|2", 5, Some(4))] {
        let event =
            format!(r#"{{"user_id": "{id}", "logins_count": {sent}, "last_login": "2026-01-01T00:00:00Z"}}"#);
        arrive(&*opened.directory, login(&event), at(9)).unwrap();
        let made = opened.directory.user(id);
        assert_eq!((made.logins_count, made.last_login), (kept, None), "{id}");
    }
}

fn a_login_that_changes_its_user_changes_updated_at(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let updated_at = |event: &str, seconds: u64| {
        arrive(&*opened.directory, login(event), at(seconds)).unwrap();
        opened.directory.user("auth0|1").updated_at
    };
    assert_eq!(updated_at(r#"{"user_id": "auth0|1"}"#, 9), ada().updated_at);
    let unverified = r#"{"user_id": "auth0|1", "email": "ada@example.com"}"#;
    assert_eq!(updated_at(unverified, 10), Some(at(10)));
    assert_eq!(updated_at(unverified, 11), Some(at(10)));
}

/// A session must not bring a deleted user back.
fn a_login_of_an_existing_user_creates_none(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    assert_eq!(arrive_existing(&**directory, login(r#"{"user_id": "auth0|9"}"#), at(9)), Ok(None));
    assert_eq!(directory.all(), [ada()]);
    let event = login(r#"{"user_id": "auth0|1", "email": "ada@example.com"}"#);
    let arrived = arrive_existing(&**directory, event, at(9)).unwrap().expect("Ada is there");
    assert_eq!(arrived.user.user_id, "auth0|1");
    assert!(!directory.user("auth0|1").email_verified.is_verified(), "updated from the event");
}

/// The old mailbox never led into the account by this credential.
fn a_login_of_another_address_than_the_users_stays(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    directory.sign_up(ada(), &credential("1", "work@example.com", None)).expect("Ada signs up");
    let event = login(r#"{"user_id": "auth0|1", "email": "new@example.com", "email_verified": true}"#);
    arrive(&**directory, event, at(9)).unwrap();
    assert_eq!(directory.user("auth0|1").email.as_deref(), Some("new@example.com"));
    assert_eq!(address_of_login(&**directory, "1").as_deref(), Some("work@example.com"));
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

/// Bob, whom an import has assumed to be of the database `assumed`.
const BOB: &str = r#"{"user_id": "auth0|2", "identities": [
    {"provider": "auth0", "user_id": "2", "connection": "assumed", "connection_assumed": true}]}"#;

fn bobs(connection: &str, username: &str) -> Credential {
    let credential = credential("2", "bob@example.com", Some(username));
    Credential { connection: connection.to_owned(), ..credential }
}

fn an_assumed_connection_is_settled_with_its_credential(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    directory.sign_up(user(BOB), &bobs("assumed", "bob")).expect("Bob signs up");
    let arrived = arrive(&**directory, login(r#"{"user_id": "auth0|2"}"#), at(9)).unwrap();
    let own = &directory.user("auth0|2").identities[0];
    assert_eq!((own.connection.as_str(), own.connection_assumed), ("auth0", false));
    assert_eq!(arrived.account().identities[0].connection, "auth0");
    assert_eq!(directory.owner_of("auth0", "auth0", "2").as_deref(), Some("auth0|2"));
    assert_eq!(directory.credential_of("assumed", "2"), Ok(None));
    assert_eq!(directory.credential("auth0", "bob").unwrap(), Some(bobs("auth0", "bob")));
}

fn a_login_through_the_assumed_connection_settles_it(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    directory.create(user(&BOB.replace("\"assumed\"", "\"auth0\""))).unwrap();
    assert!(directory.user("auth0|2").identities[0].connection_assumed);
    arrive(&**directory, login(r#"{"user_id": "auth0|2"}"#), at(9)).unwrap();
    assert!(!directory.user("auth0|2").identities[0].connection_assumed);
}

fn a_login_of_another_strategy_settles_no_connection(implementation: &Implementation) {
    for strategy in ["", r#", "strategy": "google-oauth2""#] {
        let opened = implementation.open();
        let directory = &opened.directory;
        directory.create(user(BOB)).unwrap();
        let text =
            format!(r#"{{"user": {{"user_id": "auth0|2"}}, "connection": {{"name": "auth0"{strategy}}}}}"#);
        let error = arrive(&**directory, serde_json::from_str(&text).unwrap(), at(9)).unwrap_err();
        assert!(matches!(error, ArrivalError::Directory(ApiError::Invalid(_))), "{error:?}");
        assert_eq!(directory.user("auth0|2"), user(BOB), "{strategy}");
    }
}

fn an_assumed_connection_is_not_settled_into_anothers_login(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    directory.sign_up(user(BOB), &bobs("assumed", "ada")).expect("Bob signs up");
    let before = directory.user("auth0|2");
    let error = arrive(&**directory, login(r#"{"user_id": "auth0|2"}"#), at(9)).unwrap_err();
    assert!(error.to_string().contains("auth0|1 already has ada in the database `auth0`"), "{error}");
    assert_eq!(directory.user("auth0|2"), before);
    assert_eq!(directory.credential("assumed", "ada").unwrap(), Some(bobs("assumed", "ada")));
}

fn a_linked_identity_is_settled_in_its_primary_and_comes_back_so(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    directory.create(user(BOB)).unwrap();
    directory.link(&link("auth0|1", "auth0|2")).unwrap();
    let arrived = arrive(&**directory, login(r#"{"user_id": "auth0|2"}"#), at(9)).unwrap();
    assert_eq!(arrived.user.user_id, "auth0|1");
    let linked = &directory.user("auth0|1").identities[1];
    assert_eq!((linked.connection.as_str(), linked.connection_assumed), ("auth0", false));

    directory.undo_at(&directory.last_link().id, 300).expect("the link is undone");
    let own = &directory.user("auth0|2").identities[0];
    assert_eq!((own.connection.as_str(), own.connection_assumed), ("auth0", false));
    assert_eq!(directory.owner_of("auth0", "auth0", "2").as_deref(), Some("auth0|2"));
}

fn every_user_is_handed_out_until_it_is_enough(implementation: &Implementation) {
    let opened = signed_up(implementation);
    let directory = &opened.directory;
    directory.create(google()).unwrap();
    let handed_out = |most: usize| {
        let mut users = Vec::new();
        let each = &mut |stored: &ligature_host::directory::Stored| {
            users.push(User::clone(&stored.user));
            users.len() < most
        };
        directory.each_user(each).unwrap();
        users
    };
    assert_eq!(handed_out(9), directory.all());
    assert_eq!(handed_out(1), directory.all()[..1]);
}
