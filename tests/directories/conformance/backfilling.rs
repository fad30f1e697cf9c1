//! The runs of a backfill, whose groups processes share.

use std::collections::BTreeSet;
use std::thread;

use ligature_host::directory::{
    BackfillRun, BackfillStore, GroupClaim, GroupResult, RunGroup, RunGroupState,
};
use ligature_host::model::{ApiError, Timestamp};

use super::super::{Implementation, Test};
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    a_run_is_stored_once
    a_run_is_found_by_the_beginning_of_its_id
    a_group_belongs_to_one_claim_at_a_time
    a_claim_holds_until_its_end_and_not_after_it
    a_result_counts_only_while_the_claim_holds_the_group
    a_claim_can_be_extended_and_released
    one_group_can_be_claimed
    groups_are_counted_by_state_and_reason
};

const RUN: &str = "5ff860bf1190596c";

/// Calls the test with the store of a directory that is, or whose journal is, a database. Other
/// directories have none.
fn with_store(on: &Implementation, test: impl FnOnce(&dyn BackfillStore)) {
    let opened = on.open();
    let store = opened.directory.backfill_store();
    let is_database = match on {
        Implementation::Memory | Implementation::DryRun => false,
        Implementation::Sqlite | Implementation::Postgres(_) | Implementation::Pooled(_) => true,
        Implementation::Auth0 => store.is_some(),
    };
    assert_eq!(store.is_some(), is_database);
    if let Some(store) = store {
        test(store);
    }
}

fn time(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_687_200_000 + millis).expect("a time")
}

fn run() -> BackfillRun {
    BackfillRun { run_id: RUN.to_owned(), began_at: time(0), is_ready: false, record: "{}".to_owned() }
}

/// Stores a run with so many groups, whose ids are `000`, `001` …
fn store_run(store: &dyn BackfillStore, number: usize) {
    store.begin_run(&run()).expect("a run");
    let groups: Vec<_> = (0..number).map(|it| (format!("{it:03}"), format!("{{\"n\":{it}}}"))).collect();
    store.add_run_groups(RUN, &groups).expect("groups");
    store.open_run(RUN).expect("a run");
}

/// A claim of two groups from a time for 100 ms.
fn claim(name: &str, millis: u64) -> GroupClaim {
    GroupClaim {
        run_id: RUN.to_owned(),
        claim: name.to_owned(),
        state: RunGroupState::Waiting,
        group_id: None,
        now: time(millis),
        until: time(millis + 100),
        limit: 2,
    }
}

fn ids(groups: &[RunGroup]) -> Vec<&str> {
    groups.iter().map(|group| group.group_id.as_str()).collect()
}

fn linked(group_id: &str) -> GroupResult {
    GroupResult {
        group_id: group_id.to_owned(),
        state: RunGroupState::Linked,
        reason: "LINKED_VERIFIED_BOTH".to_owned(),
        detail: String::new(),
    }
}

fn a_run_is_stored_once(on: &Implementation) {
    with_store(on, |store| {
        assert_eq!(store.run(RUN), Ok(None));
        assert_eq!(store.begin_run(&run()), Ok(run()));
        let again = BackfillRun { record: "[]".to_owned(), ..run() };
        assert_eq!(store.begin_run(&again), Ok(run()), "the first one stays");
        store.add_run_groups(RUN, &[("a".to_owned(), "1".to_owned())]).expect("groups");
        store.add_run_groups(RUN, &[("a".to_owned(), "2".to_owned())]).expect("groups");
        store.open_run(RUN).expect("a run");
        assert_eq!(store.runs(10), Ok(vec![BackfillRun { is_ready: true, ..run() }]));
        let groups = store.run_groups(RUN, "", 10).expect("groups");
        assert_eq!((groups[0].plan.as_str(), groups.len()), ("1", 1));
        assert_eq!(store.run_groups(RUN, "a", 10), Ok(Vec::new()));
    });
}

fn a_run_is_found_by_the_beginning_of_its_id(on: &Implementation) {
    with_store(on, |store| {
        for run_id in ["5ff8", "5ff9", "6000"] {
            store.begin_run(&BackfillRun { run_id: run_id.to_owned(), ..run() }).expect("a run");
        }
        let find = |beginning: &str, limit| {
            let mut found = store.find_runs(beginning, limit).expect("ids");
            found.sort();
            found
        };
        assert_eq!(find("5ff", 10), ["5ff8", "5ff9"]);
        assert_eq!(find("5ff9", 10), ["5ff9"]);
        assert_eq!(find("5ff", 1).len(), 1);
        for other in ["5_", "%", "5ff80", "ff", "5FF"] {
            assert!(find(other, 10).is_empty(), "{other}");
        }
    });
}

fn a_group_belongs_to_one_claim_at_a_time(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 100);
        let claimed: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        for round in 0.. {
                            let claim = GroupClaim { limit: 3, ..claim(&format!("{number} {round}"), 0) };
                            let groups = match store.claim_groups(&claim) {
                                Ok(groups) => groups,
                                // Many connections of one small server.
                                Err(ApiError::Unavailable(_) | ApiError::TimedOut) => continue,
                                Err(error) => panic!("{error}"),
                            };
                            if groups.is_empty() {
                                return mine;
                            }
                            mine.extend(groups.into_iter().map(|group| group.group_id));
                        }
                        mine
                    })
                })
                .collect();
            threads.into_iter().flat_map(|it| it.join().expect("a thread")).collect()
        });
        let different: BTreeSet<&String> = claimed.iter().collect();
        assert_eq!((claimed.len(), different.len()), (100, 100));
    });
}

fn a_claim_holds_until_its_end_and_not_after_it(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        assert_eq!(ids(&store.claim_groups(&claim("one", 0)).expect("groups")), ["000", "001"]);
        assert_eq!(store.next_release(RUN, RunGroupState::Waiting), Ok(Some(time(100))));
        assert_eq!(store.claim_groups(&claim("two", 100)), Ok(Vec::new()), "the last millisecond");
        let taken = store.claim_groups(&claim("three", 101)).expect("groups");
        assert_eq!((ids(&taken), taken[0].claims), (vec!["000", "001"], 2));
    });
}

fn a_result_counts_only_while_the_claim_holds_the_group(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        store.claim_groups(&claim("one", 0)).expect("groups");
        store.claim_groups(&claim("two", 101)).expect("groups");
        assert_eq!(store.finish_groups(&claim("one", 0), &[linked("000")]), Ok(0));
        assert_eq!(store.finish_groups(&claim("two", 101), &[linked("000")]), Ok(1));
        assert_eq!(store.finish_groups(&claim("two", 101), &[linked("000")]), Ok(0), "it is released");
        let waiting = store.claim_groups(&claim("three", 300)).expect("groups");
        assert_eq!(ids(&waiting), ["001"]);
    });
}

fn a_claim_can_be_extended_and_released(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 2);
        let one = claim("one", 0);
        store.claim_groups(&one).expect("groups");
        assert_eq!(store.extend_claim(&GroupClaim { until: time(500), ..one.clone() }), Ok(2));
        assert_eq!(store.claim_groups(&claim("two", 400)), Ok(Vec::new()));
        store.release_claim(&one).expect("released");
        assert_eq!(store.next_release(RUN, RunGroupState::Waiting), Ok(None));
        assert_eq!(store.extend_claim(&one), Ok(0));
        assert_eq!(ids(&store.claim_groups(&claim("three", 400)).expect("groups")), ["000", "001"]);
    });
}

fn one_group_can_be_claimed(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 3);
        let second = GroupClaim { group_id: Some("001".to_owned()), ..claim("one", 0) };
        assert_eq!(ids(&store.claim_groups(&second).expect("groups")), ["001"]);
        let again = GroupClaim { claim: "two".to_owned(), ..second };
        assert_eq!(store.claim_groups(&again), Ok(Vec::new()));
        assert_eq!(ids(&store.claim_groups(&claim("three", 0)).expect("groups")), ["000", "002"]);
    });
}

fn groups_are_counted_by_state_and_reason(on: &Implementation) {
    with_store(on, |store| {
        store_run(store, 5);
        let first = claim("one", 0);
        store.claim_groups(&first).expect("groups");
        let left_out = GroupResult {
            state: RunGroupState::LeftOut,
            reason: "DECISION_CHANGED".to_owned(),
            ..linked("001")
        };
        assert_eq!(store.finish_groups(&first, &[linked("000"), left_out]), Ok(2));
        let counts = store.count_groups(RUN).expect("counts");
        let counts: Vec<_> =
            counts.iter().map(|it| (it.state.as_str(), it.reason.as_str(), it.number)).collect();
        let expected =
            [("waiting", "", 3), ("linked", "LINKED_VERIFIED_BOTH", 1), ("left_out", "DECISION_CHANGED", 1)];
        assert_eq!(counts, expected);
    });
}
