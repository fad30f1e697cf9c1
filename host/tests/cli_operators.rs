//! The program `ligature` in an operator's hands: what reading leaves alone, how an
//! older directory is brought up to date, and how users and links are found.

mod place;

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use place::Place;

const USERS: &str = r#"{"user_id":"auth0|1","email":"ada@example.com","email_verified":true,"created_at":"2024-01-01T00:00:00Z","logins_count":3}
{"user_id":"auth0|12","email":"bob@corp.com","email_verified":true,"created_at":"2024-01-01T00:00:00Z","name":"Bob"}
{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true,"created_at":"2025-01-01T00:00:00Z","identities":[{"provider":"google-oauth2","user_id":"2","connection":"google-oauth2","isSocial":true}],"app_metadata":{"plan":"pro"}}
{"user_id":"sms|7","phone_number":"+1","blocked":true,"identities":[{"provider":"sms","user_id":"7","connection":"sms"}]}
"#;

/// A database of the first release.
const VERSION_1: &str = concat!(
    include_str!("../src/directory/sql/migrations/V1__users.sql"),
    "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), \
       checksum VARCHAR(255));
     INSERT INTO refinery_schema_history VALUES (1, 'users', '2026-11-01T00:00:00Z', '7939057041791406996');"
);

impl Place {
    fn empty() -> Self {
        Self::with_files(&[("users.ndjson", USERS)])
    }

    fn with_users() -> Self {
        let place = Self::empty();
        assert_eq!(place.good(&["users", "import", "users.ndjson"]), "4 users added\n");
        place
    }

    /// The same, and none of them is blocked.
    fn with_users_let_in() -> Self {
        let place = Self::with_files(&[("users.ndjson", &USERS.replace("\"blocked\":true,", ""))]);
        assert_eq!(place.good(&["users", "import", "users.ndjson"]), "4 users added\n");
        place
    }

    fn sql(&self, statements: &str) {
        let database = rusqlite::Connection::open(self.file("users.db")).expect("a database");
        database.execute_batch(statements).expect("the statements are right");
    }
}

#[test]
fn reading_commands_leave_an_older_directory_and_say_what_to_run() {
    let place = Place::empty();
    place.sql(VERSION_1);
    let before = fs::read(place.file("users.db")).expect("the file");
    for command in [
        &["journal", "list"][..],
        &["users", "export"],
        &["users", "show", "auth0|1"],
        &["undo", "299782e5-6dba-45a6-92b9-5667e90c1840", "--dry-run"],
    ] {
        let error = place.bad(command, 1);
        assert!(
            error.contains("its schema is of version 1") && error.contains("`ligature migrate`"),
            "{error}"
        );
    }
    assert_eq!(fs::read(place.file("users.db")).expect("the file"), before);
    let ran = place.run(&["migrate"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "the directory now has this program's version\n"));
    let folder = place.path().canonicalize().expect("a folder").display().to_string();
    assert_snapshot!("migration", ran.stderr.replace(&folder, "FOLDER"));
    assert!(place.file("users.db.v1-backup").exists());
    assert_eq!(place.good(&["migrate"]), "the directory already has this program's version\n");
    assert_eq!(place.json(&["migrate", "--json"])["migrated"], false);
    assert_eq!(place.good(&["journal", "list"]), "the journal has no such entries\n");
}

#[test]
fn another_programs_file_is_left_alone_by_every_command() {
    let place = Place::empty();
    place.sql("CREATE TABLE bookmarks (url TEXT); CREATE TABLE journal (line TEXT)");
    let before = fs::read(place.file("users.db")).expect("the file");
    for command in [
        &["journal", "list"][..],
        &["users", "export"],
        &["users", "import", "users.ndjson"],
        &["journal", "prune", "--older-than", "1"],
        &["migrate"],
    ] {
        let error = place.bad(command, 2);
        let told = "it is another program's database (bookmarks, journal); name another file";
        assert!(error.contains(told), "{error}");
    }
    assert_eq!(fs::read(place.file("users.db")).expect("the file"), before);
    let names: Vec<_> = fs::read_dir(place.path()).expect("a folder").collect();
    assert_eq!(names.len(), 2, "no log and no copy: {names:?}");
}

#[test]
fn users_are_listed_in_pages_and_by_what_they_are() {
    let place = Place::with_users();
    assert_snapshot!("users_list", place.good(&["users", "list"]));
    let first = place.good(&["users", "list", "--limit", "3"]);
    assert!(first.ends_with("repeat the command with --after 'google-oauth2|2'\n"), "{first}");
    let rest = place.lines(&["users", "list", "--limit", "3", "--after", "google-oauth2|2", "--json"]);
    assert_eq!(rest.len(), 1);
    assert_eq!((&rest[0]["user_id"], &rest[0]["blocked"]), (&"sms|7".into(), &true.into()));
    let ids = |arguments: &[&str]| -> Vec<String> {
        let users = place.lines(&[&["users", "list", "--json"], arguments].concat());
        users.iter().map(|user| user["user_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&["--connection", "google-oauth2"]), ["google-oauth2|2"]);
    assert_eq!(ids(&["--blocked"]), ["sms|7"]);
    assert_eq!(ids(&["--unverified"]), ["sms|7"]);
    assert!(ids(&["--linked"]).is_empty());
    let ran = place.run(&["users", "list", "--limit", "1", "--json"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 1));
    assert!(
        ran.stderr.contains("there are more") && ran.stderr.contains("--after 'auth0|1'"),
        "{}",
        ran.stderr
    );
}

#[test]
fn users_are_found_by_address_identity_and_the_beginning_of_an_id() {
    let place = Place::with_users();
    let ids = |what: &str| -> Vec<String> {
        let users = place.lines(&["users", "find", what, "--json"]);
        users.iter().map(|user| user["user_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("ADA@example.com"), ["auth0|1", "google-oauth2|2"]);
    assert_eq!(ids("auth0|1"), ["auth0|1"], "a whole id is no beginning");
    assert_eq!(ids("auth0"), ["auth0|1", "auth0|12"]);
    place.good(&["users", "merge", "auth0|1", "google", "--reason", "ticket 7"]);
    assert_eq!(ids("google-oauth2|2"), ["auth0|1"], "the holder of a linked identity");
    let error = place.bad(&["users", "find", "nobody@corp.com"], 1);
    assert!(error.contains("no user is found by n…@corp.com"), "{error}");
    let text = place.good(&["users", "find", "bob@corp.com"]);
    assert!(!text.contains("bob@"), "addresses are masked: {text}");
}

#[test]
fn a_block_is_in_the_journal_and_is_taken_back() {
    let place = Place::with_users();
    assert_eq!(place.good(&["users", "block", "google"]), "google-oauth2|2 is blocked\n");
    assert_eq!(place.good(&["users", "block", "google"]), "google-oauth2|2 was blocked already\n");
    let user = place.json(&["users", "show", "google"]);
    assert_eq!(user["blocked"], true);
    let told = place.json(&["users", "unblock", "google", "--json"]);
    assert_eq!((&told["blocked"], &told["changed"]), (&false.into(), &true.into()));
    let entries = place.lines(&["journal", "list", "--user", "google", "--json"]);
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["unblock", "block"]);
    assert_eq!(entries[0]["actor"]["name"], "the operator");
    let id = entries[0]["id"].as_str().expect("an id");
    assert!(place.bad(&["undo", id], 1).contains("only links can be undone"));
    // A blocked user's login is decided, and nothing of it looks like a parted pair.
    assert_eq!(place.lines(&["journal", "list", "--kind", "unlink", "--json"]).len(), 0);
}

#[test]
fn a_beginning_that_several_ids_have_is_told_with_them() {
    let place = Place::with_users_let_in();
    let error = place.bad(&["users", "show", "auth0|"], 1);
    assert!(
        error.contains("auth0| is the beginning of several ids: auth0|1, auth0|12; type more of the id"),
        "{error}"
    );
    let error = place.bad(&["users", "show", "email|"], 1);
    assert!(error.contains("there is no user email|"), "{error}");
    for (from, to) in [("auth0|12", "sms"), ("auth0|1", "google")] {
        place.good(&["users", "merge", from, to, "--reason", "ticket 7"]);
    }
    let ids: Vec<String> = place
        .lines(&["journal", "list", "--json"])
        .iter()
        .map(|entry| entry["id"].as_str().expect("an id").to_owned())
        .collect();
    let same = ids[0].chars().zip(ids[1].chars()).take_while(|(a, b)| a == b).count();
    let beginning = &ids[0][..=same];
    assert_eq!(place.json(&["journal", "show", beginning, "--json"])["id"], ids[0].as_str());
    place.good(&["undo", &format!("{beginning}…"), "--dry-run"]);
    if same > 0 {
        assert!(
            place.bad(&["journal", "show", &ids[0][..same]], 1).contains("is the beginning of several ids")
        );
    }
    let error = place.bad(&["journal", "show", "ffffffff-ffff"], 1);
    assert!(error.contains("no entry whose id begins with ffffffff-ffff"), "{error}");
}

#[test]
fn two_users_are_merged_by_hand_after_a_look_at_what_would_be() {
    let place = Place::with_users();
    let before = place.good(&["users", "export"]);
    assert_snapshot!(
        "users_merge_dry_run",
        place.good(&["users", "merge", "auth0|1", "google", "--dry-run"])
    );
    assert_eq!(place.good(&["users", "export"]), before);
    let linked = place.json(&["users", "merge", "auth0|1", "google", "--reason", "ticket 7", "--json"]);
    assert_eq!(linked["identities"], serde_json::json!(["auth0|1", "google-oauth2|2"]));
    assert_eq!(linked["not_taken_over"]["app_metadata"], serde_json::json!(["plan"]));
    let id = linked["link_id"].as_str().expect("an id");
    let entry = place.json(&["journal", "show", id, "--json"]);
    assert_eq!(
        (&entry["actor"]["kind"], &entry["actor"]["name"]),
        (&"operator".into(), &"the operator".into())
    );
    assert_eq!(
        (&entry["reasons"][0]["code"], &entry["reasons"][0]["detail"]),
        (&"MERGED_BY_OPERATOR".into(), &"ticket 7".into())
    );
    let error = place.bad(&["users", "merge", "auth0|12", "google-oauth2|2", "--dry-run"], 1);
    let next = "google-oauth2|2 is an identity of auth0|1, and not a separate user: `ligature users show 'auth0|1'` shows it\n";
    assert!(error.ends_with(next), "{error}");
    for more in [&["--reason", "ticket 7"][..], &["--dry-run"]] {
        let error = place.bad(&[&["users", "merge", "auth0|12", "auth0|12"], more].concat(), 2);
        assert!(error.contains("both are the same user, auth0|12; name two users"), "{error}");
    }
    let error = place.bad(&["users", "merge", "auth0|12", "ada@example.com", "--dry-run"], 1);
    assert!(
        error.contains("an id is needed: `ligature users find 'ada@example.com'` shows the ids"),
        "{error}"
    );
    let undone = place.json(&["undo", id, "--json"]);
    assert_eq!(undone["secondary"]["user_id"], "google-oauth2|2");
    assert_eq!(place.json(&["users", "show", "google"])["app_metadata"]["plan"], "pro");
}

#[test]
fn a_blocked_user_is_merged_by_nobodys_hand() {
    let place = Place::with_users();
    place.good(&["users", "block", "google"]);
    let before = place.good(&["users", "export"]);
    let pairs = [
        (["auth0|1", "google-oauth2|2"], "would lift the block"),
        (["google-oauth2|2", "auth0|1"], "would lock out the owner of the other account"),
    ];
    for (pair, why) in pairs {
        for more in [&["--reason", "ticket 7"][..], &["--dry-run"]] {
            let error = place.bad(&[&["users", "merge"], &pair[..], more].concat(), 1);
            assert!(error.contains("google-oauth2|2 is blocked, and nothing was changed"), "{error}");
            assert!(error.contains(why), "{error}");
            assert!(error.contains("ligature users unblock 'google-oauth2|2'"), "{error}");
        }
    }
    assert_eq!(place.good(&["users", "export"]), before);
    place.good(&["users", "unblock", "google"]);
    place.good(&["users", "merge", "auth0|1", "google", "--reason", "ticket 7"]);
}

/// A container often sets none of the variables that name the user.
#[test]
fn an_operator_without_a_variable_is_the_user_of_the_system() {
    let place = Place::with_users_let_in();
    let mut command = place.command(&["users", "block", "auth0|1"]);
    for name in ["USER", "LOGNAME", "SUDO_USER"] {
        command.env_remove(name);
    }
    assert!(command.status().expect("it runs").success());
    let id = std::process::Command::new("id").arg("-un").output().expect("`id` runs").stdout;
    let id = String::from_utf8(id).expect("UTF-8");
    let entries = place.lines(&["journal", "list", "--json"]);
    assert_eq!(entries[0]["actor"]["name"], id.trim());
}

#[test]
fn the_journal_is_asked_by_user_kind_actor_reason_and_time() {
    let place = Place::with_users_let_in();
    place.good(&["users", "merge", "auth0|12", "sms", "--reason", "ticket 7"]);
    fs::write(
        place.file("event.json"),
        r#"{"user":{"user_id":"google-oauth2|2","email":"ada@example.com","email_verified":true},"connection":{"name":"google-oauth2","strategy":"google-oauth2"},"authentication":{"methods":[{"name":"federated"}]}}"#,
    )
    .expect("a file is written");
    fs::write(place.file("policy.json"), r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#)
        .expect("a file is written");
    place.good(&[
        "run",
        "--event",
        "event.json",
        "--policy",
        "policy.json",
        "--now",
        "2026-11-21T10:00:00Z",
        "--json",
    ]);
    place.good(&["users", "block", "auth0|12"]);
    let kinds = |arguments: &[&str]| -> Vec<String> {
        let entries = place.lines(&[&["journal", "list", "--json"], arguments].concat());
        let name = |entry: &Value| {
            format!(
                "{} {}",
                entry["kind"].as_str().expect("a kind"),
                entry["secondary"].as_str().expect("an id")
            )
        };
        entries.iter().map(name).collect()
    };
    assert_eq!(kinds(&[]), ["block auth0|12", "link google-oauth2|2", "link sms|7"], "the newest first");
    assert_eq!(kinds(&["--kind", "link"]), ["link google-oauth2|2", "link sms|7"]);
    assert_eq!(kinds(&["--actor", "plugin"]), ["link google-oauth2|2"]);
    assert_eq!(kinds(&["--actor", "operator:the operator", "--kind", "link"]), ["link sms|7"]);
    assert!(kinds(&["--actor", "operator:somebody else"]).is_empty());
    assert_eq!(kinds(&["--reason", "LINKED_VERIFIED_BOTH"]), ["link google-oauth2|2"]);
    assert_eq!(kinds(&["--until", "2026-11-21T10:00:00Z"]), ["link google-oauth2|2"]);
    assert_eq!(kinds(&["--since", "2026-11-21T10:00:01Z", "--user", "sms|7"]), ["link sms|7"]);
    let page = place.good(&["journal", "list", "--limit", "2"]);
    let (_, go_on) = page.trim_end().rsplit_once(" --before ").expect("it says how to go on");
    assert_eq!(kinds(&["--limit", "2", "--before", go_on]), ["link sms|7"]);
    let ran = place.run(&["journal", "list", "--limit", "1", "--json", "--actor", "operator"]);
    assert!(ran.stderr.contains("there are more"), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 1);
    let all = place.run(&["journal", "list", "--limit", "3", "--json"]);
    assert_eq!(all.stderr, "", "there are no more");
}

#[test]
fn what_is_written_wrong_is_told_in_plain_words() {
    let place = Place::with_users();
    let told = |arguments: &[&str], words: &str| {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(words), "{arguments:?}: {}", ran.stderr);
    };
    told(&["users", "list", "--limit", "0"], "expected a whole number from 1 to");
    told(&["users", "find", "ada", "--limit", "0"], "expected a whole number from 1 to");
    told(&["journal", "list", "--limit", "x"], "expected a whole number");
    told(&["journal", "list", "--actor", "nobody"], "expected one of `plugin`, `operator`, `client`, `user`");
    told(&["test", "-"], "standard input: standard input has no place for a snapshot");
    told(&["run"], "a CASE file, or --event FILE with --directory URL");
    for (name, text, kind) in [
        ("null", "null", "`null`"),
        ("7", "7", "`7`"),
        ("text", "\"abc\"", "a text"),
        ("list", "[]", "a list"),
    ] {
        fs::write(place.file(name), text).expect("a file is written");
        told(&["run", name], &format!("{name}, line 1, column 1: expected an object, not {kind}"));
    }
    let case = r#"{"users": [], "event": {"user": {"user_id": "auth0|1"}, "connection": {"name": "db"}}}"#;
    fs::write(place.file("case.json"), case).expect("a file is written");
    told(&["run", "--event", "case.json"], "this is a case, which holds an event");
    // The directory of the environment is for other commands.
    for option in ["--directory=sqlite:users.db", "--journal-key=key", "--journal-days=1"] {
        told(&["run", "case.json", option], "is for --event");
    }
    let entry = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    for arguments in
        [&["journal", "list", "--before", entry][..], &["journal", "show", entry], &["undo", entry]]
    {
        let error = place.bad(arguments, 1);
        assert!(error.contains(&format!("the journal has no entry {entry}")), "{error}");
        assert!(!error.contains("not found"), "{error}");
    }
}

#[test]
fn an_undo_of_what_is_no_link_that_stands_is_exit_1() {
    let place = Place::with_users();
    place.good(&["users", "block", "auth0|12"]);
    let block = place.lines(&["journal", "list", "--json"])[0]["id"].clone();
    let error = place.bad(&["undo", block.as_str().expect("an id")], 1);
    assert!(error.contains("this entry is not a link"), "{error}");
    let link =
        place.json(&["users", "merge", "auth0|1", "google", "--reason", "ticket 7", "--json"])["link_id"]
            .clone();
    let link = link.as_str().expect("an id");
    place.good(&["undo", link]);
    assert!(place.bad(&["undo", link], 1).contains("undone already"));
}
