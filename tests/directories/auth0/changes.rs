//! Look-ups and changes of a tenant without faults.

use std::sync::Barrier;

use ligature_host::directory::{
    Administration, Directory, EntryKind, EntryState, MetadataUpdate, PairReading, ReadPair, SetBlocked,
    SnapshotState, Undo, arrive,
};
use ligature_host::model::{ApiError, IdentityKey, LoginEvent, MetadataPatch};

use super::super::conformance::tests;
use super::*;
use crate::users::{by, counted, kind, unlink};

pub(crate) const CHANGES: &[Test] = tests! {
    a_link_takes_a_request_a_step_and_keeps_all_that_it_destroys
    a_changed_user_is_not_linked
    two_links_of_the_same_pair_make_one
    a_look_up_asks_in_one_case_or_in_both
    a_pair_is_read_by_one_request_and_linked_as_it_was_read
    a_link_by_another_process_after_the_reading_is_noticed
    a_login_at_a_host_of_another_tenant_is_refused
    the_owner_of_a_linked_identity_is_found_in_the_journal
    a_missing_scope_is_noted_in_the_entry_and_in_the_undo
    a_dry_run_changes_nothing
    a_dry_run_of_an_undo_lists_what_is_lost
    a_block_is_recorded
    metadata_is_patched_at_its_version_only
    what_a_tenant_cannot_do_is_said_in_a_sentence
    a_refused_link_is_abandoned
};

fn a_link_takes_a_request_a_step_and_keeps_all_that_it_destroys(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    let linked = place.directory.link(&link_with_metadata()).unwrap();
    assert_eq!(linked.identities.len(), 2);
    assert_eq!(linked.app_metadata, Some(metadata(r#"{"plan": "pro"}"#)));
    assert_eq!(
        place.tenant.requests(),
        [
            "user auth0|1",
            "user google-oauth2|115",
            "roles google-oauth2|115",
            "organizations google-oauth2|115",
            "link google-oauth2|115 into auth0|1",
            "patch auth0|1"
        ]
    );
    let entries = place.entries();
    assert_eq!((entries.len(), entries[0].state), (1, EntryState::Done));
    let SnapshotState::Whole(snapshot) = &entries[0].kept else { panic!("nothing is kept") };
    assert_eq!(*snapshot.secondary, google());
    let access = snapshot.access.clone().unwrap();
    assert_eq!(
        (access.role_ids, access.organization_ids),
        (vec!["rol_editor".to_owned()], vec!["org_1".to_owned()])
    );
    assert!(access.unread.is_empty());
    check_whole_or_absent(&place, &google(), "linked");
    let again = place.directory.link(&link_with_metadata()).unwrap_err();
    assert_eq!(kind(&again), "already linked");
    let itself = place.directory.link(&link("auth0|1", "auth0|1")).unwrap_err();
    assert_eq!(kind(&itself), "invalid");
    let nobody = place.directory.link(&link("auth0|1", "sms|404")).unwrap_err();
    assert_eq!(kind(&nobody), "not found");
    assert_eq!(place.entries().len(), 1);
}

fn a_changed_user_is_not_linked(implementation: &Implementation) {
    for changed in ["auth0|1", "google-oauth2|115"] {
        let place = Place::new(implementation, [ada(), google()]);
        let mut request = link_with_metadata();
        request.primary_version = Some(place.directory.get("auth0|1").unwrap().version);
        request.secondary_version = Some(place.directory.get("google-oauth2|115").unwrap().version);
        let before = place.user(changed).unwrap();
        // A login does not count.
        place.tenant.users.put(User { logins_count: Some(99), last_login: Some(at(50)), ..before.clone() });
        assert_eq!(place.directory.get(changed).unwrap().user.logins_count, Some(99));
        place.tenant.users.put(User { email: Some("other@example.com".to_owned()), ..before.clone() });
        let error = place.directory.link(&request).unwrap_err();
        assert_eq!(kind(&error), "state changed");
        assert_eq!((place.tenant.count("link"), place.entries().len()), (0, 0));
        place.tenant.users.put(User { logins_count: Some(100), ..before });
        place.directory.link(&request).unwrap();
    }
}

fn two_links_of_the_same_pair_make_one(implementation: &Implementation) {
    for round in 0..10 {
        let place = Place::new(implementation, [ada(), google()]);
        let pairs = [
            ("auth0|1", "google-oauth2|115"),
            ("auth0|1", "google-oauth2|115"),
            ("google-oauth2|115", "auth0|1"),
            ("google-oauth2|115", "auth0|1"),
        ];
        let start = Barrier::new(pairs.len());
        let results: Vec<Result<_, ApiError>> = std::thread::scope(|threads| {
            let link_one = |(primary, secondary)| {
                let (start, directory) = (&start, place.directory.clone());
                threads.spawn(move || {
                    start.wait();
                    directory.link(&link(primary, secondary))
                })
            };
            let running: Vec<_> = pairs.into_iter().map(link_one).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let linked = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(linked, 1, "round {round}: {results:?}");
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            let kind = kind(error);
            assert!(["state changed", "already linked"].contains(&kind.as_str()), "round {round}: {error}");
        }
        let states = place.states();
        assert_eq!(states.iter().filter(|state| **state == EntryState::Done).count(), 1, "{states:?}");
        assert!(states.iter().all(|state| !state.is_unfinished()), "{states:?}");
    }
}

fn a_look_up_asks_in_one_case_or_in_both(implementation: &Implementation) {
    let capital = user(r#"{"user_id": "samlp|corp|1", "email": "Ada@Example.com"}"#);
    let place = Place::new(implementation, [ada(), google(), capital]);
    let found = |email: &str| {
        let found = place.directory.find_by_both_cases(email, 10).unwrap();
        found.iter().map(|stored| stored.user.user_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("Ada@Example.com"), ["auth0|1", "google-oauth2|115", "samlp|corp|1"]);
    assert_eq!(found("ada@example.com"), ["auth0|1", "google-oauth2|115"]);
    assert_eq!(place.tenant.count("users_by_email"), 3, "a lower-case address costs one request");
    assert_eq!(place.directory.find_by_email("ada@example.com", 1).unwrap().len(), 1);
    assert!(!place.directory.ignores_case());
    let exactly = place.directory.find_by_email("Ada@Example.com", 10).unwrap();
    assert_eq!(exactly.iter().map(|it| it.user.user_id.as_str()).collect::<Vec<_>>(), ["samlp|corp|1"]);
    assert_eq!(place.tenant.count("users_by_email"), 5);
}

/// A link of this pair as it was read.
fn link_as_read(reading: &PairReading) -> CheckedLink {
    let [Ok(primary), Ok(secondary)] = &reading.users else { panic!("{reading:?}") };
    CheckedLink {
        primary_version: Some(primary.version),
        secondary_version: Some(secondary.version),
        read: Some(Box::new(ReadPair {
            primary: primary.user.clone(),
            secondary: secondary.user.clone(),
            place: reading.place.unwrap(),
        })),
        ..link(&primary.user.user_id, &secondary.user.user_id)
    }
}

fn a_pair_is_read_by_one_request_and_linked_as_it_was_read(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    let reading = place.directory.read_pair([&ada(), &google()]);
    assert_eq!(place.tenant.requests(), ["users_by_email ada@example.com"]);
    let linked = place.directory.link(&link_as_read(&reading)).unwrap();
    assert_eq!(linked.identities.len(), 2);
    assert_eq!(
        place.tenant.requests()[1..],
        ["roles google-oauth2|115", "organizations google-oauth2|115", "link google-oauth2|115 into auth0|1"]
    );
    check_kept(&place);

    // Users with two addresses take two requests, and one with a new address is read by its id.
    let capital = user(r#"{"user_id": "samlp|corp|1", "email": "Ada@Example.com"}"#);
    let place = Place::new(implementation, [ada(), capital.clone()]);
    let moved = User { email: Some("old@example.com".to_owned()), ..ada() };
    let reading = place.directory.read_pair([&capital, &moved]);
    assert_eq!(reading.users[1].as_ref().unwrap().user.email, ada().email);
    assert_eq!(
        place.tenant.requests(),
        ["users_by_email Ada@Example.com", "users_by_email old@example.com", "user auth0|1"]
    );
    let gone = place.directory.read_pair([&ada(), &google()]);
    assert_eq!(kind(gone.users[1].as_ref().unwrap_err()), "not found");
}

fn a_login_at_a_host_of_another_tenant_is_refused(implementation: &Implementation) {
    let place = Place::new(implementation, [ada()]);
    let event = |request: serde_json::Value| -> LoginEvent {
        let event = serde_json::json!({ "user": ada(), "request": request,
            "connection": { "name": "Username-Password-Authentication", "strategy": "auth0" } });
        serde_json::from_value(event).unwrap()
    };
    let hosts = ["acme.eu.auth0.com", "login.example.com"].map(str::to_owned);
    let named = place.directory.clone().with_login_hosts(hosts.to_vec());
    let at = |directory: &Auth0Directory, host: &str| {
        arrive(directory, event(serde_json::json!({ "hostname": host })), at(1)).map(drop)
    };
    for host in ["acme.eu.auth0.com", "LOGIN.example.com"] {
        assert_eq!(at(&named, host), Ok(()), "{host}");
    }
    let error = at(&named, "other.eu.auth0.com").unwrap_err().to_string();
    assert_eq!(
        error,
        "the event is of a login at other.eu.auth0.com; the directory is the tenant of acme.eu.auth0.com and \
         login.example.com. If other.eu.auth0.com is a custom domain of this tenant, list it too \
         (custom_domain=other.eu.auth0.com in the address of the directory); otherwise the event is of another tenant"
    );
    // Nothing is known of the hosts, by the directory or by the event.
    assert_eq!(at(&place.directory, "other.eu.auth0.com"), Ok(()));
    assert!(arrive(&named, event(serde_json::json!({})), super::super::users::at(1)).is_ok());
    assert!(place.tenant.requests().is_empty());
}

/// The link has kept the whole secondary in the journal.
fn check_kept(place: &Place) {
    let entries = place.entries();
    assert_eq!((entries.len(), entries[0].state), (1, EntryState::Done));
    let SnapshotState::Whole(snapshot) = &entries[0].kept else { panic!("nothing is kept") };
    assert_eq!(*snapshot.secondary, google());
}

fn a_link_by_another_process_after_the_reading_is_noticed(implementation: &Implementation) {
    let sms = user(r#"{"user_id": "sms|7", "email": "ada@example.com"}"#);
    let place = Place::new(implementation, [ada(), google(), sms]);
    let reading = place.directory.read_pair([&ada(), &google()]);
    place.directory.link(&link("auth0|1", "sms|7")).unwrap();
    let before = place.tenant.count("link ");
    let error = place.directory.link(&link_as_read(&reading)).unwrap_err();
    assert_eq!(kind(&error), "state changed");
    assert_eq!(place.tenant.count("link "), before, "nothing was requested");
    assert!(place.states().iter().all(|state| !state.is_unfinished()));
}

fn the_owner_of_a_linked_identity_is_found_in_the_journal(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    place.directory.link(&link("auth0|1", "google-oauth2|115")).unwrap();
    let key = |connection| IdentityKey { connection, provider: "google-oauth2", user_id: "115" };
    let owner = place.directory.owner(key("google-oauth2")).unwrap().unwrap();
    assert_eq!(owner.user.user_id, "auth0|1");
    assert_eq!(kind(&place.directory.owner(key("other")).unwrap_err()), "invalid");
    assert_eq!(place.directory.holder("google-oauth2|404"), Ok(None));
    place.directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).unwrap();
    let owner = place.directory.owner(key("google-oauth2")).unwrap().unwrap();
    assert_eq!(owner.user.user_id, "google-oauth2|115");
    let kinds: Vec<EntryKind> = place.entries().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Link, EntryKind::Unlink]);
}

fn a_missing_scope_is_noted_in_the_entry_and_in_the_undo(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    place.tenant.refuse("roles");
    place.directory.link(&link_with_metadata()).unwrap();
    let entry = place.entries().remove(0);
    let SnapshotState::Whole(snapshot) = &entry.kept else { panic!("nothing is kept") };
    let unread = snapshot.access.clone().unwrap().unread;
    assert_eq!(
        unread,
        [
            "The roles of google-oauth2|115 could not be read, and are not given back by an undo: Insufficient \
          scope (status 403)."
        ]
    );
    place.tenant.refuse("add_member");
    let undo = Undo { id: entry.id, provenance: by("the test"), now: at(400), dry_run: false };
    let undoing = place.directory.undo(&undo).unwrap();
    for part in [
        "The roles of google-oauth2|115 could not be read",
        "google-oauth2|115 did not get the membership in org_1 back: Insufficient scope",
        "it has a new `created_at`",
        "has to enroll its factors for MFA again: otp",
    ] {
        assert!(undoing.not_restored.iter().any(|note| note.contains(part)), "{part}: {undoing:#?}");
    }
    assert_eq!(place.states(), [EntryState::Done, EntryState::Done]);
}

fn a_dry_run_changes_nothing(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    let open = |mode| Auth0Directory::open(place.tenant.clone(), place.journal.clone(), mode).unwrap();
    let linked = open(OpenMode::DryRun).link(&link_with_metadata()).unwrap();
    assert_eq!(linked.identities.len(), 2);
    let reader = open(OpenMode::ReadOnly);
    assert_eq!(kind(&reader.link(&link_with_metadata()).unwrap_err()), "invalid");
    assert_eq!(kind(&reader.unlink(&unlink("auth0|1", "sms", "7")).unwrap_err()), "invalid");
    assert_eq!(kind(&reader.repair().unwrap_err()), "invalid");
    check_whole_or_absent(&place, &google(), "nothing happened");
    assert!(place.entries().is_empty());
}

fn a_dry_run_of_an_undo_lists_what_is_lost(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    place.directory.link(&link_with_metadata()).unwrap();
    let id = place.entries()[0].id.clone();
    let undo = Undo { id, provenance: by("the test"), now: at(400), dry_run: true };
    let undoing = place.directory.undo(&undo).unwrap();
    assert_eq!(undoing.secondary.user_id, "google-oauth2|115");
    assert!(undoing.not_restored.iter().any(|note| note.contains("new `created_at`")), "{undoing:#?}");
    assert!(place.is_linked());
    assert_eq!(place.entries().len(), 1);
}

fn a_block_is_recorded(implementation: &Implementation) {
    let place = Place::new(implementation, [ada()]);
    let change = |blocked| SetBlocked {
        user_id: "auth0|1".to_owned(),
        blocked,
        provenance: by("the test"),
        now: at(100),
    };
    assert!(place.directory.set_blocked(&change(true)).unwrap().user.blocked);
    assert!(place.directory.set_blocked(&change(true)).unwrap().user.blocked);
    assert!(!place.directory.set_blocked(&change(false)).unwrap().user.blocked);
    let entries = place.entries();
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Block, EntryKind::Unblock]);
    let nobody = SetBlocked { user_id: "auth0|404".to_owned(), ..change(true) };
    assert_eq!(kind(&place.directory.set_blocked(&nobody).unwrap_err()), "not found");
}

fn metadata_is_patched_at_its_version_only(implementation: &Implementation) {
    let place = Place::new(implementation, [ada()]);
    let known = place.directory.get("auth0|1").unwrap();
    let patch = MetadataPatch { user_metadata: Some(metadata(r#"{"lang": "en"}"#)), app_metadata: None };
    let patched = place
        .directory
        .patch_metadata(&MetadataUpdate {
            user_id: "auth0|1",
            version: Some(known.version),
            patch: &patch,
            now: at(1),
        })
        .unwrap();
    assert_eq!(patched.user.user_metadata, Some(metadata(r#"{"lang": "en", "theme": "dark"}"#)));
    assert_eq!(patched, place.directory.get("auth0|1").unwrap());
    let late = place
        .directory
        .patch_metadata(&MetadataUpdate {
            user_id: "auth0|1",
            version: Some(known.version),
            patch: &patch,
            now: at(2),
        })
        .unwrap_err();
    assert_eq!(kind(&late), "state changed");
}

fn what_a_tenant_cannot_do_is_said_in_a_sentence(implementation: &Implementation) {
    let place = Place::new(implementation, [ada()]);
    let directory = &place.directory;
    for error in [
        directory.create(google()).unwrap_err(),
        directory.delete("auth0|1").unwrap_err(),
        directory.page("", 1).unwrap_err(),
        directory.count().unwrap_err(),
        directory.each_user(&mut |_| true).unwrap_err(),
        directory.credential("db", "ada@example.com").unwrap_err(),
        directory.import_progress("file").unwrap_err(),
        directory.user_ids("auth0|", 1).unwrap_err(),
    ] {
        assert_eq!(kind(&error), "invalid");
        assert!(error.to_sentence().contains("tenant"), "{error}");
    }
    assert_eq!(directory.count_login(&counted("auth0|1", at(1), None)), Ok(()));
    directory.check(Duration::from_secs(5)).unwrap();
    place.tenant.refuse("user ");
    directory.check(Duration::from_secs(5)).unwrap_err();
    assert_eq!(directory.state().unavailable, 1);
}

fn a_refused_link_is_abandoned(implementation: &Implementation) {
    let place = Place::new(implementation, [ada(), google()]);
    place.tenant.refuse("link");
    let error = place.directory.link(&link_with_metadata()).unwrap_err();
    assert!(error.to_sentence().contains("Insufficient scope"), "{error}");
    assert_eq!(place.states(), [EntryState::Abandoned]);
    check_whole_or_absent(&place, &google(), "refused");
    // The users are free again.
    assert_eq!(place.journal.unfinished(None), Ok(Vec::new()));
    place
        .directory
        .set_blocked(&SetBlocked {
            user_id: "google-oauth2|115".to_owned(),
            blocked: true,
            provenance: by("the test"),
            now: at(100),
        })
        .unwrap();
}
