//! The counts of a user base whose answer is known, by every source of users.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

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
    serve_with(place, "")
}

fn serve_with(place: &Place, more: &str) -> (Tenant, String) {
    let directory = format!("sqlite:{}", place.file("users.db").display());
    let tenant =
        Tenant::start(&place.file("tenant"), &format!("{TENANT}{more}"), &["--directory", &directory]);
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
    let kinds = tally["reasons"].as_object().expect("kinds").values();
    let reasons: usize = kinds.map(|reasons| reasons.as_object().expect("reasons").len()).sum();
    assert_eq!(reasons, expected.reasons.len(), "no other reason: {tally}");
}

#[test]
fn the_counts_of_a_known_user_base_are_the_same_by_every_source() {
    let place = Place::with_files(&[("policy.json", POLICY)]);
    let mut users = Vec::new();
    let expected = write_users(USERS, &mut users).expect("it is written to memory");
    place.write("users.ndjson", &users);
    let by_file = preview(&place, ["--users", "users.ndjson"]);
    assert_known(&by_file, &expected);
    let lines = String::from_utf8(users).expect("text");
    place.write("users.json", format!("[{}]", lines.trim_end().replace('\n', ",")).as_bytes());
    assert_eq!(preview(&place, ["--users", "users.json"]), by_file);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).expect("it is written to memory");
    place.write("users.ndjson.gz", &packed.finish().expect("it is written to memory"));
    assert_eq!(preview(&place, ["--users", "users.ndjson.gz"]), by_file);

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

/// A place with a plan of the user base, and a tenant that has it, and answers one link so.
struct AtTenant {
    place: Place,
    tenant: Tenant,
    options: [String; 4],
}

impl AtTenant {
    fn with(fault: &str) -> Self {
        let place = user_base::place();
        user_base::import(&place);
        let route = "method = \"POST\"\npath = \"/api/v2/users/{id}/identities\"";
        let fault = format!("\n[[faults]]\n{route}\n{fault}");
        let (tenant, url) = serve_with(&place, &fault);
        let options = ["--directory", &url, "--journal", "sqlite:journal.db"].map(str::to_owned);
        let told = Self { place, tenant, options };
        told.json(&["backfill", "preview", "--policy", "policy.json", "--report", "report", "--json"]);
        told
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.place, arguments);
        command.args(&self.options);
        command
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let ran = Ran::read(self.command(arguments).output().expect("the program runs"));
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("JSON")
    }
}

const APPLY: [&str; 6] = ["backfill", "apply", "report/plan.ndjson", "--policy", "policy.json", "--json"];

/// The wait is longer than a login may take.
#[test]
fn a_tenant_that_asks_for_fewer_calls_is_waited_for() {
    let at = AtTenant::with("status = 429\nretry_after_s = 3\n");
    let applied = at.json(&APPLY);
    assert_eq!(count(&applied, "linked"), 1, "{applied}");
    at.tenant.stop();
}

/// The process dies while the tenant makes the link, which the journal has as an intention. A repair
/// leaves it alone for a minute.
#[test]
fn a_link_whose_process_has_died_belongs_to_its_run() {
    let at = AtTenant::with("status = 503\nafter_effect = true\ndelay_ms = 1500\n");
    let mut first = at.command(&APPLY).stdout(Stdio::null()).spawn().expect("the program runs");
    let intended = || {
        let listed = at.command(&["journal", "list", "--json"]).output().expect("the program runs");
        String::from_utf8_lossy(&listed.stdout).contains("backfill_run")
    };
    while !intended() {
        std::thread::sleep(Duration::from_millis(50));
    }
    first.kill().expect("it is killed");
    first.wait().expect("it ends");
    // The tenant makes the link.
    std::thread::sleep(Duration::from_secs(2));

    let applied = at.json(&APPLY);
    assert_eq!((count(&applied, "linked"), count(&applied, "left_out")), (1, 0), "{applied}");
    let undone = at.json(&["backfill", "undo", &run_id(&applied), "--json"]);
    assert_eq!(count(&undone, "undone"), 1, "{undone}");
    at.tenant.stop();
}
