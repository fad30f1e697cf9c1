//! Users: made, found, changed, counted, removed.

use ligature_host::directory::{CountedLogin, Imported, JournalQuery, MetadataUpdate, Stored, Undo};
use ligature_host::model::{ApiError, MetadataPatch, User};

use super::super::users::{InFewWords, ada, at, by, counted, google, kind, link, metadata, unlink, user};
use super::super::{Implementation, Opened, Test};
use super::importing::import;
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    a_user_comes_back_as_it_was
    a_user_is_made_once
    an_id_is_split_at_the_first_bar
    a_user_that_cannot_be_kept_is_refused
    a_look_up_ignores_the_case_of_ascii_letters_only
    an_exact_look_up_compares_byte_for_byte
    an_update_needs_the_version_that_was_read
    a_deleted_user_takes_its_identities_with_it
    metadata_is_merged_on_the_first_level
    a_login_is_counted_and_is_no_change
    no_change_takes_back_a_count_of_logins
    the_last_use_of_an_identity_stays_over_a_link_an_unlink_and_an_undo
    a_login_is_no_use_of_an_identity_of_somebody_else
};

fn a_user_comes_back_as_it_was(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    assert_eq!(opened.directory.user("auth0|1"), ada());
    assert_eq!(opened.directory.user("google-oauth2|115"), google());
    assert_eq!(opened.users().all(), [ada(), google()]);
    assert_eq!(google().identities[0].user_id, "115", "a numeric id is text");
    let nobody = opened.directory.get("auth0|9").unwrap_err();
    assert_eq!(nobody, ApiError::NotFound("auth0|9".to_owned()));
}

fn a_user_is_made_once(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    assert_eq!(kind(&opened.users().create(ada()).unwrap_err()), "invalid");
    let thief = user(
        r#"{"user_id": "auth0|2", "identities": [
            {"provider": "auth0", "user_id": "2"}, {"provider": "auth0", "user_id": "1"}]}"#,
    );
    assert_eq!(kind(&opened.users().create(thief).unwrap_err()), "invalid");
    assert_eq!(opened.users().all(), [ada()]);
    assert_eq!(opened.directory.owner_of("auth0", "auth0", "2"), None, "nothing is left of the refused user");
}

fn an_id_is_split_at_the_first_bar(implementation: &Implementation) {
    let saml = user(r#"{"user_id": "samlp|acme|ada@example.com"}"#);
    let opened = with(implementation, [saml]);
    assert_eq!(
        opened.directory.owner_of("samlp", "samlp", "acme|ada@example.com").as_deref(),
        Some("samlp|acme|ada@example.com")
    );
}

fn a_user_that_cannot_be_kept_is_refused(implementation: &Implementation) {
    let opened = implementation.open();
    for json in [
        r#"{"user_id": "1"}"#,
        r#"{"user_id": "|1"}"#,
        r#"{"user_id": "auth0|"}"#,
        r#"{"user_id": "auth0|1\u0000"}"#,
        r#"{"user_id": "auth0|1", "email": "a\u0000@example.com"}"#,
        r#"{"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "2"}]}"#,
        r#"{"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "1"}, {"provider": "auth0", "user_id": "1"}]}"#,
        r#"{"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "1"}, {"provider": "samlp|x", "user_id": "1"}]}"#,
        r#"{"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "1"}, {"provider": "sms", "user_id": ""}]}"#,
        r#"{"user_id": "auth0|1", "logins_count": 9223372036854775807}"#,
    ] {
        let error = opened.users().create(user(json)).expect_err(json);
        assert_eq!(kind(&error), "invalid", "{json}");
    }
    let own_last = user(
        r#"{"user_id": "auth0|1", "identities": [{"provider": "sms", "user_id": "2"}, {"provider": "auth0", "user_id": "1"}]}"#,
    );
    opened.users().create(own_last).unwrap();
    assert_eq!(opened.directory.identities("auth0|1"), ["auth0|1", "sms|2"], "its own comes first");
}

/// The ids of the users that a look-up found.
fn ids(found: Result<Vec<Stored>, ApiError>) -> Vec<String> {
    found.unwrap().into_iter().map(|stored| stored.user.user_id.clone()).collect()
}

/// Two users with one address, one with capitals in it, and one with a letter
/// that only Unicode's case mapping takes for `i`.
fn with_spellings(implementation: &Implementation) -> Opened {
    let mixed = user(r#"{"user_id": "samlp|3", "email": "Ada@Example.com"}"#);
    let dotless = user(r#"{"user_id": "samlp|4", "email": "mıke@example.com"}"#);
    with(implementation, [google(), ada(), mixed, dotless])
}

fn a_look_up_ignores_the_case_of_ascii_letters_only(implementation: &Implementation) {
    let opened = with_spellings(implementation);
    let directory = &opened.directory;
    assert!(directory.ignores_case());
    for spelling in ["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM"] {
        let found = ids(directory.find_by_email(spelling, 10));
        assert_eq!(found, ["auth0|1", "google-oauth2|115", "samlp|3"], "{spelling}");
    }
    assert_eq!(directory.find_by_email("ada@example.com", 1).unwrap().len(), 1);
    assert!(ids(directory.find_by_email("MIKE@example.com", 10)).is_empty());
    // PostgreSQL takes no text with a NUL in it.
    assert!(ids(directory.find_by_email("ada\0@example.com", 10)).is_empty());
    assert!(matches!(directory.get("auth0|\0"), Err(ApiError::NotFound(_))));
    assert!(ids(directory.find_by_email("' OR 1=1 --", 10)).is_empty());
    assert!(ids(directory.find_by_email("ada%", 10)).is_empty());
}

fn an_exact_look_up_compares_byte_for_byte(implementation: &Implementation) {
    let opened = with_spellings(implementation);
    let directory = &opened.directory;
    let exact = |email| ids(directory.find_by_exact_email(email, 10));
    assert_eq!(exact("ada@example.com"), ["auth0|1", "google-oauth2|115"]);
    assert_eq!(exact("Ada@Example.com"), ["samlp|3"]);
    assert!(exact("ADA@example.com").is_empty() && exact("\0").is_empty());
}

fn an_update_needs_the_version_that_was_read(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    let read = directory.get("auth0|1").unwrap();
    let changed =
        User { blocked: true, email: Some("new@example.com".to_owned()), ..User::clone(&read.user) };
    let updated = directory.update(changed.clone(), read.version).unwrap();
    assert_eq!(directory.user("auth0|1"), changed);
    assert!(directory.find_by_email("ada@example.com", 10).unwrap().is_empty());
    assert_eq!(directory.find_by_email("new@example.com", 10).unwrap(), [updated]);
    let late = directory.update(ada(), read.version).unwrap_err();
    assert_eq!(late, ApiError::StateChanged("auth0|1 was changed".to_owned()));
}

fn a_deleted_user_takes_its_identities_with_it(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(opened.users().delete("google-oauth2|115"), Ok(false), "an identity is no user");
    assert_eq!(opened.users().delete("auth0|1"), Ok(true));
    assert_eq!(opened.users().delete("auth0|1"), Ok(false));
    assert!(opened.users().all().is_empty());
    assert_eq!(directory.owner_of("google-oauth2", "google-oauth2", "115"), None);
    opened.users().create(google()).unwrap();
}

fn metadata_is_merged_on_the_first_level(implementation: &Implementation) {
    let opened = with(implementation, [google()]);
    let patch = |user: &str, app: &str| {
        let patch = MetadataPatch { user_metadata: Some(metadata(user)), app_metadata: Some(metadata(app)) };
        opened
            .directory
            .patch_metadata(&MetadataUpdate {
                user_id: "google-oauth2|115",
                version: None,
                patch: &patch,
                now: at(5),
            })
            .unwrap()
            .user
    };
    let patched = patch(r#"{"lang": null, "a": {"x": 1}}"#, r#"{"plan": "free"}"#);
    assert_eq!(patched.user_metadata, Some(metadata(r#"{"theme": "light", "a": {"x": 1}}"#)));
    if !implementation.is_tenant() {
        assert_eq!(patched.updated_at, Some(at(5)));
    }
    let patched = patch(r#"{"a": {"y": 2}}"#, "{}");
    assert_eq!(patched.user_metadata, Some(metadata(r#"{"theme": "light", "a": {"y": 2}}"#)));
    assert_eq!(patched.app_metadata, Some(metadata("{}")));
    assert_eq!(opened.directory.user("google-oauth2|115"), *patched);
    let nobody = opened.directory.patch_metadata(&MetadataUpdate {
        user_id: "auth0|9",
        version: None,
        patch: &MetadataPatch::default(),
        now: at(5),
    });
    assert_eq!(kind(&nobody.unwrap_err()), "not found");
    let late = opened.directory.patch_metadata(&MetadataUpdate {
        user_id: "google-oauth2|115",
        version: Some(1),
        patch: &MetadataPatch::default(),
        now: at(5),
    });
    assert_eq!(kind(&late.unwrap_err()), "state changed");
}

fn a_login_is_counted_and_is_no_change(implementation: &Implementation) {
    let opened = with(implementation, [ada(), user(r#"{"user_id": "auth0|2"}"#)]);
    let directory = &opened.directory;
    let before = directory.get("auth0|1").unwrap();
    let from = Some([192, 0, 2, 7].into());
    directory.count_login(&counted("auth0|1", at(6), from)).unwrap();
    // An unknown address of the sender leaves the known one.
    directory.count_login(&counted("auth0|1", at(7), None)).unwrap();
    directory.count_login(&counted("auth0|2", at(8), Some("2001:db8::8".parse().unwrap()))).unwrap();
    let after = directory.get("auth0|1").unwrap();
    assert_eq!((after.user.logins_count, after.user.last_login), (Some(5), Some(at(7))));
    assert_eq!(
        (last_ip(&after.user), last_ip(&directory.user("auth0|2"))),
        (Some("192.0.2.7"), Some("2001:db8::8"))
    );
    assert_eq!((after.version, after.user.updated_at), (before.version, before.user.updated_at));
    assert_eq!(directory.user("auth0|2").logins_count, Some(1));
    assert_eq!(kind(&directory.count_login(&counted("auth0|9", at(9), None)).unwrap_err()), "not found");
}

/// Counting is no change, so a change decided before it must not undo it.
fn no_change_takes_back_a_count_of_logins(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    let read = directory.get("auth0|1").unwrap();
    directory.count_login(&counted("auth0|1", at(7), Some([192, 0, 2, 7].into()))).unwrap();
    directory.update(User { blocked: true, ..User::clone(&read.user) }, read.version).unwrap();
    let user = directory.user("auth0|1");
    assert_eq!((user.blocked, user.logins_count, user.last_login), (true, Some(4), Some(at(7))));
    assert_eq!(last_ip(&user), Some("192.0.2.7"));
    let mut imported = User { logins_count: Some(1), ..ada() };
    let told = import(&**directory, &[(1, imported.clone())], true, false);
    assert_eq!(told, [Imported::Replaced]);
    let user = directory.user("auth0|1");
    assert_eq!((user.logins_count, last_ip(&user)), (Some(1), None), "an import says what the count is");
    imported.rest.insert("last_ip".to_owned(), "192.0.2.99".into());
    assert_eq!(import(&**directory, &[(1, imported.clone())], true, false), [Imported::Replaced]);
    assert_eq!(import(&**directory, &[(1, imported)], false, false), [Imported::Same]);
    assert_eq!(last_ip(&directory.user("auth0|1")), Some("192.0.2.99"));
}

fn last_ip(user: &User) -> Option<&str> {
    user.rest.get("last_ip").and_then(|ip| ip.as_str())
}

fn the_last_use_of_an_identity_stays_over_a_link_an_unlink_and_an_undo(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let identities = [&ada().identities[0], &google().identities[0]].map(Clone::clone);
    let uses = || directory.last_uses(&identities).unwrap();
    assert_eq!(uses(), [None, None], "a login that was counted elsewhere is of no known identity");
    directory.count_login(&counted("auth0|1", at(10), None)).unwrap();
    directory.count_login(&counted("google-oauth2|115", at(11), None)).unwrap();
    assert_eq!(uses(), [Some(at(10)), Some(at(11))]);

    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(uses(), [Some(at(10)), Some(at(11))]);
    let by_google =
        CountedLogin { identity: Some(("google-oauth2", "115")), ..counted("auth0|1", at(20), None) };
    directory.count_login(&by_google).unwrap();
    directory.count_login(&counted("auth0|1", at(21), None)).unwrap();
    directory.count_login(&CountedLogin { identity: None, ..counted("auth0|1", at(22), None) }).unwrap();
    assert_eq!(uses(), [Some(at(21)), Some(at(20))]);
    assert_eq!(directory.user("auth0|1").last_login, Some(at(22)));

    let entries = directory.journal(&JournalQuery { limit: 1, ..JournalQuery::default() }).unwrap();
    let undo = Undo { id: entries[0].id.clone(), provenance: by("the test"), now: at(300), dry_run: false };
    directory.undo(&undo).unwrap();
    assert_eq!(uses(), [Some(at(21)), Some(at(20))]);
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    assert_eq!(uses(), [Some(at(21)), Some(at(20))]);
    // A user that is deleted takes its uses with it.
    directory.delete("google-oauth2|115").unwrap();
    assert_eq!(uses(), [Some(at(21)), None]);
    directory.create(google()).unwrap();
    assert_eq!(uses(), [Some(at(21)), None]);
}

/// An identity may leave its user between a login and its count.
fn a_login_is_no_use_of_an_identity_of_somebody_else(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let identities = [&ada().identities[0], &google().identities[0]].map(Clone::clone);
    let by_google =
        CountedLogin { identity: Some(("google-oauth2", "115")), ..counted("auth0|1", at(20), None) };
    let by_nobody = CountedLogin { identity: Some(("github", "9")), ..by_google };
    for login in [by_google, by_nobody] {
        directory.count_login(&login).unwrap();
    }
    assert_eq!(directory.last_uses(&identities), Ok(vec![None, None]));
    assert_eq!(directory.user("auth0|1").logins_count, Some(5));
    // Another change writes the counts.
    directory
        .update(User { blocked: true, ..google() }, directory.get("google-oauth2|115").unwrap().version)
        .unwrap();
    assert_eq!(directory.last_uses(&identities), Ok(vec![None, None]));
}
