//! Case files with faults: each is one sentence with its place.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::{demo_case, directory_with, ligature, ligature_in, sentence};

/// Runs a case with this text.
fn run_text(text: &str) -> String {
    let directory = directory_with(&[("case.json", text)]);
    sentence(&ligature_in(directory.path(), &["run", "case.json"]))
}

/// The demo's case with one thing replaced.
fn run_demo_with(what: &str, by: &str) -> String {
    let text = demo_case();
    assert!(text.contains(what), "{what}");
    run_text(&text.replacen(what, by, 1))
}

#[test]
fn case_that_is_not_there() {
    assert_snapshot!(sentence(&ligature(&["run", "nowhere.json"])));
}

#[test]
fn case_that_is_a_directory() {
    assert_snapshot!(sentence(&ligature(&["run", "tests/cases"])));
}

#[test]
fn case_that_is_empty() {
    assert_snapshot!(run_text(""));
}

#[test]
fn case_that_is_cut_off() {
    let text = demo_case();
    assert_snapshot!(run_text(&text[..text.len() / 2]));
}

#[test]
fn case_that_is_not_utf_8() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("case.json"), b"{\n  \"title\": \"\xff\"}").expect("it is written");
    assert_snapshot!(sentence(&ligature_in(directory.path(), &["run", "case.json"])));
}

#[test]
fn case_with_an_unknown_key() {
    assert_snapshot!(run_demo_with("\"title\"", "\"titel\""));
}

#[test]
fn case_without_an_event() {
    assert_snapshot!(run_text(r#"{"title": "t", "now": "2026-11-21T10:00:00Z"}"#));
}

#[test]
fn case_whose_time_is_none() {
    assert_snapshot!(run_demo_with("2026-11-21T10:00:00.000Z", "yesterday"));
}

#[test]
fn event_of_the_wrong_shape() {
    assert_snapshot!(run_demo_with(r#""methods": ["#, r#""methods": [7, "#));
}

#[test]
fn event_without_a_connection() {
    assert_snapshot!(run_demo_with(r#""connection": {"#, r#""connexion": {"#));
}

#[test]
fn event_whose_user_id_has_no_bar() {
    assert_snapshot!(run_demo_with(
        r#""user_id": "google-oauth2|115014287643218005122",
      "user_metadata""#,
        r#""user_id": "115014287643218005122",
      "user_metadata""#
    ));
}

#[test]
fn login_that_is_another_users() {
    let text = r#"{"title": "t", "now": "2026-11-21T10:00:00Z",
        "users": [{"user_id": "auth0|1", "identities": [
            {"provider": "auth0", "user_id": "1", "connection": "db"},
            {"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2"}]}],
        "event": {"user": {"user_id": "auth0|9", "identities": [
            {"provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2"}]},
            "connection": {"name": "google-oauth2"}}}"#;
    assert_snapshot!(run_text(text));
    let directory = directory_with(&[("case.json", text)]);
    let tested = ligature_in(directory.path(), &["test", "case.json"]);
    assert_eq!(tested.code, Some(2));
    assert!(tested.stdout.contains("Is the directory of another tenant?"), "{}", tested.stdout);
}

#[test]
fn user_of_the_wrong_shape() {
    assert_snapshot!(run_demo_with(r#""logins_count": 87"#, r#""logins_count": "87""#));
}

#[test]
fn user_that_stands_twice() {
    let mut case: Value = serde_json::from_str(&demo_case()).expect("JSON");
    let user = case["users"][0].clone();
    case["users"].as_array_mut().expect("a list").push(user);
    assert_snapshot!(run_text(&case.to_string()));
}

#[test]
fn policy_with_an_unknown_key() {
    assert_snapshot!(run_demo_with(r#""mode": "auto""#, r#""mood": "auto""#));
}

#[test]
fn policy_with_an_unknown_value() {
    assert_snapshot!(run_demo_with(r#""mode": "auto""#, r#""mode": "autto""#));
}

#[test]
fn policy_of_the_wrong_type() {
    assert_snapshot!(run_demo_with(r#""trusted_connections": ["#, r#""trusted_connections": 5, "was": ["#));
}

#[test]
fn fault_at_an_unknown_call() {
    let text = demo_case().replacen('{', r#"{"faults": [{"call": "accounts.lnk", "nth": 1}],"#, 1);
    assert_snapshot!(run_text(&text));
}
