//! The requests that a login costs a tenant of Auth0, counted at the tenant: `ligature
//! serve`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::service::{SECRET, Service, codes, event_of, program, write_private};
use crate::serving::Tenant;

crate::tests![
    a_login_with_nothing_to_do_costs_one_request,
    a_link_costs_five_requests,
    every_later_login_of_a_checked_account_costs_none,
    a_login_that_may_not_look_up_costs_none,
    a_login_with_capitals_costs_two_requests,
    first_login_costs_one_request_in_all,
];

const CONFIG: &str = r#"
name = "tenant"

[[clients]]
client_id = "linker"
name = "The program"
client_secret = "the-s3cret-of-the-program"
grant_types = ["client_credentials"]
scopes = ["read:users", "update:users", SCOPES]

[[connections]]
name = "Username-Password-Authentication"
strategy = "auth0"

[[connections]]
name = "google-oauth2"
strategy = "google-oauth2"

[[users]]
user_id = "auth0|ada"
email = "ada@example.com"
email_verified = true
created_at = "2024-01-01T00:00:00.000Z"
last_login = "2026-01-01T00:00:00.000Z"
logins_count = 3
connection = "Username-Password-Authentication"

[[users]]
user_id = "google-oauth2|1080"
email = "ada@example.com"
email_verified = true
created_at = "2026-01-01T00:00:00.000Z"
connection = "google-oauth2"

[[users]]
user_id = "google-oauth2|2"
email = "grace@example.com"
email_verified = true
created_at = "2026-01-01T00:00:00.000Z"
connection = "google-oauth2"
"#;

const ALL_SCOPES: &str = r#""read:roles", "read:organizations""#;

/// A tenant and a hook that has it as its directory.
struct Counted {
    tenant: Tenant,
    hook: Service,
    _folder: tempfile::TempDir,
}

impl Counted {
    fn new(look_up: &str, scopes: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tenant = serve(folder.path(), &CONFIG.replace("SCOPES", scopes));
        let write = |name: &str, text: &str| write_private(&folder.path().join(name), text);
        write("secret", SECRET);
        write(
            "policy.json",
            &json!({ "mode": "auto", "trusted_connections": ["google-oauth2"], "look_up": look_up })
                .to_string(),
        );
        let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let mut command = program();
        command
            .current_dir(folder.path())
            .args(["hook", "--listen", "127.0.0.1:0", "--secret-file", "secret", "--policy", "policy.json"])
            .args(["--directory", &format!("auth0://{domain}"), "--journal", "sqlite:journal.db"])
            .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
            .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-program");
        let hook = Service::spawn(command, folder.path());
        let counted = Self { tenant, hook, _folder: folder };
        // The start checks the tenant by one request.
        let until = Instant::now() + Duration::from_secs(10);
        while counted.requests().is_empty() {
            assert!(Instant::now() < until, "{}", counted.hook.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        counted
    }

    /// The requests to the tenant so far, but for those for a machine token.
    fn requests(&self) -> Vec<String> {
        let log = self.tenant.log();
        let word = |line: &str, key: &str| {
            let value = line.split(key).nth(1).and_then(|rest| rest.split_whitespace().next());
            value.unwrap_or_default().trim_matches('"').to_owned()
        };
        // A path that the tenant does not serve has a line without a route.
        let place = |line: &str| match line.contains("/organizations") {
            true => "/api/v2/users/{id}/organizations".to_owned(),
            false => word(line, "route="),
        };
        let read = |line: &str| format!("{} {}", word(line, "method="), place(line));
        log.lines().map(read).filter(|it| it.contains(" /api/v2/")).collect()
    }

    /// Asks about a login. Returns the answer, and the requests that it has cost.
    fn log_in(&self, event: &Value) -> (Value, Vec<String>) {
        let before = self.requests().len();
        let answer = self.hook.ask(event);
        (answer, self.requests().split_off(before))
    }
}

fn serve(folder: &Path, config: &str) -> Tenant {
    let folder = folder.join("tenant");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("tenant.toml"), config).expect("a file");
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    command.args(["serve", "--port", "0", "--tls-port", "0", "--config"]).arg(folder.join("tenant.toml"));
    command.env("LIGATURE_LOG", "debug");
    Tenant::spawned(command, log, &folder)
}

/// A login of Grace, whose address no other user has.
fn grace() -> Value {
    event_of("google-oauth2|2", "grace@example.com", "google-oauth2")
}

/// A login of Ada's Google account, whose address a user of the database has.
fn ada() -> Value {
    event_of("google-oauth2|1080", "ada@example.com", "google-oauth2")
}

fn a_login_with_nothing_to_do_costs_one_request() {
    let counted = Counted::new("every_login", ALL_SCOPES);
    for _ in 0..2 {
        let (answer, requests) = counted.log_in(&grace());
        assert_eq!((&answer["action"], codes(&answer)), (&"proceed".into(), vec!["NO_CANDIDATE"]));
        assert_eq!(answer.get("app_metadata"), None);
        assert_eq!(requests, ["GET /api/v2/users-by-email"]);
    }
}

fn a_link_costs_five_requests() {
    let counted = Counted::new("every_login", ALL_SCOPES);
    let (answer, requests) = counted.log_in(&ada());
    assert_eq!(
        (&answer["action"], &answer["primary_user_id"]),
        (&"set_primary_user".into(), &"auth0|ada".into())
    );
    assert_eq!(
        requests,
        [
            "GET /api/v2/users-by-email",
            "GET /api/v2/users-by-email",
            "GET /api/v2/users/{id}/roles",
            "GET /api/v2/users/{id}/organizations",
            "POST /api/v2/users/{id}/identities",
        ]
    );
}

fn every_later_login_of_a_checked_account_costs_none() {
    let counted = Counted::new("until_checked", ALL_SCOPES);
    let (answer, requests) = counted.log_in(&grace());
    assert_eq!(codes(&answer), ["NO_CANDIDATE", "MARKED_AS_CHECKED"]);
    assert_eq!(requests.len(), 1, "{requests:?}");
    // The Action writes the mark, and the next event has it.
    let mut later = grace();
    later["user"]["app_metadata"] = answer["app_metadata"].clone();
    for _ in 0..3 {
        let (answer, requests) = counted.log_in(&later);
        assert_eq!((&answer["action"], codes(&answer)), (&"proceed".into(), vec!["CHECKED_BEFORE"]));
        assert!(requests.is_empty() && answer.get("app_metadata").is_none(), "{answer} {requests:?}");
    }

    // After a link, the first login of the primary looks up once more.
    let (answer, requests) = counted.log_in(&ada());
    assert_eq!((&answer["action"], requests.len()), (&"set_primary_user".into(), 5));
    assert_eq!(answer.get("app_metadata"), None);
    let mut linked = event_of("auth0|ada", "ada@example.com", "Username-Password-Authentication");
    let google = ada()["user"]["identities"][0].clone();
    linked["user"]["identities"].as_array_mut().expect("a list").push(google);
    let (answer, requests) = counted.log_in(&linked);
    assert_eq!((codes(&answer), requests.len()), (vec!["ALREADY_LINKED", "MARKED_AS_CHECKED"], 1));
    linked["user"]["app_metadata"] = answer["app_metadata"].clone();
    let (answer, requests) = counted.log_in(&linked);
    assert_eq!((codes(&answer), requests.len()), (vec!["CHECKED_BEFORE"], 0));
}

fn a_login_that_may_not_look_up_costs_none() {
    let counted = Counted::new("every_login", ALL_SCOPES);
    let mut unverified = ada();
    unverified["user"]["email_verified"] = false.into();
    let (answer, requests) = counted.log_in(&unverified);
    assert_eq!((codes(&answer), requests.len()), (vec!["EMAIL_UNVERIFIED_CURRENT"], 0));
}

fn a_login_with_capitals_costs_two_requests() {
    let counted = Counted::new("every_login", ALL_SCOPES);
    let mut capitals = grace();
    capitals["user"]["email"] = "Grace@Example.com".into();
    let (_, requests) = counted.log_in(&capitals);
    assert_eq!(requests, ["GET /api/v2/users-by-email"; 2]);
}

fn first_login_costs_one_request_in_all() {
    let counted = Counted::new("first_login", ALL_SCOPES);
    assert_eq!(counted.log_in(&grace()).1.len(), 1);
    let mut later = grace();
    later["stats"]["logins_count"] = 2.into();
    let (answer, requests) = counted.log_in(&later);
    assert_eq!((codes(&answer), requests.len()), (vec!["NOT_FIRST_LOGIN"], 0));
}
