//! The journal, and the users that an undo restores.

use ligature_host::directory::{
    CheckedLink, EntryKind, JournalQuery, MetadataUpdate, SetBlocked, SnapshotSelection, SnapshotState, Undo,
    Unlink, arrive,
};
use ligature_host::model::{MetadataPatch, Timestamp, User};

use super::super::users::{
    InFewWords, ada, at, by, counted, google, link, metadata, unlink, user, without_mark,
};
use super::super::{Implementation, Test};
use super::{common_notes, kept, tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    the_journal_says_who_and_why_and_keeps_the_secondary
    an_undone_link_leaves_both_as_they_were
    an_undo_keeps_what_changed_since
    an_undo_reverts_marks_that_a_link_carried_to_a_null
    an_own_profile_stays_while_others_are_linked
    an_undo_says_that_the_separated_account_is_not_blocked
    an_undo_names_the_profiles_that_later_logins_changed
    an_undo_reports_linking_of_another_form
    a_dry_run_of_an_undo_changes_nothing
    a_snapshot_is_forgotten_from_the_millisecond_after_its_entry
    an_unlink_gives_the_user_of_a_link_back
    an_unlink_gives_only_the_identity_of_its_user_back
    an_unlink_ignores_a_link_that_is_not_the_last
};

fn the_journal_says_who_and_why_and_keeps_the_secondary(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let listed = directory
        .journal(&JournalQuery { user_id: Some("auth0|1".to_owned()), limit: 10, ..JournalQuery::default() })
        .unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].kept, SnapshotState::Unread);
    let entry = directory.journal_entry(&listed[0].id).unwrap();
    assert_eq!((entry.kind, entry.at), (EntryKind::Link, at(100)));
    assert_eq!((entry.primary.as_str(), entry.secondary.as_str()), ("auth0|1", "google-oauth2|115"));
    assert_eq!(entry.provenance, by("the test"));
    assert_eq!(entry.reasons[0].code, "LINKED_VERIFIED_BOTH");
    let SnapshotState::Whole(snapshot) = &entry.kept else { panic!("nothing is kept") };
    let secondary = User::clone(&snapshot.secondary);
    assert_eq!((&secondary.roles, &secondary.organizations), (&google().roles, &google().organizations));
    assert_eq!(kept(implementation, secondary), kept(implementation, google()));
    let none = directory
        .journal(&JournalQuery { user_id: Some("auth0|9".to_owned()), limit: 10, ..JournalQuery::default() })
        .unwrap();
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
    let kept = |user| without_mark(kept(implementation, user));
    assert_eq!(kept(directory.user("auth0|1")), kept(ada()));
    assert_eq!(kept(directory.user("google-oauth2|115")), kept(google()));
    let stored = opened.users().get("google-oauth2|115").unwrap().user;
    assert_eq!((&stored.roles, &stored.organizations), (&google().roles, &google().organizations));
    assert_eq!(directory.user("auth0|1"), *undoing.primary);
    assert_eq!(common_notes(implementation, undoing.not_restored), usual("auth0|1", "google-oauth2|115"));
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
    directory
        .patch_metadata(&MetadataUpdate { user_id: "auth0|1", version: None, patch: &patch, now: at(150) })
        .unwrap();
    let mut later = link("auth0|1", "sms|7");
    later.now = at(155);
    directory.link(&later).unwrap();
    directory.count_login(&counted("auth0|1", at(160), None)).unwrap();
    let undoing = directory.undo_at(&first, 300).unwrap();
    let primary = directory.user("auth0|1");
    assert_eq!(primary.user_metadata, Some(metadata(r#"{"theme": "dark", "new": 1}"#)));
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "sms|7"]);
    let notes = undoing.not_restored.join("\n");
    // A tenant counts logins itself.
    if !implementation.is_tenant() {
        assert_eq!((primary.logins_count, primary.updated_at), (Some(4), Some(at(300))));
        assert!(notes.contains("One login since the link counted for auth0|1"), "{notes}");
    }
    assert!(notes.contains("Sessions and refresh tokens"), "{notes}");
}

/// `null` counts as absent, and the host writes marks of its own after the link.
fn an_undo_reverts_marks_that_a_link_carried_to_a_null(implementation: &Implementation) {
    for linking in ["null", r#"{"unlinked": null}"#] {
        let primary = format!(r#"{{"user_id": "auth0|1", "app_metadata": {{"linking": {linking}}}}}"#);
        let secondary = r#"{"user_id": "google-oauth2|115",
            "app_metadata": {"linking": {"unlinked": [{"from": "sms|9", "at": 1}]}}}"#;
        let opened = with(implementation, [user(&primary), user(secondary), user(r#"{"user_id": "sms|7"}"#)]);
        let directory = &opened.directory;
        directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
        let first = directory.last_link().id;
        directory.link(&CheckedLink { now: at(110), ..link("auth0|1", "sms|7") }).unwrap();
        directory.unlink(&unlink("auth0|1", "sms", "7")).unwrap();
        directory.undo_at(&first, 300).unwrap_or_else(|why| panic!("{linking}: {why}"));
    }
}

/// The notes of every undo.
fn usual(primary: &str, secondary: &str) -> [String; 2] {
    [sessions(secondary), separation(&format!("{primary} and {secondary}"))]
}

fn sessions(secondary: &str) -> String {
    format!("Sessions and refresh tokens that {secondary} had before the link are not in the directory.")
}

fn separation(users: &str) -> String {
    format!(
        "`app_metadata.linking` of {users} says that the accounts were separated: no login links them for the policy's \
         `unlink_cooldown_days`."
    )
}

fn an_undo_says_that_the_separated_account_is_not_blocked(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let change =
        SetBlocked { user_id: "auth0|1".to_owned(), blocked: true, provenance: by("support"), now: at(200) };
    directory.set_blocked(&change).unwrap();
    let undoing = directory.undo_at(&directory.last_link().id, 300).unwrap();
    let note = "auth0|1 is blocked, and google-oauth2|115 is not: whoever has its login can log in. Block it too, \
                if they must not.";
    assert!(undoing.not_restored.iter().any(|it| it == note), "{:?}", undoing.not_restored);
    assert!(directory.user("auth0|1").blocked && !directory.user("google-oauth2|115").blocked);
}

/// The link that added the primary's own `profileData` may be undone before a later one,
/// or after it.
fn an_own_profile_stays_while_others_are_linked(implementation: &Implementation) {
    for is_first_undone_first in [true, false] {
        let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
        let directory = &opened.directory;
        directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
        let first = directory.last_link().id;
        directory.link(&CheckedLink { now: at(155), ..link("auth0|1", "sms|7") }).unwrap();
        let second = directory.last_link().id;
        let has_profile = || directory.user("auth0|1").identities[0].profile_data.is_some();
        if is_first_undone_first {
            let kept =
                "The first identity of auth0|1 keeps its `profileData`, even after all others are unlinked.";
            let notes = directory.undo_at(&first, 300).unwrap().not_restored;
            assert_eq!(notes, [&[kept.to_owned()], &usual("auth0|1", "google-oauth2|115")[..]].concat());
            assert!(has_profile());
            assert_eq!(directory.undo_at(&second, 301).unwrap().not_restored, usual("auth0|1", "sms|7"));
            assert!(has_profile(), "and after");
        } else {
            assert_eq!(directory.undo_at(&second, 300).unwrap().not_restored, usual("auth0|1", "sms|7"));
            assert!(has_profile());
            let notes = directory.undo_at(&first, 301).unwrap().not_restored;
            assert_eq!(notes, usual("auth0|1", "google-oauth2|115"));
            assert!(!has_profile(), "as before the first link");
        }
    }
}

/// A provider that no longer verifies the address has changed the profile too.
fn an_undo_names_the_profiles_that_later_logins_changed(implementation: &Implementation) {
    let google_login = |rest: &str| {
        format!(
            r#"{{"user": {{"user_id": "google-oauth2|115", "email": "ada@example.com"{rest}}},
                "connection": {{"name": "google-oauth2", "strategy": "google-oauth2"}}}}"#
        )
    };
    let github_login = r#"{"user": {"user_id": "github|9", "name": "Augusta"},
        "connection": {"name": "github", "strategy": "github"}}"#;
    for (login, changed) in [
        (google_login(r#", "email_verified": true"#), None),
        (google_login(r#", "email_verified": true, "given_name": "Augusta""#), Some("google-oauth2|115")),
        (google_login(""), Some("google-oauth2|115")),
        (github_login.to_owned(), Some("github|9")),
    ] {
        let github = user(
            r#"{"user_id": "github|9", "name": "Ada",
                "identities": [{"provider": "github", "user_id": "9", "connection": "github"}]}"#,
        );
        let opened = with(implementation, [ada(), google(), github]);
        let directory = &opened.directory;
        directory.link(&link("google-oauth2|115", "github|9")).unwrap();
        let before = directory.user("google-oauth2|115");
        directory.link(&CheckedLink { now: at(150), ..link("auth0|1", "google-oauth2|115") }).unwrap();
        let id = directory.last_link().id;
        arrive(&**directory, serde_json::from_str(&login).unwrap(), at(200)).unwrap();
        let notes = directory.undo_at(&id, 300).unwrap().not_restored;
        let lost = changed.map(|changed| {
            format!("Later changes to the profile of {changed} are lost: the profile is that of {}.", at(150))
        });
        let expected: Vec<String> = lost.into_iter().chain(usual("auth0|1", "google-oauth2|115")).collect();
        assert_eq!(notes, expected, "{login}");
        assert_eq!(without_mark(directory.user("google-oauth2|115")), before, "{login}");
    }
}

fn an_undo_reports_linking_of_another_form(implementation: &Implementation) {
    let hobby = Some(metadata(r#"{"linking": "a hobby"}"#));
    let opened = with(implementation, [ada(), User { app_metadata: hobby.clone(), ..google() }]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let notes = directory.undo_at(&directory.last_link().id, 300).unwrap().not_restored;
    let left_alone = "`app_metadata.linking` of google-oauth2|115 is not of the documented form and was left alone: \
                      the pair may be linked again at the next login.";
    assert_eq!(
        common_notes(implementation, notes),
        [sessions("google-oauth2|115"), left_alone.to_owned(), separation("auth0|1")]
    );
    assert_eq!(directory.user("google-oauth2|115").app_metadata, hobby);
}

fn a_dry_run_of_an_undo_changes_nothing(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let (before, id) = (opened.users().all(), directory.last_link().id);
    let undo = Undo { id: id.clone(), provenance: by("the test"), now: at(300), dry_run: true };
    let planned = directory.undo(&undo).unwrap();
    assert_eq!(opened.users().all(), before);
    let done = directory.undo_at(&id, 300).unwrap();
    let kept = |user: &User| kept(implementation, user.clone());
    assert_eq!(kept(&planned.primary), kept(&done.primary));
    assert_eq!(kept(&planned.secondary), kept(&done.secondary));
    let notes = |notes| common_notes(implementation, notes);
    assert_eq!(notes(planned.not_restored), notes(done.not_restored));
}

fn a_snapshot_is_forgotten_from_the_millisecond_after_its_entry(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    if matches!(implementation, Implementation::DryRun) {
        return;
    }
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    assert_eq!(directory.forget_snapshots(&SnapshotSelection::Before(at(100))), Ok(0));
    assert_ne!(directory.journal_entry(&id).unwrap().kept, SnapshotState::Forgotten);
    let next = Timestamp::from_millis(at(100).as_millis() + 1).unwrap();
    assert_eq!(directory.forget_snapshots(&SnapshotSelection::Before(next)), Ok(1));
    assert_eq!(directory.journal_entry(&id).unwrap().kept, SnapshotState::Forgotten);
    assert_eq!(
        directory.forget_snapshots(&SnapshotSelection::Before(next)),
        Ok(0),
        "nothing is erased twice"
    );
}

/// The link's snapshot gives the profile and the metadata back, although an undo is refused.
fn an_unlink_gives_the_user_of_a_link_back(implementation: &Implementation) {
    let mine = User { user_metadata: Some(metadata(r#"{"lang": "en"}"#)), ..google() };
    let opened = with(implementation, [ada(), mine.clone()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let query = JournalQuery { limit: 1, ..JournalQuery::default() };
    let entry = directory.journal(&query).unwrap().remove(0).id;
    let leaving = Unlink { restores: Some(entry), ..unlink("auth0|1", "google-oauth2", "115") };
    directory.unlink(&leaving).unwrap();
    let back = directory.user("google-oauth2|115");
    assert_eq!((&back.user_metadata, back.created_at), (&mine.user_metadata, mine.created_at));
    assert_eq!((&back.email, &back.identities), (&mine.email, &mine.identities));
    assert!(back.app_metadata.is_some_and(|it| it["linking"]["unlinked"].is_array()), "the pair cools down");
    assert_eq!(directory.identities("auth0|1"), ["auth0|1"]);
}

/// The user of the link had a second identity, which stays where it is.
fn an_unlink_gives_only_the_identity_of_its_user_back(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    directory.link(&CheckedLink { now: at(110), ..link("auth0|1", "google-oauth2|115") }).unwrap();
    let restores = Some(directory.last_link().id);
    directory.unlink(&Unlink { restores, ..unlink("auth0|1", "google-oauth2", "115") }).unwrap();
    assert_eq!(directory.identities("google-oauth2|115"), ["google-oauth2|115"]);
    assert_eq!(directory.identities("auth0|1"), ["auth0|1", "sms|7"]);
    // A tenant finds a linked identity through the journal, whose chain of links ends at the
    // separated user.
    let owner = if implementation.is_tenant() { None } else { Some("auth0|1") };
    assert_eq!(directory.owner_of("sms", "sms", "7").as_deref(), owner);
}

/// The user of an older link would replace what has happened since.
fn an_unlink_ignores_a_link_that_is_not_the_last(implementation: &Implementation) {
    let mine = User { user_metadata: Some(metadata(r#"{"lang": "en"}"#)), ..google() };
    let opened = with(implementation, [ada(), mine]);
    let directory = &opened.directory;
    let query = JournalQuery { limit: 1, ..JournalQuery::default() };
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let old = directory.journal(&query).unwrap().remove(0).id;
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let leaving = Unlink { restores: Some(old), ..unlink("auth0|1", "google-oauth2", "115") };
    directory.unlink(&leaving).unwrap();
    assert_eq!(directory.user("google-oauth2|115").user_metadata, None);
}
