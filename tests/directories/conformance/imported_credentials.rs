//! Passwords of database connections, and imports of users.

use ligature_host::directory::{Batch, Credential, ImportRefusal, Imported, UserWithPassword};
use ligature_host::model::{ApiError, User};

use super::super::users::{InFewWords, ada, at, google, user};
use super::super::{Implementation, Test};
use super::credentials::{adas, bob, bobs, both, credential};
use super::importing::import;
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    an_address_without_a_credential_is_taken
    an_import_leaves_passwords_alone
    a_password_is_imported_once
};

fn an_address_without_a_credential_is_taken(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let imported = r#"{"user_id": "auth0|9", "email": "Nina@example.com", "username": "nina", "identities": [
        {"provider": "auth0", "user_id": "9", "connection": "auth0"},
        {"provider": "auth0", "user_id": "10", "connection": "auth0", "profileData": {"email": "linked@example.com"}},
        {"provider": "auth0", "user_id": "11", "connection": "staff", "profileData": {"email": "staff@example.com"}}]}"#;
    assert_eq!(import(&**directory, &[(1, user(imported))], false, false), [Imported::Added]);
    let new = |id: &str| user(&format!(r#"{{"user_id": "auth0|{id}"}}"#));
    for (id, email, username) in [
        ("3", "nina@EXAMPLE.com", None),
        ("4", "linked@example.com", None),
        ("5", "x@example.com", Some("Nina")),
    ] {
        let taken = directory.sign_up(new(id), &credential(id, email, username));
        assert!(matches!(taken, Err(ApiError::Invalid(_))), "{email}: {taken:?}");
        assert!(matches!(directory.get(&format!("auth0|{id}")), Err(ApiError::NotFound(_))));
        let moved = directory.set_credential(&credential("2", email, username));
        assert!(matches!(moved, Err(ApiError::Invalid(_))), "{email}: {moved:?}");
    }
    let holders = |email: &str| {
        let holders = directory.find_holders("auth0", email).unwrap();
        holders.into_iter().map(|it| (it.user_id, it.password)).collect::<Vec<_>>()
    };
    assert_eq!(holders("NINA@example.com"), [("9".to_owned(), None)]);
    assert_eq!(holders("linked@example.com"), [("10".to_owned(), None)]);
    assert_eq!(holders("ada@example.com"), [("1".to_owned(), Some("$argon2id$1".to_owned()))]);
    assert_eq!(holders("staff@example.com"), []);
    assert_eq!(holders("nobody@example.com"), []);

    // Their own first password; the address of another connection is free.
    directory.set_credential(&credential("9", "nina@example.com", Some("nina"))).unwrap();
    directory.set_credential(&credential("10", "linked@example.com", None)).unwrap();
    directory.sign_up(new("6"), &credential("6", "staff@example.com", None)).unwrap();
    // No import takes the address or the username of somebody who logs in.
    for (email, username) in [("Ada@example.com", "x"), ("x@example.com", "ADA")] {
        let twin = format!(
            r#"{{"user_id": "auth0|12", "email": {email:?}, "username": {username:?}, "identities": [
                {{"provider": "auth0", "user_id": "12", "connection": "auth0"}}]}}"#
        );
        for replace in [false, true] {
            let told = import(&**directory, &[(1, user(&twin))], replace, false);
            assert!(matches!(told.as_slice(), [Imported::Refused(_)]), "{told:?}");
        }
    }
    assert_eq!(import(&**directory, &[(1, ada())], false, false), [Imported::Same]);
    let another = Credential { password: Some("$argon2id$new".to_owned()), ..adas() };
    directory.set_credential(&another).unwrap();
}

fn an_import_leaves_passwords_alone(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let other = User { email: Some("new@example.com".to_owned()), ..ada() };
    let told = import(&**directory, &[(1, other), (2, bob()), (3, google())], true, false);
    assert_eq!(told, [Imported::Replaced, Imported::Same, Imported::Added]);
    assert_eq!(directory.credential("auth0", "ada@example.com").unwrap(), Some(adas()));
    assert_eq!(directory.credential("auth0", "bob").unwrap(), Some(bobs()));
    assert_eq!(directory.credential("auth0", "new@example.com").unwrap(), None);
}

fn a_password_is_imported_once(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    let import = |user: User, hash: &str, replace: bool| {
        let lines = [(1, serde_json::to_string(&user).unwrap().into())];
        let read = |_, json: &str| {
            let user = serde_json::from_str(json).map_err(|error: serde_json::Error| error.to_string())?;
            Ok(UserWithPassword { user, password: Some(hash.to_owned()), states_block: true })
        };
        let batch = Batch { lines: &lines, parse: &read, replace, strict: false, import: None, now: at(1) };
        directory.import(&batch).unwrap().remove(0)
    };
    assert_eq!(import(ada(), "$first", false), Imported::Added);
    let kept = |id: &str| directory.credential_of("auth0", id).unwrap().and_then(|it| it.password);
    assert_eq!(kept("1").as_deref(), Some("$first"));
    // A password that is there is newer than that of the line.
    assert_eq!(import(ada(), "$second", true), Imported::Same);
    assert_eq!(kept("1").as_deref(), Some("$first"));
    // No user gets a password for an address that another user has.
    let other = user(r#"{"user_id": "auth0|2", "email": "Ada@example.com"}"#);
    assert!(matches!(import(other, "$other", false), Imported::Refused(ImportRefusal::LoginTaken { .. })));
    assert!(directory.get("auth0|2").is_err());
    // A user that came without a password gets it by being replaced.
    directory.create(user(r#"{"user_id": "auth0|3", "email": "bob@example.com"}"#)).unwrap();
    let bob = directory.user("auth0|3");
    assert!(matches!(import(bob.clone(), "$bob", false), Imported::Refused(ImportRefusal::Differs(_))));
    assert_eq!(import(bob, "$bob", true), Imported::Replaced);
    assert_eq!(kept("3").as_deref(), Some("$bob"));
    // One of another provider has none.
    assert!(matches!(import(google(), "$google", false), Imported::Refused(ImportRefusal::Unfit(_))));
}
