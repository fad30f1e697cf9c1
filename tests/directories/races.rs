//! Logins of the same two accounts at the same time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use ligature_host::decide::Policy;
use ligature_host::directory::{Administration, EntryKind, JournalQuery, arrive};
use ligature_host::harness::{Case, run_case_in_directory};
use ligature_host::model::{Decision, LoginEvent};
use ligature_host::policies::PolicyDocument;
use ligature_host::sandbox::Settings;
use ligature_tests::POLICY;

use super::users::{InFewWords, ada, at, google, link, unlink, user};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[
    ("of_many_logins_one_links", of_many_logins_one_links),
    ("an_identity_has_an_owner_while_it_is_linked", an_identity_has_an_owner_while_it_is_linked),
];

const THREADS: usize = 64;

fn of_many_logins_one_links(implementation: &Implementation) {
    for on_error in ["login_without_link", "deny"] {
        let settings = format!(
            r#"{{"mode": "auto", "trusted_connections": ["google-oauth2"], "on_error": "{on_error}"}}"#
        );
        race(implementation, &Settings::new(settings));
    }
}

fn race(implementation: &Implementation, settings: &Settings) {
    let rounds =
        std::env::var("LIGATURE_RACE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(50);
    let opened = implementation.open();
    let directory = &opened.directory;
    let barrier = Barrier::new(THREADS);
    for round in 0..rounds {
        for id in [format!("auth0|{round}"), format!("google-oauth2|{round}")] {
            directory.create(account(&id, round)).expect("the account is made");
        }
        let answers: Vec<Ended> = std::thread::scope(|scope| {
            let logins: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let provider = if thread % 2 == 0 { "auth0" } else { "google-oauth2" };
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        log_in(directory, &format!("{provider}|{round}"), settings)
                    })
                })
                .collect();
            logins.into_iter().map(|login| login.join().expect("a login ends")).collect()
        });
        check(directory, round, &answers);
    }
}

fn an_identity_has_an_owner_while_it_is_linked(implementation: &Implementation) {
    const ROUNDS: usize = 100;
    let opened = implementation.open();
    let directory = &opened.directory;
    directory.create(ada()).expect("the account is made");
    directory.create(google()).expect("the account is made");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let look = || {
            let mut owners = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                let owner = directory.owner_of("google-oauth2", "google-oauth2", "115");
                owners.insert(owner.expect("it is somebody's"));
            }
            owners
        };
        let lookers: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
        for _ in 0..ROUNDS {
            directory.link(&link("auth0|1", "google-oauth2|115")).expect("they are linked");
            directory.unlink(&unlink("auth0|1", "google-oauth2", "115")).expect("they are parted");
        }
        is_over.store(true, Ordering::Relaxed);
        let owners: BTreeSet<_> = lookers.into_iter().flat_map(|it| it.join().expect("it looks")).collect();
        assert!(
            owners.is_subset(&["auth0|1".to_owned(), "google-oauth2|115".to_owned()].into()),
            "{owners:?}"
        );
    });
}

fn account(id: &str, round: usize) -> ligature_host::model::User {
    let created = if id.starts_with("auth0") { "2024-01-01T00:00:00Z" } else { "2025-01-01T00:00:00Z" };
    user(&format!(
        r#"{{"user_id": "{id}", "email": "r{round}@example.com", "email_verified": true, "created_at": "{created}",
            "logins_count": 2, "last_login": "2026-01-01T00:00:00Z"}}"#
    ))
}

/// The decision, its reasons, and the user that the login goes on as.
#[derive(Debug)]
struct Ended {
    decision: Decision,
    codes: Vec<String>,
    user_id: Option<String>,
}

/// Decides a login as `ligature run --event` does.
fn log_in(directory: &Arc<dyn Administration>, id: &str, settings: &Settings) -> Ended {
    let provider = id.split('|').next().unwrap_or_default();
    let event: LoginEvent = serde_json::from_str(&format!(
        r#"{{"user": {{"user_id": "{id}"}}, "connection": {{"name": "{provider}", "strategy": "{provider}"}}}}"#
    ))
    .expect("an event");
    let event = arrive(&**directory, event, at(1)).expect("the login arrives");
    let case = Case {
        file: "race.json".into(),
        title: String::new(),
        now: at(1),
        policy: PolicyDocument::default(),
        policies: Vec::new(),
        users: Vec::new(),
        event: Arc::new(event),
        answer: None,
        faults: Vec::new(),
        exact_look_up: false,
        recording: None,
    };
    let policy = Policy { name: POLICY.name(), plugin: &POLICY, settings };
    let logged_in = run_case_in_directory(&[policy], &case, directory, false).expect("the directory answers");
    assert_eq!(logged_in.report.failure, None);
    Ended {
        decision: logged_in.report.decision,
        codes: logged_in.report.reasons.into_iter().map(|reason| reason.code).collect(),
        user_id: logged_in.user_id,
    }
}

fn check(directory: &Arc<dyn Administration>, round: usize, answers: &[Ended]) {
    let primary = format!("auth0|{round}");
    let google = format!("google-oauth2|{round}");
    let mut links = 0;
    for Ended { decision, codes, user_id } in answers {
        assert_eq!(user_id.as_ref(), Some(&primary), "{decision:?}: {codes:?}");
        match decision {
            Decision::Linked { primary: into } => {
                assert_eq!(*into, primary);
                let has_linked = codes[0] == "LINKED_VERIFIED_BOTH";
                assert!(has_linked || codes[0] == "RACE_LOST", "{codes:?}");
                links += usize::from(has_linked);
            }
            // It began when they were linked.
            Decision::Proceed => assert_eq!(codes, &["ALREADY_LINKED"]),
            other => panic!("{other:?}: {codes:?}"),
        }
    }
    assert_eq!(links, 1, "exactly one login links: {answers:?}");
    assert_eq!(directory.identities(&primary), [primary.as_str(), google.as_str()], "no identity is lost");
    assert!(directory.get(&google).is_err());
    let query = JournalQuery { user_id: Some(google), limit: 10, ..JournalQuery::default() };
    let entries = directory.journal(&query).expect("a journal");
    assert_eq!(entries.iter().filter(|entry| entry.kind == EntryKind::Link).count(), 1);
}
