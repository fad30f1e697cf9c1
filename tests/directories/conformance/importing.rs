//! Many users at once.

use ligature_host::directory::{Administration, Batch, Imported};
use ligature_host::model::User;

use super::super::users::{InFewWords, ada, at, google, kind, link, user};
use super::super::{Implementation, Test};
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    an_import_tells_of_every_user_what_became_of_it
    a_strict_import_ends_at_the_first_bad_user
    an_import_of_yesterday_does_not_lose_what_was_linked_today
};

/// Imports these lines, numbered as they are.
pub(super) fn import(
    directory: &dyn Administration,
    lines: &[(u64, User)],
    replace: bool,
    strict: bool,
) -> Vec<Imported> {
    let lines: Vec<(u64, Box<str>)> =
        lines.iter().map(|(line, user)| (*line, serde_json::to_string(user).unwrap().into())).collect();
    let read = |_, json: &str| match serde_json::from_str::<User>(json) {
        Ok(user) => Ok(user.into()),
        Err(error) => Err(error.to_string()),
    };
    let batch = Batch { lines: &lines, parse: &read, replace, strict, import: Some("file"), now: at(1) };
    directory.import(&batch).unwrap()
}

fn an_import_tells_of_every_user_what_became_of_it(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let linked = directory.user("auth0|1");
    let thief = user(
        r#"{"user_id": "sms|8", "identities": [
            {"provider": "sms", "user_id": "8"}, {"provider": "google-oauth2", "user_id": "115", "connection": "google-oauth2"}]}"#,
    );
    let users = [
        (1, user(r#"{"user_id": "sms|7"}"#)),
        (2, linked.clone()),
        (3, google()),
        (4, thief),
        (5, User { blocked: true, ..linked.clone() }),
        (7, user(r#"{"user_id": "7"}"#)),
    ];
    let told = import(&**directory, &users, false, false);
    assert_eq!(told[..2], [Imported::Added, Imported::Same]);
    let refused: Vec<bool> = told[2..].iter().map(|told| matches!(told, Imported::Refused(_))).collect();
    assert_eq!(refused, [true; 4], "{told:?}");
    assert_eq!(directory.user("auth0|1"), linked);
    assert_eq!(directory.owner_of("sms", "sms", "8"), None, "nothing is left of the thief");
    assert_eq!(directory.import_progress("file"), Ok(7));
    assert_eq!(directory.import_progress("other"), Ok(0));
    let replaced = import(&**directory, &users[4..5], true, false);
    assert_eq!(replaced, [Imported::Replaced]);
    assert!(directory.user("auth0|1").blocked);
}

fn a_strict_import_ends_at_the_first_bad_user(implementation: &Implementation) {
    let opened = implementation.open();
    let users = [(1, ada()), (2, user(r#"{"user_id": "2"}"#)), (3, google())];
    let told = import(&*opened.directory, &users, false, true);
    assert_eq!(told.len(), 2);
    assert_eq!(opened.directory.all(), [ada()]);
    assert_eq!(opened.directory.import_progress("file"), Ok(1));
}

/// An export of yesterday holds none of today's links.
fn an_import_of_yesterday_does_not_lose_what_was_linked_today(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let yesterday = [(1, google()), (2, ada())];
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let linked = directory.user("auth0|1");
    let told = import(&**directory, &yesterday, true, false);
    assert!(matches!(told[..], [Imported::Refused(_), Imported::Refused(_)]), "{told:?}");
    assert_eq!(directory.user("auth0|1"), linked);
    assert_eq!(directory.owner_of("google-oauth2", "google-oauth2", "115").as_deref(), Some("auth0|1"));
    let stored = directory.get("auth0|1").unwrap();
    assert_eq!(kind(&directory.update(ada(), stored.version).unwrap_err()), "invalid");
}
