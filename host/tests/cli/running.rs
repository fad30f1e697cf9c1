//! `ligature run`: the page, its JSON and its explanation.

use insta::assert_snapshot;
use serde_json::Value;

use crate::{DEMO, demo_case, directory_with, ligature, ligature_in, sentence};

#[test]
fn run_prints_one_page() {
    let ran = ligature(&["run", DEMO]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let (page, cost) = ran.stdout.split_once("\nCost\n").expect("the cost comes last");
    assert_snapshot!(page);
    for word in ["fuel", "memory", "host calls", "time", "plugin"] {
        assert!(cost.contains(word), "{cost}");
    }
}

/// The schema's properties hold every key of the object, and the object holds
/// every key that the schema requires.
fn fits(schema: &Value, object: &Value) {
    let properties = schema["properties"].as_object().expect("the schema lists properties");
    let keys = object.as_object().expect("an object");
    let closed = schema["additionalProperties"] == Value::Bool(false);
    for key in keys.keys().filter(|_| closed || schema["title"] == "Outcome") {
        assert!(properties.contains_key(key), "`{key}` is not in the schema");
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(keys.contains_key(required), "`{required}` is missing");
    }
}

fn schema(of: &str) -> Value {
    serde_json::from_str(&ligature(&["schema", of]).stdout).expect("JSON")
}

#[test]
fn run_prints_json_that_fits_its_schema() {
    let ran = ligature(&["run", DEMO, "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["decision"]["kind"], "linked");
    assert!(report["cost"]["fuel"].as_u64().is_some_and(|fuel| fuel > 0));
    fits(&schema("outcome"), &report);
}

#[test]
fn the_demo_fits_the_schemas() {
    let case: Value = serde_json::from_str(&demo_case()).expect("JSON");
    fits(&schema("case"), &case);
    fits(&schema("event"), &case["event"]);
    fits(&schema("policy"), &case["policy"]);
}

#[test]
fn schemas_are_printed() {
    for of in ["case", "policy", "event", "outcome"] {
        let ran = ligature(&["schema", of]);
        let schema: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{of}");
    }
    let ran = ligature(&["schema", "policy", "--plugin", ligature_test_guests::MINIMAL_FILE]);
    assert!(sentence(&ran).contains("does not describe its policy document"), "{}", ran.stderr);
}

#[test]
fn colours_are_for_terminals() {
    assert!(!ligature(&["run", DEMO]).stdout.contains('\u{1b}'));
}

#[test]
fn addresses_are_masked_unless_they_belong_to_nobody() {
    let text = demo_case().replace("@example.com", "@corp-mail.com");
    let directory = directory_with(&[("case.json", &text)]);
    for arguments in [&["run", "case.json"][..], &["run", "case.json", "--json"]] {
        let ran = ligature_in(directory.path(), arguments);
        assert_eq!(ran.code, Some(0));
        assert!(
            ran.stdout.contains("a…@corp-mail.com") && !ran.stdout.contains("ada.lovelace@"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn explain_tells_every_rule_and_what_would_change_it() {
    let ran = ligature(&["run", "tests/cases/S-08.json", "--explain"]);
    let (_, explanation) = ran.stdout.split_once("\nExplanation\n").expect("an explanation");
    let (explanation, _) = explanation.split_once("\n\n").expect("the changes come after it");
    assert_snapshot!(explanation);
    let ran = ligature(&["run", "tests/cases/S-08.json", "--explain", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let trace = report["trace"].as_array().expect("a trace");
    for (place, rule) in trace.iter().enumerate() {
        let rule = rule["rule"].as_str().expect("a text");
        assert!(rule.starts_with(&format!("{} ", place + 1)), "{rule}");
    }
    assert!(
        trace.last().is_some_and(|last| last["rule"]
            .as_str()
            .is_some_and(|it| it.ends_with(" everything has passed")))
    );
    assert_eq!(report["hints"][0]["decision"], "linked");
}

#[test]
fn every_outcome_carries_the_hash_of_its_policy() {
    let hash = |case: &str| {
        let report: Value = serde_json::from_str(&ligature(&["run", case, "--json"]).stdout).expect("JSON");
        report["policy_sha256"].as_str().map(str::to_owned).filter(|hash| hash.len() == 64).expect("a hash")
    };
    assert_eq!(hash("tests/cases/S-01.json"), hash("tests/cases/S-02.json"));
    assert_ne!(hash("tests/cases/S-01.json"), hash("tests/cases/mode-off.json"));
}

/// A user that the tenant has exported without identities, or without their
/// connections.
#[test]
fn a_user_without_a_connection_is_of_the_logins() {
    for identities in ["", r#", "identities": [{"provider": "auth0", "user_id": "1"}]"#] {
        let text = format!(
            r#"{{"title": "t", "now": "2026-11-21T10:00:00Z", "policy": {{"mode": "auto"}},
                "users": [{{"user_id": "auth0|1", "email": "ada@example.com"{identities}}}],
                "event": {{"user": {{"user_id": "auth0|1", "email": "ada@example.com"{identities}}},
                    "connection": {{"name": "Username-Password-Authentication", "strategy": "auth0"}}}}}}"#
        );
        let directory = directory_with(&[("case.json", &text)]);
        let ran = ligature_in(directory.path(), &["run", "case.json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{identities}");
    }
}
