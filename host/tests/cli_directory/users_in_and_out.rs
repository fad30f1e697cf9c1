//! Imports and exports: what comes back, what is left out, and where an import goes on.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use serde_json::Value;

use crate::place::{Place, Ran};
use crate::{EVENT, USERS};

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

/// Tokens are left out in the spellings of the Actions editor and of older exports.
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
    let bytes = fs::read(place.file("users.db")).expect("the database");
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
    assert_eq!(
        place.good(&["users", "import", "users.ndjson"]),
        "nothing comes after line 3: the file is imported (--again imports it from the start)\n1 left out before (--again lists them)\n"
    );
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
    let database = rusqlite::Connection::open(place.file("users.db")).expect("the database opens");
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
    let ran = Ran::read(child.wait_with_output().expect("it ends"));
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
    assert!(place.bad(&["users", "import", "missing"], 2).contains("missing: there is no such file"));
    assert!(place.bad(&["users", "import", "cut.gz"], 2).contains("cut.gz: it cannot be read"));
    assert!(!place.file("users.db").exists());
    let ran = place.run(&["users", "import", "cut.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), "1 users added\n"));
    assert!(
        ran.stderr.contains("cut.json, line 1, column 55, after user 1: the file breaks off in the middle"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("correct the file there, and import it again"), "{}", ran.stderr);
}
