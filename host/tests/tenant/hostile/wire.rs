//! Requests that are too large, too slow, or none.

use std::io::Write as _;
use std::time::Duration;

use libtest_mimic::Completion;

use super::tenant;
use crate::http::{Request, answer, connect, exchange, host, send};
use crate::tenants::{Tenant, database_user};

crate::tests![too_much, too_slow, no_requests, text_that_is_none, memory_that_is_left];

fn post(target: &str, kind: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(target).body(kind, body)
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn too_much() {
    let tenant = tenant();
    for (target, kind) in
        [("/oauth/token", FORM), ("/oauth/token", JSON), ("/dbconnections/signup", JSON), ("/u/login", FORM)]
    {
        let response = tenant.send(&post(target, kind, vec![b'x'; 2 << 20]));
        assert_eq!(response.status, 413, "{target} {kind}");
    }
    // A body in chunks, whose length is not announced.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(1 << 16)).repeat(32);
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nhost: {}\r\ncontent-type: {FORM}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        host(tenant.http())
    );
    let bytes = [head.as_bytes(), chunk.as_bytes(), b"0\r\n\r\n"].concat();
    if let Some(response) = exchange(tenant.http(), &bytes) {
        assert_eq!(response.status, 413);
    }
    let with = |headers: &[(String, String)]| {
        let request = Request { headers: headers.to_vec(), ..Request::get("/healthz") };
        exchange(tenant.http(), &request.bytes(host(tenant.http()))).map(|it| it.status)
    };
    let many: Vec<_> = (0..10_000).map(|n| (format!("x-{n}"), "x".to_owned())).collect();
    assert!(matches!(with(&many), Some(431) | None), "10,000 headers: {:?}", with(&many));
    let giant = [("x-giant".to_owned(), "x".repeat(4 << 20))];
    assert!(matches!(with(&giant), Some(431) | None), "a giant header: {:?}", with(&giant));
    let cookies = [("cookie".to_owned(), "ligature-session=x; ".repeat(100_000))];
    assert!(matches!(with(&cookies), Some(431) | None), "giant cookies: {:?}", with(&cookies));
    let giant = Request::get(format!("/authorize?x={}", "x".repeat(4 << 20)));
    let status = exchange(tenant.http(), &giant.bytes(host(tenant.http()))).map(|it| it.status);
    assert!(matches!(status, Some(414 | 431) | None), "a giant address: {status:?}");
    let deep = |depth: usize| format!("{{\"client_id\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(tenant.send(&post("/oauth/token", JSON, deep(10_000))).status, 400);
    let link =
        post("/api/v2/users/auth0%7Cada/identities", JSON, deep(200_000)).bearer(&tenant.client_token("web"));
    assert_eq!(tenant.send(&link).status, 400);
    tenant.assert_well();
}

/// Waits for the limits themselves: 10 s for headers, 30 for a request.
fn too_slow() {
    let tenant = tenant();
    let (http, https) = (tenant.running.http.clone(), tenant.running.https.clone());
    let head = |more: &str| format!("POST /oauth/token HTTP/1.1\r\nhost: {}\r\n{more}", host(&http));
    let body = head(&format!("content-type: {FORM}\r\ncontent-length: 100000\r\n\r\n"));
    let drip = |address: &str, start: &str| {
        let mut stream = connect(address);
        let _ = stream.write_all(start.as_bytes());
        // One byte a second, until nobody takes them.
        let mut slow = stream.try_clone().expect("a socket");
        let dripping = std::thread::spawn(move || {
            for _ in 0..90 {
                if slow.write_all(b"x").is_err() {
                    return true;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            false
        });
        let status = answer(&mut stream).map(|it| it.status);
        drop(stream);
        (status, dripping.join().expect("it dripped"))
    };
    let still = |address: &str, start: &str| {
        let mut stream = connect(address);
        let _ = stream.write_all(start.as_bytes());
        answer(&mut stream).map(|it| it.status)
    };
    let (http, https) = (http.as_str(), https.as_str());
    let (drip, still) = (&drip, &still);
    std::thread::scope(|scope| {
        let slow_body = scope.spawn(|| drip(http, &body));
        let slow_headers = scope.spawn(|| drip(http, &head("x-slow: ")));
        let silent = scope.spawn(|| still(http, ""));
        let half = scope.spawn(|| still(http, "GET /healthz HTT"));
        let no_handshake = scope.spawn(|| still(https, ""));
        assert_eq!(slow_body.join().expect("an end"), (Some(408), true), "a slow body");
        assert_eq!(slow_headers.join().expect("an end"), (None, true), "slow headers");
        for (name, waiting) in [("nothing", silent), ("half a line", half), ("no handshake", no_handshake)] {
            assert!(matches!(waiting.join().expect("an end"), None | Some(408)), "{name}");
        }
    });
    tenant.assert_well();
}

fn no_requests() {
    let tenant = tenant();
    let own = host(tenant.http());
    for bytes in [
        "\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET  /healthz HTTP/1.1\r\nhost: {own}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: {own}\r\nx\0: y\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: {own}\r\nx: a\0b\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: {own}\r\n x: folded\r\n\r\n"),
        format!("GET /heal\0thz HTTP/1.1\r\nhost: {own}\r\n\r\n"),
        // Two lengths: where one request ends and the next begins (smuggling).
        format!(
            "POST /oauth/token HTTP/1.1\r\nhost: {own}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"
        ),
        format!("POST /oauth/token HTTP/1.1\r\nhost: {own}\r\ncontent-length: -1\r\n\r\n"),
        format!("POST /oauth/token HTTP/1.1\r\nhost: {own}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("CONNECT evil.test:443 HTTP/1.1\r\nhost: {own}\r\n\r\n"),
    ] {
        let status = exchange(tenant.http(), bytes.as_bytes()).map(|it| it.status);
        assert!(status.is_none_or(|it| (400..500).contains(&it) && it != 408), "{bytes:?}: {status:?}");
    }
    for method in ["TRACE", "PUT", "HEAD", "PROPFIND", "\u{7f}"] {
        let request = Request::new(method, "/api/v2/users/auth0%7Cada");
        let status = exchange(tenant.http(), &request.bytes(own)).map(|it| it.status);
        assert!(status.is_none_or(|it| (400..500).contains(&it)), "{method}: {status:?}");
    }
    tenant.assert_well();
}

fn text_that_is_none() {
    let tenant = tenant();
    let token = tenant.client_token("web");
    for target in [
        "/api/v2/users/auth0%7C%ff%fe",
        "/api/v2/users/auth0%7C%00",
        "/api/v2/users/auth0%7Ca%0d%0ax",
        "/api/v2/users/%2e%2e%2f%2e%2e",
        "/api/v2/users/auth0%7C",
        "/api/v2/users/auth0%7Cada/identities/google-oauth2/%ff",
        "/api/v2/users?q=%ff%00",
        "/api/v2/users-by-email?email=%ff",
        "/api/v2/users-by-email?email=%00",
        "/client/%ff.js",
        "/client/..%2f..%2fetc%2fpasswd",
        "/js/lock/..%2f..%2f/en.js",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ] {
        let status = tenant.send(&Request::get(target).bearer(&token)).status;
        assert!((200..500).contains(&status) && status != 408, "{target}: {status}");
        assert!(!tenant.send(&Request::get(target)).text().contains("root:"), "{target}");
    }
    for body in [
        &b"\xff\xfe\x00"[..],
        b"{\"client_id\":\"\xff\"}",
        b"{\"client_id\":\"\\ud800\"}",
        b"grant_type=%ff%00&client_id=\0",
        b"",
        b"null",
        b"\"x\"",
        b"1e999",
    ] {
        for (target, kind) in [
            ("/oauth/token", JSON),
            ("/oauth/token", FORM),
            ("/co/authenticate", JSON),
            ("/dbconnections/signup", JSON),
            ("/api/v2/users", JSON),
            ("/passwordless/start", FORM),
        ] {
            let status = tenant.send(&post(target, kind, body).bearer(&token)).status;
            assert!((400..500).contains(&status), "{target} {kind} {body:?}: {status}");
        }
    }
    let nul = [("state", "x\0y"), ("login_hint", "\0"), ("connection", "\0")];
    assert!(tenant.send(&Request::get(crate::tenants::authorize(&nul))).status < 500);
    tenant.assert_well();
}

/// A tenant of its own, on which a flood leaves nothing behind.
fn memory_that_is_left() -> Completion {
    let tenant = Tenant::with(&database_user("ada", "ada@example.com"));
    let flood = || {
        for _ in 0..20 {
            send(tenant.http(), &post("/oauth/token", FORM, vec![b'x'; 2 << 20]));
            let deep = "[".repeat(500_000);
            send(tenant.http(), &post("/oauth/token", JSON, deep));
            exchange(
                tenant.http(),
                &Request::get("/healthz").header("x", "x".repeat(1 << 20)).bytes(host(tenant.http())),
            );
            let mut cut_off = connect(tenant.http());
            let _ = cut_off.write_all(
                &post("/oauth/token", JSON, vec![b' '; 1 << 20]).bytes(host(tenant.http()))[..1 << 19],
            );
        }
        for number in 0..200 {
            let hint = "x".repeat(10_000);
            let state = number.to_string();
            send(tenant.http(), &Request::get(format!("/none/{number}")));
            send(
                tenant.http(),
                &Request::get(crate::tenants::authorize(&[("login_hint", &hint), ("state", &state)])),
            );
        }
        tenant.assert_well();
        tenant.memory_kib()
    };
    let Some(before) = flood() else {
        let why = "hostile: memory is not measured: there is no /proc";
        let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == "proc"), "{why}");
        return Completion::ignored_with(why);
    };
    flood();
    flood();
    let after = flood().expect("it was there before");
    // The login pages that wait are 200 of 10 KB, thrice; the rest is gone.
    let grown = after.saturating_sub(before);
    assert!(grown < 24 << 10, "{before} KiB before, {after} KiB after");
    Completion::Completed
}
