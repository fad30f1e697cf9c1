//! A hook whose directory is a tenant of Auth0: a tenant that cannot be used, events that it does
//! not know, and recordings.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ligature_test_servers::reserve_port;
use serde_json::{Value, json};

use crate::http::Request;
use crate::service::{SECRET, Service, codes, event_of, now, program, signed_body, write_private};
use crate::standin::{Seen, Standin, Step, json as answer_json, token};

crate::tests![
    a_start_with_a_wrong_secret_says_so_once_and_recovers,
    a_tenant_that_is_away_is_named_with_its_cause,
    a_tenant_without_a_fault_is_no_warning,
    a_user_whom_the_tenant_does_not_have_is_no_lost_race,
    an_event_without_an_identity_of_its_user_is_no_concurrent_login,
    a_login_at_a_custom_domain_that_is_not_listed_is_audited_and_counted,
    a_flood_of_readiness_requests_costs_one_check_at_a_time,
    a_user_who_is_blocked_before_the_question_is_denied,
    logins_of_a_tenant_are_recorded_and_replayed,
];

/// A hook with this tenant as its directory.
struct AtTenant {
    hook: Service,
    folder: tempfile::TempDir,
}

impl AtTenant {
    fn start(directory: &str, more: &[&str]) -> Self {
        Self::with_variables(directory, more, &[])
    }

    fn with_variables(directory: &str, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mode = if variables.is_empty() { "auto" } else { "suggest" };
        let policy = json!({ "mode": mode, "trusted_connections": ["google-oauth2"] });
        std::fs::write(folder.path().join("policy.json"), policy.to_string()).expect("a file");
        write_private(&folder.path().join("secret"), SECRET);
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["hook", "--listen", "127.0.0.1:0", "--secret-file", "secret", "--policy", "policy.json"])
            .args(["--directory", directory, "--journal", "sqlite:journal.db"])
            .args(more)
            .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
            .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program")
            .envs(variables.iter().copied());
        let hook = Service::spawn(command, folder.path());
        Self { hook, folder }
    }

    fn at(tenant: &Standin, more: &[&str]) -> Self {
        Self::start(&format!("auth0://127.0.0.1:{}", tenant.port()), more)
    }
}

const OWN: &str = "google-oauth2|2";
const OTHER: &str = "auth0|1";

fn user(user_id: &str, more: &[&str]) -> Value {
    let identity = |id: &str| {
        let (provider, id) = id.split_once('|').expect("an id");
        json!({ "provider": provider, "user_id": id, "connection": provider, "isSocial": provider != "auth0" })
    };
    let identities: Vec<Value> = std::iter::once(&user_id).chain(more).map(|id| identity(id)).collect();
    json!({
        "user_id": user_id, "email": "ada@example.com", "email_verified": true, "identities": identities,
        "created_at": if user_id == OTHER { "2024-01-01T00:00:00.000Z" } else { "2026-11-20T10:00:00.000Z" },
        "logins_count": 3,
    })
}

fn found(value: &Value) -> Vec<Step> {
    vec![answer_json("200 OK", "", &value.to_string())]
}

fn not_found() -> Vec<Step> {
    let body = r#"{"statusCode":404,"error":"Not Found","message":"The user does not exist.","errorCode":"inexistent_user"}"#;
    vec![answer_json("404 Not Found", "", body)]
}

fn is_user(seen: &Seen, user_id: &str) -> bool {
    let path = seen.path.split('?').next().unwrap_or_default().replace("%7C", "|");
    seen.method == "GET" && path == format!("/api/v2/users/{user_id}")
}

/// A tenant with these users, by their ids and by the address of all of them.
fn tenant_of(users: Vec<Value>) -> Standin {
    Standin::start(move |seen: &Seen| {
        if seen.path == "/oauth/token" {
            return None;
        }
        if seen.path.starts_with("/api/v2/users-by-email") {
            return Some(found(&json!(users)));
        }
        if seen.path.ends_with("/roles") || seen.path.contains("/organizations") {
            return Some(found(&json!([])));
        }
        let known = users.iter().find(|user| is_user(seen, user["user_id"].as_str().unwrap_or_default()));
        Some(known.map_or_else(not_found, found))
    })
}

fn login() -> Value {
    event_of(OWN, "ada@example.com", "google-oauth2")
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "it does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn a_start_with_a_wrong_secret_says_so_once_and_recovers() {
    let is_right = Arc::new(AtomicBool::new(false));
    let accepts = is_right.clone();
    let tenant = Standin::start(move |seen: &Seen| {
        if seen.path == "/oauth/token" {
            let refused = r#"{"error":"access_denied","error_description":"Unauthorized"}"#;
            let is_right = accepts.load(Ordering::SeqCst);
            return (!is_right).then(|| vec![answer_json("401 Unauthorized", "", refused)]);
        }
        let is_look_up = seen.path.starts_with("/api/v2/users-by-email");
        Some(if is_look_up { found(&json!([])) } else { not_found() })
    });
    let it = AtTenant::at(&tenant, &[]);
    let log = it.hook.log_with("the directory cannot be used yet, so no login is linked until it can");
    let cause = "no machine token: the tenant refuses the request: Unauthorized; check the client id and the client secret";
    assert!(log.contains(cause) && log.matches("cannot be used yet").count() == 1, "{log}");

    let ready = it.hook.get("/readyz");
    assert!(ready.status == 503 && ready.text().contains(cause), "{}", ready.text());
    assert!(it.hook.log_with("not ready: the directory failed").contains(cause));
    // A login goes on, and its reason is named.
    let answer = it.hook.ask(&login());
    assert_eq!((&answer["action"], codes(&answer)), (&json!("proceed"), vec!["LOOKUP_FAILED"]), "{answer}");

    is_right.store(true, Ordering::SeqCst);
    wait_until(|| it.hook.get("/readyz").status == 200);
    assert_eq!(codes(&it.hook.ask(&login())), ["NO_CANDIDATE"]);
    assert!(!it.hook.log().contains("s3cret"), "{}", it.hook.log());
}

fn a_tenant_that_is_away_is_named_with_its_cause() {
    let port = reserve_port();
    let it = AtTenant::start(&format!("auth0://127.0.0.1:{port}"), &["--on-failure", "deny"]);
    let log = it.hook.log_with("the directory cannot be used yet");
    assert!(log.contains("cannot be reached") && log.contains("on_failure=Deny"), "{log}");
    let ready = it.hook.get("/readyz");
    assert!(ready.status == 503 && ready.text().contains("cannot be reached"), "{}", ready.text());
}

fn a_tenant_without_a_fault_is_no_warning() {
    let it = AtTenant::at(&tenant_of(Vec::new()), &[]);
    assert_eq!(it.hook.get("/readyz").text(), "ready\n");
    let log = it.hook.log();
    // The stand-in grants no optional scope.
    let is_scope = |line: &&str| line.contains("WARN") && !line.contains("lacks the scope");
    let warnings: Vec<&str> = log.lines().filter(is_scope).collect();
    // The journal of the test is new.
    assert!(warnings.len() == 1 && warnings[0].contains("did not exist and was created empty"), "{log}");
    assert!(warnings[0].contains("the journal sqlite:/"), "{log}");
}

/// The tenant is not asked for the login's user first, so that nobody knows when it was removed.
fn a_user_whom_the_tenant_does_not_have_is_no_lost_race() {
    let it = AtTenant::at(&tenant_of(vec![user(OTHER, &[])]), &[]);
    let answer = it.hook.ask(&login());
    assert_eq!((&answer["action"], codes(&answer)), (&json!("deny"), vec!["USER_NOT_FOUND"]), "{answer}");
    assert_eq!(answer["message"], "This account no longer exists.");
    let detail = answer["reasons"][0]["detail"].as_str().expect("a detail");
    assert!(
        detail.starts_with(&format!("There is no user {OWN} with the identity of this login")),
        "{detail}"
    );
    let log = it.hook.log_with("the user of a login is not in the directory");
    assert!(log.contains("code=\"USER_NOT_FOUND\"") && !log.contains("concurrent"), "{log}");
    let page = it.hook.get("/metrics").text();
    assert!(page.contains("ligature_login_reasons_total{code=\"USER_NOT_FOUND\"} 1"), "{page}");
}

fn an_event_without_an_identity_of_its_user_is_no_concurrent_login() {
    let it = AtTenant::at(&tenant_of(vec![user(OWN, &["sms|3"])]), &[]);
    for _ in 0..2 {
        let answer = it.hook.ask(&login());
        assert_eq!(answer["action"], "proceed", "{answer}");
        assert_eq!(codes(&answer)[0], "RACE_LOST", "{answer}");
        let detail = answer["reasons"][0]["detail"].as_str().expect("a detail");
        assert!(
            detail.starts_with("The event of this login does not show that sms|3 is an identity of"),
            "{detail}"
        );
    }
    let log = it.hook.log_with("the event of this login does not show every identity of its user");
    assert!(!log.contains("concurrent"), "{log}");
}

fn a_login_at_a_custom_domain_that_is_not_listed_is_audited_and_counted() {
    let tenant = tenant_of(vec![user(OTHER, &[]), user(OWN, &[])]);
    let directory = format!("auth0://127.0.0.1:{}?custom_domain=login.example.com", tenant.port());
    for (on_failure, action) in [("proceed", "proceed"), ("deny", "deny")] {
        let it = AtTenant::start(&directory, &["--on-failure", on_failure]);
        let mut event = login();
        event["request"] = json!({ "hostname": "other.example.com" });
        let answer = it.hook.ask(&event);
        assert_eq!(
            (&answer["action"], codes(&answer)),
            (&json!(action), vec!["EVENT_CONTRADICTS_DIRECTORY"])
        );
        let advice = "list it too (custom_domain=other.example.com in the address of the directory)";
        assert!(answer["reasons"][0]["detail"].as_str().is_some_and(|it| it.contains(advice)), "{answer}");
        let log = it.hook.log_with("a login could not be decided");
        assert!(log.contains(advice) && log.contains("ERROR audit"), "{log}");
        let page = it.hook.get("/metrics").text();
        assert!(
            page.contains("ligature_login_reasons_total{code=\"EVENT_CONTRADICTS_DIRECTORY\"} 1"),
            "{page}"
        );
    }
    assert!(tenant.requests("/api/v2/users-by-email").is_empty(), "nothing is looked up");
}

/// A thousand connections ask at once, of a tenant that takes its time.
fn a_flood_of_readiness_requests_costs_one_check_at_a_time() {
    const REQUESTS: usize = 1_000;
    let tenant = Standin::start(|seen: &Seen| match seen.path.as_str() {
        "/oauth/token" => Some(vec![token("a-token", 86_400)]),
        path if path.starts_with("/api/v2/users-by-email") => Some(found(&json!([]))),
        _ => Some([vec![Step::Pause(Duration::from_millis(1_000))], not_found()].concat()),
    });
    let it = AtTenant::at(&tenant, &["--concurrent-logins", "2"]);
    let checks = || tenant.requests("/api/v2/users/auth0").len();
    // The check of the start.
    wait_until(|| checks() == 1);
    let began = Instant::now();
    let address = it.hook.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut flood: Vec<TcpStream> = (0..REQUESTS)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
            stream
                .write_all(b"GET /readyz HTTP/1.1\r\nhost: hook\r\nconnection: close\r\n\r\n")
                .expect("it is sent");
            stream
        })
        .collect();
    wait_until(|| checks() >= 2);
    // Logins do not wait for any of them, each of which takes a second.
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(codes(&it.hook.ask(&login())), ["NO_CANDIDATE"]);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    for stream in &mut flood {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ready\n"), "{answer}");
    }
    // One for the first that came, and one for all that came during it. A machine that accepts
    // them slowly needs more, each of which takes a second.
    let most = 3 + usize::try_from(began.elapsed().as_secs()).expect("a short time");
    assert!((2..=most).contains(&checks()), "{} checks for {REQUESTS} requests, at most {most}", checks());
}

/// The event has the user as it was when the login began.
fn a_user_who_is_blocked_before_the_question_is_denied() {
    let mut blocked = user(OWN, &[]);
    blocked["blocked"] = json!(true);
    let tenant = tenant_of(vec![user(OTHER, &[]), blocked]);
    let directory = format!("auth0://127.0.0.1:{}", tenant.port());
    let variables =
        [("LIGATURE_CONFIRM_CLIENT_ID", "confirm"), ("LIGATURE_CONFIRM_CLIENT_SECRET", "s3cret-value")];
    let confirm = ["--confirm-url", "https://hook.example.com"];
    let it = AtTenant::with_variables(&directory, &confirm, &variables);
    let mut event = login();
    event["user"]["blocked"] = json!(false);
    let body = json!({ "nonce": "1", "can_redirect": true, "event": event }).to_string();
    let answer = it.hook.send(&signed_body(body, SECRET, now())).json();
    assert_eq!((&answer["action"], codes(&answer)[0]), (&json!("deny"), "USER_BLOCKED"), "{answer}");
}

/// A recording holds what the tenant has answered, and is decided again without it.
fn logins_of_a_tenant_are_recorded_and_replayed() {
    let tenant = tenant_of(vec![user(OTHER, &[]), user(OWN, &["sms|3"])]);
    let it = AtTenant::at(&tenant, &["--record", "recordings", "--mask-addresses"]);
    let mut known = login();
    known["user"] = user(OWN, &["sms|3"]);
    known["user"]["email_verified"] = json!(false);
    let answers = [login(), known].map(|event| it.hook.ask(&event));
    let folder = it.folder.path().join("recordings");
    let list = || std::fs::read_dir(&folder).map(|all| all.filter_map(|it| Some(it.ok()?.path())).collect());
    let files = || -> Vec<std::path::PathBuf> { list().unwrap_or_default() };
    wait_until(|| files().iter().filter(|it| it.extension().is_some_and(|it| it == "json")).count() == 2);
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a recording");
        for secret in ["ada@example.com", "s3cret", "token-1", SECRET] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    drop(tenant);
    let mut replay = program();
    replay.current_dir(it.folder.path()).args(["replay", "--policy", "policy.json"]).args(files());
    let replayed = replay.output().expect("the program runs");
    let said = String::from_utf8_lossy(&[&replayed.stdout[..], &replayed.stderr].concat()).into_owned();
    assert_eq!(replayed.status.code(), Some(0), "{said}\n{answers:?}");
    assert!(it.hook.send(&Request::get("/healthz")).status == 200);
}
