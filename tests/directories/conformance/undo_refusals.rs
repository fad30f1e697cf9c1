//! Undos that are refused, with the reason.

use ligature_host::directory::{CheckedLink, MetadataUpdate, SnapshotSelection, SnapshotState, UndoError};
use ligature_host::model::MetadataPatch;

use super::super::users::{InFewWords, ada, at, google, kind, link, metadata, unlink, user, without_mark};
use super::super::{Implementation, Test};
use super::{kept, tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    an_undo_is_refused_where_later_changes_conflict
    metadata_that_was_set_back_was_changed_again
    an_undo_names_the_user_that_has_the_identity_now
    an_undo_names_no_link_where_none_took_the_primary
    an_undo_does_not_replace_what_was_linked_again
    a_link_is_undone_once
    undoing_in_the_wrong_order_names_the_link_that_comes_first
    what_the_journal_has_forgotten_cannot_be_undone
};

fn refused(undone: Result<ligature_host::directory::Undoing, UndoError>) -> String {
    match undone {
        Err(UndoError::Refused(refusal)) => refusal.why,
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
    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "auth0|1",
            version: None,
            patch: &patch(r#"{"lang": "fr"}"#),
            now: at(150),
        })
        .unwrap();
    let before = directory.get("auth0|1").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("`user_metadata.lang` of auth0|1 was changed again"), "{why}");
    assert_eq!(directory.get("auth0|1").unwrap(), before);

    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "auth0|1",
            version: None,
            patch: &patch(r#"{"lang": "en"}"#),
            now: at(151),
        })
        .unwrap();
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("google-oauth2|115 was unlinked from auth0|1 since"), "{why}");
    opened.users().delete("google-oauth2|115").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("google-oauth2|115 was deleted"), "{why}");
    opened.users().delete("auth0|1").unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("auth0|1 is gone"), "{why}");
}

/// An undo does not guess who set it back, nor why.
fn metadata_that_was_set_back_was_changed_again(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    let mut request = link("auth0|1", "google-oauth2|115");
    request.request.user_metadata = Some(metadata(r#"{"lang": "en"}"#));
    directory.link(&request).unwrap();
    let id = directory.last_link().id;
    let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"lang": null}"#)), app_metadata: None };
    directory
        .patch_metadata(&MetadataUpdate { user_id: "auth0|1", version: None, patch: &patch, now: at(150) })
        .unwrap();
    let before = directory.get("auth0|1").unwrap();
    assert_eq!(before.user.user_metadata, ada().user_metadata);
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("`user_metadata.lang` of auth0|1 was changed again"), "{why}");
    assert_eq!(directory.get("auth0|1").unwrap(), before);
}

fn an_undo_names_the_user_that_has_the_identity_now(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    directory.link(&CheckedLink { now: at(250), ..link("sms|7", "google-oauth2|115") }).unwrap();
    let why = refused(directory.undo_at(&first, 300));
    assert_eq!(why, "google-oauth2|115 has become an identity of sms|7 since");
}

/// The primary was deleted and came into another user without a link.
fn an_undo_names_no_link_where_none_took_the_primary(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    opened.users().delete("auth0|1").unwrap();
    let other = r#"{"user_id": "sms|7", "identities": [
        {"provider": "sms", "user_id": "7", "connection": "sms"},
        {"provider": "auth0", "user_id": "1", "connection": "auth0"}]}"#;
    opened.users().create(user(other)).unwrap();
    let why = refused(directory.undo_at(&id, 300));
    assert_eq!(why, "auth0|1 has itself become an identity of sms|7 since");
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
    let before = opened.users().all();
    let why = refused(directory.undo_at(&first, 300));
    assert!(
        why.contains("google-oauth2|115 was linked again since") && why.contains(second.as_str()),
        "{why}"
    );
    assert_eq!(opened.users().all(), before);
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
    let kept = |user| without_mark(kept(implementation, user));
    assert_eq!(kept(directory.user("google-oauth2|115")), kept(google()));
    assert_eq!(kept(directory.user("auth0|1")), kept(ada()));
}

fn what_the_journal_has_forgotten_cannot_be_undone(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    if matches!(implementation, Implementation::DryRun) {
        let refused = directory.forget_snapshots(&SnapshotSelection::Before(at(100))).unwrap_err();
        assert_eq!(kind(&refused), "invalid", "a dry run erases nothing");
        return;
    }
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    assert_eq!(directory.forget_snapshots(&SnapshotSelection::User("sms|7".to_owned())), Ok(0));
    assert_eq!(directory.forget_snapshots(&SnapshotSelection::User("google-oauth2|115".to_owned())), Ok(1));
    assert_eq!(directory.journal_entry(&id).unwrap().kept, SnapshotState::Forgotten);
    let why = refused(directory.undo_at(&id, 300));
    assert!(why.contains("erased"), "{why}");
}
