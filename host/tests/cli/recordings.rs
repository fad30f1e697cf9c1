//! `ligature record` and `ligature replay`: files that are none, differences, and other
//! plugins.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{demo_case, directory_with, ligature_in, sentence};

/// A folder with the demo's case, and a recording of it.
fn recorded(more: &[&str]) -> tempfile::TempDir {
    let folder = directory_with(&[("case.json", &demo_case())]);
    let ran =
        ligature_in(folder.path(), &[&["record", "case.json", "--output", "login.json"], more].concat());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    folder
}

fn change(folder: &tempfile::TempDir, change: impl FnOnce(&mut Value)) {
    let file = folder.path().join("login.json");
    let mut value = serde_json::from_slice(&fs::read(&file).expect("a recording")).expect("JSON");
    change(&mut value);
    fs::write(file, value.to_string()).expect("it is written");
}

#[test]
fn a_recording_is_a_case_that_other_commands_take() {
    let folder = recorded(&[]);
    for arguments in
        [&["replay", "login.json"][..], &["run", "login.json"], &["test", "login.json", "--accept"]]
    {
        let ran = ligature_in(folder.path(), arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
    }
    let original = ligature_in(folder.path(), &["run", "case.json", "--json"]).stdout;
    let again = ligature_in(folder.path(), &["run", "login.json", "--json"]).stdout;
    let decision = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["reasons"].clone();
    assert_eq!(decision(&original), decision(&again));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_recording() {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(recorded(&[]).path().join("login.json")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_recording_goes_to_standard_output_and_comes_from_standard_input() {
    let folder = directory_with(&[("case.json", &demo_case())]);
    let ran = ligature_in(folder.path(), &["record", "case.json", "--mask-addresses"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(!ran.stdout.to_lowercase().contains("lovelace"), "{}", ran.stdout);
    fs::write(folder.path().join("login.json"), &ran.stdout).expect("it is written");
    assert_eq!(ligature_in(folder.path(), &["replay", "login.json"]).code, Some(0));
}

#[test]
fn a_difference_names_the_call_and_the_decision() {
    let folder = recorded(&[]);
    change(&folder, |login| {
        let calls = login["recording"]["exchange"].as_array_mut().expect("calls");
        calls[3]["call"]["accounts.link"]["user_metadata"] = json!({ "locale": "de" });
    });
    let ran = ligature_in(folder.path(), &["replay", "login.json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""));
    assert_snapshot!(ran.stdout);
}

#[test]
fn a_difference_is_json_where_asked() {
    let folder = recorded(&[]);
    change(&folder, |login| login["recording"]["decided"]["reasons"][0]["code"] = json!("OTHER"));
    let ran = ligature_in(folder.path(), &["replay", "login.json", "--json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&told["same"], &told["differ"]), (&json!(0), &json!(1)));
    assert_eq!(told["logins"][0]["replayed"]["differences"][0]["what"], "reasons");
}

#[test]
fn files_that_are_no_recordings_are_told_one_by_one() {
    let folder = recorded(&[]);
    let whole = fs::read_to_string(folder.path().join("login.json")).expect("a recording");
    for (name, text) in [
        ("1-cut.json", &whole[..whole.len() / 2]),
        ("2-empty.json", ""),
        ("3-foreign.json", "{\"name\": \"package\"}"),
        ("4-list.json", "[]"),
        ("5-newer.json", &whole.replace("\"format\": 1", "\"format\": 2")),
    ] {
        fs::write(folder.path().join(name), text).expect("a file is written");
    }
    let ran = ligature_in(folder.path(), &["replay", "."]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    assert_snapshot!(ran.stdout);
}

/// The time that a plugin needs is another one on another machine.
#[test]
fn a_login_whose_time_was_up_is_called_not_repeatable() {
    let folder = recorded(&[]);
    change(&folder, |login| {
        let decided = &mut login["recording"]["decided"];
        decided["decision"] = json!({ "kind": "proceed" });
        decided["policies"][0]["failure"] = json!("did not answer within 2000 ms");
        decided["policies"][0]["is_late"] = json!(true);
    });
    let ran = ligature_in(folder.path(), &["replay", "login.json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout.starts_with("? login.json ") && ran.stdout.contains("cannot be replayed"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("1 recorded login: 0 as recorded, 1 not repeatable\n"), "{}", ran.stdout);
}

#[test]
fn a_recording_of_another_plugin_or_policy_is_told() {
    let folder = recorded(&[]);
    change(&folder, |login| {
        let policy = &mut login["recording"]["policies"][0];
        policy["plugin_sha256"] = json!("0123456789abcdef");
        policy["document_sha256"] = json!("0123456789abcdef");
    });
    let ran = ligature_in(folder.path(), &["replay", "login.json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let told = [
        "recorded with the plugin link-users-by-email (0123456789ab…), decided by link-users-by-email (",
        "recorded with the policy document 0123456789ab…, decided by ",
    ];
    assert!(told.iter().all(|told| ran.stdout.contains(told)), "{}", ran.stdout);
}

#[test]
fn a_login_of_several_policies_needs_the_policies_file() {
    let folder = directory_with(&[
        ("event.json", include_str!("../../../examples/directory/event.json")),
        ("users.ndjson", include_str!("../../../examples/directory/users.ndjson")),
        ("policies.toml", POLICIES),
    ]);
    let run = |arguments: &[&str]| ligature_in(folder.path(), arguments);
    let imported = run(&["users", "import", "users.ndjson", "--directory", "sqlite:users.db"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let record =
        ["record", "--event", "event.json", "--directory", "sqlite:users.db", "--policies", "policies.toml"];
    let ran = run(&[&record[..], &["--output", "login.json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Nothing was linked, and no user was added.
    let users = run(&["users", "list", "--directory", "sqlite:users.db", "--json"]).stdout;
    assert!(!users.contains("google-oauth2|115014287643218005122"), "{users}");

    let ran = run(&["replay", "login.json"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stdout.contains("login.json: 2 policies have decided it; add --policies FILE"),
        "{}",
        ran.stdout
    );
    let ran = run(&["replay", "login.json", "--policies", "policies.toml"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    // The settings of the file, instead of the recorded ones.
    fs::write(folder.path().join("policies.toml"), POLICIES.replace("\"auto\"", "\"observe\""))
        .expect("a file");
    let ran = run(&["replay", "login.json", "--policies", "policies.toml"]);
    assert_eq!(ran.code, Some(0), "the recorded settings count: {}", ran.stdout);
    let ran = run(&["replay", "login.json", "--policies", "policies.toml", "--changed"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stdout);
    assert!(ran.stdout.contains("1 decided otherwise"), "{}", ran.stdout);
}

#[test]
fn the_one_policy_of_a_policies_file_is_found_by_its_name() {
    let one = "[[policy]]\nname = \"ours\"\nsettings = { mode = \"auto\" }\n";
    let folder = directory_with(&[
        ("event.json", include_str!("../../../examples/directory/event.json")),
        ("users.ndjson", include_str!("../../../examples/directory/users.ndjson")),
        ("one.toml", one),
        ("other.toml", &one.replace("ours", "theirs")),
    ]);
    let run = |arguments: &[&str]| ligature_in(folder.path(), arguments);
    run(&["users", "import", "users.ndjson", "--directory", "sqlite:users.db"]);
    let directory = ["--event", "event.json", "--directory", "sqlite:users.db"];
    let ran =
        run(&[&["record", "--policies", "one.toml", "--output", "login.json"][..], &directory].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = run(&["replay", "login.json", "--policies", "one.toml"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let ran = run(&["replay", "login.json", "--policies", "other.toml"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stdout.contains("there is no policy `ours`; the policies file has `theirs`"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_policy_that_cannot_be_used_is_told_once() {
    let folder = recorded(&[]);
    fs::copy(folder.path().join("login.json"), folder.path().join("again.json")).expect("a copy");
    fs::write(folder.path().join("bad.json"), "{ \"mode\": \"sometimes\" }").expect("a file");
    fs::write(folder.path().join("cut.json"), "{ \"mode\"").expect("a file");
    fs::write(folder.path().join("bad.toml"), POLICIES.replace("observe", "sometimes")).expect("a file");
    for (arguments, told) in [
        (["--policy", "bad.json"], "error: bad.json, line 1, column 21: the policy: `mode`: unknown value"),
        (["--policy", "cut.json"], "error: cut.json, line 1, column 8"),
        (["--policy", "nowhere.json"], "error: nowhere.json: there is no such file"),
        (["--policies", "bad.toml"], "error: bad.toml"),
    ] {
        let replay = ["replay", "login.json", "again.json"];
        let ran = ligature_in(folder.path(), &[&replay[..], &arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(told), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_suggestion_is_told_in_words() {
    let folder = recorded(&[]);
    fs::write(folder.path().join("ask.json"), "{ \"mode\": \"suggest\" }").expect("a file");
    let ran = ligature_in(folder.path(), &["replay", "login.json", "--policy", "ask.json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("  ask the user to log in to the other account too: auth0|"),
        "{}",
        ran.stdout
    );
}

const POLICIES: &str = r#"
[[policy]]
name = "watch"
settings = { mode = "observe" }

[[policy]]
name = "link"
settings = { mode = "auto", trusted_connections = ["google-oauth2"] }
"#;

#[test]
fn a_login_has_to_be_named() {
    let folder = directory_with(&[("case.json", &demo_case())]);
    let ran = ligature_in(folder.path(), &["record"]);
    assert_eq!(ran.code, Some(2));
    assert!(sentence(&ran).contains("name the login to record"), "{}", ran.stderr);
    let ran = ligature_in(folder.path(), &["record", "case.json", "--output", "case.json"]);
    assert_eq!(ran.code, Some(2));
    assert!(sentence(&ran).contains("this is the login to record; name another file"), "{}", ran.stderr);
}
