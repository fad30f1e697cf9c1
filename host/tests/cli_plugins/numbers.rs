//! Numbers in metadata are kept as they are written, wherever the program takes
//! them: in a case, in an import, in a link, in the journal.

use std::fs;
use std::process::Command;

/// Numbers that a 64-bit float or integer cannot represent, one of each kind.
const NUMBERS: [&str; 6] = [
    r#""beyond_2_53":9007199254740993"#,
    r#""beyond_2_64":123456789012345678901234567890"#,
    r#""digits":0.10000000000000000555"#,
    r#""exponent":1e+300"#,
    r#""negative":-12345678901234567890"#,
    r#""zero":1.50"#,
];

const POLICY: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

/// A folder of its own, and a directory in it.
struct Place(tempfile::TempDir);

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            fs::write(place.0.path().join(name), text).expect("a file is written");
        }
        place
    }

    /// The output of the program.
    fn ligature(&self, arguments: &[&str]) -> String {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ligature"));
        program.env("LIGATURE_DIRECTORY", "sqlite:users.db").current_dir(self.0.path());
        let ran = program.args(arguments).output().expect("the program runs");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("the program prints UTF-8")
    }
}

/// The account of the tenant's own database is the older one.
fn user(user_id: &str, metadata: &str) -> String {
    let year = if user_id.starts_with("auth0|") { 2024 } else { 2025 };
    format!(
        r#"{{"user_id":"{user_id}","email":"ada@example.com","email_verified":true,"created_at":"{year}-01-01T00:00:00Z","logins_count":1,"user_metadata":{metadata}}}"#
    )
}

fn event(user: &str) -> String {
    format!(r#"{{"user":{user},"connection":{{"name":"google-oauth2","strategy":"google-oauth2"}}}}"#)
}

fn numbers() -> String {
    format!("{{{}}}", NUMBERS.join(","))
}

#[test]
fn a_link_writes_numbers_as_they_were() {
    let users = user("auth0|1", "{}");
    let event = event(&user("google-oauth2|2", &numbers()));
    let case = format!(
        r#"{{"title":"numbers","now":"2026-11-21T10:00:00Z","policy":{POLICY},"users":[{users}],"event":{event}}}"#
    );
    let place = Place::with(&[("case.json", &case)]);
    let report = place.ligature(&["run", "case.json", "--json"]);
    for number in NUMBERS {
        // Once in the call, once among the changes.
        let (key, value) = number.split_once(':').expect("a key and its value");
        assert!(report.contains(&format!("{key}: {value}")), "{number}: {report}");
        let field = format!("\"field\": \"user_metadata.{}", &key[1..]);
        assert!(report.contains(&field) && report.contains(&format!("\"after\": {value}")), "{report}");
    }
}

#[test]
fn an_import_a_link_and_its_undo_keep_numbers_as_they_were() {
    let users = format!(
        "{}\n{}\n",
        user("auth0|1", r#"{"own":18446744073709551616}"#),
        user("google-oauth2|2", &numbers())
    );
    let event = event(r#"{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true}"#);
    let place = Place::with(&[("users.ndjson", &users), ("event.json", &event), ("policy.json", POLICY)]);
    place.ligature(&["users", "import", "users.ndjson"]);
    let imported = place.ligature(&["users", "export"]);
    assert!(imported.contains(&numbers()) && imported.contains("18446744073709551616"), "{imported}");

    let linked = place.ligature(&["run", "--event", "event.json", "--policy", "policy.json"]);
    assert!(linked.contains("linked"), "{linked}");
    let merged = place.ligature(&["users", "export"]);
    assert!(merged.contains("18446744073709551616"), "{merged}");
    for number in NUMBERS {
        assert!(merged.contains(number), "{number}: {merged}");
    }

    let journal = place.ligature(&["journal", "list"]);
    let link = journal.split_whitespace().next().expect("an entry");
    place.ligature(&["undo", link]);
    let undone = place.ligature(&["users", "export"]);
    assert!(undone.contains(&numbers()) && undone.contains(r#"{"own":18446744073709551616}"#), "{undone}");
}
