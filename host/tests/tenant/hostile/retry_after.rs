//! Checks that every response that asks a client to wait has `Retry-After`.

use std::io::{Read, Write};
use std::sync::Barrier;

use serde_json::json;

use crate::http::{Request, Response, answer, connect, host};
use crate::tenants::{
    CONFIG, DATABASE, PASSWORD, REALM_GRANT, Tenant, by_id, database_user, login_form, open, redeem,
    secret_of,
};
use ligature_test_servers::{NoServer, Postgres};

crate::tests![
    too_many_requests,
    too_many_attempts,
    too_many_at_a_time,
    more_requests_than_are_worked_on_at_once,
    a_body_that_arrives_when_another_is_worked_on,
    a_directory_that_is_locked,
    a_directory_that_is_gone
];

/// The response has this status, and tells to wait for this number of seconds.
fn assert_waits(name: &str, response: &Response, status: u16, seconds: &str) {
    assert_eq!(response.status, status, "{name}: {}", response.text());
    assert_eq!(response.header("retry-after"), Some(seconds), "{name}: {}", response.text());
}

fn password_fields(password: &str) -> [(&'static str, &str); 6] {
    [
        ("client_id", "web"),
        ("client_secret", secret_of("web").expect("a secret")),
        ("grant_type", REALM_GRANT),
        ("realm", DATABASE),
        ("username", "ada@example.com"),
        ("password", password),
    ]
}

fn by_password(password: &str) -> Request {
    Request::post("/oauth/token").form(&password_fields(password))
}

fn ada() -> String {
    database_user("ada", "ada@example.com")
}

fn too_many_requests() {
    let limits = "\n[rate_limit]\nmanagement = { per_second = 1, burst = 1 }\n\
        authentication = { per_second = 1, burst = 1 }\n";
    let tenant = Tenant::with(&(limits.to_owned() + &ada()));
    for request in [
        Request::get("/api/v2/users"),
        by_password(PASSWORD),
        Request::get("/authorize"),
        Request::get("/u/login"),
    ] {
        let refused = (0..100).map(|_| tenant.send(&request)).find(|it| it.status == 429).expect("too many");
        assert_waits(&request.target, &refused, 429, "1");
    }
}

/// Checks that `Retry-After` is the time for which further attempts are refused.
fn too_many_attempts() {
    let tenant = Tenant::with(&ada());
    for _ in 0..10 {
        tenant.send(&by_password("wrong"));
    }
    assert_waits("token", &tenant.send(&by_password(PASSWORD)), 429, "600");

    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let fields = login_form(&state, "ada@example.com");
    assert_waits("page", &browser.submit("/u/login", &fields), 429, "600");

    let cross_origin = json!({
        "client_id": "web", "username": "ada@example.com", "password": PASSWORD, "realm": DATABASE,
        "credential_type": "http://auth0.com/oauth/grant-type/password-realm",
    });
    let origin = |request: Request| request.header("origin", "http://localhost:3000");
    let response = tenant.send(&origin(Request::post("/co/authenticate").json(&cross_origin)));
    assert_waits("cross-origin", &response, 429, "600");
    let exposed = response.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("retry-after"), "pages may read it: {exposed}");

    let code = [
        ("grant_type", "http://auth0.com/oauth/grant-type/passwordless/otp"),
        ("realm", "email"),
        ("username", "ada@example.com"),
        ("otp", "no code"),
    ];
    for n in 0..10 {
        // A third failure would end the code.
        if n % 2 == 0 {
            start(&tenant);
        }
        tenant.token("web", &code);
    }
    start(&tenant);
    assert_waits("code", &tenant.token("web", &code), 429, "600");
}

fn start(tenant: &Tenant) {
    let asked = json!({
        "client_id": "web", "client_secret": crate::tenants::secret_of("web"), "connection": "email",
        "send": "code", "email": "ada@example.com",
    });
    assert_eq!(tenant.send(&Request::post("/passwordless/start").json(&asked)).status, 200);
}

/// Some 66 logins are hashed or wait. A hash takes long enough here (50 ms on an idle core) that the
/// others arrive before the first ones are done.
fn too_many_at_a_time() {
    let config = CONFIG.replace("memory_kib = 64\niterations = 1", "memory_kib = 8192\niterations = 8");
    assert_ne!(config, CONFIG);
    let tenant = Tenant::configured(&(config + &ada()), &[]);
    let barrier = Barrier::new(150);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..150)
            .map(|number| {
                let (barrier, tenant) = (&barrier, &tenant);
                scope.spawn(move || {
                    let mut fields = password_fields(PASSWORD);
                    let username = format!("n{number}@example.com");
                    fields[4].1 = &username;
                    barrier.wait();
                    tenant.send(&Request::post("/oauth/token").form(&fields))
                })
            })
            .collect();
        logins.into_iter().map(|it| it.join().expect("an answer")).collect()
    });
    let busy: Vec<&Response> = answers.iter().filter(|it| it.status == 429).collect();
    assert!(!busy.is_empty(), "nobody was sent away");
    busy.into_iter().for_each(|it| assert_waits("busy", it, 429, "1"));
}

/// Lines of a configuration.
const ONE_AT_ONCE: &str = "\n[rate_limit]\nrequests_at_once = 1\n";

/// A tenant whose directory's write lock another process holds.
struct Locked {
    tenant: Tenant,
    token: String,
    other: rusqlite::Connection,
    _folder: tempfile::TempDir,
}

impl Locked {
    fn start(limits: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("users.db");
        let directory = format!("sqlite:{}", file.display());
        let tenant = Tenant::started(&(limits.to_owned() + &ada()), &["--directory", &directory]);
        let token = tenant.client_token("web");
        let other = rusqlite::Connection::open(&file).expect("the file");
        other.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        Self { tenant, token, other, _folder: folder }
    }
}

/// Another process holds the directory's write lock, so that the one request that is worked on waits.
fn more_requests_than_are_worked_on_at_once() {
    let Locked { tenant, token, other, .. } = &Locked::start(ONE_AT_ONCE);
    let users = || Request::get("/api/v2/users/auth0%7Cada").bearer(token);
    let busy = "The tenant is busy with other requests. Try again in a second.";
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&json!({ "name": "Ada" }));
            let patch = patch.bearer(token);
            // One of the requests below may have been there first.
            let mut answers = std::iter::repeat_with(|| tenant.send(&patch));
            answers.find(|it| !it.text().contains(busy)).expect("an answer")
        });
        let refused = |request: &Request| loop {
            let response = tenant.send(request);
            if response.status == 503 {
                assert_waits(&request.target, &response, 503, "1");
                return response;
            }
            // The other request has not arrived yet.
            assert!(!waiting.is_finished(), "{}: {}", request.target, response.text());
        };
        let message = refused(&users()).json();
        assert_eq!((&message["statusCode"], &message["message"]), (&json!(503), &json!(busy)));
        let error = refused(&by_password(PASSWORD)).json();
        assert_eq!(
            (&error["error"], &error["error_description"]),
            (&json!("temporarily_unavailable"), &json!(busy))
        );
        let page = refused(&Request::get("/u/login?state=x").header("accept", "text/html"));
        assert!(page.text().contains(busy), "{}", page.text());
        // Operators and load balancers are answered.
        assert_eq!(tenant.send(&Request::get("/healthz")).status, 200);
        assert_waits("the one that was worked on", &waiting.join().expect("an answer"), 503, "1");
    });
    other.execute_batch("ROLLBACK").expect("the lock ends");
    assert_eq!(tenant.send(&users()).status, 200);
}

/// Both requests begin while nothing is worked on. The second body arrives when the first request is worked
/// on and waits for the directory, whose write lock another process holds.
fn a_body_that_arrives_when_another_is_worked_on() {
    let Locked { tenant, token, other, .. } = &Locked::start(ONE_AT_ONCE);

    let body = br#"{"name":"Ada"}"#;
    let begin = || {
        let mut stream = connect(tenant.http());
        let head = format!(
            "PATCH /api/v2/users/auth0%7Cada HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            host(tenant.http()),
            body.len(),
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut goes_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut goes_on).expect("the tenant waits for the body");
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream
    };
    let mut begun = [begin(), begin()];
    begun.iter_mut().for_each(|stream| stream.write_all(body).expect("it is sent"));
    let answers = begun.each_mut().map(|stream| answer(stream).expect("an answer"));
    answers.iter().for_each(|it| assert_waits("each", it, 503, "1"));
    let mut messages = answers.map(|it| it.json()["message"].as_str().unwrap_or_default().to_owned());
    messages.sort();
    let expected = [
        "The directory is busy or does not answer. Try again later.",
        "The tenant is busy with other requests. Try again in a second.",
    ];
    assert_eq!(messages, expected);
    other.execute_batch("ROLLBACK").expect("the lock ends");
    let user = Request::get("/api/v2/users/auth0%7Cada").bearer(token);
    assert_eq!(tenant.send(&user).status, 200);
}

/// Another process holds the directory's write lock.
fn a_directory_that_is_locked() {
    let Locked { tenant, token, .. } = &Locked::start("");

    let sign_up = json!({
        "client_id": "web", "connection": DATABASE, "email": "new@example.com", "password": PASSWORD,
    });
    let sign_up = Request::post("/dbconnections/signup").json(&sign_up);
    let patch = Request::new("PATCH", "/api/v2/users/auth0%7Cada").json(&json!({ "name": "Ada" }));
    for request in [sign_up, patch.bearer(token)] {
        assert_waits(&request.target, &tenant.send(&request), 503, "1");
    }
}

/// The server of the directory has ended.
fn a_directory_that_is_gone() -> Result<(), NoServer> {
    let server = Postgres::start_private()?;
    let tenant = Tenant::started(&ada(), &["--directory", &server.schema()]);
    let token = tenant.client_token("web");
    let mut browser = tenant.browser();
    let answer = crate::tenants::by_password(&mut browser, "ada@example.com", &[]).answer();
    let tokens = tenant.password_tokens("web", "ada@example.com", "openid profile offline_access");
    let access = crate::tenants::text(&tokens["access_token"]);
    drop(server);

    let mut browser = tenant.browser();
    let state = open(&mut browser, &[]);
    let fields = login_form(&state, "ada@example.com");
    let refresh_token = crate::tenants::text(&tokens["refresh_token"]);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*refresh_token)];
    let link = Request::post("/api/v2/users/auth0%7Cada/identities").json(&by_id("google-oauth2", "1"));
    let requests = [
        Request::get("/api/v2/users").bearer(&token),
        Request::get("/api/v2/users/auth0%7Cada").bearer(&token),
        link.bearer(&token),
        Request::get("/userinfo").bearer(&access),
        by_password(PASSWORD),
    ];
    // Each waits for the server for some seconds.
    std::thread::scope(|scope| {
        for request in &requests {
            let tenant = &tenant;
            scope.spawn(move || assert_waits(&request.target, &tenant.send(request), 503, "1"));
        }
        scope.spawn(|| assert_waits("refresh", &tenant.token("web", &refresh), 503, "1"));
        scope.spawn(|| assert_waits("code", &redeem(&tenant, "web", &answer["code"]), 503, "1"));
        assert_waits("page", &browser.submit("/u/login", &fields), 503, "1");
    });
    Ok(())
}
