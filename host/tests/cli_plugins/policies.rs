//! Several policies of one login: `ligature run`, `test` and `serve` with
//! `[[policy]]`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::{Value, json};

/// A policies file in which the minimal plugin stands behind the built-in
/// policy, and the demo's case without a policy of its own.
fn folder(policies: &str, case: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(ligature_test_guests::MINIMAL_FILE, folder.path().join("minimal.wasm")).expect("a copy");
    fs::copy(ligature_test_guests::EVIL_FILE, folder.path().join("evil.wasm")).expect("a copy");
    let mut demo: Value =
        serde_json::from_str(include_str!("../../../examples/cases/verified-google-login.json"))
            .expect("JSON");
    demo.as_object_mut().expect("an object").remove("policy");
    case(&mut demo);
    fs::write(folder.path().join("case.json"), demo.to_string()).expect("a file");
    fs::write(folder.path().join("policies.toml"), policies).expect("a file");
    folder
}

fn ligature(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// The outcome, without what differs by build.
fn outcome(policies: &str, case: impl FnOnce(&mut Value)) -> String {
    let folder = folder(policies, case);
    let arguments = ["run", "case.json", "--policies", "policies.toml", "--json"];
    let (_, stdout, stderr) = ligature(folder.path(), &arguments);
    let mut outcome: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}"));
    let outcome = outcome.as_object_mut().expect("an object");
    for key in ["cost", "plugin", "policy_sha256", "changes"] {
        outcome.remove(key);
    }
    serde_json::to_string_pretty(&outcome).expect("JSON")
}

/// The one sentence of a refusal.
fn refusal(policies: &str, case: impl FnOnce(&mut Value)) -> String {
    let folder = folder(policies, case);
    let (code, stdout, stderr) =
        ligature(folder.path(), &["run", "case.json", "--policies", "policies.toml"]);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
    stderr
}

const OBSERVE_THEN_MINIMAL: &str = r#"
[[policy]]
name = "built-in"
settings = { mode = "observe" }
[[policy]]
name = "minimal"
plugin = "minimal.wasm"
"#;

#[test]
fn the_second_decides_where_the_first_lets_the_login_proceed() {
    assert_snapshot!(outcome(OBSERVE_THEN_MINIMAL, |_| {}));
}

/// Each policy has limits of its own, which the sum is not compared with.
#[test]
fn the_page_shows_the_cost_of_all_policies() {
    let folder = folder(OBSERVE_THEN_MINIMAL, |_| {});
    let (code, page, stderr) = ligature(folder.path(), &["run", "case.json", "--policies", "policies.toml"]);
    assert_eq!(code, Some(0), "{stderr}");
    let (_, cost) = page.split_once("Cost\n").expect("a cost");
    let fuel = cost.lines().next().unwrap_or_default();
    assert!(fuel.starts_with("  fuel ") && fuel.ends_with(" for all policies"), "{cost}");
    assert!(cost.contains(" KiB for the largest policy\n") && !cost.contains(" of "), "{cost}");
}

#[test]
fn the_first_that_does_not_proceed_is_the_last_that_is_asked() {
    let policies = r#"
        [[policy]]
        settings = { mode = "auto", trusted_connections = ["google-oauth2", "Username-Password-Authentication"] }
        [[policy]]
        name = "never asked"
        plugin = "evil.wasm"
    "#;
    assert_snapshot!(outcome(policies, |_| {}));
}

#[test]
fn one_that_fails_ends_the_row() {
    let policies = r#"
        [[policy]]
        plugin = "evil.wasm"
        [[policy]]
        plugin = "minimal.wasm"
    "#;
    let outcome = outcome(policies, |case| case["event"]["connection"]["name"] = json!("gives-up"));
    assert_snapshot!(outcome);
}

/// The first would have asked or linked by its own rules: a laxer one does not
/// step in for it.
#[test]
fn an_outage_ends_the_row() {
    let policies = r#"
        [[policy]]
        name = "strict"
        settings = { mode = "auto", trusted_connections = ["google-oauth2", "Username-Password-Authentication"] }
        [[policy]]
        name = "minimal"
        plugin = "minimal.wasm"
    "#;
    let outcome = outcome(policies, |case| {
        case["faults"] =
            json!([{ "call": "users.find-by-email", "nth": 1, "error": { "unavailable": "it is down" } }]);
    });
    let outcome: Value = serde_json::from_str(&outcome).expect("JSON");
    assert_eq!(outcome["decision"]["kind"], "proceed");
    assert_eq!(outcome["policies"][1]["decision"], "not asked", "{outcome}");
}

#[test]
fn a_policy_that_is_named_twice_is_refused() {
    let refusal = refusal(OBSERVE_THEN_MINIMAL, |case| {
        case["policies"] = json!([{ "name": "minimal" }, { "name": "minimal" }]);
    });
    assert_eq!(refusal, "error: case.json: it names the policy `minimal` twice\n");
}

#[test]
fn a_case_names_the_policies_that_decide_it() {
    let outcome = outcome(OBSERVE_THEN_MINIMAL, |case| {
        case["policies"] = json!([{ "name": "minimal" }, { "name": "built-in" }]);
    });
    assert!(outcome.contains(r#""LINKED""#) && !outcome.contains("WOULD_SUGGEST"), "{outcome}");
}

#[test]
fn a_case_brings_settings_of_its_own() {
    let settings = json!({
        "mode": "auto", "trusted_connections": ["google-oauth2", "Username-Password-Authentication"]
    });
    let outcome = outcome(OBSERVE_THEN_MINIMAL, |case| {
        case["policies"] = json!([{ "name": "built-in", "settings": settings }]);
    });
    assert!(outcome.contains("LINKED_VERIFIED_BOTH"), "{outcome}");
}

#[test]
fn a_policy_that_is_not_there_is_named_with_those_that_are() {
    let refusal = refusal(OBSERVE_THEN_MINIMAL, |case| case["policies"] = json!([{ "name": "minimla" }]));
    assert_snapshot!(refusal);
}

#[test]
fn a_case_with_one_policy_and_a_file_with_several_contradict_each_other() {
    assert_snapshot!(refusal(OBSERVE_THEN_MINIMAL, |case| case["policy"] = json!({ "mode": "auto" })));
}

#[test]
fn a_case_that_names_policies_needs_a_file_that_has_them() {
    let folder = folder("", |case| case["policies"] = json!([{ "name": "minimal" }]));
    let (code, _, stderr) = ligature(folder.path(), &["run", "case.json"]);
    assert_eq!(code, Some(2));
    assert_snapshot!(stderr);
}

#[test]
fn a_plugin_that_is_not_the_pinned_one_is_refused() {
    let pin = "0".repeat(64);
    let refusal = refusal(&format!("[[policy]]\nplugin = \"minimal.wasm\"\nsha256 = \"{pin}\"\n"), |_| {});
    assert!(refusal.starts_with("error: plugin minimal.wasm is not the one that is pinned: its sha256 is "));
    assert!(refusal.ends_with(&format!(", expected {pin}\n")), "{refusal}");
}

#[test]
fn a_pinned_plugin_is_loaded() {
    let outcome = outcome(
        &format!("[[policy]]\nplugin = \"minimal.wasm\"\nsha256 = \"{}\"\n", minimal_sha256()),
        |_| {},
    );
    assert!(outcome.contains(r#""kind": "linked""#), "{outcome}");
}

fn minimal_sha256() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, stdout, _) = ligature(folder.path(), &["inspect", ligature_test_guests::MINIMAL_FILE, "--json"]);
    let inspection: Value = serde_json::from_str(&stdout).expect("JSON");
    inspection["sha256"].as_str().expect("a hash").to_uppercase()
}

#[test]
fn each_policy_has_limits_of_its_own() {
    let policies = r#"
        [[policy]]
        settings = { mode = "observe" }
        [[policy]]
        plugin = "minimal.wasm"
        limits = { fuel = 1000 }
    "#;
    let outcome = outcome(policies, |_| {});
    assert!(outcome.contains("ran out of fuel: it may use 1000 (the limit is `fuel`)"), "{outcome}");
}

#[test]
fn settings_of_the_file_are_checked_when_it_is_loaded() {
    assert_snapshot!(refusal("[[policy]]\nsettings = { mode = \"auot\" }\n", |_| {}));
}

#[test]
fn a_file_without_a_policy_is_refused() {
    assert_snapshot!(refusal("[limits]\nfuel = 7\n", |_| {}));
}

#[test]
fn a_misspelt_key_is_told_with_its_line() {
    assert!(refusal("[[policy]]\nplugni = \"a.wasm\"\n", |_| {}).contains(
        "policies.toml, line 2, column 1: unknown field `plugni`, expected one of `name`, `plugin`"
    ));
}

#[test]
fn the_trace_tells_whose_each_rule_is() {
    let folder = folder(OBSERVE_THEN_MINIMAL, |_| {});
    let arguments = ["run", "case.json", "--policies", "policies.toml", "--explain"];
    let (_, stdout, _) = ligature(folder.path(), &arguments);
    assert!(stdout.contains("built-in: 4 the login's address is verified"), "{stdout}");
    assert!(stdout.contains("built-in  proceed  WOULD_SUGGEST"), "{stdout}");
}

/// A warning is advice: a plugin that fails to give it decides all the same.
#[test]
fn a_plugin_that_fails_to_warn_still_decides() {
    let folder = folder("[[policy]]\nplugin = \"pinned.wasm\"\nsettings = \"silent.json\"\n", |_| {});
    std::fs::write(folder.path().join("pinned.wasm"), ligature_test_guests::PINNED)
        .expect("a file is written");
    std::fs::write(folder.path().join("silent.json"), "{ }").expect("a file is written");
    let (code, stdout, stderr) =
        ligature(folder.path(), &["run", "case.json", "--policies", "policies.toml"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("linked"), "{stdout}");
    let asked = ["policy", "check", "silent.json", "--plugin", "pinned.wasm"];
    let (code, _, stderr) = ligature(folder.path(), &asked);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("it has nothing to say"), "{stderr}");
}
