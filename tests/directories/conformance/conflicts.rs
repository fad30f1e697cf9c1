//! Conflicts that wait for a person.

use ligature_host::directory::{Administration, Conflict, ConflictKey, ConflictQuery, KeptDecision, Settled};
use ligature_host::model::{Level, Timestamp};

use super::super::users::kind;
use super::super::{Implementation, Test};
use super::keeping::{decision, reason};
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    a_conflict_waits_until_it_is_settled
    a_conflict_is_the_same_whichever_of_its_users_logs_in
    only_reasons_of_the_level_conflict_open_one
    a_settled_conflict_that_happens_again_waits_again
    a_conflict_is_settled_once
    what_cannot_be_settled_is_refused
    pages_of_conflicts_continue
};

/// The conflicts that wait.
pub(crate) fn open() -> ConflictQuery {
    ConflictQuery { limit: 100, ..ConflictQuery::default() }
}

fn settled() -> ConflictQuery {
    ConflictQuery { settled: true, ..open() }
}

fn later(directory: &dyn Administration, millis: u64) -> Timestamp {
    Timestamp::from_millis(directory.ambient().now().as_millis() + millis).unwrap()
}

/// A decision that reports a conflict of the user with another one.
fn report(directory: &dyn Administration, user_id: &str, other: &str) -> KeptDecision {
    let conflict = reason("TWO_MANAGED", Level::Conflict, &[other]);
    KeptDecision { reasons: vec![conflict], ..decision(directory, user_id) }
}

fn keep(directory: &dyn Administration, decisions: &[KeptDecision]) {
    assert_eq!(directory.keep_decisions(decisions).unwrap().kept, decisions.len());
}

fn settlement(directory: &dyn Administration) -> Settled {
    Settled { at: later(directory, 0), by: "ada".to_owned(), note: "Two <b>people</b>.".to_owned() }
}

fn a_conflict_waits_until_it_is_settled(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let now = later(directory, 0);
    let first = KeptDecision { at: now, ..report(directory, "auth0|2", "auth0|1") };
    keep(directory, std::slice::from_ref(&first));
    let last = KeptDecision { at: later(directory, 9), ..report(directory, "auth0|2", "auth0|1") };
    keep(directory, &[KeptDecision { at: now, ..report(directory, "auth0|2", "auth0|1") }, last.clone()]);
    let found = directory.conflicts(&open()).unwrap();
    let expected = Conflict {
        key: found[0].key.clone(),
        code: "TWO_MANAGED".to_owned(),
        user_ids: vec!["auth0|1".to_owned(), "auth0|2".to_owned()],
        first_at: now,
        last_at: last.at,
        times: 3,
        latest: last.id,
        settled: None,
    };
    assert_eq!(found, std::slice::from_ref(&expected));
    assert_eq!(directory.conflict(&expected.key), Ok(expected.clone()));
    assert_eq!(directory.count_open_conflicts(), Ok(1));

    let by_ada = settlement(directory);
    let done = directory.settle_conflict(&expected.key, &by_ada).unwrap();
    assert_eq!(done, Conflict { settled: Some(by_ada), ..expected });
    assert_eq!(directory.conflicts(&open()), Ok(vec![]));
    assert_eq!(directory.conflicts(&settled()), Ok(vec![done]));
    assert_eq!(directory.count_open_conflicts(), Ok(0));
}

fn a_conflict_is_the_same_whichever_of_its_users_logs_in(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    keep(directory, &[report(directory, "auth0|1", "auth0|2"), report(directory, "auth0|2", "auth0|1")]);
    keep(directory, &[report(directory, "auth0|1", "auth0|3")]);
    let mut times: Vec<_> =
        directory.conflicts(&open()).unwrap().iter().map(|conflict| conflict.times).collect();
    times.sort_unstable();
    assert_eq!(times, [1, 2]);
    // A reason that a decision has twice counts once.
    let mut twice = report(directory, "auth0|1", "auth0|3");
    twice.reasons.push(twice.reasons[0].clone());
    keep(directory, &[twice]);
    assert!(directory.conflicts(&open()).unwrap().iter().all(|conflict| conflict.times == 2));
}

fn only_reasons_of_the_level_conflict_open_one(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    for level in [Level::Info, Level::Finding, Level::Error] {
        let reasons = vec![reason("TWO_MANAGED", level, &["auth0|2"])];
        keep(directory, &[KeptDecision { reasons, ..decision(directory, "auth0|1") }]);
    }
    assert_eq!(directory.conflicts(&open()), Ok(vec![]));
    let reasons = vec![reason("INFO", Level::Info, &[]), reason("made up \u{0}", Level::Conflict, &[])];
    keep(directory, &[KeptDecision { reasons, ..decision(directory, "auth0|1") }]);
    let found = directory.conflicts(&open()).unwrap();
    assert_eq!((found[0].code.as_str(), &found[0].user_ids[..]), ("other", &["auth0|1".to_owned()][..]));
}

fn a_settled_conflict_that_happens_again_waits_again(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    keep(directory, &[report(directory, "auth0|1", "auth0|2")]);
    let key = directory.conflicts(&open()).unwrap()[0].key.clone();
    directory.settle_conflict(&key, &settlement(directory)).unwrap();
    keep(directory, &[report(directory, "auth0|1", "auth0|2")]);
    let again = directory.conflict(&key).unwrap();
    assert_eq!((again.times, &again.settled), (2, &None));
    assert_eq!(directory.conflicts(&settled()), Ok(vec![]));
    assert_eq!(directory.conflicts(&open()), Ok(vec![again]));
    assert!(directory.settle_conflict(&key, &settlement(directory)).is_ok());
}

fn a_conflict_is_settled_once(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    keep(directory, &[report(directory, "auth0|1", "auth0|2")]);
    let key = directory.conflicts(&open()).unwrap()[0].key.clone();
    let done = directory.settle_conflict(&key, &settlement(directory)).unwrap();
    let bob = Settled { by: "bob".to_owned(), ..settlement(directory) };
    let refused = directory.settle_conflict(&key, &bob).unwrap_err();
    assert_eq!(kind(&refused), "state changed");
    assert!(refused.to_string().contains("ada"), "{refused}");
    assert_eq!(directory.conflict(&key), Ok(done));
}

fn what_cannot_be_settled_is_refused(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let unknown: ConflictKey = "0".repeat(32).parse().unwrap();
    assert_eq!(kind(&directory.settle_conflict(&unknown, &settlement(directory)).unwrap_err()), "not found");
    assert_eq!(kind(&directory.conflict(&unknown).unwrap_err()), "not found");
    keep(directory, &[report(directory, "auth0|1", "auth0|2")]);
    let key = directory.conflicts(&open()).unwrap()[0].key.clone();
    let settle = |note: &str, by: &str| {
        let settled = Settled { note: note.to_owned(), by: by.to_owned(), ..settlement(directory) };
        directory.settle_conflict(&key, &settled)
    };
    for (note, by) in
        [(&"é".repeat(501)[..], "ada"), ("", &"é".repeat(256)[..]), ("\u{0}", "ada"), ("", "\u{0}")]
    {
        assert_eq!(kind(&settle(note, by).unwrap_err()), "invalid");
    }
    assert_eq!(directory.conflict(&key).unwrap().settled, None);
    assert!(settle(&"é".repeat(500), &"é".repeat(255)).is_ok());
}

fn pages_of_conflicts_continue(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let now = later(directory, 0).as_millis();
    // Two began at the same time.
    for (n, millis) in [(0, 3), (1, 1), (2, 1), (3, 0), (4, 2)] {
        let at = Timestamp::from_millis(now + millis).unwrap();
        keep(directory, &[KeptDecision { at, ..report(directory, &format!("auth0|{n}"), "auth0|9") }]);
    }
    let pages = |query: &ConflictQuery| {
        let (mut all, mut query) = (Vec::new(), ConflictQuery { limit: 2, ..query.clone() });
        loop {
            let page = directory.conflicts(&query).unwrap();
            let Some(last) = page.last() else { return all };
            query.after = Some(last.key.clone());
            all.extend(page);
        }
    };
    let waiting = pages(&open());
    let offsets = |all: &[Conflict]| all.iter().map(|it| it.first_at.as_millis() - now).collect::<Vec<_>>();
    assert_eq!(offsets(&waiting), [0, 1, 1, 2, 3], "the oldest first");
    assert_eq!(waiting, directory.conflicts(&open()).unwrap());

    // A page may be asked for behind a conflict that has been settled in the meantime.
    for (n, conflict) in waiting.iter().enumerate().skip(1) {
        let at = Timestamp::from_millis(now + 1_000 + n as u64 / 2).unwrap();
        directory.settle_conflict(&conflict.key, &Settled { at, ..settlement(directory) }).unwrap();
    }
    let behind = ConflictQuery { after: Some(waiting[1].key.clone()), ..open() };
    assert_eq!(directory.conflicts(&behind), Ok(vec![]));
    let done = pages(&settled());
    assert_eq!(done.len(), 4);
    assert!(done.is_sorted_by(|a, b| a.settled.as_ref().unwrap().at >= b.settled.as_ref().unwrap().at));
    assert_eq!(done, directory.conflicts(&settled()).unwrap());
}
