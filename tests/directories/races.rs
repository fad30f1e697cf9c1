//! Logins of the same two accounts at the same time.

use std::sync::{Arc, Barrier};

use ligature_host::decide::{OnFailure, decide};
use ligature_host::directory::{Administration, JournalQuery, Kind, arrive};
use ligature_host::login::{Decision, LoginEvent};
use ligature_host::sandbox::{Question, Settings};
use ligature_tests::POLICY;

use super::users::{InFewWords, at, user};
use super::{Implementation, Test};

pub(crate) const TESTS: &[Test] = &[("of_many_logins_one_links", of_many_logins_one_links)];

const THREADS: usize = 64;

fn of_many_logins_one_links(implementation: &Implementation) {
    let rounds =
        std::env::var("LIGATURE_RACE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(100);
    let opened = implementation.open();
    let directory = &opened.directory;
    let barrier = Barrier::new(THREADS);
    let settings = Settings::new(r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#);
    for round in 0..rounds {
        for id in [format!("auth0|{round}"), format!("google-oauth2|{round}")] {
            directory.create(account(&id, round)).expect("the account is made");
        }
        let answers: Vec<(String, String)> = std::thread::scope(|scope| {
            let logins: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let provider = if thread % 2 == 0 { "auth0" } else { "google-oauth2" };
                    let (barrier, settings) = (&barrier, &settings);
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

fn account(id: &str, round: usize) -> ligature_host::login::User {
    let created = if id.starts_with("auth0") { "2024-01-01T00:00:00Z" } else { "2025-01-01T00:00:00Z" };
    user(&format!(
        r#"{{"user_id": "{id}", "email": "r{round}@example.com", "email_verified": true, "created_at": "{created}",
            "logins_count": 2, "last_login": "2026-01-01T00:00:00Z"}}"#
    ))
}

/// What was decided, and the deciding reason.
fn log_in(directory: &Arc<dyn Administration>, id: &str, settings: &Settings) -> (String, String) {
    let provider = id.split('|').next().unwrap_or_default();
    let event: LoginEvent = serde_json::from_str(&format!(
        r#"{{"user": {{"user_id": "{id}"}}, "connection": {{"name": "{provider}", "strategy": "{provider}"}}}}"#
    ))
    .expect("an event");
    let event = Arc::new(arrive(&**directory, event, at(1)).expect("the login arrives"));
    let question = Question { event: &event, settings, now: at(1), trace: false, answer: None };
    let decided = decide(&POLICY, &question, directory.clone(), OnFailure::Proceed);
    assert_eq!(decided.failure, None);
    let decision = match decided.outcome.decision {
        Decision::Linked { primary } => format!("linked into {primary}"),
        Decision::Proceed => "proceed".to_owned(),
        other => format!("{other:?}"),
    };
    (decision, decided.outcome.reasons[0].code.clone())
}

fn check(directory: &Arc<dyn Administration>, round: usize, answers: &[(String, String)]) {
    let primary = format!("auth0|{round}");
    let google = format!("google-oauth2|{round}");
    let won = answers.iter().filter(|(decision, _)| *decision == format!("linked into {primary}")).count();
    assert_eq!(won, 1, "exactly one login links: {answers:?}");
    for (decision, code) in answers.iter().filter(|(decision, _)| !decision.starts_with("linked")) {
        assert_eq!(decision, "proceed");
        assert!(["RACE_LOST", "ALREADY_LINKED"].contains(&code.as_str()), "{code}");
    }
    assert_eq!(directory.identities(&primary), [primary.as_str(), google.as_str()], "no identity is lost");
    assert!(directory.get(&google).is_err());
    let query = JournalQuery { user_id: Some(google), limit: 10 };
    let entries = directory.journal(&query).expect("a journal");
    assert_eq!(entries.iter().filter(|entry| entry.kind == Kind::Link).count(), 1);
}
