//! One test a rule. Source, where not said otherwise: Auth0 Management API v2.

use ligature_host::directory::{
    Administration, Batch, Forget, Imported, JournalQuery, Kept, Kind, Undo, UndoError,
};
use ligature_host::login::{ApiError, MetadataPatch, User};

use super::users::{InFewWords, ada, at, by, google, kind, link, metadata, unlink, user, without_mark};
use super::{Implementation, Opened, Test};

macro_rules! tests {
    ($($name:ident)*) => { &[$((stringify!($name), $name as fn(&Implementation))),*] };
}

pub(crate) const TESTS: &[Test] = tests! {
    a_user_comes_back_as_it_was
    a_user_is_made_once
    an_id_is_split_at_the_first_bar
    a_user_that_cannot_be_kept_is_refused
    a_look_up_is_exact_or_ignores_case
    an_update_needs_the_version_that_was_read
    a_deleted_user_takes_its_identities_with_it
    metadata_is_merged_on_the_first_level
    a_login_is_counted_and_is_no_change
    a_link_moves_the_identities_and_removes_the_secondary
    a_link_takes_the_secondarys_own_secondaries_along
    a_link_decided_on_an_older_version_is_refused
    what_is_linked_already_is_not_linked_again
    a_user_is_not_linked_to_itself
    a_login_through_a_linked_identity_is_its_primarys
    an_unlinked_identity_is_a_user_without_metadata
    the_main_identity_cannot_be_unlinked
    unlinking_what_is_not_there_changes_nothing
    the_journal_says_who_and_why_and_keeps_the_secondary
    an_undone_link_leaves_both_as_they_were
    an_undo_keeps_what_changed_since
    an_undo_is_refused_where_later_changes_conflict
    an_undo_does_not_replace_what_was_linked_again
    a_link_is_undone_once
    undoing_in_the_wrong_order_names_the_link_that_comes_first
    a_dry_run_of_an_undo_changes_nothing
    what_the_journal_has_forgotten_cannot_be_undone
    an_import_tells_of_every_user_what_became_of_it
    a_strict_import_ends_at_the_first_bad_user
    an_import_of_yesterday_does_not_lose_what_was_linked_today
    no_change_takes_back_a_count_of_logins
    a_version_is_never_used_again
};

fn with(implementation: &Implementation, users: impl IntoIterator<Item = User>) -> Opened {
    let opened = implementation.open();
    for user in users {
        opened.directory.create(user).expect("the user is made");
    }
    opened
}

fn a_user_comes_back_as_it_was(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    assert_eq!(opened.directory.user("auth0|1"), ada());
    assert_eq!(opened.directory.user("google-oauth2|115"), google());
    assert_eq!(opened.directory.all(), [ada(), google()]);
    assert_eq!(google().identities[0].user_id, "115", "a numeric id is text");
    let nobody = opened.directory.get("auth0|9").unwrap_err();
    assert_eq!(nobody, ApiError::NotFound("auth0|9".to_owned()));
}

fn a_user_is_made_once(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    assert_eq!(kind(&opened.directory.create(ada()).unwrap_err()), "invalid");
    let thief = user(
        r#"{"user_id": "auth0|2", "identities": [
            {"provider": "auth0", "user_id": "2"}, {"provider": "auth0", "user_id": "1"}]}"#,
    );
    assert_eq!(kind(&opened.directory.create(thief).unwrap_err()), "invalid");
    assert_eq!(opened.directory.all(), [ada()]);
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
        let error = opened.directory.create(user(json)).expect_err(json);
        assert_eq!(kind(&error), "invalid", "{json}");
    }
    let own_last = user(
        r#"{"user_id": "auth0|1", "identities": [{"provider": "sms", "user_id": "2"}, {"provider": "auth0", "user_id": "1"}]}"#,
    );
    opened.directory.create(own_last).unwrap();
    assert_eq!(opened.directory.identities("auth0|1"), ["auth0|1", "sms|2"], "its own comes first");
}

fn a_look_up_is_exact_or_ignores_case(implementation: &Implementation) {
    let mixed = user(r#"{"user_id": "samlp|3", "email": "Ada@Example.com"}"#);
    let dotless = user(r#"{"user_id": "samlp|4", "email": "mıke@example.com"}"#);
    let opened = with(implementation, [google(), ada(), mixed, dotless]);
    let directory = &opened.directory;
    let ids = |found: Result<Vec<ligature_host::directory::Stored>, ApiError>| {
        found.unwrap().into_iter().map(|stored| stored.user.user_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(directory.find_by_email("ada@example.com", 10)), ["auth0|1", "google-oauth2|115"]);
    assert_eq!(ids(directory.find_by_email("Ada@Example.com", 10)), ["samlp|3"]);
    assert!(ids(directory.find_by_email("ADA@example.com", 10)).is_empty());
    assert_eq!(directory.find_by_email("ada@example.com", 1).unwrap().len(), 1);
    assert_eq!(ids(directory.find_by_email_ignoring_case("ADA@EXAMPLE.COM", 10)).len(), 3);
    assert!(ids(directory.find_by_email_ignoring_case("MIKE@example.com", 10)).is_empty());
    assert!(ids(directory.find_by_email("' OR 1=1 --", 10)).is_empty());
    assert!(ids(directory.find_by_email("ada%", 10)).is_empty());
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
    assert_eq!(directory.delete("google-oauth2|115"), Ok(false), "an identity is no user");
    assert_eq!(directory.delete("auth0|1"), Ok(true));
    assert_eq!(directory.delete("auth0|1"), Ok(false));
    assert!(directory.all().is_empty());
    assert_eq!(directory.owner_of("google-oauth2", "google-oauth2", "115"), None);
    directory.create(google()).unwrap();
}

fn metadata_is_merged_on_the_first_level(implementation: &Implementation) {
    let opened = with(implementation, [google()]);
    let patch = |user: &str, app: &str| {
        let patch = MetadataPatch { user_metadata: Some(metadata(user)), app_metadata: Some(metadata(app)) };
        opened.directory.patch_metadata("google-oauth2|115", None, &patch, at(5)).unwrap().user
    };
    let patched = patch(r#"{"lang": null, "a": {"x": 1}}"#, r#"{"plan": "free"}"#);
    assert_eq!(patched.user_metadata, Some(metadata(r#"{"theme": "light", "a": {"x": 1}}"#)));
    assert_eq!(patched.updated_at, Some(at(5)));
    let patched = patch(r#"{"a": {"y": 2}}"#, "{}");
    assert_eq!(patched.user_metadata, Some(metadata(r#"{"theme": "light", "a": {"y": 2}}"#)));
    assert_eq!(patched.app_metadata, Some(metadata("{}")));
    assert_eq!(opened.directory.user("google-oauth2|115"), *patched);
    let nobody = opened.directory.patch_metadata("auth0|9", None, &MetadataPatch::default(), at(5));
    assert_eq!(kind(&nobody.unwrap_err()), "not found");
    let late =
        opened.directory.patch_metadata("google-oauth2|115", Some(1), &MetadataPatch::default(), at(5));
    assert_eq!(kind(&late.unwrap_err()), "state changed");
}

fn a_login_is_counted_and_is_no_change(implementation: &Implementation) {
    let opened = with(implementation, [ada(), user(r#"{"user_id": "auth0|2"}"#)]);
    let directory = &opened.directory;
    let before = directory.get("auth0|1").unwrap();
    directory.count_login("auth0|1", at(7)).unwrap();
    directory.count_login("auth0|2", at(8)).unwrap();
    let after = directory.get("auth0|1").unwrap();
    assert_eq!((after.user.logins_count, after.user.last_login), (Some(4), Some(at(7))));
    assert_eq!((after.version, after.user.updated_at), (before.version, before.user.updated_at));
    assert_eq!(directory.user("auth0|2").logins_count, Some(1));
    assert_eq!(kind(&directory.count_login("auth0|9", at(9)).unwrap_err()), "not found");
}

fn a_link_moves_the_identities_and_removes_the_secondary(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.request.user_metadata = Some(metadata(r#"{"lang": "en"}"#));
    let linked = directory.link(&request).unwrap();
    assert_eq!(directory.user("auth0|1"), *linked);
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "google-oauth2|115"]);
    let profile = linked.identities[1].profile_data.as_ref().unwrap();
    assert_eq!(profile.keys().collect::<Vec<_>>(), ["email", "email_verified", "given_name"]);
    assert_eq!(linked.identities[0].profile_data.as_ref().unwrap()["name"], "Ada");
    assert_eq!(linked.user_metadata, Some(metadata(r#"{"theme": "dark", "lang": "en"}"#)));
    assert_eq!((linked.app_metadata.as_ref(), linked.roles.as_slice()), (None, &["reader".to_owned()][..]));
    assert_eq!((linked.logins_count, linked.updated_at), (Some(3), Some(at(100))));
    assert_eq!(kind(&directory.get("google-oauth2|115").unwrap_err()), "not found");
    assert_eq!(directory.find_by_email("ada@example.com", 10).unwrap().len(), 1);
}

fn a_link_takes_the_secondarys_own_secondaries_along(implementation: &Implementation) {
    let sms = user(r#"{"user_id": "sms|7", "phone_number": "+1"}"#);
    let opened = with(implementation, [ada(), google(), sms]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "google-oauth2|115", "sms|7"]);
    assert_eq!(directory.owner_of("sms", "sms", "7").as_deref(), Some("auth0|1"));
    let phone = directory.user("auth0|1").identities[2].profile_data.clone().unwrap();
    assert_eq!(phone["phone_number"], "+1");
}

fn a_link_decided_on_an_older_version_is_refused(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.primary_version = Some(directory.get("auth0|1").unwrap().version);
    request.secondary_version = Some(directory.get("google-oauth2|115").unwrap().version);
    directory.patch_metadata("google-oauth2|115", None, &MetadataPatch::default(), at(5)).unwrap();
    let before = directory.all();
    let error = directory.link(&request).unwrap_err();
    assert_eq!(error, ApiError::StateChanged("google-oauth2|115 was changed".to_owned()));
    assert_eq!(directory.all(), before);
    directory.delete("google-oauth2|115").unwrap();
    let error = directory.link(&request).unwrap_err();
    assert_eq!(error, ApiError::StateChanged("google-oauth2|115 is gone".to_owned()));
    assert!(directory.journal(&JournalQuery { user_id: None, limit: 10 }).unwrap().is_empty());
}

fn what_is_linked_already_is_not_linked_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    for (primary, secondary) in
        [("auth0|1", "google-oauth2|115"), ("sms|7", "google-oauth2|115"), ("google-oauth2|115", "sms|7")]
    {
        let error = directory.link(&link(primary, secondary)).unwrap_err();
        let words = "google-oauth2|115 is already an identity of auth0|1";
        assert_eq!(error, ApiError::AlreadyLinked(words.to_owned()), "{secondary} into {primary}");
    }
    assert_eq!(kind(&directory.link(&link("auth0|1", "auth0|9")).unwrap_err()), "not found");
    assert_eq!(kind(&directory.link(&link("auth0|9", "sms|7")).unwrap_err()), "not found");
}

fn a_user_is_not_linked_to_itself(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    assert_eq!(kind(&opened.directory.link(&link("auth0|1", "auth0|1")).unwrap_err()), "invalid");
}

fn a_login_through_a_linked_identity_is_its_primarys(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let google = ("google-oauth2", "google-oauth2", "115");
    assert_eq!(directory.owner_of(google.0, google.1, google.2).as_deref(), Some("google-oauth2|115"));
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    assert_eq!(directory.owner_of(google.0, google.1, google.2).as_deref(), Some("auth0|1"));
    let other =
        ligature_host::login::IdentityKey { connection: "other", provider: "google-oauth2", user_id: "115" };
    assert_eq!(kind(&directory.owner(other).unwrap_err()), "invalid");
}

fn an_unlinked_identity_is_a_user_without_metadata(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let rest = directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    assert_eq!(directory.user("auth0|1"), *rest);
    assert_eq!(directory.identities("auth0|1"), ["auth0|1"]);
    assert!(rest.identities[0].profile_data.is_some(), "as recorded");
    let separated = directory.user("google-oauth2|115");
    assert_eq!(separated.email.as_deref(), Some("ada@example.com"));
    assert!(separated.email_verified.is_verified());
    assert_eq!(
        (separated.user_metadata.as_ref(), separated.roles.len(), separated.logins_count),
        (None, 0, None)
    );
    assert_eq!(separated.created_at, Some(at(200)));
    // The cool-down that the policy reads.
    let mark = |from: &str| {
        metadata(&format!(
            r#"{{"linking": {{"unlinked": [{{"from": "{from}", "at": {}}}]}}}}"#,
            at(200).as_millis()
        ))
    };
    assert_eq!(separated.app_metadata, Some(mark("auth0|1")));
    assert_eq!(rest.app_metadata, Some(mark("google-oauth2|115")));
    let entries = directory.journal(&JournalQuery { user_id: None, limit: 1 }).unwrap();
    assert_eq!(entries[0].kind, Kind::Unlink);
}

fn the_main_identity_cannot_be_unlinked(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let error = opened.directory.unlink(&unlink("auth0|1", "auth0", "1")).unwrap_err();
    assert_eq!(error, ApiError::Invalid("the main identity cannot be removed".to_owned()));
}

fn unlinking_what_is_not_there_changes_nothing(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let before = directory.get("auth0|1").unwrap();
    for id in ["google-oauth2|115", "116"] {
        let same = directory.unlink(&unlink("auth0|1", "google-oauth2", id)).unwrap();
        assert_eq!(same.identities.len(), 2);
    }
    assert_eq!(directory.get("auth0|1").unwrap(), before);
    assert_eq!(kind(&directory.unlink(&unlink("auth0|9", "auth0", "1")).unwrap_err()), "not found");
}

fn the_journal_says_who_and_why_and_keeps_the_secondary(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let listed = directory.journal(&JournalQuery { user_id: Some("auth0|1".to_owned()), limit: 10 }).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].kept, Kept::Unread);
    let entry = directory.journal_entry(&listed[0].id).unwrap();
    assert_eq!((entry.kind, entry.at), (Kind::Link, at(100)));
    assert_eq!((entry.primary.as_str(), entry.secondary.as_str()), ("auth0|1", "google-oauth2|115"));
    assert_eq!(entry.provenance, by("the test"));
    assert_eq!(entry.reasons[0].code, "LINKED_VERIFIED_BOTH");
    let Kept::Whole(snapshot) = &entry.kept else { panic!("nothing is kept") };
    assert_eq!(*snapshot.secondary, google());
    let none = directory.journal(&JournalQuery { user_id: Some("auth0|9".to_owned()), limit: 10 }).unwrap();
    assert!(none.is_empty());
}

fn an_undone_link_leaves_both_as_they_were(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.request.user_metadata = Some(metadata(r#"{"theme": null, "lang": "en"}"#));
    request.request.app_metadata = Some(metadata(r#"{"plan": "pro"}"#));
    directory.link(&request).unwrap();
    let undoing = directory.undo_at(&directory.last_link().id, 300).unwrap();
    assert_eq!(without_mark(directory.user("auth0|1")), ada());
    assert_eq!(without_mark(directory.user("google-oauth2|115")), google());
    assert_eq!(directory.user("auth0|1"), *undoing.primary);
    assert_eq!(
        directory.owner_of("google-oauth2", "google-oauth2", "115").as_deref(),
        Some("google-oauth2|115")
    );
    for (user, other) in [("auth0|1", "google-oauth2|115"), ("google-oauth2|115", "auth0|1")] {
        let marks = &directory.user(user).app_metadata.unwrap()["linking"]["unlinked"];
        assert_eq!(marks[0]["from"], other, "the cool-down has begun");
    }
    directory.link(&link("google-oauth2|115", "auth0|1")).unwrap();
}

fn an_undo_keeps_what_changed_since(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"new": 1}"#)), app_metadata: None };
    directory.patch_metadata("auth0|1", None, &patch, at(150)).unwrap();
    let mut later = link("auth0|1", "sms|7");
    later.now = at(155);
    directory.link(&later).unwrap();
    directory.count_login("auth0|1", at(160)).unwrap();
    let undoing = directory.undo_at(&first, 300).unwrap();
    let primary = directory.user("auth0|1");
    assert_eq!(primary.user_metadata, Some(metadata(r#"{"theme": "dark", "new": 1}"#)));
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "sms|7"]);
    assert_eq!((primary.logins_count, primary.updated_at), (Some(4), Some(at(300))));
    let notes = undoing.not_restored.join("\n");
    assert!(notes.contains("One login since the link counted as auth0|1's"), "{notes}");
    assert!(notes.contains("Sessions and refresh tokens"), "{notes}");
}

fn refused(undone: Result<ligature_host::directory::Undoing, UndoError>) -> String {
    match undone {
        Err(UndoError::Refused(why)) => why,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn an_undo_is_refused_where_later_changes_conflict(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.request.user_metadata = Some(metadata(r#"{"lang": "en"}"#));
    directory.link(&request).unwrap();
    let id = directory.last_link().id;
    let patch = |json: &str| MetadataPatch { user_metadata: Some(metadata(json)), app_metadata: None };
    directory.patch_metadata("auth0|1", None, &patch(r#"{"lang": "fr"}"#), at(150)).unwrap();
    let before = directory.get("auth0|1").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("`user_metadata.lang` of auth0|1 was changed again"), "{why}");
    assert_eq!(directory.get("auth0|1").unwrap(), before);

    directory.patch_metadata("auth0|1", None, &patch(r#"{"lang": "en"}"#), at(151)).unwrap();
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("google-oauth2|115 was unlinked from auth0|1 since"), "{why}");
    directory.delete("google-oauth2|115").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("google-oauth2|115 was deleted"), "{why}");
    directory.delete("auth0|1").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("auth0|1 is gone"), "{why}");
}

/// The account that was separated and linked again is another than the first
/// link's journal remembers.
fn an_undo_does_not_replace_what_was_linked_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    let mut again = link("auth0|1", "google-oauth2|115");
    again.now = at(250);
    directory.link(&again).unwrap();
    let second = directory.last_link().id;
    let before = directory.all();
    let why = refused(directory.undo_at(&first, 300));
    assert!(
        why.contains("google-oauth2|115 was linked again since") && why.contains(second.as_str()),
        "{why}"
    );
    assert_eq!(directory.all(), before);
    directory.undo_at(&second, 301).unwrap();
}

fn a_link_is_undone_once(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    directory.undo_at(&id, 300).unwrap();
    let entry = directory.journal_entry(&id).unwrap();
    assert_eq!(entry.undone.as_ref().map(|undone| undone.at), Some(at(300)));
    let why = refused(directory.undo_at(&id, 301));
    assert!(why.contains("undone already"), "{why}");
    let undo = entry.undone.unwrap().by;
    assert_eq!(directory.journal_entry(&undo).unwrap().undoes, Some(id));
    let why = refused(directory.undo_at(&undo, 302));
    assert!(why.contains("only links can be undone"), "{why}");
}

fn undoing_in_the_wrong_order_names_the_link_that_comes_first(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    let inner = directory.last_link().id;
    let mut outer = link("auth0|1", "google-oauth2|115");
    outer.now = at(150);
    directory.link(&outer).unwrap();
    let outer = directory.last_link().id;
    let why = refused(directory.undo_at(&inner, 300));
    assert!(why.contains("become an identity of auth0|1") && why.contains(outer.as_str()), "{why}");
    directory.undo_at(&outer, 301).unwrap();
    assert_eq!(directory.identities("google-oauth2|115"), ["google-oauth2|115", "sms|7"]);
    directory.undo_at(&inner, 302).unwrap();
    assert_eq!(without_mark(directory.user("google-oauth2|115")), google());
    assert_eq!(without_mark(directory.user("auth0|1")), ada());
}

fn a_dry_run_of_an_undo_changes_nothing(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let (before, id) = (directory.all(), directory.last_link().id);
    let undo = Undo { id: id.clone(), provenance: by("the test"), now: at(300), dry_run: true };
    let planned = directory.undo(&undo).unwrap();
    assert_eq!(directory.all(), before);
    let done = directory.undo_at(&id, 300).unwrap();
    assert_eq!((planned.primary, planned.secondary), (done.primary, done.secondary));
    assert_eq!(planned.not_restored, done.not_restored);
}

fn what_the_journal_has_forgotten_cannot_be_undone(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    if matches!(implementation, Implementation::DryRun) {
        let refused = directory.forget_snapshots(&Forget::Before(at(100))).unwrap_err();
        assert_eq!(kind(&refused), "invalid", "a dry run erases nothing");
        return;
    }
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    assert_eq!(directory.forget_snapshots(&Forget::Before(at(100))), Ok(0));
    assert_eq!(directory.forget_snapshots(&Forget::Of("sms|7".to_owned())), Ok(0));
    assert_eq!(directory.forget_snapshots(&Forget::Of("google-oauth2|115".to_owned())), Ok(1));
    assert_eq!(directory.forget_snapshots(&Forget::Before(at(101))), Ok(0));
    assert_eq!(directory.journal_entry(&id).unwrap().kept, Kept::Forgotten);
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("erased"), "{why}");
}

/// Imports these lines, numbered as they are.
fn import(
    directory: &dyn Administration,
    lines: &[(u64, User)],
    replace: bool,
    strict: bool,
) -> Vec<Imported> {
    let lines: Vec<(u64, Box<str>)> =
        lines.iter().map(|(line, user)| (*line, serde_json::to_string(user).unwrap().into())).collect();
    let read = |_, json: &str| serde_json::from_str(json).map_err(|error| error.to_string());
    let batch = Batch { lines: &lines, read: &read, replace, strict, import: Some("file"), now: at(1) };
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

/// What came in yesterday knows nothing of today's links.
fn an_import_of_yesterday_does_not_lose_what_was_linked_today(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let yesterday = [(1, google()), (2, ada())];
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let linked = directory.user("auth0|1");
    let told = import(&**directory, &yesterday, true, false);
    assert!(told.iter().all(|told| matches!(told, Imported::Refused(_))), "{told:?}");
    assert_eq!(directory.user("auth0|1"), linked);
    assert_eq!(directory.owner_of("google-oauth2", "google-oauth2", "115").as_deref(), Some("auth0|1"));
    let stored = directory.get("auth0|1").unwrap();
    assert_eq!(kind(&directory.update(ada(), stored.version).unwrap_err()), "invalid");
}

/// Counting is no change, so a change decided before it must not undo it.
fn no_change_takes_back_a_count_of_logins(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    let read = directory.get("auth0|1").unwrap();
    directory.count_login("auth0|1", at(7)).unwrap();
    directory.update(User { blocked: true, ..User::clone(&read.user) }, read.version).unwrap();
    let user = directory.user("auth0|1");
    assert_eq!((user.blocked, user.logins_count, user.last_login), (true, Some(4), Some(at(7))));
    let told = import(&**directory, &[(1, User { logins_count: Some(1), ..ada() })], true, false);
    assert_eq!(told, [Imported::Replaced]);
    assert_eq!(directory.user("auth0|1").logins_count, Some(1), "an import says what the count is");
}

/// A decision made on a user that was removed must not fit the next one of its
/// id.
fn a_version_is_never_used_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let old = directory.get("google-oauth2|115").unwrap().version;
    std::thread::sleep(std::time::Duration::from_millis(3));
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    directory.undo_at(&directory.last_link().id, 300).unwrap();
    let mut late = link("auth0|1", "google-oauth2|115");
    late.secondary_version = Some(old);
    assert_eq!(kind(&directory.link(&late).unwrap_err()), "state changed");
}
