//! Cases decided by the policy that is in production, at another time, and from
//! a pipe.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{ligature, workspace};

const CASE: &str = "tests/cases/S-01.json";

fn report(arguments: &[&str]) -> Value {
    let ran = ligature(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

fn policy(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("policy.json");
    fs::write(&file, text).expect("a file is written");
    let name = file.display().to_string();
    (folder, name)
}

#[test]
fn a_policy_stands_in_place_of_the_cases_own() {
    assert_eq!(report(&["run", CASE, "--json"])["decision"]["kind"], "linked");
    let (_folder, file) = policy(r#"{"mode": "off"}"#);
    let decided = report(&["run", CASE, "--policy", &file, "--json"]);
    assert_eq!(decided["decision"]["kind"], "proceed");
    assert_eq!(decided["reasons"][0]["code"], "POLICY_DISABLED");
}

#[test]
fn a_policy_that_is_none_is_told_with_its_own_file() {
    let (_folder, file) = policy("{\n  \"mode\": \"atuo\"\n}");
    for command in ["run", "test"] {
        let ran = ligature(&[command, CASE, "--policy", &file]);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(2), "{told}");
        assert!(
            told.contains("policy.json, line 2, column 16: the policy: `mode`: unknown value `atuo`"),
            "{told}"
        );
    }
}

#[test]
fn cases_are_tested_by_another_policy() {
    let (_folder, file) = policy(r#"{"mode": "off"}"#);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let case = folder.path().join("case.json");
    fs::copy(workspace().join(CASE), &case).expect("a case");
    let case = case.display().to_string();
    assert_eq!(ligature(&["test", &case, "--accept"]).code, Some(0));
    assert_eq!(ligature(&["test", &case]).code, Some(0));
    let ran = ligature(&["test", &case, "--policy", &file]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("+     \"kind\": \"proceed\""), "{}", ran.stdout);
}

#[test]
fn a_case_is_decided_at_another_time() {
    // The proof of S-109 counts for ten minutes.
    let code = |now: &[&str]| {
        let arguments = [&["run", "tests/cases/S-109-mailbox-at-the-limit.json", "--json"], now].concat();
        report(&arguments)["reasons"][0]["code"].clone()
    };
    assert_eq!(code(&[]), "LINKED_VERIFIED_BOTH");
    assert_eq!(code(&["--now", "2027-01-01T00:00:00Z"]), "NO_FRESH_MAILBOX_PROOF");
}

#[test]
fn a_case_comes_from_a_pipe() {
    let piped = |text: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ligature"))
            .args(["run", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        child.stdin.take().expect("a pipe").write_all(text).expect("it is read");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let case = fs::read(workspace().join(CASE)).expect("a case");
    let (code, page, _) = piped(&case);
    assert_eq!(code, Some(0));
    assert!(page.contains("\nstandard input\n") && page.contains("LINKED_VERIFIED_BOTH"), "{page}");
    let (code, _, told) = piped(b"");
    assert_eq!(
        (code, told.trim()),
        (Some(2), "error: standard input: there is nothing in it; expected a JSON text")
    );
}
