//! Changes that were interrupted, before and after their repair.

use std::time::Duration;

use ligature_host::auth0::CallErrorKind;
use ligature_host::directory::{
    Administration, Directory, EntryState, RepairOutcome, SnapshotSelection, SnapshotState, Undo, UndoError,
};
use ligature_host::model::ApiError;

use super::super::conformance::tests;
use super::faults::check_undone;
use super::*;
use crate::users::{by, unlink};

pub(crate) const INTERRUPTED: &[Test] = tests! {
    a_change_that_may_be_under_way_is_left_alone
    a_link_waits_for_the_end_of_another_one
    an_interrupted_change_is_completed_before_the_next_one
    metadata_that_changed_meanwhile_keeps_its_value
    a_change_that_cannot_be_repaired_is_named
    an_unfinished_link_keeps_its_snapshot
    a_link_that_is_not_done_is_not_undone_blindly
};

/// Crashes a link directly after it happened.
fn crash_after_link(place: &Place) {
    let before = place.tenant.requests().len();
    // Two reads, roles and organizations, and then the link.
    place.tenant.set_fault(4, Fault::CrashAfter);
    assert!(until_crash(|| place.directory.link(&link_with_metadata())).is_none());
    assert!(place.tenant.requests()[before + 4].starts_with("link"));
}

fn a_change_that_may_be_under_way_is_left_alone(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    crash_after_link(&place);
    place.clock.advance(Duration::from_secs(59));
    let repairs = place.directory.repair().unwrap();
    assert_eq!(repairs.len(), 1);
    assert!(matches!(repairs[0].outcome, RepairOutcome::UnderWay { wait_s: 1..=60 }), "{repairs:?}");
    assert_eq!(place.states(), [EntryState::Intended]);
    let other = place.directory.link(&link("auth0|1", "sms|7")).unwrap_err();
    assert!(matches!(&other, ApiError::StateChanged(why) if why.contains("under way")), "{other:?}");
    place.clock.advance(Duration::from_secs(2));
    let repairs = place.directory.repair().unwrap();
    assert_eq!(repairs[0].outcome, RepairOutcome::Finished { notes: Vec::new() });
    assert_eq!(place.directory.repair().unwrap(), []);
    check_whole_or_absent(&place, &google(), "repaired");
}

/// The login of the later link continues as the primary. It would otherwise go on as a user that
/// no longer exists.
fn a_link_waits_for_the_end_of_another_one(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    crash_after_link(&place);
    let [entry] = &place.entries()[..] else { panic!("one entry") };
    let later = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            assert!(place.journal.mark_linked(entry).unwrap());
            assert!(place.journal.end(entry, true).unwrap());
        });
        place.directory.link(&link_with_metadata())
    });
    let expected = "google-oauth2|115 is already an identity of auth0|1";
    assert_eq!(later.unwrap_err(), ApiError::AlreadyLinked(expected.to_owned()));
    assert_eq!(place.states(), [EntryState::Done]);
}

fn an_interrupted_change_is_completed_before_the_next_one(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google(), user(r#"{"user_id": "sms|7"}"#)]);
    crash_after_link(&place);
    place.clock.advance(Duration::from_secs(61));
    // No repair in between.
    place.directory.link(&link("auth0|1", "sms|7")).unwrap();
    assert_eq!(place.states(), [EntryState::Done, EntryState::Done]);
    let primary = place.user("auth0|1").unwrap();
    assert_eq!(primary.identities.len(), 3);
    assert_eq!(primary.app_metadata.unwrap()["plan"], "pro");
}

fn metadata_that_changed_meanwhile_keeps_its_value(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), busy_google()]);
    crash_after_link(&place);
    let mut primary = place.user("auth0|1").unwrap();
    primary.app_metadata = Some(metadata(r#"{"plan": "free", "linking": {"prompts": 1}}"#));
    place.tenant.users.put(primary);
    place.clock.advance(Duration::from_secs(61));
    let repairs = place.directory.repair().unwrap();
    let RepairOutcome::Finished { notes } = &repairs[0].outcome else { panic!("{repairs:?}") };
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("`app_metadata.plan` of auth0|1 was changed meanwhile"), "{notes:?}");
    let primary = place.user("auth0|1").unwrap();
    assert_eq!(primary.user_metadata, Some(metadata(r#"{"lang": "en"}"#)));
    let app_metadata = primary.app_metadata.unwrap();
    assert_eq!(app_metadata["plan"], "free");
    assert_eq!(app_metadata["linking"]["prompts"], 1);
    assert_eq!(app_metadata["linking"]["unlinked"][0]["from"], "email|4", "the cool-down is kept");
}

fn a_change_that_cannot_be_repaired_is_named(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    crash_after_link(&place);
    place.clock.advance(Duration::from_secs(61));
    place.tenant.refuse("patch");
    let repairs = place.directory.repair().unwrap();
    let RepairOutcome::Unresolved { why } = &repairs[0].outcome else { panic!("{repairs:?}") };
    assert!(why.contains("Insufficient scope"), "{why}");
    assert_eq!(place.states(), [EntryState::Linked]);
    let blocked = place.directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap_err();
    assert!(blocked.to_sentence().contains("must be completed first"), "{blocked}");
    // The journal's database alone cannot repair it, and says so.
    let repairs = place.journal.repair().unwrap();
    let RepairOutcome::Unresolved { why } = &repairs[0].outcome else { panic!("{repairs:?}") };
    assert!(why.contains("--journal"), "{why}");
}

fn an_unfinished_link_keeps_its_snapshot(implementation: &Implementation) {
    let mut place = Place::new(implementation, [ada(), google()]);
    crash_after_link(&place);
    for which in [SnapshotSelection::Before(at(1_000)), SnapshotSelection::User("auth0|1".to_owned())] {
        assert_eq!(place.journal.forget_snapshots(&which), Ok(0));
    }
    place.restart();
    check_whole_or_absent(&place, &google(), "repaired");
    assert_eq!(place.journal.forget_snapshots(&SnapshotSelection::Before(at(1_000))), Ok(1));
    assert_eq!(place.entries()[0].kept, SnapshotState::Forgotten);
}

fn a_link_that_is_not_done_is_not_undone_blindly(implementation: &Implementation) {
    let undo_of = |place: &Place, dry_run| {
        let id = place.entries()[0].id.clone();
        place.directory.undo(&Undo { id, provenance: by("the test"), now: at(400), dry_run })
    };
    let refused = |result| match result {
        Err(UndoError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    // Intended.
    let place = Place::new(implementation, [ada(), busy_google()]);
    crash_after_link(&place);
    for dry_run in [true, false] {
        assert!(refused(undo_of(&place, dry_run)).why.contains("journal repair"));
    }
    // Abandoned.
    let mut place = Place::new(implementation, [ada(), busy_google()]);
    place.tenant.set_fault(4, Fault::CrashBefore);
    assert!(until_crash(|| place.directory.link(&link_with_metadata())).is_none());
    place.restart();
    assert!(refused(undo_of(&place, false)).why.contains("were not linked"));
    // Linked, and its metadata cannot be written: the undo takes it over.
    let place = Place::new(implementation, [ada(), busy_google()]);
    place.tenant.set_fault(5, Fault::Before(CallErrorKind::NotSent("no connection".to_owned())));
    place.directory.link(&link_with_metadata()).unwrap();
    assert_eq!(place.states(), [EntryState::Linked]);
    undo_of(&place, false).unwrap();
    assert_eq!(place.states(), [EntryState::Done, EntryState::Done]);
    check_undone(&place, "linked without its metadata");
}
