//! Forgetting decisions.

use ligature_host::directory::{Administration, DecisionQuery, KeptDecision, Settled};
use ligature_host::model::{Level, Timestamp};

use super::super::users::kind;
use super::super::{Implementation, Test};
use super::conflicts::open;
use super::keeping::{all, decision, reason};
use super::tests;

pub(crate) const TESTS: &[Test] = tests! {
    decisions_are_forgotten_by_age_and_by_number
    counts_and_settled_conflicts_stay_longer
    what_is_kept_of_a_user_is_forgotten
};

pub(crate) const DRY_RUN: &[Test] = tests! {
    a_dry_run_forgets_nothing
};

fn days_ago(directory: &dyn Administration, days: u32) -> Timestamp {
    directory.ambient().now().days_ago(days)
}

fn decisions_are_forgotten_by_age_and_by_number(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let limit = days_ago(directory, 1);
    let before = Timestamp::from_millis(limit.as_millis() - 1).unwrap();
    // One more than a transaction removes.
    let mut decisions: Vec<_> =
        (0..1_001).map(|_| KeptDecision { at: before, ..decision(directory, "auth0|1") }).collect();
    decisions.extend((0..5).map(|_| KeptDecision { at: limit, ..decision(directory, "auth0|1") }));
    directory.keep_decisions(&decisions).unwrap();
    assert_eq!(directory.forget_decisions(limit, 5), Ok(1_001));
    let left = directory.find_decisions(&all()).unwrap();
    assert_eq!(left.len(), 5);
    assert_eq!(directory.forget_decisions(limit, 3), Ok(2));
    assert_eq!(directory.find_decisions(&all()).unwrap(), left[..3], "the newest stay");
    assert_eq!(directory.forget_decisions(limit, 3), Ok(0));
    assert_eq!(directory.forget_decisions(limit, 0), Ok(3));
}

fn counts_and_settled_conflicts_stay_longer(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    for (days, user_id) in [(401, "auth0|1"), (399, "auth0|2"), (401, "auth0|3")] {
        let at = days_ago(directory, days);
        let reasons = vec![reason("TWO_MANAGED", Level::Conflict, &["auth0|9"])];
        directory.keep_decisions(&[KeptDecision { at, reasons, ..decision(directory, user_id) }]).unwrap();
        // The conflict of the third one waits still.
        for conflict in directory.conflicts(&open()).unwrap().iter().filter(|_| user_id != "auth0|3") {
            let settled = Settled { at, by: "ada".to_owned(), note: String::new() };
            directory.settle_conflict(&conflict.key, &settled).unwrap();
        }
    }
    assert_eq!(directory.forget_decisions(days_ago(directory, 30), 100), Ok(3));
    assert_eq!(directory.find_decisions(&all()), Ok(vec![]));
    let counts = directory.count_decisions("").unwrap();
    assert_eq!(counts.iter().map(|count| count.number).collect::<Vec<_>>(), [1]);
    let settled = ligature_host::directory::ConflictQuery { settled: true, ..open() };
    let users = |conflicts: Vec<ligature_host::directory::Conflict>| {
        conflicts.into_iter().map(|conflict| conflict.user_ids[0].clone()).collect::<Vec<_>>()
    };
    assert_eq!(users(directory.conflicts(&settled).unwrap()), ["auth0|2"]);
    assert_eq!(users(directory.conflicts(&open()).unwrap()), ["auth0|3"]);
}

fn what_is_kept_of_a_user_is_forgotten(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    let report = |user_id: &str, other: &str| KeptDecision {
        reasons: vec![reason("TWO_MANAGED", Level::Conflict, &[other])],
        ..decision(directory, user_id)
    };
    let into =
        KeptDecision { final_user_id: Some("auth0|1".to_owned()), ..decision(directory, "google-oauth2|2") };
    let stays = report("auth0|3", "auth0|4");
    directory
        .keep_decisions(&[report("auth0|1", "auth0|2"), into, report("auth0|2", "auth0|1"), stays.clone()])
        .unwrap();
    assert_eq!(directory.forget_decisions_of("auth0|1"), Ok(2));
    let of_user = DecisionQuery { user_id: Some("auth0|1".to_owned()), ..all() };
    assert_eq!(directory.find_decisions(&of_user), Ok(vec![]));
    let left = directory.conflicts(&open()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].latest, stays.id);
}

fn a_dry_run_forgets_nothing(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &*opened.directory;
    directory.keep_decisions(&[decision(directory, "auth0|1")]).unwrap();
    let now = directory.ambient().now();
    assert_eq!(kind(&directory.forget_decisions(now, 0).unwrap_err()), "invalid");
    assert_eq!(kind(&directory.forget_decisions_of("auth0|1").unwrap_err()), "invalid");
    assert_eq!(directory.find_decisions(&all()).unwrap().len(), 1);
}
