//! Queries and changes by operators.

use ligature_host::directory::{EntryKind, JournalQuery, SetBlocked};

use super::super::users::{InFewWords, ada, at, by, google, kind, link, user};
use super::super::{Implementation, Test};
use super::{tests, with};

pub(crate) const TESTS: &[Test] = tests! {
    a_block_is_written_into_the_journal_once
    ids_are_found_by_their_beginning
};

fn a_block_is_written_into_the_journal_once(implementation: &Implementation) {
    let opened = with(implementation, [ada()]);
    let directory = &opened.directory;
    let block = |blocked| SetBlocked {
        user_id: "auth0|1".to_owned(),
        blocked,
        provenance: by("the test"),
        now: at(9),
    };
    for blocked in [true, true, false] {
        assert_eq!(directory.set_blocked(&block(blocked)).unwrap().user.blocked, blocked);
        assert_eq!(directory.user("auth0|1").blocked, blocked);
    }
    let query = JournalQuery { user_id: Some("auth0|1".to_owned()), limit: 9, ..JournalQuery::default() };
    let kinds: Vec<EntryKind> = directory.journal(&query).unwrap().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Unblock, EntryKind::Block]);
    let nobody = SetBlocked { user_id: "auth0|9".to_owned(), ..block(true) };
    assert_eq!(kind(&directory.set_blocked(&nobody).unwrap_err()), "not found");
}

fn ids_are_found_by_their_beginning(implementation: &Implementation) {
    let opened = with(implementation, [ada(), google(), user(r#"{"user_id": "auth0|12"}"#)]);
    let directory = &opened.directory;
    let ids = |beginning: &str, limit| {
        let mut ids = directory.user_ids(beginning, limit).unwrap();
        ids.sort();
        ids
    };
    assert_eq!(ids("auth0|", 9), ["auth0|1", "auth0|12"]);
    assert_eq!(ids("auth0|", 1).len(), 1);
    assert_eq!(ids("auth0|12", 9), ["auth0|12"]);
    assert!(ids("AUTH0", 9).is_empty() && ids("%", 9).is_empty() && ids("uth0", 9).is_empty());
    directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let id = directory.last_link().id;
    assert_eq!(directory.entry_ids(&id.as_str()[..10], 9), Ok(vec![id]));
    assert_eq!(directory.entry_ids("zz", 9), Ok(vec![]));
    let holder = directory.holder("google-oauth2|115").unwrap().unwrap();
    assert_eq!(holder.user.user_id, "auth0|1");
    assert_eq!(directory.holder("nobody"), Ok(None));
}
