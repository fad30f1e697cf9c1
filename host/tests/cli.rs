//! The program `ligature`, as a person or a script uses it: what it prints,
//! where, and with which exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use insta::assert_snapshot;
use serde_json::Value;

const DEMO: &str = "examples/cases/verified-google-login.json";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// The result of a run of the program.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ligature_in(directory: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(arguments)
        .current_dir(directory)
        // The environment of the tests has this set; the program ignores it.
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn ligature(arguments: &[&str]) -> Ran {
    ligature_in(&workspace(), arguments)
}

/// A directory of its own, with these files.
fn directory_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file is written");
    }
    directory
}

fn demo_case() -> String {
    fs::read_to_string(workspace().join(DEMO)).expect("the demo's case is there")
}

/// The one sentence that a failing run leaves on stderr.
fn sentence(ran: &Ran) -> String {
    assert!(
        !ran.stderr.contains("panicked at /") && !ran.stderr.contains("stack backtrace"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    format!("{} (exit {})", ran.stderr.trim_end(), ran.code.unwrap_or(-1))
}

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
fn test_passes_from_any_directory() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let cases = workspace().join("tests/cases");
    let ran = ligature_in(elsewhere.path(), &["test", &cases.to_string_lossy()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(" passed, 0 failed"), "{}", ran.stdout);
}

#[test]
fn test_leaves_a_new_case_for_review_and_accepts_it() {
    let directory = directory_with(&[("case.json", &demo_case())]);
    let snapshot = directory.path().join("snapshots/case.snap");
    let pending = directory.path().join("snapshots/case.snap.new");

    let ran = ligature_in(directory.path(), &["test", "."]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("there is no snapshot yet"), "{}", ran.stdout);
    assert!(pending.exists() && !snapshot.exists());
    insta::Snapshot::from_file(&pending).expect("insta reads what is left for review");

    let ran = ligature_in(directory.path(), &["test", ".", "--accept"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(!pending.exists());
    let accepted = insta::Snapshot::from_file(&snapshot).expect("insta reads what was accepted");
    assert_eq!(
        accepted.metadata().description(),
        Some("A verified Google login joins the existing database account")
    );

    assert_eq!(ligature_in(directory.path(), &["test", "."]).code, Some(0));
}

#[test]
fn test_shows_a_difference_line_by_line() {
    let directory = directory_with(&[("case.json", &demo_case())]);
    assert_eq!(ligature_in(directory.path(), &["test", ".", "--accept"]).code, Some(0));
    let snapshot = directory.path().join("snapshots/case.snap");
    let held = fs::read_to_string(&snapshot).expect("the snapshot is there");
    fs::write(&snapshot, held.replace("The older account stays", "The younger account stays"))
        .expect("it is written");

    let ran = ligature_in(directory.path(), &["test", "."]);
    assert_eq!(ran.code, Some(1));
    let (shown, _) = ran.stdout.rsplit_once(" in ").expect("a summary with the time");
    assert_snapshot!(shown);
}

#[test]
fn test_goes_on_after_an_unreadable_case() {
    let directory = directory_with(&[("a.json", "{"), ("b.json", &demo_case())]);
    let ran = ligature_in(directory.path(), &["test", ".", "--accept"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("1 passed, 1 failed"), "{}", ran.stdout);
}

#[test]
fn a_plugin_of_ones_own_runs_and_is_tested() {
    let ran = ligature(&["run", DEMO, "--plugin", ligature_test_guests::MINIMAL_FILE]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("LINKED") && ran.stdout.contains("The other account was here first."));

    let directory = directory_with(&[("case.json", &demo_case())]);
    let arguments = ["test", ".", "--plugin", ligature_test_guests::MINIMAL_FILE];
    assert_eq!(ligature_in(directory.path(), &arguments).code, Some(1));
    assert_eq!(ligature_in(directory.path(), &[&arguments[..], &["--accept"]].concat()).code, Some(0));
    assert_eq!(ligature_in(directory.path(), &arguments).code, Some(0));
}

#[test]
fn a_plugin_that_fails_is_exit_1_and_one_sentence() {
    let text = demo_case().replace(r#""name": "google-oauth2","#, r#""name": "panic","#);
    let directory = directory_with(&[("case.json", &text)]);
    let ran =
        ligature_in(directory.path(), &["run", "case.json", "--plugin", ligature_test_guests::EVIL_FILE]);
    assert!(ran.stdout.contains("PLUGIN_FAILED"), "the page is printed all the same: {}", ran.stdout);
    assert_snapshot!(sentence(&ran).replace(ligature_test_guests::EVIL_FILE, "evil.wasm"));
}

#[test]
fn inspect_shows_imports_and_exports() {
    let ran = ligature(&["inspect"]);
    assert_eq!(ran.code, Some(0));
    let table: Vec<&str> =
        ran.stdout.lines().filter(|line| !line.contains("sha256") && !line.contains("size")).collect();
    // Its needs are the build's.
    let is_need = |line: &&str| line.starts_with("  ") && line.contains(" of ");
    let (needs, table): (Vec<&str>, Vec<&str>) = table.into_iter().partition(is_need);
    assert_eq!(needs.len(), 9, "{needs:?}");
    assert_snapshot!(table.join("\n"));
}

#[test]
fn inspect_says_what_keeps_a_plugin_from_loading() {
    let directory = directory_with(&[]);
    fs::write(directory.path().join("worldly.wasm"), ligature_test_guests::WORLDLY).expect("it is written");
    let ran = ligature_in(directory.path(), &["inspect", "worldly.wasm"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stdout.contains("not offered") && ran.stdout.contains("it does not load"), "{}", ran.stdout);
    assert_eq!(
        ligature_in(directory.path(), &["inspect", "worldly.wasm", "--wasi", "virtual"]).code,
        Some(0)
    );
}

#[test]
fn bench_prints_its_figures() {
    let ran = ligature(&["bench", DEMO, "--seconds", "0.05", "--json"]);
    let bench: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    for figure in ["p50_us", "p99_us", "logins_per_s", "fuel", "peak_memory_bytes"] {
        assert!(bench[figure].as_f64().is_some_and(|figure| figure > 0.0), "{figure}: {bench}");
    }
    assert!(bench["allocator"].is_string());
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
fn every_command_has_help_with_an_example() {
    for command in ["run", "test", "policy", "inspect", "bench", "schema"] {
        let ran = ligature(&[command, "--help"]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains("Example: ligature"), "{}", ran.stdout);
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

/// Returns the output of `policy check` for a document.
fn policy_check(text: &str) -> String {
    let directory = directory_with(&[("policy.json", text)]);
    let ran = ligature_in(directory.path(), &["policy", "check", "policy.json"]);
    if ran.code == Some(0) { ran.stdout } else { sentence(&ran) }
}

#[test]
fn good_policies_are_told_with_their_hash() {
    for text in ["{}", r#"{"preset": "auth0-rule"}"#, r#"{"preset": "strict", "mode": "auto"}"#] {
        assert!(policy_check(text).starts_with("policy.json: good, sha256 "), "{text}");
    }
}

#[test]
fn options_that_give_a_protection_up_are_told_with_the_attack() {
    assert_eq!(policy_check("{}").lines().count(), 1);
    let text =
        r#"{"trusted_connections": ["*", {"strategy": "samlp"}, {"name": "acme", "domains": ["acme.com"]}]}"#;
    let told = [text, r#"{"preset": "auth0-rule"}"#].map(|text| {
        let warnings = policy_check(text).lines().skip(1).collect::<Vec<_>>().join("\n");
        format!("{text}\n{warnings}")
    });
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn policies_that_contradict_themselves_are_refused() {
    let contradictions = [
        r#"{"trusted_connections": ["crm"], "excluded_connections": ["crm"]}"#,
        r#"{"mode": "automatic"}"#,
        r#"{"prompts": {"max": -1}}"#,
        r#"{"limits": {"max_candidates": 0}}"#,
        r#"{"primary": "connection_order"}"#,
        r#"{"connection_groups": {"a": ["crm"], "b": ["crm"]}}"#,
        r#"{"trusted_connections": [{"name": "crm", "strategy": "oidc"}]}"#,
        r#"{"trusted_connections": [{"name": "crm", "domains": ["acme"]}]}"#,
        r#"{"blocked_domains": {"*": ["@acme.com"]}}"#,
        r#"{"proof_max_age_s": 0}"#,
        r#"{"linked_organizations": [["org_1"]]}"#,
        r#"{"trusted_connections": [""]}"#,
        r#"{"managed_connections": ["crm", ""]}"#,
        r#"{"connection_groups": {"a": [""]}}"#,
        r#"{"blocked_domains": {"": ["acme.com"]}}"#,
        r#"{"mode": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}"#,
        r#"{"preset": "auth0"}"#,
        r#"{"metadata": {"user": {"default": "merge"}}}"#,
        r#"[]"#,
    ];
    let told: Vec<String> =
        contradictions.iter().map(|text| format!("{text}\n  {}", policy_check(text))).collect();
    assert_snapshot!(told.join("\n"));
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

#[test]
fn plugin_that_is_not_there() {
    assert_snapshot!(sentence(&ligature(&["run", DEMO, "--plugin", "nowhere.wasm"])));
}

#[test]
fn plugin_that_is_a_text() {
    assert_snapshot!(sentence(&ligature(&["run", DEMO, "--plugin", "README.md"])));
}

#[test]
fn directory_without_cases() {
    let directory = directory_with(&[]);
    assert_snapshot!(sentence(&ligature_in(directory.path(), &["test", "."])));
}
