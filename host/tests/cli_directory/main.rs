//! The program `ligature` on a real directory: users in and out, a login
//! decided and applied, the journal, the undo.

mod addresses;
mod assumed_connections;
mod disks;
mod importing;
mod journal;
mod logins;
mod odd_users;
#[path = "../place/mod.rs"]
mod place;
mod users_in_and_out;
mod written_files;

use serde_json::Value;

use place::Place;

const USERS: &str = r#"{"user_id":"auth0|1","email":"ada@example.com","email_verified":true,"created_at":"2024-01-01T00:00:00Z","logins_count":3,"last_login":"2026-01-01T00:00:00Z","user_metadata":{"theme":"dark"}}
{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true,"created_at":"2025-01-01T00:00:00Z","logins_count":2,"identities":[{"provider":"google-oauth2","user_id":2,"connection":"google-oauth2","isSocial":true}],"user_metadata":{"lang":"en"},"app_metadata":{"plan":"pro"},"organizations":["org_1"]}
"#;
const EVENT: &str = r#"{"user":{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true},"connection":{"name":"google-oauth2","strategy":"google-oauth2"},"authentication":{"methods":[{"name":"federated"}]}}"#;
const POLICY: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

impl Place {
    /// Creates a folder with users, an event and a policy.
    fn empty() -> Self {
        Self::with_files(&[("users.ndjson", USERS), ("event.json", EVENT), ("policy.json", POLICY)])
    }

    /// Creates the same folder, with a directory of the users.
    fn with_users() -> Self {
        let place = Self::empty();
        assert_eq!(place.good(&["users", "import", "users.ndjson"]), "2 users added\n");
        place
    }

    fn log_in(&self, more: &[&str]) -> Value {
        let run = [
            "run",
            "--event",
            "event.json",
            "--policy",
            "policy.json",
            "--now",
            "2026-11-21T10:00:00Z",
            "--json",
        ];
        let mut report = self.json(&[&run, more].concat());
        report["cost"]["time_us"] = Value::Null;
        report
    }

    /// Returns the export of every user.
    fn users(&self) -> String {
        self.good(&["users", "export"])
    }

    fn link_id(&self) -> String {
        let entries = self.lines(&["journal", "list", "--json"]);
        let link = entries.into_iter().find(|entry| entry["kind"] == "link").expect("a link");
        link["id"].as_str().expect("an id").to_owned()
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let place = Place::empty();
    for command in [
        &["users", "import"][..],
        &["users", "export"],
        &["users", "show"],
        &["journal", "list"],
        &["journal", "show"],
        &["journal", "prune"],
        &["undo"],
    ] {
        let help = place.good(&[command, &["--help"]].concat());
        assert!(help.contains("Example: ligature"), "{command:?}: {help}");
    }
}
