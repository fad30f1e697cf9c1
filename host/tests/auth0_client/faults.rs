//! Tenants that fail.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use ligature_host::ambient::Ambient;
use ligature_host::auth0::{CallError, CallErrorKind, UsersApi};

use crate::standin::{Seen, Standin, Step, USER, answer, json as json_answer};
use crate::{LINKED, LONG, Test, timed};

/// Answers every call of the Management API like this.
fn always(steps: Vec<Step>) -> Standin {
    Standin::start(move |seen| seen.path.starts_with("/api/v2/").then(|| steps.clone()))
}

/// Answers the first call of each path like this, and then as usual.
fn once(steps: Vec<Step>) -> Standin {
    Standin::start(move |seen| is_first(seen).then(|| steps.clone()))
}

fn is_first(seen: &Seen) -> bool {
    seen.path.starts_with("/api/v2/") && seen.earlier == 0
}

fn calls(standin: &Standin) -> usize {
    standin.requests("/api/v2/").len()
}

fn failed() -> Vec<Step> {
    vec![json_answer(
        "500 Internal Server Error",
        "",
        r#"{"statusCode":500,"error":"Internal Server Error","message":"Boom"}"#,
    )]
}

/// A head that promises more than follows.
fn cut_off() -> Vec<Step> {
    let text = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"user_id\"";
    vec![Step::Send(text.as_bytes().to_vec()), Step::Close]
}

fn link(test: &Test) -> CallError {
    test.client.link("auth0|1", LINKED, test.limit(LONG)).expect_err("a failure")
}

#[test]
fn reads_and_patches_are_repeated_after_a_failure() {
    for steps in [failed(), vec![answer("503 Service Unavailable", "", "busy")], vec![Step::Close], cut_off()]
    {
        let standin = once(steps.clone());
        Test::new(&standin).user(LONG).expect("a user");
        assert_eq!(calls(&standin), 2, "{steps:?}");

        let standin = once(steps);
        let test = Test::new(&standin);
        test.client.patch_user("auth0|1", &json!({"nickname": "Ada"}), test.limit(LONG)).expect("a user");
        assert_eq!(calls(&standin), 2);
    }
}

#[test]
fn a_link_is_never_sent_twice_blindly() {
    for steps in [failed(), vec![Step::Close], cut_off(), vec![answer("408 Request Timeout", "", "")]] {
        let standin = always(steps);
        let error = link(&Test::new(&standin));
        assert!(matches!(error.kind, CallErrorKind::Unclear(_)) && error.may_have_effect(), "{error}");
        assert_eq!(calls(&standin), 1);
        let test = Test::new(&standin);
        let error = test.client.unlink("auth0|1", LINKED, test.limit(LONG)).unwrap_err();
        assert!(error.may_have_effect(), "{error}");
        assert_eq!(calls(&standin), 2);
    }
}

#[test]
fn a_failure_that_stays_ends_within_the_limit() {
    let standin = always(failed());
    let (error, time) = timed(|| Test::new(&standin).user(Duration::from_millis(700)).unwrap_err());
    assert!(
        error.to_string().starts_with("the tenant failed with status 500: Boom [correlation id "),
        "{error}"
    );
    assert!(time < Duration::from_secs(2), "{time:?}");
    assert!(calls(&standin) >= 2);
}

#[test]
fn a_refusal_is_not_repeated() {
    let body = r#"{"statusCode":409,"error":"Conflict","message":"Specified identity already exists."}"#;
    let standin = always(vec![json_answer("409 Conflict", "", body)]);
    let error = link(&Test::new(&standin));
    assert!(
        !error.may_have_effect() && error.to_string().contains("already exists. (status 409)"),
        "{error}"
    );
    assert_eq!(calls(&standin), 1);
}

#[test]
fn a_slow_answer_ends_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    let drop_by_drop = |_| [Step::Send(b" ".to_vec()), Step::Pause(Duration::from_millis(100))];
    let body = (0..100).flat_map(drop_by_drop);
    let slow_body: Vec<Step> = [Step::Send(head.as_bytes().to_vec())].into_iter().chain(body).collect();
    let silent = vec![Step::Pause(Duration::from_secs(10))];
    for steps in [slow_body, silent] {
        let standin = always(steps);
        let test = Test::new(&standin);
        let (read, time) = timed(|| test.user(Duration::from_millis(500)));
        assert_eq!(read.unwrap_err().kind, CallErrorKind::TimedOut { may_have_effect: false });
        assert!(time < Duration::from_millis(1_500), "{time:?}");
        let limit = test.limit(Duration::from_millis(500));
        let (link, time) = timed(|| test.client.link("auth0|1", LINKED, limit));
        assert_eq!(link.unwrap_err().kind, CallErrorKind::TimedOut { may_have_effect: true });
        assert!(time < Duration::from_millis(1_500), "{time:?}");
    }
}

#[test]
fn no_request_is_sent_after_the_limit() {
    let standin = Standin::start(|_| None);
    let test = Test::new(&standin);
    let error = test.client.link("auth0|1", LINKED, test.limit(Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind, CallErrorKind::TimedOut { may_have_effect: false });
    assert!(standin.requests("/").is_empty());
}

#[test]
fn an_answer_that_is_not_the_documented_json_is_unreadable() {
    let html = "content-type: text/html; charset=utf-8\r\n";
    let cases = [
        (answer("200 OK", html, "<!doctype html>"), "not JSON by its content type"),
        (answer("200 OK", "content-type: text/plain\r\n", USER), "not JSON by its content type"),
        (answer("200 OK", "", USER), "not JSON by its content type"),
        (json_answer("200 OK", "", &USER[..20]), "is cut off"),
        (json_answer("200 OK", "", "{'user_id'}"), "not valid JSON at line 1, column 2"),
        (json_answer("200 OK", "", r#"{"email":"ada@corp.com"}"#), "another shape than the API documents"),
        (json_answer("200 OK", "", "[]"), "another shape than the API documents"),
    ];
    for (step, expected) in cases {
        let standin = always(vec![step]);
        let error = Test::new(&standin).user(LONG).unwrap_err();
        assert!(
            matches!(error.kind, CallErrorKind::Unreadable(_)) && error.to_string().contains(expected),
            "{error}"
        );
        assert!(!error.to_string().contains("corp.com"), "{error}");
        assert_eq!(calls(&standin), 1);
    }
    // A page of a gateway is no success of a call without content.
    let test = Test::new(&always(vec![answer("200 OK", html, "<!doctype html>")]));
    let error = test.client.add_member("org_1", "auth0|1", test.limit(LONG)).unwrap_err();
    assert!(error.may_have_effect(), "{error}");
}

#[test]
fn an_answer_without_an_end_is_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    let endless = (0..40).map(|_| Step::Send(vec![b' '; 100_000]));
    let steps = [Step::Send(head)].into_iter().chain(endless).chain([Step::Close]).collect();
    let standin = always(steps);
    let error = Test::new(&standin).user(LONG).unwrap_err();
    assert!(error.to_string().contains("longer than 2 MiB"), "{error}");
    assert_eq!(calls(&standin), 1);
}

#[test]
fn a_redirect_is_refused() {
    let other = Standin::start(|_| None);
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let headers = format!("location: http://127.0.0.1:{}/api/v2/users/auth0%7C1\r\n", other.port());
        let test = Test::new(&always(vec![answer(status, &headers, "")]));
        for error in [test.user(LONG).unwrap_err(), link(&test)] {
            assert!(
                error.to_string().contains("redirects to another address, which is not followed"),
                "{error}"
            );
        }
        let moved = answer(status, &headers, "");
        let standin = Standin::start(move |seen| (seen.path == "/oauth/token").then(|| vec![moved.clone()]));
        let error = Test::new(&standin).user(LONG).unwrap_err();
        assert!(error.to_string().starts_with("the tenant redirects"), "{error}");
    }
    assert!(other.requests("/").is_empty());
}

#[test]
fn a_server_that_is_away_is_named() {
    // A free port could be given to the stand-in of another test; nobody listens on a reserved one.
    let port = 1;
    let test = Test::at(&format!("auth0://127.0.0.1:{port}"), Ambient::system());
    let limit = test.limit(Duration::from_secs(2));
    let error = test.client.link("auth0|1", LINKED, limit).unwrap_err();
    assert!(matches!(error.kind, CallErrorKind::NotSent(_)), "{error}");
    let expected = format!("the tenant 127.0.0.1:{port} cannot be reached");
    assert!(error.to_string().contains(&expected), "{error}");
}

/// The server speaks http; the client must not, because the host is not this machine.
#[test]
fn http_is_not_spoken_to_another_host() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sent, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::Read;
        for mut stream in listener.incoming().flatten() {
            let mut first = [0; 1];
            let _ = stream.read_exact(&mut first);
            let _ = sent.send(first[0]);
        }
    });
    // An address of this machine that is not a loopback one by its text.
    let test = Test::at(&format!("auth0://0.0.0.0:{port}"), Ambient::system());
    let error = test.client.link("auth0|1", LINKED, test.limit(Duration::from_secs(1))).unwrap_err();
    assert!(!error.may_have_effect(), "{error}");
    const HANDSHAKE: u8 = 22;
    assert_eq!(received.recv_timeout(Duration::from_secs(5)), Ok(HANDSHAKE));
}

/// RFC 6761, section 6.4: no server has this name.
#[test]
fn a_domain_that_does_not_exist_is_named() {
    let test = Test::at("auth0://acme.invalid", Ambient::system());
    let (error, time) = timed(|| test.user(LONG).unwrap_err());
    let expected = "no machine token: the tenant acme.invalid cannot be reached: \
                    no server with this name was found; check the domain [correlation id ";
    assert!(error.to_string().starts_with(expected) && !error.may_have_effect(), "{error}");
    assert!(time < Duration::from_secs(10), "{time:?}");
}

/// A server that accepts connections and ends them within the TLS handshake.
#[test]
fn a_connection_that_breaks_in_the_handshake_had_no_effect() {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let test = Test::at(&format!("auth0://0.0.0.0:{port}"), Ambient::system());
    let error = test.user(Duration::from_millis(500)).unwrap_err();
    assert!(error.to_string().contains(&format!("the tenant 0.0.0.0:{port} cannot be reached: ")), "{error}");
}
