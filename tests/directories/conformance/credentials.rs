//! Passwords of database connections. Source, where not said otherwise: Auth0's
//! `dbconnections/signup` and `PATCH /api/v2/users/{id}`.

use std::sync::Barrier;

use ligature_host::ambient::Ambient;
use ligature_host::directory::{Administration, CheckedLink, Credential, DryRun, OpenMode, SqlDirectory};
use ligature_host::model::{ApiError, User};

use super::super::users::{InFewWords, ada, at, counted, google, kind, link, unlink, user};
use super::super::{Implementation, Test};
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    a_credential_is_found_by_address_or_username
    an_address_is_taken_in_its_connection_only
    a_sign_up_happens_wholly_or_not_at_all
    a_username_is_no_address
    a_credential_that_cannot_be_kept_is_refused
    a_taken_address_is_told_masked
    a_credential_is_added_or_replaced
    a_credential_needs_its_identity
    a_login_changes_with_its_user_or_not_at_all
    a_password_goes_on_through_link_unlink_and_undo
    a_deleted_user_leaves_no_password
    users_are_counted
    of_two_sign_ups_of_one_address_one_wins
    no_password_is_set_beside_a_deletion
    a_hash_is_replaced_by_another_of_the_same_password_only
};

/// Tests of a dry run over a directory with users.
pub(crate) const DRY_RUN: &[Test] = tests! {
    a_dry_run_changes_no_password
};

/// Returns a credential whose password contains the user's id.
pub(crate) fn credential(id: &str, email: &str, username: Option<&str>) -> Credential {
    Credential {
        connection: "auth0".to_owned(),
        user_id: id.to_owned(),
        email: Some(email.to_owned()),
        username: username.map(str::to_owned),
        password: Some(format!("$argon2id${id}")),
    }
}

pub(super) fn adas() -> Credential {
    credential("1", "ada@example.com", Some("ada"))
}

pub(super) fn bobs() -> Credential {
    credential("2", "bob@example.com", Some("bob"))
}

pub(super) fn bob() -> User {
    user(r#"{"user_id": "auth0|2", "email": "bob@example.com"}"#)
}

/// Another connection's user.
fn elsewhere() -> User {
    user(
        r#"{"user_id": "auth0|x|1", "identities": [{"provider": "auth0", "user_id": "x|1", "connection": "x"}]}"#,
    )
}

/// A directory in which Ada and Bob have signed up.
pub(super) fn both(implementation: &Implementation) -> super::Opened {
    let opened = implementation.open();
    opened.directory.sign_up(ada(), &adas()).expect("Ada signs up");
    opened.directory.sign_up(bob(), &bobs()).expect("Bob signs up");
    opened
}

fn password(directory: &dyn Administration, id: &str) -> Option<String> {
    directory.credential_of("auth0", id).unwrap().and_then(|found| found.password)
}

fn a_credential_is_found_by_address_or_username(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    let mixed = Credential { username: Some("Mike".to_owned()), ..credential("1", "Ada@Example.com", None) };
    let stored = directory.sign_up(ada(), &mixed).unwrap();
    assert_eq!(*stored.user, ada());
    assert_eq!(directory.get("auth0|1").unwrap(), stored);
    let kept = Some(credential("1", "ada@example.com", Some("mike")));
    for login in ["ada@example.com", "ADA@example.COM", "mike", "MIKE"] {
        assert_eq!(directory.credential("auth0", login).unwrap(), kept, "{login}");
    }
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), kept);
    for login in ["", "1", "auth0|1", "m_ke", "mıke", "%", "ada@example.com ", "' OR 1=1 --"] {
        assert_eq!(directory.credential("auth0", login).unwrap(), None, "{login}");
    }
    assert_eq!(directory.credential("x", "mike").unwrap(), None);
    assert_eq!(directory.credential_of("x", "1").unwrap(), None);
    assert_eq!(directory.credential_of("auth0", "auth0|1").unwrap(), None);
}

fn an_address_is_taken_in_its_connection_only(implementation: &Implementation) {
    let opened = both(implementation);
    let theirs = Credential { connection: "x".to_owned(), user_id: "x|1".to_owned(), ..adas() };
    opened.directory.sign_up(elsewhere(), &theirs).unwrap();
    assert_eq!(opened.directory.credential("x", "ada").unwrap(), Some(theirs));
    assert_eq!(opened.directory.credential("auth0", "ada").unwrap(), Some(adas()));
    // Any number may have neither: NULL is not taken by NULL.
    for id in ["7", "8"] {
        let nameless = Credential { email: None, ..credential(id, "", None) };
        opened.directory.sign_up(user(&format!(r#"{{"user_id": "auth0|{id}"}}"#)), &nameless).unwrap();
        assert_eq!(opened.directory.credential_of("auth0", id).unwrap(), Some(nameless));
    }
}

fn a_sign_up_happens_wholly_or_not_at_all(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let before = directory.all();
    let late = || user(r#"{"user_id": "auth0|3", "email": "eve@example.com"}"#);
    for taken in [credential("3", "ADA@example.com", None), credential("3", "eve@example.com", Some("Bob"))] {
        let error = directory.sign_up(late(), &taken).unwrap_err();
        assert_eq!(kind(&error), "invalid");
        assert!(error.to_string().contains("is taken"), "{error}");
        assert_eq!(directory.all(), before);
        assert_eq!(directory.owner_of("auth0", "auth0", "3"), None, "nothing is left of the refused user");
        assert_eq!(directory.credential_of("auth0", "3").unwrap(), None);
        assert_eq!(directory.credential("auth0", "eve@example.com").unwrap(), None);
    }
    let again = directory.sign_up(ada(), &credential("1", "new@example.com", None)).unwrap_err();
    assert_eq!(again, ApiError::Invalid("there is already a user auth0|1".to_owned()));
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(adas()));
    directory.link(&link("auth0|1", "auth0|2")).unwrap();
    let linked = directory.sign_up(bob(), &credential("2", "new@example.com", None)).unwrap_err();
    assert_eq!(kind(&linked), "already linked");
    assert_eq!(directory.credential_of("auth0", "2").unwrap(), Some(bobs()));
    directory.sign_up(late(), &credential("3", "eve@example.com", None)).unwrap();
}

/// Else a username could stand for an address that somebody has, or will have.
fn a_username_is_no_address(implementation: &Implementation) {
    let opened = implementation.open();
    let eves = credential("1", "eve@example.com", Some("ada@example.com"));
    assert_eq!(kind(&opened.directory.sign_up(ada(), &eves).unwrap_err()), "invalid");
    assert!(opened.directory.all().is_empty());
    opened.directory.sign_up(ada(), &credential("1", "eve@example.com", Some("@ada"))).unwrap();
    assert!(opened.directory.credential("auth0", "@ADA").unwrap().is_some());
}

fn a_credential_that_cannot_be_kept_is_refused(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let long = "a".repeat(1025);
    let some = |text: &str| Some(text.to_owned());
    for refused in [
        Credential { connection: String::new(), ..adas() },
        Credential { user_id: String::new(), ..adas() },
        Credential { email: some("ada"), ..adas() },
        Credential { email: some(""), ..adas() },
        Credential { email: Some(format!("{long}@example.com")), ..adas() },
        Credential { email: some("a\0@example.com"), ..adas() },
        Credential { username: some(""), ..adas() },
        Credential { username: Some(long.clone()), ..adas() },
        Credential { username: some("a\nb"), ..adas() },
        Credential { password: some("$argon2id$\0"), ..adas() },
    ] {
        let version = directory.get("auth0|1").unwrap().version;
        assert_eq!(kind(&directory.set_credential(&refused).unwrap_err()), "invalid", "{refused:?}");
        assert_eq!(kind(&directory.sign_up(ada(), &refused).unwrap_err()), "invalid", "{refused:?}");
        let changed = directory.change_login(ada(), version, &refused).unwrap_err();
        assert_eq!(kind(&changed), "invalid", "{refused:?}");
    }
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(adas()));
    let longest = Credential { username: Some("a".repeat(1024)), ..adas() };
    directory.set_credential(&longest).unwrap();
    assert_eq!(directory.credential("auth0", &"A".repeat(1024)).unwrap(), Some(longest));
}

fn a_taken_address_is_told_masked(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    directory.sign_up(ada(), &credential("1", "ada@corp.com", None)).unwrap();
    let error = directory.sign_up(bob(), &credential("2", "ada@corp.com", None)).unwrap_err();
    assert_eq!(error, ApiError::Invalid("the login a…@corp.com is taken".to_owned()));
}

fn a_credential_is_added_or_replaced(implementation: &Implementation) {
    let opened = with(implementation, [ada(), bob()]);
    let directory = &opened.directory;
    let before = directory.get("auth0|1").unwrap();
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), None);
    directory.set_credential(&adas()).unwrap();
    directory.set_credential(&bobs()).unwrap();
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(adas()));
    let same = Credential { password: Some("$argon2id$new".to_owned()), ..adas() };
    directory.set_credential(&same).unwrap();
    assert_eq!(directory.credential("auth0", "ada").unwrap(), Some(same));
    let other = Credential { email: Some("Countess@example.com".to_owned()), password: None, ..adas() };
    directory.set_credential(&other).unwrap();
    let kept = Credential { email: Some("countess@example.com".to_owned()), ..other };
    assert_eq!(directory.credential("auth0", "countess@example.com").unwrap(), Some(kept.clone()));
    assert_eq!(directory.credential("auth0", "ada@example.com").unwrap(), None, "the old address is free");
    for taken in [
        Credential { email: Some("Bob@example.com".to_owned()), ..adas() },
        Credential { username: Some("BOB".to_owned()), ..adas() },
    ] {
        let error = directory.set_credential(&taken).unwrap_err();
        assert!(error.to_string().contains("is taken"), "{error}");
        assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(kept.clone()), "nothing has changed");
    }
    directory.set_credential(&Credential { email: Some("ada@example.com".to_owned()), ..bobs() }).unwrap();
    assert_eq!(directory.get("auth0|1").unwrap(), before, "a password is no change of the user");
}

/// Else who gets the id later would inherit the password.
fn a_credential_needs_its_identity(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), bob(), elsewhere()]);
    let directory = &opened.directory;
    let nobodys = credential("9", "ada@example.com", None);
    assert_eq!(directory.set_credential(&nobodys), Err(ApiError::NotFound("auth0|9".to_owned())));
    let googles = credential("115", "ada@example.com", None);
    assert_eq!(directory.set_credential(&googles), Err(ApiError::NotFound("auth0|115".to_owned())));
    let elsewhere = Credential { connection: "x".to_owned(), ..adas() };
    assert_eq!(kind(&directory.set_credential(&elsewhere).unwrap_err()), "invalid");
    let fresh = || user(r#"{"user_id": "auth0|3"}"#);
    let version = directory.get("auth0|1").unwrap().version;
    for foreign in [bobs(), Credential { connection: "x".to_owned(), ..credential("3", "a@b", None) }] {
        assert_eq!(kind(&directory.sign_up(fresh(), &foreign).unwrap_err()), "invalid");
        assert_eq!(kind(&directory.change_login(ada(), version, &foreign).unwrap_err()), "invalid");
    }
    assert_eq!(directory.count().unwrap(), 4);
    assert_eq!(directory.credential_of("auth0", "2").unwrap(), None);
    // A linked identity is one of its primary's.
    let linked = directory.link(&link("auth0|1", "auth0|2")).unwrap();
    let version = directory.get("auth0|1").unwrap().version;
    directory.change_login(User::clone(&linked), version, &bobs()).unwrap();
    assert_eq!(directory.credential_of("auth0", "2").unwrap(), Some(bobs()));
}

fn a_login_changes_with_its_user_or_not_at_all(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let read = directory.get("auth0|1").unwrap();
    let changed = || User { email: Some("new@example.com".to_owned()), ..User::clone(&read.user) };
    let taken = Credential { username: Some("bob".to_owned()), ..adas() };
    let error = directory.change_login(changed(), read.version, &taken).unwrap_err();
    assert!(error.to_string().contains("is taken"), "{error}");
    assert_eq!(directory.get("auth0|1").unwrap(), read);
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(adas()));
    let new = credential("1", "new@example.com", None);
    let updated = directory.change_login(changed(), read.version, &new).unwrap();
    assert_eq!(*updated.user, changed());
    assert_eq!(directory.get("auth0|1").unwrap(), updated);
    assert_eq!(directory.credential("auth0", "new@example.com").unwrap(), Some(new.clone()));
    assert_eq!(directory.credential("auth0", "ada").unwrap(), None);
    let late = directory.change_login(ada(), read.version, &adas()).unwrap_err();
    assert_eq!(late, ApiError::StateChanged("auth0|1 was changed".to_owned()));
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(new));
}

fn a_password_goes_on_through_link_unlink_and_undo(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    let check = |after: &str| {
        assert_eq!(directory.credential("auth0", "ada@example.com").unwrap(), Some(adas()), "{after}");
        assert_eq!(directory.credential("auth0", "bob").unwrap(), Some(bobs()), "{after}");
        assert_eq!(directory.credential_of("auth0", "2").unwrap(), Some(bobs()), "{after}");
    };
    directory.link(&link("auth0|1", "auth0|2")).unwrap();
    check("linked");
    let changed = Credential { password: Some("$argon2id$new".to_owned()), ..bobs() };
    directory.set_credential(&changed).unwrap();
    assert_eq!(password(&**directory, "2"), changed.password, "a linked account's password can be changed");
    directory.set_credential(&bobs()).unwrap();
    directory.unlink(&unlink("auth0|1", "auth0", "2")).unwrap();
    check("unlinked");
    directory.link(&CheckedLink { now: at(250), ..link("auth0|2", "auth0|1") }).unwrap();
    check("linked the other way");
    directory.undo_at(&directory.last_link().id, 300).unwrap();
    check("undone");
    assert_eq!(directory.identities("auth0|1"), ["auth0|1"]);
}

fn a_deleted_user_leaves_no_password(implementation: &Implementation) {
    let opened = both(implementation);
    let directory = &opened.directory;
    directory.create(google()).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    directory.link(&link("auth0|1", "auth0|2")).unwrap();
    directory.sign_up(user(r#"{"user_id": "auth0|3"}"#), &credential("3", "eve@example.com", None)).unwrap();
    assert_eq!(directory.delete("auth0|2"), Ok(false), "an identity is no user");
    assert!(password(&**directory, "2").is_some());
    assert_eq!(directory.delete("auth0|1"), Ok(true));
    for (id, login) in [("1", "ada"), ("2", "bob@example.com")] {
        assert_eq!(directory.credential_of("auth0", id).unwrap(), None);
        assert_eq!(directory.credential("auth0", login).unwrap(), None);
    }
    assert!(password(&**directory, "3").is_some(), "others keep theirs");
    directory.create(ada()).unwrap();
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), None, "nothing is inherited");
    directory.sign_up(bob(), &credential("2", "bob@example.com", Some("ada"))).unwrap();
}

fn users_are_counted(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    assert_eq!(directory.count(), Ok(0));
    directory.sign_up(ada(), &adas()).unwrap();
    directory.create(google()).unwrap();
    directory.count_login(&counted("auth0|1", at(7), None)).unwrap();
    assert_eq!(directory.count(), Ok(2));
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(directory.count(), Ok(1), "an identity is no user");
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    assert_eq!(directory.count(), Ok(2));
    directory.delete("auth0|1").unwrap();
    assert_eq!(directory.count(), Ok(1));
}

fn of_two_sign_ups_of_one_address_one_wins(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    for round in 0..20 {
        let barrier = Barrier::new(2);
        let sign_up = |id: String| {
            let user = user(&format!(r#"{{"user_id": "auth0|{id}"}}"#));
            let credential = credential(&id, &format!("r{round}@example.com"), None);
            barrier.wait();
            directory.sign_up(user, &credential).map(|stored| stored.user.user_id.clone())
        };
        let answers = std::thread::scope(|scope| {
            let threads = ["a", "b"].map(|name| scope.spawn(move || sign_up(format!("{name}{round}"))));
            threads.map(|thread| thread.join().expect("it ends"))
        });
        let won: Vec<&String> = answers.iter().flatten().collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let lost = answers.iter().find_map(|answer| answer.as_ref().err()).expect("one loses");
        assert!(lost.to_string().contains("is taken"), "{lost}");
        let found = directory.credential("auth0", &format!("r{round}@example.com")).unwrap();
        assert_eq!(found.map(|found| format!("auth0|{}", found.user_id)).as_ref(), Some(won[0]));
        assert_eq!(directory.count(), Ok(round + 1), "nothing is left of who lost");
    }
}

/// Whichever comes first, a password does not outlive its identity.
fn no_password_is_set_beside_a_deletion(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    for _ in 0..20 {
        directory.create(ada()).unwrap();
        let barrier = Barrier::new(2);
        let set = std::thread::scope(|scope| {
            let setting = scope.spawn(|| {
                barrier.wait();
                directory.set_credential(&adas())
            });
            barrier.wait();
            assert_eq!(directory.delete("auth0|1"), Ok(true));
            setting.join().expect("it ends")
        });
        assert!(matches!(set, Ok(()) | Err(ApiError::NotFound(_))), "{set:?}");
        assert_eq!(directory.credential_of("auth0", "1").unwrap(), None);
    }
}

fn a_dry_run_changes_no_password(_: &Implementation) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.db");
    let open = || SqlDirectory::sqlite(&file, None, OpenMode::Create, &Ambient::system()).expect("it opens");
    let directory = open();
    directory.sign_up(ada(), &adas()).unwrap();
    directory.sign_up(bob(), &bobs()).unwrap();
    let dry = DryRun::new(open());
    assert_eq!((dry.count(), dry.credential("auth0", "ada").unwrap()), (Ok(2), Some(adas())));
    let taken = credential("3", "bob@example.com", None);
    let error = dry.sign_up(user(r#"{"user_id": "auth0|3"}"#), &taken).unwrap_err();
    assert!(error.to_string().contains("is taken"), "{error}");
    dry.delete("auth0|2").unwrap();
    assert_eq!((dry.count(), dry.credential("auth0", "bob").unwrap()), (Ok(1), None));
    dry.sign_up(user(r#"{"user_id": "auth0|3"}"#), &taken).unwrap();
    assert_eq!((dry.count(), dry.credential("auth0", "bob@example.com").unwrap()), (Ok(2), Some(taken)));
    let new = Credential { username: Some("countess".to_owned()), ..adas() };
    dry.set_credential(&new).unwrap();
    assert_eq!(dry.credential("auth0", "ada").unwrap(), None);
    assert_eq!(dry.credential_of("auth0", "1").unwrap(), Some(new));
    assert_eq!(directory.count(), Ok(2));
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(adas()));
    assert_eq!(directory.credential("auth0", "bob@example.com").unwrap(), Some(bobs()));
}

fn a_hash_is_replaced_by_another_of_the_same_password_only(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    let known = credential("1", "ada@example.com", Some("ada"));
    directory.sign_up(ada(), &known).unwrap();
    assert_eq!(directory.rehash(&known, "$argon2id$fresh"), Ok(true));
    let fresh = Credential { password: Some("$argon2id$fresh".to_owned()), ..known.clone() };
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(fresh.clone()));
    // The password has changed since it was checked.
    assert_eq!(directory.rehash(&known, "$argon2id$old"), Ok(false));
    assert_eq!(directory.credential_of("auth0", "1").unwrap(), Some(fresh.clone()));
    directory.delete("auth0|1").unwrap();
    assert_eq!(directory.rehash(&fresh, "$argon2id$old"), Ok(false));
    assert_eq!(directory.credential_of("auth0", "1"), Ok(None));
}
