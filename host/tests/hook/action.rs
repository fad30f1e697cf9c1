//! The example Action, run by Node.js against the service.

use std::process::{Command, Output};

use libtest_mimic::Completion;

use crate::service::{DATABASE, GOOGLE, OLD_SECRET, Place, SECRET, Service, program, write_private};
use crate::serving::Tenant;

crate::tests![the_action_carries_the_answers_out, the_action_links_at_the_local_tenant, the_action_is_short];

/// A person reads it whole before it is pasted into a tenant.
fn the_action_is_short() {
    let action = include_str!("../../../examples/auth0-action/action.js");
    assert!(action.lines().count() <= 80, "{}", action.lines().count());
    assert_eq!(action.lines().find(|line| line.chars().count() > 120), None);
}

/// The tenant: pairs of users of one address, and the machine application of the hook.
const TENANT: &str = include_str!("../actions/tenant.toml");
const CLIENT: [&str; 2] = ["linker", "the-s3cret-of-the-action"];

/// The rest of the Action's budget of 3 s is for the answer.
const LIMITS: &str = "[limits]\ndeadline_ms = 2500\n";

/// Returns why this machine cannot run the suites: they want Node.js of the version that the
/// suite `clients` wants.
fn find_no_node() -> Option<Completion> {
    let why = find_node().err()?;
    let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
    assert!(!required.split([',', ' ']).any(|name| name == "clients"), "{why}");
    Some(Completion::ignored_with(why))
}

fn find_node() -> Result<(), String> {
    let output = Command::new("node").arg("--version").output().map_err(|error| format!("node: {error}"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major: u32 =
        version.trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok()).unwrap_or(0);
    if major >= 20 { Ok(()) } else { Err(format!("node is {version}, older than 20")) }
}

/// The command that runs a suite of this folder.
fn suite(name: &str, service: &Service) -> Command {
    let file = format!("{}/tests/hook/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut node = Command::new("node");
    node.args(["--test-reporter=spec", &file])
        .env("LIGATURE_HOOK", &service.url)
        .env("LIGATURE_PROGRAM", env!("CARGO_BIN_EXE_ligature"))
        .env("LIGATURE_TEST_SECRETS", format!("{SECRET} {OLD_SECRET}"));
    node
}

fn assert_passed(output: &Output, log: &str) {
    let said = [&output.stdout[..], &output.stderr].concat();
    assert!(output.status.success(), "{}\n{log}", String::from_utf8_lossy(&said));
}

fn the_action_carries_the_answers_out() -> Completion {
    if let Some(ignored) = find_no_node() {
        return ignored;
    }
    let place = Place::new();
    place.write("old", OLD_SECRET);
    place.write("limits.toml", "[limits]\ndeadline_ms = 4000\n");
    let old = place.file("old");
    let service = place.start(&["--secret-file", old.to_str().expect("UTF-8")]);
    let mut node = suite("action.test.mjs", &service);
    node.env("LIGATURE_DIRECTORY", &place.directory)
        .env("LIGATURE_TEST_USERS", format!("{GOOGLE} {DATABASE}"));
    assert_passed(&node.output().expect("node runs"), &service.log());
    Completion::Completed
}

fn the_action_links_at_the_local_tenant() -> Completion {
    if let Some(ignored) = find_no_node() {
        return ignored;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let users = format!("sqlite:{}", folder.path().join("users.db").display());
    let tenant = Tenant::start(&folder.path().join("tenant"), TENANT, &["--directory", &users]);
    let origin = tenant.http.trim_end_matches('/');
    let directory = format!("auth0://{}", origin.trim_start_matches("http://"));
    let journal = format!("sqlite:{}", folder.path().join("journal.db").display());
    for (name, text) in [
        (
            "policy.json",
            r#"{ "mode": "auto", "trusted_connections": ["google-oauth2"], "on_multiple": "deny_login" }"#,
        ),
        ("secret", SECRET),
        ("old", OLD_SECRET),
        ("limits.toml", LIMITS),
    ] {
        write_private(&folder.path().join(name), text);
    }
    let mut command = program();
    command
        .args(["hook", "--listen", "127.0.0.1:0", "--directory", &directory, "--journal", &journal])
        .args(["--secret-file", "secret", "--secret-file", "old", "--policy", "policy.json"])
        .args(["--limits", "limits.toml"])
        .env("LIGATURE_AUTH0_CLIENT_ID", CLIENT[0])
        .env("LIGATURE_AUTH0_CLIENT_SECRET", CLIENT[1])
        .current_dir(folder.path());
    let service = Service::spawn(command, folder.path());
    let mut node = suite("action_at_tenant.test.mjs", &service);
    node.env("LIGATURE_DIRECTORY", &directory)
        .env("LIGATURE_JOURNAL", &journal)
        .env("LIGATURE_AUTH0_CLIENT_ID", CLIENT[0])
        .env("LIGATURE_AUTH0_CLIENT_SECRET", CLIENT[1])
        .env("LIGATURE_TENANT", origin)
        .env("LIGATURE_TEST_CLIENT", CLIENT.join(" "))
        .env("LIGATURE_TEST_PROCESSES", format!("{} {}", service.pid(), tenant.pid()));
    assert_passed(&node.output().expect("node runs"), &service.log());
    Completion::Completed
}
