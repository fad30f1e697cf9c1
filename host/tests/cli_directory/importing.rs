//! Files of users as people have them.

use std::io::Write;

use serde_json::Value;

use crate::place::{Place, Ran};

/// Every user of the directory, by its id.
pub(crate) fn user(place: &Place, id: &str) -> Value {
    serde_json::from_str(&place.good(&["users", "show", id])).expect("JSON")
}

pub(crate) fn import(place: &Place, file: &str, bytes: &[u8], more: &[&str]) -> Ran {
    place.write(file, bytes);
    place.run(&[&["users", "import", file], more].concat())
}

/// Imports a file, expects success, and returns the output.
pub(crate) fn imported(place: &Place, file: &str, bytes: &[u8], more: &[&str]) -> String {
    let ran = import(place, file, bytes, more);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    ran.stdout
}

pub(crate) fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).expect("it is compressed");
    gzip.finish().expect("it is compressed")
}

pub(crate) const SAML: &str = r#"{"user_id":"samlp|acme|Ada@Acme.example","email":"Ada@Acme.example","email_verified":true,"identities":[{"provider":"samlp","user_id":"acme|Ada@Acme.example","connection":"acme","isSocial":false}]}"#;
pub(crate) const GOOGLE: &str = r#"{"user_id":"google-oauth2|2","email":"Ada@Acme.example","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}]}"#;

/// Users are the same in every format of the file.
#[test]
fn exported_users_are_the_same_in_every_file() {
    let pretty = |json: &str| {
        let value: Value = serde_json::from_str(json).expect("JSON");
        serde_json::to_string_pretty(&value).expect("JSON")
    };
    let array = format!("[{SAML},{GOOGLE}]");
    let totals = format!(r#"{{"start":0,"limit":50,"length":2,"total":2,"users":[{SAML},{GOOGLE}]}}"#);
    let files = [
        format!("{SAML}\n{GOOGLE}\n"),
        format!("{SAML}\r\n{GOOGLE}\r\n"),
        format!("{SAML}\n{GOOGLE}"),
        array.clone(),
        pretty(&array),
        totals.clone(),
        pretty(&totals),
        format!("{{\"users\": [\n{SAML},\n{GOOGLE}\n]}}\n"),
        format!("{}\n{}\n", pretty(SAML), pretty(GOOGLE)),
        format!("\n\n {}", pretty(&array)),
    ];
    let mut expected = None;
    for text in &files {
        for bytes in [text.clone().into_bytes(), format!("\u{feff}{text}").into_bytes(), gzipped(text)] {
            let place = Place::empty();
            assert_eq!(imported(&place, "users", &bytes, &[]), "2 users added\n", "{text}");
            let users = place.users();
            assert!(users.contains(r#""email":"Ada@Acme.example""#), "{users}");
            assert_eq!(*expected.get_or_insert_with(|| users.clone()), users, "{text}");
        }
    }
}

#[test]
fn one_user_as_it_is_shown_is_read() {
    let place = Place::with_users();
    let shown = place.good(&["users", "show", "google-oauth2|2"]);
    let other = Place::empty();
    assert_eq!(imported(&other, "one.json", shown.as_bytes(), &[]), "1 users added\n");
    assert_eq!(other.good(&["users", "show", "google-oauth2|2"]), shown);
}

#[test]
fn only_the_import_format_makes_database_users() {
    let place = Place::empty();
    let told = imported(
        &place,
        "mixed.json",
        format!(r#"[{{"email": "Bob@Acme.example", "user_id": "7"}}, {SAML}]"#).as_bytes(),
        &[],
    );
    assert_eq!(told, "2 users added\n");
    assert_eq!(user(&place, "auth0|7")["email"], "bob@acme.example");
    assert_eq!(user(&place, "samlp|acme|Ada@Acme.example")["email"], "Ada@Acme.example");
    // A line of an export that lacks its id is not made a user of a database.
    let ran = import(
        &place,
        "export.ndjson",
        format!("{GOOGLE}\n{{\"email\":\"eve@acme.example\"}}\n").as_bytes(),
        &[],
    );
    assert!(ran.stdout.contains("line 2: `user_id` is missing"), "{}", ran.stdout);
    assert_eq!(place.users().lines().count(), 3);
}

#[test]
fn a_file_without_a_single_good_user_fails_each_time() {
    for more in [&[][..], &["--strict"]] {
        let place = Place::empty();
        for _ in 0..3 {
            let ran = import(&place, "bad.ndjson", b"nonsense\n{\"email\":7}\n", more);
            assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
        }
        let ran = import(&place, "bad.json", b"[7]", more);
        assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    }
    let place = Place::empty();
    let ran = import(&place, "bad.ndjson", b"{\"email\":7}\n", &[]);
    assert!(ran.stderr.ends_with("bad.ndjson: no user of it can be imported\n"), "{}", ran.stderr);
}

/// An import that is repeated with --strict reports the lines that an import without it left out.
#[test]
fn what_was_left_out_before_is_told_again() {
    let place = Place::empty();
    let lines = format!("{SAML}\nnonsense\n");
    imported(&place, "users.ndjson", lines.as_bytes(), &[]);
    let told = imported(&place, "users.ndjson", lines.as_bytes(), &[]);
    assert!(told.contains("1 left out before (--again lists them)"), "{told}");
    let ran = import(&place, "users.ndjson", lines.as_bytes(), &["--strict"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("has left 1 out; --again lists them"), "{}", ran.stderr);
}

#[test]
fn another_way_of_importing_begins_anew() {
    let place = Place::empty();
    imported(&place, "old.ndjson", SAML.as_bytes(), &[]);
    let changed = SAML.replace("\"email_verified\":true", "\"email_verified\":true,\"name\":\"Ada\"");
    let ran = import(&place, "new.ndjson", changed.as_bytes(), &[]);
    assert!(ran.stdout.contains("is already there with other data; --replace replaces it"), "{}", ran.stdout);
    assert_eq!(
        imported(&place, "new.ndjson", changed.as_bytes(), &["--replace"]),
        "0 users added\n1 replaced\n"
    );
    let told = imported(&place, "new.ndjson", changed.as_bytes(), &["--replace"]);
    assert!(told.contains("the file is imported"), "{told}");
}

#[test]
fn an_address_that_comes_twice_is_told_with_the_earlier_line() {
    let place = Place::empty();
    let users = b"[{\"email\": \"ada@corp.com\"},\n{\"email\": \"ADA@corp.com\", \"name\": \"Ada\"}]";
    let ran = import(&place, "users.json", users, &[]);
    assert!(
        ran.stdout.contains("user 2, line 2: A\u{2026}@corp.com is already in user 1, line 1"),
        "{}",
        ran.stdout
    );
    let ran = import(&place, "other.json", b"[{\"email\": \"ada@corp.com\", \"name\": \"Eve\"}]", &[]);
    assert!(
        ran.stdout.contains("the user with a\u{2026}@corp.com is already there with other data"),
        "{}",
        ran.stdout
    );
    let hash = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let users = format!(
        "{{\"user_id\": \"1\", \"email\": \"bob@corp.com\", \"password_hash\": \"{hash}\"}}\n{{\"user_id\": \"2\", \"email\": \"bob@corp.com\", \"password_hash\": \"{hash}\"}}\n"
    );
    let ran = import(&place, "same.ndjson", users.as_bytes(), &[]);
    assert!(
        ran.stdout.contains("line 2: line 1 already has b\u{2026}@corp.com in the database"),
        "{}",
        ran.stdout
    );
}

#[test]
fn users_that_are_left_out_can_be_mended_and_imported() {
    let place = Place::empty();
    let mut lines = format!(
        "{SAML}\n{{\"user_id\": \"auth0|1\", \"email\": [\"a\"]}}\n{{\"email\": \"eve@acme.example\"}}\n"
    )
    .into_bytes();
    lines.extend(b"{\"user_id\": \"auth0|2\", \"name\": \"\xff\"}\n");
    let ran = import(&place, "users.ndjson", &lines, &["--rejects", "bad.ndjson"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let path = place.file("bad.ndjson");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("a file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let rejects = std::fs::read(&path).expect("a file");
    let text = String::from_utf8_lossy(&rejects);
    assert!(
        text.contains("# line 2, column 33: `email`: ")
            && text.contains("\n{\"user_id\": \"auth0|1\", \"email\": [\"a\"]}\n"),
        "{text}"
    );
    assert!(rejects.windows(12).any(|bytes| bytes == &b"\"name\": \"\xff\"}\n"[..12]), "{text}");

    // As they are, they are left out again: none becomes a user of a database.
    let ran = import(&place, "again.ndjson", &rejects, &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    let mended = text
        .replace("[\"a\"]", "\"a@acme.example\"")
        .replace("{\"email\": \"eve", "{\"user_id\": \"auth0|9\", \"email\": \"eve")
        .replace('\u{fffd}', "Bob");
    assert_eq!(imported(&place, "mended.ndjson", mended.as_bytes(), &[]), "3 users added\n");

    let error = place.bad(&["users", "import", "mended.ndjson", "--rejects", "./mended.ndjson"], 2);
    assert!(error.contains("this is the file that is imported"), "{error}");
    assert!(place.file("mended.ndjson").exists());
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let place = Place::empty();
    let users = format!("{SAML}\n{GOOGLE}\nnonsense\n");
    let dry = imported(&place, "users.ndjson", users.as_bytes(), &["--dry-run"]);
    assert!(dry.starts_with("2 users would be added\n1 would be left out\n"), "{dry}");
    assert!(!place.file("users.db").exists());
    imported(&place, "first.ndjson", SAML.as_bytes(), &[]);
    let before = place.users();
    let dry = imported(&place, "users.ndjson", users.as_bytes(), &["--dry-run"]);
    assert!(dry.starts_with("1 users would be added\n1 unchanged\n"), "{dry}");
    assert_eq!(place.users(), before);
    let told = imported(&place, "users.ndjson", users.as_bytes(), &[]);
    assert!(told.starts_with("1 users added\n1 unchanged\n"), "{told}");
}

#[test]
fn files_of_other_products_are_known_and_leave_no_database() {
    for (bytes, words) in [
        (&br#"{"users": [{"localId": "abc", "email": "a@mail.example"}]}"#[..], "this looks like Firebase's"),
        (br#"[{"localId": "abc", "email": "a@mail.example"}]"#, "this looks like Firebase's"),
        (br#"{"Users": [{"Username": "abc", "Attributes": []}]}"#, "this looks like Cognito's"),
        (b"{\n \"tenant\": {},\n \"users\": [{\"user_id\": \"auth0|1\"}]\n}", "this looks like a bundle"),
        (br#"{"user": {"user_id": "auth0|1"}, "connection": {"name": "db"}}"#, "the event of a login"),
        (&[0xff, 0xfe, b'[', 0], "this is UTF-16"),
    ] {
        let place = Place::empty();
        let ran = import(&place, "users.json", bytes, &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert!(!place.file("users.db").exists());
    }
}

#[test]
fn a_broken_file_is_told_with_its_place() {
    let place = Place::empty();
    let ran = import(&place, "one.json", b"[{\"name\": \"Test,\"nickname\": \"Test\"}]\n", &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("one.json, line 1, column 18: "), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("; correct the file there, and import it again\n"), "{}", ran.stderr);
    let broken = format!("{{\"users\": [\n{SAML},\n{GOOGLE},\n{{\"user_id\" \"auth0|1\"}}]}}");
    let ran = import(&place, "two.json", broken.as_bytes(), &[]);
    assert!(ran.stderr.contains("two.json, line 4, column 12, after user 2: "), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("2 users added\n"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("the users before it are imported: correct the file there"),
        "{}",
        ran.stderr
    );
    // A line that breaks off is a bad line, not the beginning of something longer.
    let lines = format!("{{\"user_id\": \"auth0|1\"\n{SAML}\n");
    let told = imported(&place, "lines.ndjson", lines.as_bytes(), &[]);
    assert!(told.contains("1 left out\n  line 1, column "), "{told}");
}

#[test]
fn a_date_that_is_none_costs_the_date_only() {
    let place = Place::empty();
    let users = b"{\"user_id\":\"auth0|1\",\"created_at\":{\"$date\":\"2023-01-01T00:00:00Z\"},\"name\":\"Ada\"}\n{\"user_id\":\"auth0|2\",\"created_at\":1583182330000}\n";
    let told = imported(&place, "users.ndjson", users, &[]);
    assert!(
        told.starts_with("2 users added\n`created_at` of 2 users was left out, first in line 1: "),
        "{told}"
    );
    assert_eq!(user(&place, "auth0|1")["name"], "Ada");
}

#[test]
fn a_whole_directory_moves_with_its_passwords_and_undos() {
    let place = Place::with_users();
    let hash = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS";
    let bob =
        format!("[{{\"user_id\": \"9\", \"email\": \"bob@acme.example\", \"password_hash\": \"{hash}\"}}]");
    imported(&place, "bob.json", bob.as_bytes(), &[]);
    place.log_in(&[]);
    let (users, id) = (place.users(), place.link_id());
    for file in ["whole.ndjson", "whole.ndjson.gz"] {
        assert_eq!(
            place.good(&["users", "export", file, "--whole"]),
            format!(
                "2 users, 1 logins and 1 entries of the journal written to {file}, which holds hashes of passwords\n"
            )
        );
        let path = place.file(file);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600);
        let there = format!("sqlite:{file}.db");
        let there = ["--directory", there.as_str()];
        let moved = place.good(&[&["users", "import", file, "--whole"][..], &there].concat());
        assert_eq!(moved, "2 users, 1 logins and 1 entries of the journal moved\n");
        assert_eq!(place.good(&[&["users", "export"][..], &there].concat()), users);
        let undone = place.good(&[&["undo", &id][..], &there].concat());
        assert!(undone.starts_with("google-oauth2|2 is a separate user again"), "{undone}");
        let twice = place.bad(&[&["users", "import", file, "--whole"][..], &there].concat(), 2);
        assert!(
            twice.contains("the directory is not empty") && twice.contains("nothing was moved"),
            "{twice}"
        );
    }
    let told = place.bad(&["users", "import", "whole.ndjson"], 2);
    assert!(told.contains("`ligature users import --whole FILE` reads it"), "{told}");
    let told = place.good(&["users", "export", "import.json", "--format", "import"]);
    assert!(told.contains("the format holds no passwords, dates, logins, roles and organizations"), "{told}");
    assert!(told.contains("none of their 1 linked identities"), "{told}");
}
