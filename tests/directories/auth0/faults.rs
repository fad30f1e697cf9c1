//! Faults and crashes at every request of a change.

use std::time::Duration;

use ligature_host::auth0::CallErrorKind;
use ligature_host::directory::{
    Administration, Directory, EntryKind, EntryState, SetBlocked, Undo, UndoError,
};
use ligature_host::model::User;

use super::super::conformance::tests;
use super::*;
use crate::users::{by, unlink, without_mark};

pub(crate) const FAULTS: &[Test] = tests! {
    a_crash_at_any_request_of_a_link_leaves_it_whole_or_absent
    a_fault_at_any_request_of_a_link_leaves_it_whole_or_absent
    a_crash_at_any_request_of_an_undo_is_repaired
    a_fault_at_any_request_of_an_undo_is_repaired
    an_undo_of_users_who_are_gone_is_completed
    a_crash_at_any_request_of_an_unlink_is_repaired
    a_crash_of_a_block_is_repaired
    a_link_that_the_tenant_only_reports_is_not_believed
    an_unlink_that_the_tenant_only_reports_is_not_believed
    random_faults_leave_nothing_half_done
};

/// The errors of a request that has no effect.
fn without_effect() -> [CallErrorKind; 4] {
    [
        CallErrorKind::NotSent("no connection".to_owned()),
        CallErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) },
        CallErrorKind::TimedOut { may_have_effect: false },
        CallErrorKind::Refused { status: 401, error_code: None, message: "Expired token".to_owned() },
    ]
}

/// The errors of a request that may have an effect.
fn unclear() -> [CallErrorKind; 3] {
    [
        CallErrorKind::TimedOut { may_have_effect: true },
        CallErrorKind::Unclear("status 500".to_owned()),
        CallErrorKind::Unreadable("HTML instead of JSON".to_owned()),
    ]
}

fn faults() -> Vec<Fault> {
    let unclear_before = unclear().into_iter().map(Fault::Before);
    let unclear_after = unclear().into_iter().map(Fault::After);
    without_effect().into_iter().map(Fault::Before).chain(unclear_before).chain(unclear_after).collect()
}

/// Tries a change with each fault at each of its requests, until a change is reached that
/// has fewer requests.
fn at_each_request(faults: &[Fault], mut attempt: impl FnMut(usize, &Fault) -> bool) {
    for fault in faults {
        let mut n = 0;
        while attempt(n, fault) {
            n += 1;
            assert!(n < 40, "the change makes requests without end");
        }
        assert!(n > 1, "no request had the fault");
    }
}

fn a_crash_at_any_request_of_a_link_leaves_it_whole_or_absent(implementation: &Implementation) {
    at_each_request(&[Fault::CrashBefore, Fault::CrashAfter], |n, fault| {
        let context = format!("{fault:?} at request {n}");
        let mut place = Place::new(implementation, [ada(), busy_google()]);
        place.tenant.set_fault(n, fault.clone());
        let crashed = until_crash(|| place.directory.link(&link_with_metadata())).is_none();
        place.restart();
        check_whole_or_absent(&place, &busy_google(), &context);
        assert!(place.tenant.count("link") <= 1, "{context}");
        if place.is_linked() {
            undo_and_compare(&place, &context);
        }
        crashed
    });
}

fn a_fault_at_any_request_of_a_link_leaves_it_whole_or_absent(implementation: &Implementation) {
    at_each_request(&faults(), |n, fault| {
        let context = format!("{fault:?} at request {n}");
        let mut place = Place::new(implementation, [ada(), busy_google()]);
        place.tenant.set_fault(n, fault.clone());
        let linked = place.directory.link(&link_with_metadata());
        assert!(place.tenant.count("link") <= 1, "{context}: the link is requested twice");
        assert_eq!(linked.is_ok(), place.is_linked(), "{context}: {linked:?}");
        if let Ok(primary) = linked {
            assert_eq!(primary.identities.len(), 3, "{context}");
        }
        let happened = place.tenant.requests().len() > n;
        place.restart();
        check_whole_or_absent(&place, &busy_google(), &context);
        happened
    });
}

/// Undoes the only link, and compares both users with those from before it.
fn undo_and_compare(place: &Place, context: &str) {
    let link = place.entries().into_iter().find(|entry| entry.state == EntryState::Done).unwrap();
    let undo = Undo { id: link.id, provenance: by("the test"), now: at(400), dry_run: false };
    place.directory.undo(&undo).unwrap();
    check_undone(place, context);
}

pub(super) fn check_undone(place: &Place, context: &str) {
    let primary = place.user("auth0|1").unwrap();
    let secondary = place.user("google-oauth2|115").unwrap();
    assert_eq!(without_mark(primary.clone()).user_metadata, ada().user_metadata, "{context}");
    assert_eq!(without_mark(primary.clone()).app_metadata, ada().app_metadata, "{context}");
    assert_eq!(primary.identities.len(), 1, "{context}");
    assert_eq!(primary.app_metadata.unwrap()["linking"]["unlinked"][0]["from"], "google-oauth2|115");
    let before = busy_google();
    let ids = |user: &User| user.identities.iter().map(|it| it.as_user_id()).collect::<Vec<_>>();
    assert_eq!(ids(&secondary), ids(&before), "{context}");
    assert_eq!(secondary.user_metadata, before.user_metadata, "{context}");
    assert!(secondary.blocked, "{context}: an undo must not lift a block");
    assert_eq!((&secondary.roles, &secondary.organizations), (&before.roles, &before.organizations));
    let app_metadata = secondary.app_metadata.unwrap();
    assert_eq!(app_metadata["plan"], "pro", "{context}");
    let marks = app_metadata["linking"]["unlinked"].as_array().unwrap();
    let from: Vec<&str> = marks.iter().map(|mark| mark["from"].as_str().unwrap()).collect();
    assert_eq!(from, ["email|4", "auth0|1"], "{context}");
    assert_eq!(place.user("sms|7"), None, "{context}");
}

fn a_crash_at_any_request_of_an_undo_is_repaired(implementation: &Implementation) {
    at_each_request(&[Fault::CrashBefore, Fault::CrashAfter], |n, fault| {
        interrupt_undo(implementation, n, fault)
    });
}

fn a_fault_at_any_request_of_an_undo_is_repaired(implementation: &Implementation) {
    at_each_request(&faults(), |n, fault| interrupt_undo(implementation, n, fault));
}

/// Otherwise the entry stays unfinished, and no login of the other user is linked any more.
fn an_undo_of_users_who_are_gone_is_completed(implementation: &Implementation) {
    let mut interrupted = 0;
    for (gone, n) in ["auth0|1", "google-oauth2|115"].into_iter().flat_map(|it| (0..20).map(move |n| (it, n)))
    {
        let mut place = Place::new(implementation, [ada(), busy_google()]);
        place.directory.link(&link_with_metadata()).unwrap();
        let id = place.entries().remove(0).id;
        place.tenant.set_fault(n, Fault::CrashAfter);
        let undo = Undo { id, provenance: by("the test"), now: at(400), dry_run: false };
        let is_crashed = until_crash(|| place.directory.undo(&undo)).is_none();
        if !is_crashed || place.tenant.count("unlink") == 0 {
            continue;
        }
        interrupted += 1;
        place.tenant.users.delete(gone).unwrap();
        place.restart();
        let states = place.states();
        assert!(states.iter().all(|state| !state.is_unfinished()), "{gone}, {n}: {states:?}");
        if let Some(secondary) = place.user("google-oauth2|115") {
            assert_eq!(secondary.user_metadata, busy_google().user_metadata, "{gone}, {n}");
            assert_eq!(secondary.roles, busy_google().roles, "{gone}, {n}");
        }
    }
    assert!(interrupted > 6, "{interrupted}");
}

/// Undoes a link with a fault, restarts, and undoes again what was not undone. Returns
/// whether the fault happened.
fn interrupt_undo(implementation: &Implementation, n: usize, fault: &Fault) -> bool {
    let context = format!("{fault:?} at request {n}");
    let mut place = Place::new(implementation, [ada(), busy_google()]);
    place.directory.link(&link_with_metadata()).unwrap();
    let link = place.entries().remove(0);
    let before = place.tenant.requests().len();
    place.tenant.set_fault(n, fault.clone());
    let undo = Undo { id: link.id.clone(), provenance: by("the test"), now: at(400), dry_run: false };
    let undone = until_crash(|| place.directory.undo(&undo));
    let happened = undone.is_none() || place.tenant.requests().len() > before + n;
    if let Some(Ok(_)) = undone {
        check_undone(&place, &context);
    }
    place.restart();
    let states = place.states();
    assert!(states.iter().all(|state| !state.is_unfinished()), "{context}: {states:?}");
    let is_undone = place.entries()[0].undone.is_some();
    assert_eq!(is_undone, !place.is_linked(), "{context}");
    if is_undone {
        check_undone(&place, &context);
        assert!(matches!(place.directory.undo(&undo), Err(UndoError::Refused(_))), "{context}");
    } else {
        undo_and_compare(&place, &context);
    }
    happened
}

fn a_crash_at_any_request_of_an_unlink_is_repaired(implementation: &Implementation) {
    at_each_request(&[Fault::CrashBefore, Fault::CrashAfter], |n, fault| {
        let context = format!("{fault:?} at request {n}");
        let mut place = Place::new(implementation, [ada(), google()]);
        place.directory.link(&link_with_metadata()).unwrap();
        place.tenant.set_fault(n, fault.clone());
        let request = unlink("auth0|1", "google-oauth2", "115");
        let crashed = until_crash(|| place.directory.unlink(&request)).is_none();
        place.restart();
        let states = place.states();
        assert!(states.iter().all(|state| !state.is_unfinished()), "{context}: {states:?}");
        match (states.get(1), place.is_linked()) {
            (Some(EntryState::Done), false) => {
                for (user, other) in [("auth0|1", "google-oauth2|115"), ("google-oauth2|115", "auth0|1")] {
                    let marks =
                        place.user(user).unwrap().app_metadata.unwrap()["linking"]["unlinked"].clone();
                    assert_eq!(marks[0]["from"], other, "{context}: the cool-down has begun");
                }
            }
            (Some(EntryState::Abandoned) | None, true) => {}
            (state, is_linked) => panic!("{context}: {state:?}, linked: {is_linked}"),
        }
        crashed
    });
}

fn a_crash_of_a_block_is_repaired(implementation: &Implementation) {
    for (fault, is_blocked) in [(Fault::CrashBefore, false), (Fault::CrashAfter, true)] {
        let mut place = Place::new(implementation, [ada()]);
        place.tenant.set_fault(1, fault);
        let block = SetBlocked {
            user_id: "auth0|1".to_owned(),
            blocked: true,
            provenance: by("the test"),
            now: at(100),
        };
        assert!(until_crash(|| place.directory.set_blocked(&block)).is_none());
        place.restart();
        assert_eq!(place.user("auth0|1").unwrap().blocked, is_blocked);
        let state = if is_blocked { EntryState::Done } else { EntryState::Abandoned };
        assert_eq!(place.states(), [state]);
        assert!(place.directory.set_blocked(&block).unwrap().user.blocked);
    }
}

fn a_link_that_the_tenant_only_reports_is_not_believed(implementation: &Implementation) {
    let mut place = Place::new(implementation, [ada(), google()]);
    place.tenant.set_fault(4, Fault::Ignored);
    let error = place.directory.link(&link_with_metadata()).unwrap_err();
    assert!(error.to_sentence().contains("not known yet"), "{error}");
    place.restart();
    assert_eq!(place.states(), [EntryState::Abandoned]);
    check_whole_or_absent(&place, &google(), "only reported");
    place.directory.link(&link_with_metadata()).unwrap();
}

fn an_unlink_that_the_tenant_only_reports_is_not_believed(implementation: &Implementation) {
    let mut place = Place::new(implementation, [ada(), google()]);
    place.directory.link(&link_with_metadata()).unwrap();
    place.tenant.set_fault(1, Fault::Ignored);
    let error = place.directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap_err();
    assert!(error.to_sentence().contains("still has it"), "{error}");
    // It may happen late.
    assert_eq!(place.states(), [EntryState::Done, EntryState::Intended]);
    place.restart();
    assert_eq!(place.states(), [EntryState::Done, EntryState::Abandoned]);
}

/// Changes with random faults at random requests, and restarts at random. After the last
/// one, every entry is finished, and the accounts are as the last finished entry says.
fn random_faults_leave_nothing_half_done(implementation: &Implementation) {
    let rounds = if matches!(implementation, Implementation::Memory) { 60 } else { 10 };
    for seed in 0..rounds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut place = Place::new(implementation, [ada(), google()]);
        let mut faults = faults();
        faults.extend([Fault::CrashBefore, Fault::CrashAfter]);
        for step in 0..12_u64 {
            let any =
                (0..14).map(|_| (random.u8(..10) == 0).then(|| faults[random.usize(..faults.len())].clone()));
            let any: Vec<_> = any.collect();
            place.tenant.set_faults(any);
            // A change waits for one that may be under way, by the machine's time.
            if random.u8(..8) > 0 {
                place.clock.advance(Duration::from_secs(61));
            }
            let now = at(100 + step);
            until_crash(|| match random.u8(..4) {
                0 | 1 => drop(place.directory.link(&CheckedLink { now, ..link_with_metadata() })),
                2 => drop(place.directory.unlink(&unlink("auth0|1", "google-oauth2", "115"))),
                _ => {
                    let stands = |entry: &Entry| entry.kind == EntryKind::Link && entry.undone.is_none();
                    if let Some(link) = place.entries().into_iter().rfind(stands) {
                        let undo = Undo { id: link.id, provenance: by("the test"), now, dry_run: false };
                        drop(place.directory.undo(&undo));
                    }
                }
            });
            if random.bool() {
                place.restart();
            }
        }
        place.restart();
        let entries = place.entries();
        let context = || format!("seed {seed}: {entries:#?}");
        assert!(entries.iter().all(|entry| !entry.state.is_unfinished()), "{}", context());
        let mut done = entries.iter().filter(|entry| entry.state == EntryState::Done);
        let is_linked = done.next_back().is_some_and(|entry| entry.kind == EntryKind::Link);
        assert_eq!(place.is_linked(), is_linked, "{}", context());
        assert_eq!(place.user("google-oauth2|115").is_none(), is_linked, "{}", context());
        if is_linked {
            let primary = place.user("auth0|1").unwrap();
            assert_eq!(primary.app_metadata.unwrap()["plan"], "pro", "{}", context());
        }
    }
}
