//! A hook whose directory is a tenant of Auth0, and which is killed between two requests.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::send;
use crate::service::{DATABASE, GOOGLE, Place, SECRET, Service, event, now, program, signed};
use crate::serving::Tenant;
use gate::{Act, Gate, When};

#[path = "../../../tests/directories/local_tenant/gate.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod gate;

crate::tests![a_hook_that_is_killed_in_a_link_completes_it_at_a_later_start];

/// The tenant's clients, connections and users: those of the example's event.
const CONFIG: &str = r#"
[[clients]]
client_id = "linker"
name = "The hook"
client_secret = "the-s3cret-of-the-hook"
grant_types = ["client_credentials"]
scopes = ["read:users", "update:users", "read:roles", "read:organizations"]

[[connections]]
name = "Username-Password-Authentication"
strategy = "auth0"

[[connections]]
name = "google-oauth2"
strategy = "google-oauth2"
"#;

/// A user who has logged in before, in `tenant.toml`.
fn user(user_id: &str, email: &str, connection: &str) -> String {
    format!(
        "\n[[users]]\nuser_id = {user_id:?}\nemail = {email:?}\nemail_verified = true\n\
         created_at = \"2024-01-01T00:00:00.000Z\"\nlast_login = \"2026-01-01T00:00:00.000Z\"\n\
         logins_count = 5\nconnection = {connection:?}\nuser_metadata = {{ theme = \"dark\" }}\n"
    )
}

/// The program with the tenant as its directory.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = program();
    command
        .args(arguments)
        .args(["--directory", &place.directory, "--journal", "sqlite:journal.db"])
        .env("LIGATURE_AUTH0_CLIENT_ID", "linker")
        .env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-hook")
        .current_dir(place.folder.path())
        .stdin(Stdio::null());
    command
}

fn start(place: &Place) -> Service {
    let arguments = ["hook", "--listen", "127.0.0.1:0", "--policy", "policy.json", "--secret-file", "secret"];
    Service::spawn(command(place, &arguments), place.folder.path())
}

fn entries(place: &Place) -> Vec<Value> {
    let listed = command(place, &["journal", "list", "--json"]).output().expect("the program runs");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn a_hook_that_is_killed_in_a_link_completes_it_at_a_later_start() {
    let upstream = Arc::new(OnceLock::new());
    let gate = Gate::open(upstream.clone());
    let event = event();
    let email = event["user"]["email"].as_str().expect("an address");
    let users =
        user(DATABASE, email, "Username-Password-Authentication") + &user(GOOGLE, email, "google-oauth2");
    let config = format!("name = \"tenant\"\nhosts = [\"127.0.0.1:{}\"]\n{CONFIG}{users}", gate.port());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = Place { folder, directory: format!("auth0://127.0.0.1:{}", gate.port()) };
    place.write("policy.json", include_str!("../../../examples/directory/policy.json"));
    place.write("secret", SECRET);
    let tenant = Tenant::start(&place.file("tenant"), &config, &[]);
    let port = tenant.http.trim_end_matches('/').rsplit(':').next().expect("a port");
    upstream.set(port.parse().expect("a port")).expect("it is set once");

    // The hook is killed once the tenant has linked.
    let mut service = start(&place);
    let (pid, seen) = (service.pid().to_string(), Arc::new(Mutex::new(false)));
    let is_seen = seen.clone();
    let kill = move || {
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        *is_seen.lock().expect("a flag") = killed.is_ok_and(|status| status.success());
        false
    };
    gate.begin_at("POST", "/identities", Act::Meanwhile(When::After, Arc::new(kill)));
    let (url, request) = (service.url.clone(), signed(&event, SECRET, now()));
    let answered = std::thread::spawn(move || send(&url, &request).status).join();
    assert_ne!(answered.ok(), Some(200), "the answer got lost");
    assert_eq!(service.wait().0, None, "it was killed, and did not end");
    assert!(*seen.lock().expect("a flag"));
    gate.begin(None);
    drop(service);

    // Within the minute, the change may still be under way. No login waits for it for long.
    let service = start(&place);
    service.log_with("may still be under way");
    let begun = Instant::now();
    let answer = service.ask(&event);
    assert_ne!(answer["action"], "deny", "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{answer}");
    drop(service);
    assert_eq!(entries(&place)[0]["state"], "intended");

    // A minute later.
    let journal = rusqlite::Connection::open(place.file("journal.db")).expect("the journal");
    journal.execute("UPDATE journal SET place = place - 61000000", []).expect("it is older");
    drop(journal);
    let service = start(&place);
    service.log_with("an interrupted change was completed");
    let entries = entries(&place);
    assert_eq!((entries.len(), &entries[0]["state"]), (1, &json!("done")), "{entries:?}");
    let answer = service.ask(&event);
    let expected = (&json!("set_primary_user"), &json!(DATABASE));
    assert_eq!((&answer["action"], &answer["primary_user_id"]), expected, "{answer}");
    let links = gate.passed().into_iter().filter(|passed| passed.line.ends_with("/identities"));
    assert_eq!(links.count(), 0, "no link is requested a second time");
}
