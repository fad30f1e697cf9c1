//! A clock that is set back: a later change still has the later place in the journal.

use ligature_host::directory::{JournalQuery, MetadataUpdate, UndoError};
use ligature_host::model::MetadataPatch;

use super::super::users::{InFewWords, ada, at, counted, google, link, metadata, unlink, user};
use super::super::{Implementation, Test};
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    an_undo_with_the_clock_set_back_does_not_destroy_what_came_later
    a_recreated_account_is_not_replaced_by_an_older_link
    the_journal_is_in_the_order_of_what_was_done
    an_undo_names_the_link_that_was_made_last
    a_page_of_the_journal_goes_on_where_the_last_one_ended
    the_time_of_the_last_login_is_that_of_the_last_one
};

fn refused(undone: Result<ligature_host::directory::Undoing, UndoError>) -> String {
    match undone {
        Err(UndoError::Refused(refusal)) => refusal.why,
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn an_undo_with_the_clock_set_back_does_not_destroy_what_came_later(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    // An hour back, and all of this later than the link.
    let mut parted = unlink("auth0|1", "google-oauth2", "115");
    parted.now = at(10);
    directory.unlink(&parted).unwrap();
    let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"later": 1}"#)), app_metadata: None };
    directory
        .patch_metadata(&MetadataUpdate {
            user_id: "google-oauth2|115",
            version: None,
            patch: &patch,
            now: at(20),
        })
        .unwrap();
    let mut again = link("auth0|1", "google-oauth2|115");
    again.now = at(30);
    directory.link(&again).unwrap();
    let second = directory.journal(&JournalQuery { limit: 1, ..JournalQuery::default() }).unwrap().remove(0);
    assert_eq!(second.at, at(30));
    let before = opened.users().all();
    let why = refused(directory.undo_at(&first, 40));
    assert!(why.contains("google-oauth2|115 was linked again since"), "{why}");
    assert!(why.contains(second.id.as_str()), "{why}");
    assert_eq!(opened.users().all(), before);
    directory.undo_at(&second.id, 50).unwrap();
    assert_eq!(
        directory.user("google-oauth2|115").user_metadata,
        Some(metadata(r#"{"later": 1}"#)),
        "what came later is there"
    );
}

/// The accounts of the first link are gone; others have their ids.
fn a_recreated_account_is_not_replaced_by_an_older_link(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google()]);
    let directory = &opened.directory;
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let first = directory.last_link().id;
    opened.users().delete("auth0|1").unwrap();
    opened.users().create(ada()).unwrap();
    opened
        .users()
        .create(user(
            r#"{"user_id": "google-oauth2|115", "name": "Another",
        "identities": [{"provider": "google-oauth2", "user_id": "115", "connection": "google-oauth2"}]}"#,
        ))
        .unwrap();
    let mut again = link("auth0|1", "google-oauth2|115");
    again.now = at(30);
    directory.link(&again).unwrap();
    let why = refused(directory.undo_at(&first, 40));
    assert!(why.contains("google-oauth2|115 was linked again since"), "{why}");
}

fn the_journal_is_in_the_order_of_what_was_done(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    for (n, seconds) in [(1, 500), (2, 400), (3, 300), (4, 600), (5, 100)] {
        opened.users().create(user(&format!(r#"{{"user_id": "sms|{n}"}}"#))).unwrap();
        let mut link = link("auth0|1", &format!("sms|{n}"));
        link.now = at(seconds);
        directory.link(&link).unwrap();
    }
    for user_id in [None, Some("auth0|1".to_owned())] {
        let query = JournalQuery { user_id, limit: 10, ..JournalQuery::default() };
        let entries = directory.journal(&query).unwrap();
        let secondaries: Vec<_> = entries.iter().map(|entry| entry.secondary.as_str()).collect();
        assert_eq!(secondaries, ["sms|5", "sms|4", "sms|3", "sms|2", "sms|1"]);
        assert!(entries.is_sorted_by(|later, earlier| later.place > earlier.place));
    }
}

fn an_undo_names_the_link_that_was_made_last(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    let directory = &opened.directory;
    directory.link(&link("google-oauth2|115", "sms|7")).unwrap();
    let inner = directory.last_link().id;
    let link_at = |seconds| {
        let mut link = link("auth0|1", "google-oauth2|115");
        link.now = at(seconds);
        directory.link(&link).unwrap();
        directory.last_link().id
    };
    link_at(90);
    let mut parted = unlink("auth0|1", "google-oauth2", "115");
    parted.now = at(80);
    directory.unlink(&parted).unwrap();
    let last = link_at(70);
    let mut parted = unlink("auth0|1", "sms", "7");
    parted.now = at(60);
    let why = refused(directory.undo_at(&inner, 300));
    assert!(why.contains("become an identity of auth0|1") && why.contains(last.as_str()), "{why}");
}

fn a_page_of_the_journal_goes_on_where_the_last_one_ended(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    for n in 0..7 {
        opened.users().create(user(&format!(r#"{{"user_id": "sms|{n}"}}"#))).unwrap();
        let mut link = link("auth0|1", &format!("sms|{n}"));
        link.now = at(100 - n);
        directory.link(&link).unwrap();
    }
    for user_id in [None, Some("auth0|1".to_owned())] {
        let mut query = JournalQuery { user_id, limit: 3, ..JournalQuery::default() };
        let mut seen = Vec::new();
        loop {
            let page = directory.journal(&query).unwrap();
            let Some(last) = page.last() else { break };
            query.before = Some(last.id.clone());
            seen.extend(page.iter().map(|entry| entry.secondary.clone()));
        }
        assert_eq!(seen, (0..7).rev().map(|n| format!("sms|{n}")).collect::<Vec<_>>());
    }
}

fn the_time_of_the_last_login_is_that_of_the_last_one(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    directory.count_login(&counted("auth0|1", at(100), Some([192, 0, 2, 1].into()))).unwrap();
    directory.count_login(&counted("auth0|1", at(50), Some([192, 0, 2, 2].into()))).unwrap();
    let user = directory.user("auth0|1");
    assert_eq!((user.last_login, &user.rest["last_ip"]), (Some(at(50)), &"192.0.2.2".into()));
}
