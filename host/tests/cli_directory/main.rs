//! The program `ligature` on a real directory: users in and out, a login
//! decided and applied, the journal, the undo.

mod importing;
mod odd_users;
mod written_files;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

const USERS: &str = r#"{"user_id":"auth0|1","email":"ada@example.com","email_verified":true,"created_at":"2024-01-01T00:00:00Z","logins_count":3,"last_login":"2026-01-01T00:00:00Z","user_metadata":{"theme":"dark"}}
{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true,"created_at":"2025-01-01T00:00:00Z","logins_count":2,"identities":[{"provider":"google-oauth2","user_id":2,"connection":"google-oauth2","isSocial":true}],"user_metadata":{"lang":"en"},"app_metadata":{"plan":"pro"},"organizations":["org_1"]}
"#;
const EVENT: &str = r#"{"user":{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true},"connection":{"name":"google-oauth2","strategy":"google-oauth2"},"authentication":{"methods":[{"name":"federated"}]}}"#;
const POLICY: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

/// A folder with users, an event and a policy, and a directory with the users.
struct Place(tempfile::TempDir);

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    let ran = Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("backtrace"), "{}", ran.stderr);
    ran
}

impl Place {
    fn empty() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        place.write("users.ndjson", USERS.as_bytes());
        place.write("event.json", EVENT.as_bytes());
        place.write("policy.json", POLICY.as_bytes());
        place
    }

    fn with_users() -> Self {
        let place = Self::empty();
        assert_eq!(place.good(&["users", "import", "users.ndjson"]), "2 users added\n");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("a file is written");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("LIGATURE_DIRECTORY", "sqlite:users.db")
            .env("USER", "the operator")
            .env_remove("SUDO_USER")
            .env("RUST_BACKTRACE", "1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().expect("the program runs"))
    }

    /// Runs the program, expects success, and returns its output.
    fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ran.stdout
    }

    /// Runs the program, expects this exit code, and returns its one line of error.
    fn bad(&self, arguments: &[&str], code: i32) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
        ran.stderr
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
        let printed = self.good(&[&run, more].concat());
        let mut report: Value = serde_json::from_str(&printed).expect("JSON");
        report["cost"]["time_us"] = Value::Null;
        report
    }

    /// Every user, as exported.
    fn users(&self) -> String {
        self.good(&["users", "export"])
    }

    fn link_id(&self) -> String {
        let entries = self.good(&["journal", "list", "--json"]);
        let entries = entries.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let link = entries.into_iter().find(|entry| entry["kind"] == "link").expect("a link");
        link["id"].as_str().expect("an id").to_owned()
    }
}

/// Ids, times and hashes are others each time.
fn steady(text: &str, id: &str) -> String {
    let mut text = text.replace(id, "LINK-ID");
    while let Some(at) = text.find("sha256 ") {
        let end =
            at + 7 + text[at + 7..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len() - at - 7);
        text.replace_range(at..end, "sha256:…");
    }
    text
}

#[test]
fn a_login_is_decided_applied_journalled_and_undone() {
    let place = Place::with_users();
    let before = place.users();

    let dry = place.log_in(&["--dry-run"]);
    assert_eq!(place.users(), before, "a dry run writes nothing");
    assert_eq!(place.good(&["journal", "list"]), "the journal has no such entries\n");
    let report = place.log_in(&[]);
    assert_eq!(dry, report, "a dry run prints the same");
    assert_eq!(report["decision"]["primary"], "auth0|1");

    let id = place.link_id();
    assert_snapshot!("journal_show", steady(&place.good(&["journal", "show", &id]), &id));
    assert_snapshot!("undo_dry_run", place.good(&["undo", &id, "--dry-run"]));
    let user: Value = serde_json::from_str(&place.good(&["users", "show", "auth0|1"])).expect("JSON");
    assert_eq!(user["identities"].as_array().map(Vec::len), Some(2));
    assert_eq!(user["logins_count"], 4);

    place.good(&["undo", &id]);
    let separated: Value =
        serde_json::from_str(&place.good(&["users", "show", "google-oauth2|2"])).expect("JSON");
    assert_eq!(separated["organizations"][0], "org_1");
    assert_eq!(separated["app_metadata"]["plan"], "pro");
    let again = place.log_in(&[]);
    assert_eq!(again["reasons"][0]["code"], "UNLINKED_BY_OPERATOR", "the pair cools down");
    assert!(place.bad(&["undo", &id], 1).contains("was undone already"));
    assert!(place.good(&["journal", "list", "--user", "auth0|1"]).contains("undone"));
}

/// The README's example, as it stands there.
#[test]
fn the_example_of_the_readme_does_what_it_says() {
    let place = Place::empty();
    let example = |name: &str| format!("{}/../examples/directory/{name}", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(place.good(&["users", "import", &example("users.ndjson")]), "2 users added\n");
    let page = place.good(&["run", "--event", &example("event.json"), "--policy", &example("policy.json")]);
    assert!(page.contains("linked: the login goes on as auth0|6571c0ffee0000000000a001"), "{page}");
    let user = place.good(&["users", "show", "auth0|6571c0ffee0000000000a001"]);
    let user: Value = serde_json::from_str(&user).expect("JSON");
    assert_eq!(
        (&user["last_ip"], &user["logins_count"]),
        (&"192.0.2.44".into(), &88.into()),
        "the login is counted"
    );
    let list = place.good(&["journal", "list"]);
    let link = "link    google-oauth2|115014287643218005122 into auth0|6571c0ffee0000000000a001\n";
    assert!(list.ends_with(link), "{list}");
    let undone = place.good(&["undo", &place.link_id()]);
    assert!(
        undone.starts_with("google-oauth2|115014287643218005122 is a user of its own again\n"),
        "{undone}"
    );
}

#[test]
fn a_login_through_a_linked_identity_is_its_primarys() {
    let place = Place::with_users();
    place.log_in(&[]);
    let report = place.log_in(&[]);
    assert_eq!(report["decision"]["kind"], "proceed");
    assert_eq!(report["reasons"][0]["code"], "ALREADY_LINKED");
    assert_eq!(report["reasons"][0]["subject"][0], "auth0|1");
}

/// Tokens are never for the user that the event still names.
#[test]
fn whoever_was_linked_before_goes_on_as_the_primary_in_json_too() {
    let place = Place::with_users();
    let arguments = ["run", "--event", "event.json", "--policy", "policy.json", "--json"];
    let run = || serde_json::from_str::<Value>(&place.good(&arguments)).expect("JSON");
    let first = run();
    assert_eq!((&first["decision"]["primary"], &first["user_id"]), (&"auth0|1".into(), &Value::Null));
    let second = run();
    assert_eq!((&second["decision"]["kind"], &second["user_id"]), (&"proceed".into(), &"auth0|1".into()));
}

#[test]
fn a_first_login_makes_its_user_and_a_dry_run_does_not() {
    let place = Place::empty();
    let error = place.bad(&["run", "--event", "event.json", "--dry-run"], 2);
    assert!(error.contains("there is no such file"), "{error}");
    place.log_in(&[]);
    let user: Value = serde_json::from_str(&place.good(&["users", "show", "google-oauth2|2"])).expect("JSON");
    assert_eq!((&user["logins_count"], &user["created_at"]), (&1.into(), &"2026-11-21T10:00:00.000Z".into()));
}

#[test]
fn an_event_of_another_tenant_is_refused() {
    let place = Place::with_users();
    place.write(
        "event.json",
        br#"{"user":{"user_id":"auth0|9","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2"}]},"connection":{"name":"google-oauth2"}}"#,
    );
    let error = place.bad(&["run", "--event", "event.json"], 2);
    assert!(error.contains("the event says that google-oauth2|2 is auth0|9"), "{error}");
    place.write("event.json", br#"{"user":{"user_id":"google-oauth2|2"},"connection":{"name":"other"}}"#);
    let error = place.bad(&["run", "--event", "event.json"], 1);
    assert!(error.contains("belongs to the connection `google-oauth2`, not to `other`"), "{error}");
}

/// The owner of an address that only the directory's stale copy holds is a stranger.
#[test]
fn a_login_is_never_linked_by_the_address_of_an_older_copy() {
    for (id, connection, strategy) in
        [("auth0|1", "Username-Password-Authentication", "auth0"), ("email|1", "email", "email")]
    {
        for (said, code) in [
            (r#""email": "ada@example.com", "email_verified": false"#, "EMAIL_UNVERIFIED_CURRENT"),
            (r#""email": "ada@example.com""#, "EMAIL_VERIFIED_UNKNOWN"),
            (r#""email_verified": false"#, "EMAIL_UNVERIFIED_CURRENT"),
            (r#""email": "new@example.com", "email_verified": true"#, "NO_CANDIDATE"),
        ] {
            let place = Place::empty();
            place.write("users.ndjson", USERS.replace("auth0|1", id).as_bytes());
            place.good(&["users", "import", "users.ndjson"]);
            let event = format!(
                r#"{{"user": {{"user_id": "{id}", {said}}}, "connection": {{"name": "{connection}", "strategy": "{strategy}"}}}}"#
            );
            place.write("event.json", event.as_bytes());
            let report = place.log_in(&[]);
            assert_eq!(report["decision"]["kind"], "proceed", "{event}: {report}");
            assert_eq!(report["reasons"][0]["code"], code, "{event}");
        }
    }
}

#[test]
fn what_is_exported_is_imported_the_same() {
    let place = Place::with_users();
    place.log_in(&[]);
    for file in ["out.ndjson", "out.ndjson.gz"] {
        assert_eq!(place.good(&["users", "export", file]), format!("1 users written to {file}\n"));
        let fresh = format!("sqlite:{file}.db");
        assert_eq!(place.good(&["users", "import", file, "--directory", &fresh]), "1 users added\n");
        assert_eq!(place.good(&["users", "export", "--directory", &fresh]), place.users());
    }
    let names: Vec<_> =
        fs::read_dir(place.path()).expect("a folder").map(|it| it.expect("a file").file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
}

/// As the Actions editor and older exports spell them.
#[test]
fn no_token_of_a_provider_is_kept() {
    let place = Place::empty();
    let tokens =
        r#""userId":"2","accessToken":"s3cret","refreshToken":"s3cret","access_token_secret":"s3cret""#;
    let identity = r#""connection":"google-oauth2","isSocial":true"#;
    let users = USERS.replace(identity, &format!("{identity},{tokens},\"profileData\":{{{tokens}}}"));
    assert!(users.contains("s3cret"));
    place.write("users.ndjson", users.as_bytes());
    place.good(&["users", "import", "users.ndjson"]);
    assert!(!place.users().contains("s3cret"));
    let event = EVENT.replace(r#""email_verified":true"#, &format!(r#""email_verified":true,{tokens}"#));
    place.write("event.json", event.as_bytes());
    place.log_in(&[]);
    let shown = place.good(&["journal", "show", &place.link_id(), "--json"]);
    assert!(!place.users().contains("s3cret") && !shown.contains("s3cret"), "{shown}");
    let bytes = fs::read(place.path().join("users.db")).expect("the database");
    assert!(!String::from_utf8_lossy(&bytes).contains("s3cret"));
}

#[test]
fn the_import_format_goes_in_and_out() {
    let place = Place::empty();
    place.write(
        "import.json",
        br#"[{"email": "Ada@Example.com", "email_verified": true, "user_id": "1", "password_hash": "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"},
            {"email": "bob@example.com", "mfa_factors": [{"totp": {"secret": "S3CRET"}}]},
            {"email_verified": true}]"#,
    );
    assert_snapshot!("import_format", place.good(&["users", "import", "import.json"]));
    assert!(!place.users().contains("S3CRET") && !place.users().contains("$2b$"));
    let exported: Value =
        serde_json::from_str(&place.good(&["users", "export", "--format", "import"])).expect("JSON");
    assert_eq!(exported.as_array().map(Vec::len), Some(2));
    assert!(
        exported.to_string().contains(r#""email":"ada@example.com","email_verified":true,"user_id":"1""#)
    );
}

#[test]
fn bad_lines_are_told_with_their_numbers() {
    let place = Place::empty();
    let mut lines = format!("\n{USERS}not json\n{{\"email\":\"somebody@corp.com\"}}\n").into_bytes();
    lines.extend(b"{\"user_id\":\"auth0|\xff\"}\n{\"user_id\":\"nobar\"}\n");
    lines.extend(USERS.replace("dark", "bright").into_bytes());
    place.write("users.ndjson", &lines);
    assert_snapshot!("bad_lines", place.good(&["users", "import", "users.ndjson"]));
    assert_eq!(place.users().lines().count(), 2);
}

#[test]
fn a_strict_import_ends_at_the_first_bad_line_and_goes_on_there() {
    let place = Place::empty();
    let lines = USERS.replace("\n{", "\nnot json\n{");
    place.write("users.ndjson", lines.as_bytes());
    let error = place.bad(&["users", "import", "users.ndjson", "--strict"], 2);
    assert!(
        error.contains("users.ndjson, line 2, column 2: ")
            && error.contains("correct the file, and import it again"),
        "{error}"
    );
    assert_eq!(place.users().lines().count(), 1);
    let told = place.good(&["users", "import", "users.ndjson"]);
    assert!(
        told.starts_with("continued after line 1, where an earlier import stopped\n1 users added\n"),
        "{told}"
    );
    let told = place.good(&["users", "import", "users.ndjson"]);
    assert!(told.contains("the file is imported (--again imports it from the start)"), "{told}");
    let told = place.good(&["users", "import", "users.ndjson", "--again"]);
    assert!(told.contains("2 unchanged"), "{told}");
}

/// A trigger keeps the import from getting through its second batch: the kill
/// always lands behind the first commit and before the second.
#[test]
fn an_import_that_is_killed_goes_on_where_it_stopped() {
    const BATCH: i64 = 20_000;
    let place = Place::empty();
    place.good(&["users", "import", "users.ndjson"]);
    let database = rusqlite::Connection::open(place.path().join("users.db")).expect("the database opens");
    database
        .execute_batch(
            "CREATE TRIGGER endless BEFORE INSERT ON users WHEN NEW.user_id = 'auth0|n30000' BEGIN
               SELECT count(*) FROM (WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT n FROM n);
             END",
        )
        .expect("a trigger");
    let count = || {
        let all = "SELECT count(*) FROM users WHERE user_id LIKE 'auth0|n%'";
        database.query_row(all, [], |row| row.get::<_, i64>(0)).expect("a count")
    };
    let users: String = (1..=2 * BATCH)
        .map(|n| format!("{{\"user_id\":\"auth0|n{n}\",\"email\":\"u{n}@example.com\"}}\n"))
        .collect();
    place.write("many.ndjson", users.as_bytes());
    let mut child =
        place.command(&["users", "import", "many.ndjson"]).stdout(Stdio::null()).spawn().expect("it starts");
    let until = Instant::now() + Duration::from_mins(2);
    while count() == 0 {
        assert!(Instant::now() < until, "the first batch is not written");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(child.try_wait().expect("its state"), None, "the import is still running");
    child.kill().expect("it is killed");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    assert_eq!(count(), BATCH, "the first batch, whole, and nothing of the second");
    database.execute_batch("DROP TRIGGER endless").expect("no trigger");

    assert_eq!(
        place.good(&["users", "import", "many.ndjson"]),
        "continued after line 20,000, where an earlier import stopped\n20,000 users added\n"
    );
    assert_eq!(count(), 2 * BATCH);
}

#[test]
fn users_come_through_a_pipe_gzipped() {
    let place = Place::empty();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(USERS.as_bytes()).expect("it is compressed");
    let bytes = gzip.finish().expect("it is compressed");
    let mut child = place
        .command(&["users", "import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("its input").write_all(&bytes).expect("it reads");
    let ran = ran(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "2 users added\n"), "{}", ran.stderr);
}

#[test]
fn files_that_hold_no_users_are_refused_and_leave_no_database() {
    let place = Place::empty();
    place.write("users.csv", b"user_id,email\n");
    place.write("cut.json", br#"[{"user_id": "1", "email": "a@example.com"}, {"user_id""#);
    place.write("cut.gz", &[0x1f, 0x8b, 8, 0, 0]);
    assert!(
        place.bad(&["users", "import", "users.csv"], 2).contains("this is not JSON; expected Auth0's export")
    );
    assert!(place.bad(&["users", "import", "missing"], 2).contains("it cannot be read: No such file"));
    assert!(place.bad(&["users", "import", "cut.gz"], 2).contains("cut.gz: it cannot be read"));
    assert!(!place.path().join("users.db").exists());
    let ran = place.run(&["users", "import", "cut.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), "1 users added\n"));
    assert!(
        ran.stderr.contains("cut.json, line 1, column 55, after user 1: the file breaks off in the middle"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("correct the file there, and import it again"), "{}", ran.stderr);
}

#[test]
fn a_password_is_never_repeated() {
    let place = Place::empty();
    for (url, code) in [
        ("mysql://root:hunter2@localhost/x", 2),
        // Correct URLs whose server does not answer now.
        ("postgres://u:hunter2@127.0.0.1:1/x", 1),
        ("postgres://u:hunter2@127.0.0.1:port/x", 2),
    ] {
        let ran = ran(place
            .command(&["users", "export"])
            .env("LIGATURE_DIRECTORY", url)
            .output()
            .expect("it runs"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
    let help = place.good(&["users", "export", "--help"]);
    assert!(help.contains("[env: LIGATURE_DIRECTORY]"), "its value is not printed: {help}");
}

#[test]
fn the_environment_says_what_a_postgres_url_leaves_out() {
    let place = Place::empty();
    let export = |url: &str, port: &str, code: i32| {
        let mut command = place.command(&["users", "export", "--directory", url]);
        command.env("PGHOST", "127.0.0.1").env("PGPORT", port).env("PGUSER", "u");
        let ran = ran(command.env("PGPASSWORD", "hunter2").env("PGDATABASE", "x").output().expect("it runs"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
        ran.stderr
    };
    assert!(export("postgres://", "1", 1).contains("postgres://127.0.0.1:1/x cannot be reached"));
    assert!(export("postgres://localhost/y", "2", 1).contains("postgres://localhost:2/y cannot be reached"));
    assert!(export("postgres://", "hunter2", 2).contains("PGPORT cannot be understood"));
}

#[test]
fn snapshots_are_encrypted_with_a_key_file() {
    let place = Place::with_users();
    place.write("key", "00".repeat(32).as_bytes());
    let error = place.bad(&["journal", "list", "--journal-key", "key"], 2);
    assert!(error.contains("chmod 600 key"), "{error}");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(place.path().join("key"), private).expect("it is made private");
    place.log_in(&["--journal-key", "key"]);
    let id = place.link_id();
    assert!(place.bad(&["undo", &id], 1).contains("--journal-key"));
    assert!(place.good(&["journal", "show", &id]).contains("encrypted with the key"));
    place.good(&["undo", &id, "--journal-key", "key"]);
    place.write("key", b"short");
    assert!(
        place.bad(&["journal", "list", "--journal-key", "key"], 2).contains("expected 64 hexadecimal digits")
    );
}

#[test]
fn what_the_journal_keeps_is_erased_when_told_or_in_time() {
    let place = Place::with_users();
    place.log_in(&[]);
    let id = place.link_id();
    for (user, others) in [("auth0|9", ""), ("", ""), ("auth0|", ", and it begins others, such as auth0|1")] {
        let error = place.bad(&["journal", "prune", "--user", user], 1);
        let told = format!("no user and no entry of the journal has the id {user}{others}");
        assert!(error.contains(&told) && error.contains("needs the whole id"), "{error}");
    }
    // An erased user is not erased twice, but is known.
    assert_eq!(place.good(&["journal", "prune", "--user", "google-oauth2|2"]), "1 snapshots erased\n");
    assert_eq!(place.good(&["journal", "prune", "--user", "google-oauth2|2"]), "0 snapshots erased\n");
    assert!(place.bad(&["undo", &id], 1).contains("was erased from the journal"));

    let place = Place::with_users();
    place.log_in(&["--journal-days", "30"]);
    let id = place.link_id();
    assert!(
        place
            .good(&["journal", "show", &id, "--journal-days", "36500"])
            .contains("kept         google-oauth2|2")
    );
    place.good(&["undo", &id, "--dry-run", "--journal-days", "0"]);
    assert!(
        place.good(&["journal", "show", &id]).contains("kept         google-oauth2|2"),
        "a dry run erases nothing"
    );
    let shown = place.good(&["journal", "show", &id, "--journal-days", "0"]);
    assert!(shown.contains("kept         google-oauth2|2"), "nor does reading");
    place.good(&["migrate", "--journal-days", "0"]);
    assert!(place.good(&["journal", "show", &id]).contains("it was erased"));
}

/// Root writes to read-only files too: the program is run as somebody else.
#[test]
fn a_read_only_file_is_one_sentence_and_nothing_is_lost() {
    let place = Place::with_users();
    let before = place.users();
    let set = |name: &str, mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path().join(name), mode).expect("permissions are set");
    };
    set("users.db", 0o444);
    set(".", 0o555);
    let is_root = fs::metadata("/proc/self").map(|it| it.uid()).unwrap_or(1) == 0;
    let program = tempfile::tempdir().expect("a folder");
    let binary = program.path().join("ligature");
    fs::copy(env!("CARGO_BIN_EXE_ligature"), &binary).expect("a copy that everybody reaches");
    fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).expect("a path");
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(&binary);
        command
    } else {
        Command::new(&binary)
    };
    let arguments = ["run", "--event", "event.json", "--directory", "sqlite:users.db"];
    let ran = ran(command.args(arguments).current_dir(place.path()).output().expect("it runs"));
    set(".", 0o755);
    set("users.db", 0o644);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("read-only") || ran.stderr.contains("may not be opened"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(place.users(), before);
}

/// A file size limit stands for a full disk: writing fails in the middle.
#[test]
fn a_full_disk_is_one_sentence_and_nothing_is_lost() {
    let place = Place::with_users();
    let before = place.users();
    let many: String = (0..20_000)
        .map(|n| format!("{{\"user_id\":\"sms|{n}\",\"email\":\"u{n}@example.com\"}}\n"))
        .collect();
    place.write("many.ndjson", many.as_bytes());
    let limited = format!(
        "trap '' XFSZ; ulimit -f 1024; exec {} users import many.ndjson --again",
        env!("CARGO_BIN_EXE_ligature")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &limited]).current_dir(place.path()).env("LIGATURE_DIRECTORY", "sqlite:users.db");
    let ran = ran(command.output().expect("it runs"));
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stderr.contains("cannot be read or written") || ran.stderr.contains("disk is full"),
        "{}",
        ran.stderr
    );
    let after = place.users();
    assert!(before.lines().all(|user| after.contains(user)), "nothing is lost");
    let told: u64 =
        ran.stdout.split(' ').next().and_then(|n| n.replace(',', "").parse().ok()).expect("a number");
    assert_eq!(after.lines().count() as u64, told + 2, "what was told is there, and nothing else");
    // With room again, the same command ends the work.
    place.good(&["users", "import", "many.ndjson"]);
    assert_eq!(place.users().lines().count(), 20_002);
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
