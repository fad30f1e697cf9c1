//! `ligature hook --check` on a tenant of Auth0: each fault in one sentence, before any login.

use std::time::{Duration, SystemTime};

use crate::service::{Place, program};
use crate::standin::{Seen, Standin, Step, answer, json};

crate::tests![
    every_fault_of_a_tenant_is_one_sentence,
    a_tenant_without_a_fault_is_usable_before_its_journal_exists,
    optional_scopes_are_warnings,
    a_missing_scope_stops_the_check,
    a_granted_scope_is_not_named,
    a_journal_that_is_a_directory_of_users_is_a_warning,
    users_are_read_without_a_journal,
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
    let checked = check_in(&place, directory, "sqlite:journal.db");
    assert!(!place.file("journal.db").exists(), "a check creates no journal");
    checked
}

fn check_in(place: &Place, directory: &str, journal: &str) -> (Option<i32>, String) {
    let output = program()
        .current_dir(place.folder.path())
        .args([
            "hook",
            "--check",
            "--listen",
            "127.0.0.1:0",
            "--secret-file",
            "secret",
            "--policy",
            "policy.json",
            "--directory",
            directory,
            "--journal",
            journal,
        ])
        .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
        .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program")
        .output()
        .expect("the program runs");
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
        ("cut off", tenant(|| vec![json("200 OK", "", r#"{"access_token":"a-"#)])),
        ("rate limit", tenant(|| vec![json("429 Too Many Requests", "retry-after: 30\r\n", "{}")])),
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
    let told = told + "wrong domain\n" + &said;
    check_documented_errors(&told);
    insta::assert_snapshot!(told);
}

/// Checks that each error in the table of docs/auth0.md is printed so, where `…` stands for any
/// text.
fn check_documented_errors(told: &str) {
    let page = include_str!("../../../docs/auth0.md");
    let (_, table) = page.split_once("## The errors").expect("the section");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    // Tests of the client hold these.
    let elsewhere = [
        "certificate of another server",
        "no answer in time",
        "custom domain in the place of the tenant's",
        "application without the grant",
    ];
    for row in rows.iter().filter(|row| !elsewhere.contains(&row[0])) {
        for sentence in row[1].split('`').skip(1).step_by(2) {
            let is_printed = told.lines().any(|line| {
                let mut rest = line;
                sentence.split('…').all(|piece| match rest.find(piece) {
                    Some(at) => {
                        rest = &rest[at + piece.len()..];
                        true
                    }
                    None => false,
                })
            });
            assert!(is_printed, "{}: {sentence}\nis not in:\n{told}", row[0]);
        }
    }
}

fn a_tenant_without_a_fault_is_usable_before_its_journal_exists() {
    let (code, said) = check_at(&tenant(|| token(ALL_SCOPES, &date(5))));
    let usable = "Secret, directory, policies and address are usable\n".to_owned();
    assert_eq!((code, said), (Some(0), usable));
}

fn optional_scopes_are_warnings() {
    let (code, said) = check_at(&tenant(|| token("read:users update:users", "")));
    assert_eq!(code, Some(0), "{said}");
    let warnings = said.lines().filter(|line| line.starts_with("warning: directory: ")).count();
    assert_eq!(warnings, 4, "{said}");
    assert!(
        said.contains(
            "read:organizations of the Management API, which Ligature needs to note the organizations"
        ),
        "{said}"
    );
}

fn a_missing_scope_stops_the_check() {
    let (code, said) = check_at(&tenant(|| token("read:users", "")));
    assert_eq!(code, Some(2), "{said}");
    let needed = "lacks the scope update:users of the Management API, which Ligature needs to ";
    // Once, although two calls need it.
    assert!(
        said.contains(&format!("{needed}link and unlink identities, and to write metadata; authorize it")),
        "{said}"
    );
    assert_eq!(said.matches(needed).count(), 1, "{said}");
}

fn a_granted_scope_is_not_named() {
    let (code, said) = check_at(&tenant(|| token("read:users update:users create:role_members", "")));
    assert_eq!(code, Some(0), "{said}");
    let lacks = "warning: directory: the machine-to-machine application lacks the scope read:roles of the Management API, \
                 which Ligature needs to note the roles of a user that a link removes; authorize it for the \
                 application in Auth0's dashboard\n";
    assert!(said.contains(lacks), "{said}");
    assert!(!said.contains("users") && !said.contains("role_members"), "{said}");
    let (_, said) = check_at(&tenant(|| token("read:users read:roles", "")));
    let both = "lacks the scopes update:users and create:role_members of the Management API, which";
    assert!(said.contains(both), "{said}");
}

fn a_journal_that_is_a_directory_of_users_is_a_warning() {
    let (place, standin) = (Place::new(), tenant(|| token(ALL_SCOPES, "")));
    let directory = format!("auth0://127.0.0.1:{}", standin.port());
    let (code, said) = check_in(&place, &directory, "sqlite:users.db");
    assert_eq!(code, Some(0), "{said}");
    let warning = "warning: directory: the journal holds users, so it is a directory of its own, whose links and those of \
                   the tenant would be mixed; name a database of its own with --journal\n";
    assert!(said.contains(warning), "{said}");
}

fn users_are_read_without_a_journal() {
    let ada = r#"{"user_id":"auth0|1","email":"ada@example.com","identities":[{"provider":"auth0","user_id":"1","connection":"users"}]}"#;
    let nobody = r#"{"statusCode":404,"error":"Not Found","message":"The user does not exist.","errorCode":"inexistent_user"}"#;
    let standin = Standin::start(move |seen: &Seen| {
        Some(match seen.path.as_str() {
            "/oauth/token" => token(ALL_SCOPES, ""),
            "/api/v2/users/auth0%7C1" => vec![json("200 OK", "", ada)],
            path if path.starts_with("/api/v2/users-by-email") => {
                vec![json("200 OK", "", &format!("[{ada}]"))]
            }
            _ => vec![json("404 Not Found", "", nobody)],
        })
    });
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let output = program()
            .current_dir(place.folder.path())
            .args(arguments)
            .args(["--directory", &format!("auth0://127.0.0.1:{}", standin.port())])
            .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
            .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program")
            .output()
            .expect("the program runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    };
    let (code, said) = run(&["users", "show", "auth0|1"]);
    assert!(code == Some(0) && said.contains("\"auth0|1\""), "{said}");
    let (code, said) = run(&["users", "find", "ada@example.com"]);
    assert!(code == Some(0) && said.starts_with("auth0|1"), "{said}");
    let (code, said) = run(&["users", "show", "google-oauth2|2"]);
    let told = "error: the tenant has no such user; it finds a user by its whole id only, `provider|id`, and a linked \
                identity only if the journal that --journal names has its link\n";
    assert_eq!((code, said.as_str()), (Some(1), told));
}
