//! The counts of a user base whose answer is known, by every source of users.

use ligature_test_servers::Postgres;
use serde_json::Value;

use crate::known_base::{Expected, POLICY, write_users};
use crate::place::{Place, Ran};
use crate::serving::Tenant;

/// The number of users.
const USERS: u64 = 10_000;

const TENANT: &str = r#"
name = "tenant"

[[clients]]
client_id = "backfill"
name = "The backfill"
client_secret = "the-s3cret-of-the-backfill"
grant_types = ["client_credentials"]
scopes = ["read:users", "read:roles"]
"#;

/// Previews a source, and returns its counts.
fn preview(place: &Place, source: [&str; 2]) -> Value {
    let mut command = place.command(&["backfill", "preview", "--policy", "policy.json", "--json"]);
    command.args(source);
    command.env("LIGATURE_AUTH0_CLIENT_ID", "backfill");
    command.env("LIGATURE_AUTH0_CLIENT_SECRET", "the-s3cret-of-the-backfill");
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

    let tenant = Tenant::start(
        &place.file("tenant"),
        TENANT,
        &["--directory", &format!("sqlite:{}", place.file("users.db").display())],
    );
    let domain = tenant.http.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(preview(&place, ["--directory", &format!("auth0://{domain}")]), by_file);
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
