//! `ligature hook --check` on a tenant of Auth0: each fault in one sentence, before any login.

use std::time::{Duration, SystemTime};

use crate::service::{Place, program};
use crate::standin::{Seen, Standin, Step, answer, json};

crate::tests![
    every_fault_of_a_tenant_is_one_sentence,
    a_tenant_without_a_fault_is_usable_before_its_journal_exists,
    optional_scopes_are_warnings,
    a_missing_scope_stops_the_check,
];

const ALL_SCOPES: &str = "read:users update:users read:roles create:role_members read:organizations \
                          create:organization_members";

/// The answer of `/oauth/token` with these scopes.
fn token(scope: &str, headers: &str) -> Vec<Step> {
    let body =
        format!(r#"{{"access_token":"a-token","token_type":"Bearer","expires_in":86400,"scope":"{scope}"}}"#);
    vec![json("200 OK", headers, &body)]
}

/// A tenant that answers requests for a token like this, and has no user.
fn tenant(of_token: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Standin {
    let nobody = r#"{"statusCode":404,"error":"Not Found","message":"The user does not exist.","errorCode":"inexistent_user"}"#;
    Standin::start(move |seen: &Seen| {
        let is_token = seen.path == "/oauth/token";
        Some(if is_token { of_token() } else { vec![json("404 Not Found", "", nobody)] })
    })
}

/// Checks the hook with a directory. Returns the exit code and what it says.
fn check(directory: &str) -> (Option<i32>, String) {
    let place = Place::new();
    let output = program()
        .current_dir(place.folder.path())
        .args([
            "hook",
            "--check",
            "--listen",
            "127.0.0.1:0",
            "--secret-file",
            "secret",
            "--directory",
            directory,
        ])
        .args(["--journal", "sqlite:journal.db"])
        .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
        .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program")
        .output()
        .expect("the program runs");
    assert!(!place.file("journal.db").exists(), "a check creates no journal");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    assert!(!said.contains("s3cret") && !said.contains("a-token") && !said.contains("panicked"), "{said}");
    let kept = said.lines().filter(|line| !line.starts_with("note: the journal"));
    let kept = kept.map(|line| line.split(" [correlation id").next().unwrap_or_default().to_owned() + "\n");
    (output.status.code(), kept.collect())
}

fn check_at(standin: &Standin) -> (Option<i32>, String) {
    let port = standin.port().to_string();
    let (code, said) = check(&format!("auth0://127.0.0.1:{port}"));
    (code, said.replace(&port, "PORT"))
}

/// A `Date` header that is this many seconds behind this machine's clock.
fn date(behind: u64) -> String {
    let then = SystemTime::now() - Duration::from_secs(behind);
    let then = then.duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
    let seconds = i64::try_from(then).expect("a time");
    let time = jiff::Timestamp::from_second(seconds).expect("a time");
    format!("date: {}\r\n", time.strftime("%a, %d %b %Y %H:%M:%S GMT"))
}

fn every_fault_of_a_tenant_is_one_sentence() {
    let refused = r#"{"error":"access_denied","error_description":"Unauthorized"}"#;
    let suspended = r#"{"error":"access_denied","error_description":"This account has been suspended."}"#;
    let html = "<!doctype html><title>A company</title>";
    let cases: Vec<(&str, Standin)> = vec![
        ("wrong secret", tenant(move || vec![json("401 Unauthorized", "", refused)])),
        ("not authorized", tenant(move || vec![json("403 Forbidden", "", refused)])),
        ("suspended", tenant(move || vec![json("403 Forbidden", "", suspended)])),
        ("HTML", tenant(move || vec![answer("200 OK", "content-type: text/html\r\n", html)])),
        (
            "HTML with an error",
            tenant(move || vec![answer("404 Not Found", "content-type: text/html\r\n", html)]),
        ),
        ("redirect", tenant(move || vec![answer("302 Found", "location: https://example.com/\r\n", "")])),
        ("clock", tenant(|| token(ALL_SCOPES, &date(600)))),
        ("scopes", tenant(|| token("read:roles", ""))),
    ];
    let mut told = String::new();
    for (name, standin) in &cases {
        let (code, said) = check_at(standin);
        assert!(matches!(code, Some(1 | 2)), "{name}: {said}");
        // The clock moves while the program starts.
        let said = ["599", "601", "602", "603"]
            .iter()
            .fold(said, |said, s| said.replace(&format!(" {s} s"), " 600 s"));
        told += &format!("{name}\n{said}\n");
    }
    let (code, said) = check("auth0://acme.invalid");
    assert_eq!(code, Some(1), "{said}");
    insta::assert_snapshot!(told + "wrong domain\n" + &said);
}

fn a_tenant_without_a_fault_is_usable_before_its_journal_exists() {
    let (code, said) = check_at(&tenant(|| token(ALL_SCOPES, &date(5))));
    let usable = "Secret, certificate, directory, policies and address are usable\n".to_owned();
    assert_eq!((code, said), (Some(0), usable));
}

fn optional_scopes_are_warnings() {
    let (code, said) = check_at(&tenant(|| token("read:users update:users", "")));
    assert_eq!(code, Some(0), "{said}");
    let warnings = said.lines().filter(|line| line.starts_with("warning: directory: ")).count();
    assert_eq!(warnings, 4, "{said}");
    assert!(said.contains("read:organizations, which Ligature needs to note the organizations"), "{said}");
}

fn a_missing_scope_stops_the_check() {
    let (code, said) = check_at(&tenant(|| token("read:users", "")));
    assert_eq!(code, Some(2), "{said}");
    let needed = "lacks a scope of the Management API: update:users, which Ligature needs to ";
    assert!(said.contains(&format!("{needed}link and unlink identities")), "{said}");
    assert!(said.contains(&format!("{needed}write metadata")), "{said}");
}
