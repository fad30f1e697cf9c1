//! Reading every user while other threads link them, and the first login of an
//! identity with an assumed connection, through two connections at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use ligature_host::directory::{Administration, JournalQuery, Undo, arrive};
use ligature_host::model::LoginEvent;

use super::users::{at, by, counted, link, user};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[
    ("no_account_is_missing_or_twice_in_a_picture", no_account_is_missing_or_twice_in_a_picture),
    ("a_picture_shows_every_login_that_was_counted", a_picture_shows_every_login_that_was_counted),
    ("of_two_connections_one_settles_an_identity", of_two_connections_one_settles_an_identity),
];

/// More than one page, so that the reading takes several queries.
const PAIRS: usize = 1_500;
const WRITERS: usize = 4;
const PICTURES: usize = 12;

/// Counts how often each identity appears in a picture, and its users.
fn picture(directory: &dyn Administration) -> (HashMap<String, usize>, usize) {
    let (mut identities, mut users) = (HashMap::new(), 0);
    directory
        .each_user(&mut |stored| {
            users += 1;
            for identity in &stored.user.identities {
                *identities.entry(identity.as_user_id()).or_default() += 1;
            }
            true
        })
        .expect("a picture");
    (identities, users)
}

fn no_account_is_missing_or_twice_in_a_picture(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    for n in 0..PAIRS {
        // The one stands far behind the other in the order of ids.
        for id in [format!("auth0|{n}"), format!("google-oauth2|{n}")] {
            directory.create(user(&format!(r#"{{"user_id": "{id}"}}"#))).expect("it is made");
        }
    }
    let (ended, links) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (ended, links) = (&ended, &links);
            scope.spawn(move || {
                for n in (writer..PAIRS).step_by(WRITERS).cycle() {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    let (one, other) = (format!("auth0|{n}"), format!("google-oauth2|{n}"));
                    // Into the one that is read first, and into the one that is read last.
                    let (primary, secondary) = if n % 2 == 0 { (one, other) } else { (other, one) };
                    directory.link(&link(&primary, &secondary)).expect("they are linked");
                    links.fetch_add(1, Ordering::Relaxed);
                    let query = JournalQuery { user_id: Some(primary), limit: 1, ..JournalQuery::default() };
                    let entry = directory.journal(&query).expect("a journal").remove(0);
                    let undo =
                        Undo { id: entry.id, provenance: by("the test"), now: at(300), dry_run: false };
                    directory.undo(&undo).expect("it is undone");
                }
            });
        }
        let seen: Vec<_> = (0..PICTURES).map(|_| picture(&**directory)).collect();
        ended.store(true, Ordering::Relaxed);
        seen
    });
    assert!(links.into_inner() > 0, "nothing was linked meanwhile");
    for (identities, users) in seen {
        assert_eq!(identities.len(), 2 * PAIRS, "an account is missing");
        let twice: Vec<_> = identities.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert!(users <= 2 * PAIRS);
    }
}

fn a_picture_shows_every_login_that_was_counted(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    directory.create(user(r#"{"user_id": "auth0|1"}"#)).expect("it is made");
    for count in 1..50 {
        directory.count_login(&counted("auth0|1", at(count), None)).expect("it is counted");
        let mut seen = None;
        directory
            .each_user(&mut |stored| {
                seen = stored.user.logins_count;
                true
            })
            .expect("a picture");
        assert_eq!(seen, Some(count));
    }
}

fn of_two_connections_one_settles_an_identity(implementation: &Implementation) {
    let opened = implementation.open();
    let directory = &opened.directory;
    for round in 0..20 {
        let assumed = format!(
            r#"{{"user_id": "waad|{round}", "identities": [
                {{"provider": "waad", "user_id": "{round}", "connection": "waad", "connection_assumed": true}}]}}"#
        );
        directory.create(user(&assumed)).expect("it is made");
        let barrier = Barrier::new(8);
        let through: Vec<_> = std::thread::scope(|scope| {
            let logins: Vec<_> = (0..8)
                .map(|thread| {
                    let (barrier, directory) = (&barrier, Arc::clone(directory));
                    scope.spawn(move || {
                        let connection = if thread % 2 == 0 { "one" } else { "other" };
                        let event = format!(
                            r#"{{"user": {{"user_id": "waad|{round}"}}, "connection": {{"name": "{connection}", "strategy": "waad"}}}}"#
                        );
                        let event: LoginEvent = serde_json::from_str(&event).expect("an event");
                        barrier.wait();
                        arrive(&*directory, event, at(1)).is_ok().then_some(connection)
                    })
                })
                .collect();
            logins.into_iter().filter_map(|login| login.join().expect("it ends")).collect()
        });
        let known = directory.get(&format!("waad|{round}")).expect("it is there").user.identities[0].clone();
        assert!(
            !known.connection_assumed && ["one", "other"].contains(&known.connection.as_str()),
            "{known:?}"
        );
        assert_eq!(through, vec![known.connection.as_str(); 4], "whoever came through is of the one");
    }
}
