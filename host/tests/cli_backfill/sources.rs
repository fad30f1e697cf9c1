//! The counts of a user base whose answer is known, by every source of users.

use std::process::Command;

use ligature_test_servers::Postgres;
use serde_json::Value;

use crate::known_base::{Expected, POLICY, write_users};
use crate::place::{Place, Ran};
use crate::runs::{count, run_id};
use crate::serving::Tenant;
use crate::user_base;

/// The number of users.
const USERS: u64 = 10_000;

const TENANT: &str = r#"
name = "tenant"

[[clients]]
client_id = "backfill"
name = "The backfill"
client_secret = "the-s3cret-of-the-backfill"
grant_types = ["client_credentials"]
scopes = ["read:users", "update:users", "read:roles", "read:organizations"]

[[connections]]
name = "google-oauth2"
strategy = "google-oauth2"
"#;

/// Returns a command with the credentials of the tenant.
fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("LIGATURE_AUTH0_CLIENT_ID", "backfill");
    command.env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-backfill");
    command
}

/// Starts a tenant with the users of the directory. Returns it with its URL.
fn serve(place: &Place) -> (Tenant, String) {
    let directory = format!("sqlite:{}", place.file("users.db").display());
    let tenant = Tenant::start(&place.file("tenant"), TENANT, &["--directory", &directory]);
    let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    let url = format!("auth0://{domain}");
    (tenant, url)
}

/// Previews a source, and returns its counts.
fn preview(place: &Place, source: [&str; 2]) -> Value {
    let mut command = command(place, &["backfill", "preview", "--policy", "policy.json", "--json"]);
    command.args(source);
    let ran = Ran::read(command.output().expect("the program runs"));
    assert_eq!(ran.code, Some(0), "{source:?}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn import(place: &Place, directory: &str) {
    let ran = place.run(&["users", "import", "users.ndjson", "--directory", directory]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

fn assert_known(tally: &Value, expected: &Expected) {
    for (kind, groups) in &expected.groups {
        assert_eq!(tally["groups_by_kind"][kind], *groups, "{kind}: {tally}");
    }
    assert_eq!(
        (&tally["accounts"], &tally["removed_accounts"]),
        (&expected.accounts.into(), &expected.removed.into())
    );
    for ((kind, reason), groups) in &expected.reasons {
        // Each of three accounts but the oldest logs in.
        let of_group = if *reason == "MULTIPLE_CANDIDATES" { 2 } else { 1 };
        assert_eq!(tally["reasons"][kind][reason], groups * of_group, "{reason}: {tally}");
    }
}

#[test]
fn the_counts_of_a_known_user_base_are_the_same_by_every_source() {
    let place = Place::with_files(&[("policy.json", POLICY)]);
    let mut users = Vec::new();
    let expected = write_users(USERS, &mut users).expect("it is written to memory");
    place.write("users.ndjson", &users);
    let by_file = preview(&place, ["--users", "users.ndjson"]);
    assert_known(&by_file, &expected);

    import(&place, "sqlite:users.db");
    assert_eq!(preview(&place, ["--directory", "sqlite:users.db"]), by_file);

    let (tenant, url) = serve(&place);
    assert_eq!(preview(&place, ["--directory", &url]), by_file);
    tenant.stop();

    match Postgres::start() {
        Ok(server) => {
            let directory = server.schema();
            import(&place, &directory);
            assert_eq!(preview(&place, ["--directory", &directory]), by_file);
        }
        Err(why) => eprintln!("without PostgreSQL: {}", why.0),
    }
}

/// The export, the links, the run in the journal's database, and the undo, as at a tenant of Auth0.
#[test]
fn a_plan_is_applied_to_a_tenant_and_undone() {
    let place = user_base::place();
    user_base::import(&place);
    let (tenant, url) = serve(&place);
    let run = |arguments: &[&str]| {
        let at_tenant = ["--directory", &url, "--journal", "sqlite:journal.db"];
        let mut command = command(&place, &[arguments, &at_tenant].concat());
        let ran = Ran::read(command.output().expect("the program runs"));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        ran.stdout
    };
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&run(arguments)).expect("JSON") };
    let identities = || {
        let ada = json(&["users", "show", "auth0|1"]);
        ada["identities"].as_array().map(Vec::len).expect("identities")
    };
    run(&["backfill", "preview", "--policy", "policy.json", "--report", "report"]);
    let apply = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json", "--json"];
    let applied = json(&apply);
    assert_eq!((count(&applied, "linked"), identities()), (1, 2), "{applied}");
    let entry = json(&["journal", "list", "--json"]);
    assert_eq!(entry["evidence"]["backfill_run"], applied["run"], "{entry}");
    assert_eq!(count(&json(&apply), "linked"), 1, "the same command finds the run done");

    let undone = json(&["backfill", "undo", &run_id(&applied), "--json"]);
    assert_eq!((count(&undone, "undone"), identities()), (1, 1), "{undone}");
    tenant.stop();
}
