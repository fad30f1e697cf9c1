//! The program as such: its version, its help, its exit codes, and what it says
//! to other programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{ligature, ligature_in, workspace};

#[test]
fn the_version_names_commit_contract_and_wasmtime() {
    let ran = ligature(&["--version"]);
    assert_eq!(ran.code, Some(0));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], concat!("ligature ", env!("CARGO_PKG_VERSION")));
    let commit = lines[1].strip_prefix("commit    ").expect("the commit");
    let is_hash = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hash || commit == "unknown: it was built without git's folder", "{commit}");
    assert_eq!(is_hash, workspace().join(".git").exists());
    assert_eq!(lines[2], "contract  ligature:login@0.1.0");
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).expect("the lock file");
    let wasmtime = lines[3].strip_prefix("wasmtime  ").expect("wasmtime");
    assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{wasmtime}\"\n")), "{wasmtime}");
}

#[test]
fn long_help_says_more_than_short_help() {
    for (command, says) in [
        ("run", "Nothing outside the case is changed."),
        ("test", "The files have insta's format."),
        ("serve", "The server listens on this machine only"),
        ("bench", "Use a release build"),
        ("schema", "Editors use it to complete"),
    ] {
        let long = ligature(&[command, "--help"]).stdout;
        assert!(long.split_whitespace().collect::<Vec<_>>().join(" ").contains(says), "{long}");
        assert!(!ligature(&[command, "-h"]).stdout.contains(says));
    }
}

/// Every command exits with 1 for a temporary failure and with 2 for wrong input.
#[test]
fn a_directory_that_cannot_be_reached_is_1_and_one_that_is_none_is_2() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let event = workspace().join("examples/directory/event.json").display().to_string();
    fs::write(folder.path().join("text.db"), "this is no database at all").expect("it is written");
    fs::write(folder.path().join("users.ndjson"), "{\"user_id\": \"auth0|1\"}\n").expect("it is written");
    let commands: [&[&str]; 7] = [
        &["run", "--event", &event, "--dry-run"],
        &["users", "import", "users.ndjson"],
        &["users", "export"],
        &["users", "show", "auth0|1"],
        &["journal", "list"],
        &["journal", "prune", "--older-than", "9"],
        &["undo", "299782e5-6dba-45a6-92b9-5667e90c1840"],
    ];
    for (directory, code) in [
        // No program listens on port 1.
        ("postgres://nobody@127.0.0.1:1/none", 1),
        ("sqlite:text.db", 2),
        ("sqlite:nowhere/users.db", 2),
        ("postgres://nobody@127.0.0.1:port/none", 2),
        ("mysql://localhost/x", 2),
    ] {
        for command in commands {
            let ran = ligature_in(folder.path(), &[command, &["--directory", directory]].concat());
            assert_eq!(ran.code, Some(code), "{command:?} {directory}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        }
    }
}

fn serve(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args([&["serve", "--state", "state"], arguments].concat())
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .expect("the program runs");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_log_of_no_level_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (code, said) = serve(folder.path(), &[], &[("LIGATURE_LOG", "debgu")]);
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: LIGATURE_LOG: `debgu` is not a level; expected one of `off`, `error`, `warn`, `info`, \
         `debug`, `trace`; did you mean `debug`?\n"
    );
}

#[test]
fn a_service_is_set_up_by_its_environment() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::write(folder.path().join("p.json"), r#"{"mode": "atuo"}"#).expect("it is written");
    let port = [("LIGATURE_PORT", "0"), ("LIGATURE_TLS_PORT", "0"), ("LIGATURE_POLICY", "p.json")];
    let (code, said) = serve(folder.path(), &[], &port);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("p.json, line 1, column 15: the policy: `mode`: unknown value `atuo`"), "{said}");
    let (code, said) = serve(folder.path(), &[], &[("LIGATURE_PORT", "x")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains(
            "invalid value 'x' for '--port <PORT>', from the environment variable LIGATURE_PORT: expected a whole number"
        ),
        "{said}"
    );
    let (_, said) = serve(folder.path(), &["--port", "x"], &[("LIGATURE_PORT", "x")]);
    assert!(!said.contains("LIGATURE_PORT"), "{said}");
    let (code, said) = serve(folder.path(), &[], &[("LIGATURE_LOG_FORMAT", "xml")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("that of the environment variable LIGATURE_LOG_FORMAT"), "{said}");
    // The flag counts before it.
    let (code, said) = serve(folder.path(), &["--config", "other.toml"], &[("LIGATURE_CONFIG", "t.toml")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("other.toml: there is no such file"), "{said}");
    let (_, said) = serve(folder.path(), &[], &[("LIGATURE_CONFIG", "t.toml")]);
    assert!(said.contains("t.toml: there is no such file"), "{said}");
}

#[test]
fn tests_are_told_to_programs() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let case = fs::read_to_string(workspace().join("tests/cases/S-01.json")).expect("a case");
    let case: Value = serde_json::from_str(&case).expect("JSON");
    let titled = |title: &str| {
        let mut case = case.clone();
        case["title"] = title.into();
        case.to_string()
    };
    fs::write(folder.path().join("a.json"), titled("one")).expect("it is written");
    assert_eq!(ligature_in(folder.path(), &["test", "a.json", "--accept"]).code, Some(0));
    fs::write(folder.path().join("b.json"), titled("<two> & \u{1b}[2J")).expect("it is written");
    fs::write(folder.path().join("c.json"), "{").expect("it is written");

    let ran = ligature_in(folder.path(), &["test", ".", "--json", "--junit", "junit.xml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    let results: Value = serde_json::from_str(&ran.stdout).expect("JSON and nothing else");
    assert_eq!((&results["passed"], &results["failed"]), (&1.into(), &2.into()));
    let verdicts: Vec<&str> =
        results["cases"].as_array().expect("a list").iter().filter_map(|it| it["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["passed", "failed", "unreadable"]);
    assert!(results["cases"][2]["message"].as_str().is_some_and(|it| it.starts_with("line 1, column 1: ")));

    let xml = fs::read_to_string(folder.path().join("junit.xml")).expect("it is written");
    assert!(xml.contains(r#"tests="3" skipped="0" failures="1" errors="1""#), "{xml}");
    assert!(xml.contains(r#"<testcase name="one""#) && xml.contains("&lt;two&gt; &amp; \\u{1b}[2J"), "{xml}");
    assert!(
        xml.contains(r#"<testcase name="./c.json""#),
        "a case that cannot be read has its file's name: {xml}"
    );
    assert!(xml.contains("there is no snapshot yet") && !xml.contains('\u{1b}'), "{xml}");

    let ran = ligature_in(folder.path(), &["test", "a.json", "--junit", "nowhere/junit.xml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_check_is_told_to_programs() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let checked = |text: &str| -> (Option<i32>, Value) {
        fs::write(folder.path().join("p.json"), text).expect("it is written");
        let ran = ligature_in(folder.path(), &["policy", "check", "p.json", "--json"]);
        (ran.code, serde_json::from_str(&ran.stdout).expect("JSON"))
    };
    let (code, good) = checked(r#"{"trusted_connections": ["acme"]}"#);
    assert_eq!((code, &good["is_good"]), (Some(0), &true.into()));
    assert!(
        good["warnings"][0]["message"].as_str().is_some_and(|it| it.contains("listed without `domains`"))
    );
    let (code, bad) = checked("{\n\"mode\": 5}");
    assert_eq!((code, &bad["is_good"], &bad["error"]["line"]), (Some(2), &false.into(), &2.into()));
    assert_eq!(bad["error"]["message"], "the policy: `mode`: expected a text, not the number 5");
}
