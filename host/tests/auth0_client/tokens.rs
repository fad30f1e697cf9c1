//! The machine token.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{CallErrorKind, UsersApi};
use ligature_host::clock::ManualClock;
use ligature_host::model::Timestamp;
use ligature_host::random::SeededRandom;

use crate::standin::{Seen, Standin, Step, answer, json, token};
use crate::{LONG, SECRET, Test};

const THREADS: usize = 16;

fn asked(standin: &Standin) -> usize {
    standin.requests("/oauth/token").len()
}

/// Looks a user up in many threads at once; the results.
fn look_up_at_once(test: &Test) -> Vec<Result<(), CallErrorKind>> {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    test.user(LONG).map(drop).map_err(|error| error.kind)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a result")).collect()
    })
}

#[test]
fn sixteen_logins_ask_for_one_token() {
    let standin = Standin::start(|seen| {
        let slow = || vec![Step::Pause(Duration::from_millis(200)), token("t", 600)];
        (seen.path == "/oauth/token").then(slow)
    });
    let test = Test::new(&standin);
    assert_eq!(look_up_at_once(&test), vec![Ok(()); THREADS]);
    assert_eq!(asked(&standin), 1);
    let request = &standin.requests("/oauth/token")[0];
    let audience = format!("http://127.0.0.1:{}/api/v2/", standin.port());
    let expected = serde_json::json!({"grant_type": "client_credentials", "client_id": "an-id",
        "client_secret": SECRET, "audience": audience});
    assert_eq!((request.json(), request.header("content-type")), (expected, "application/json"));
}

#[test]
fn a_wrong_secret_is_said_once_and_never_shown() {
    let body = format!(r#"{{"error":"access_denied","error_description":"Unauthorized for {SECRET}"}}"#);
    let standin = Standin::start(move |seen| {
        let refused = vec![Step::Pause(Duration::from_millis(200)), json("401 Unauthorized", "", &body)];
        (seen.path == "/oauth/token").then_some(refused)
    });
    let test = Test::new(&standin);
    let message = "no machine token: the tenant refuses the request: Unauthorized for …; \
                   check the client id and the client secret";
    let expected = CallErrorKind::Refused {
        status: 401,
        error_code: Some("access_denied".to_owned()),
        message: message.to_owned(),
    };
    assert_eq!(look_up_at_once(&test), vec![Err(expected); THREADS]);
    assert_eq!((asked(&standin), standin.requests("/api/v2/").len()), (1, 0));
    assert!(!format!("{:?}", test.client).contains(SECRET));
}

#[test]
fn an_application_without_a_grant_is_told_which_one() {
    let standin = Standin::start(|seen| {
        let body = r#"{"error":"access_denied","error_description":"Client is not authorized"}"#;
        (seen.path == "/oauth/token").then(|| vec![json("403 Forbidden", "", body)])
    });
    let error = Test::new(&standin).user(LONG).unwrap_err().to_string();
    let audience =
        format!("authorize the application for the API http://127.0.0.1:{}/api/v2/", standin.port());
    assert!(error.contains(&audience), "{error}");
}

/// Source: Auth0, the answers of `/oauth/token` to another audience, and to another grant type.
#[test]
fn the_advice_for_a_refused_token_fits_its_cause() {
    for (code, said, advice) in [
        (
            "access_denied",
            "Service not found: https://x/api/v2/",
            "if it is a custom domain, name the canonical one",
        ),
        (
            "unauthorized_client",
            "Grant type 'client_credentials' not allowed",
            "enable its grant type Client Credentials",
        ),
    ] {
        let body = format!(r#"{{"error":"{code}","error_description":"{said}"}}"#);
        let standin = Standin::start(move |seen| {
            (seen.path == "/oauth/token").then(|| vec![json("403 Forbidden", "", &body)])
        });
        let error = Test::new(&standin).user(LONG).unwrap_err().to_string();
        assert!(error.contains(advice) && !error.contains("authorize the application"), "{error}");
    }
}

#[test]
fn a_wrong_domain_is_suggested_where_there_is_no_token_endpoint() {
    let standin = Standin::start(|seen| {
        let page = "<!doctype html><title>Not found</title>";
        (seen.path == "/oauth/token")
            .then(|| vec![answer("404 Not Found", "content-type: text/html\r\n", page)])
    });
    let error = Test::new(&standin).user(LONG).unwrap_err().to_string();
    assert!(error.contains("a page of HTML; check the domain 127.0.0.1:"), "{error}");
}

#[test]
fn a_token_that_ends_is_renewed() {
    let standin = Standin::start(|_| None);
    let clock = Arc::new(ManualClock::starting_at(Timestamp::default()));
    let test = Test::by(&standin, Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1))));
    for (passed, expected) in [(0, 1), (86_339, 1), (1, 2)] {
        clock.advance(Duration::from_secs(passed));
        test.user(LONG).expect("a user");
        assert_eq!(asked(&standin), expected, "after {passed} s more");
    }
    let last = standin.requests("/api/v2/").pop().expect("a request");
    assert_eq!(last.header("authorization"), "Bearer token-2");
}

#[test]
fn a_token_that_is_no_longer_accepted_is_renewed_once() {
    let expired = |seen: &Seen| {
        let body = r#"{"statusCode":401,"error":"Unauthorized","message":"Expired token received"}"#;
        (seen.header("authorization") == "Bearer token-1").then(|| vec![json("401 Unauthorized", "", body)])
    };
    let standin = Standin::start(expired);
    Test::new(&standin).user(LONG).expect("a user");
    assert_eq!((asked(&standin), standin.requests("/api/v2/").len()), (2, 2));

    // A tenant that accepts no token at all.
    let standin = Standin::start(|seen| {
        let body = r#"{"statusCode":401,"error":"Unauthorized","message":"Invalid token"}"#;
        seen.path.starts_with("/api/v2/").then(|| vec![json("401 Unauthorized", "", body)])
    });
    let error = Test::new(&standin).user(LONG).unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::Refused { status: 401, .. }), "{error}");
    assert_eq!((asked(&standin), standin.requests("/api/v2/").len()), (2, 2));
}

#[test]
fn waiting_for_the_token_ends_at_the_limit_of_each_call() {
    let standin = Standin::start(|seen| {
        let slow = || vec![Step::Pause(Duration::from_millis(1_500)), token("t", 600)];
        (seen.path == "/oauth/token").then(slow)
    });
    let test = Test::new(&standin);
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| test.user(LONG));
        std::thread::sleep(Duration::from_millis(200));
        let (hasty, time) = crate::timed(|| test.user(Duration::from_millis(300)));
        assert_eq!(hasty.unwrap_err().kind, CallErrorKind::TimedOut { may_have_effect: false });
        assert!(time < Duration::from_secs(1), "{time:?}");
        patient.join().expect("a result").expect("a user");
    });
    assert_eq!(asked(&standin), 1);
}

#[test]
fn a_caller_with_more_time_asks_again_after_a_time_out() {
    let standin = Standin::start(|seen| {
        let pause = Duration::from_millis(if seen.earlier == 0 { 1_000 } else { 0 });
        (seen.path == "/oauth/token").then(|| vec![Step::Pause(pause), token("t", 600)])
    });
    let test = Test::new(&standin);
    std::thread::scope(|scope| {
        let hasty = scope.spawn(|| test.user(Duration::from_millis(300)));
        std::thread::sleep(Duration::from_millis(100));
        test.user(LONG).expect("a user");
        let error = hasty.join().expect("a result").unwrap_err();
        assert_eq!(error.kind, CallErrorKind::TimedOut { may_have_effect: false });
    });
    assert_eq!(asked(&standin), 2);
}

#[test]
fn the_scopes_that_are_missing_are_known_before_any_login() {
    let test = Test::new(&Standin::start(|_| None));
    let unmet = test.client.unmet_needs(test.limit(LONG)).expect("a token");
    let unmet: Vec<String> = unmet.iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            "the machine-to-machine application lacks the scope create:role_members of the Management API, which Ligature needs to give roles back when a link is undone",
            "the machine-to-machine application lacks the scope create:organization_members of the Management API, which \
             Ligature needs to give memberships of organizations back \
             when a link is undone",
        ]
    );
}

#[test]
fn a_token_that_is_no_bearer_token_is_refused() {
    for body in [
        r#"{"access_token":"","token_type":"Bearer"}"#,
        r#"{"access_token":"a\r\nb","token_type":"Bearer"}"#,
        r#"{"access_token":"a","token_type":"DPoP"}"#,
        r#"{"token_type":"Bearer"}"#,
    ] {
        let standin =
            Standin::start(move |seen| (seen.path == "/oauth/token").then(|| vec![json("200 OK", "", body)]));
        let test = Test::new(&standin);
        let error = test.client.link("auth0|1", crate::LINKED, test.limit(LONG)).unwrap_err();
        assert!(!error.may_have_effect() && error.to_string().starts_with("no machine token: "), "{error}");
    }
}
