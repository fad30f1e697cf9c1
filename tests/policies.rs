//! Several policies decide one login in order, in one process: which of them is
//! called, which gets the user's answer, and which is called again after another
//! login has linked the accounts.

use std::path::Path;
use std::sync::LazyLock;

use ligature_host::decide::Policy;
use ligature_host::harness::{Case, Report, run_case, run_case_by_policies};
use ligature_host::model::Decision;
use ligature_host::sandbox::{Plugin, Settings};
use ligature_tests::SANDBOX;
use serde_json::{Value, json};

/// Makes the calls of its settings.
static PROBE: LazyLock<Plugin> =
    LazyLock::new(|| SANDBOX.load("probe", ligature_test_guests::PROBE).expect("the probe loads"));

/// Links the one account that it finds, reports an answer, and always returns a trace.
static PINNED: LazyLock<Plugin> =
    LazyLock::new(|| SANDBOX.load("pinned", ligature_test_guests::PINNED).expect("the pinned plugin loads"));

const OWN: &str = "google-oauth2|2";
const OTHER: &str = "auth0|1";
const ADDRESS: &str = "ada@example.com";

fn account(id: &str) -> Value {
    json!({ "user_id": id, "email": ADDRESS, "email_verified": true, "created_at": "2024-01-01T00:00:00Z" })
}

/// The login of a user who has one other account, with these keys in addition.
fn login(more: &Value) -> Case {
    let mut case = json!({
        "title": "a login",
        "now": "2026-11-21T10:00:00Z",
        "users": [account(OTHER)],
        "event": {
            "user": account(OWN),
            "connection": { "name": "google-oauth2", "strategy": "google-oauth2" },
        },
    });
    let more = more.as_object().expect("an object").clone();
    case.as_object_mut().expect("an object").extend(more);
    Case::parse(Path::new("login.json"), &case.to_string()).expect("a well-formed case")
}

/// Decides a login by policies of these names, plugins and settings.
fn decide(policies: &[(&str, &Plugin, Value)], case: &Case, trace: bool) -> Report {
    let settings: Vec<Settings> =
        policies.iter().map(|(.., settings)| Settings::new(settings.to_string())).collect();
    let policies: Vec<Policy> = policies
        .iter()
        .zip(&settings)
        .map(|((name, plugin, _), settings)| Policy { name, plugin, settings })
        .collect();
    run_case_by_policies(&policies, case, trace).expect("the login arrives")
}

fn verdicts(report: &Report) -> Vec<(&str, &str)> {
    report.policies.iter().map(|it| (it.name.as_str(), it.decision.as_str())).collect()
}

fn details(report: &Report) -> Vec<&str> {
    report.reasons.iter().map(|reason| reason.detail.as_str()).collect()
}

#[test]
fn policies_are_asked_until_one_does_not_let_the_login_proceed() {
    let policies = [
        ("first", &*PROBE, json!({ "calls": [{ "log": "1" }] })),
        ("second", &*PROBE, json!({ "decision": { "deny": "no" } })),
        ("third", &*PROBE, json!({})),
    ];
    let report = decide(&policies, &login(&json!({})), false);
    assert_eq!(report.decision, Decision::Deny { message: "no".to_owned() });
    assert_eq!(verdicts(&report), [("first", "proceed"), ("second", "deny"), ("third", "not asked")]);
    assert_eq!(
        details(&report),
        ["The calls were made.", "The calls were made.", "logged"],
        "the deciding policy's reasons first"
    );
}

#[test]
fn a_login_that_every_policy_lets_proceed_proceeds() {
    let policies = [("first", &*PROBE, json!({})), ("second", &*PROBE, json!({}))];
    let report = decide(&policies, &login(&json!({})), false);
    assert_eq!(report.decision, Decision::Proceed);
    assert_eq!(verdicts(&report), [("first", "proceed"), ("second", "proceed")]);
}

#[test]
fn an_answer_goes_to_the_policy_that_has_asked() {
    let asked = |answer: Value| {
        let policies = [("first", &*PROBE, json!({})), ("second", &*PINNED, json!({}))];
        decide(&policies, &login(&json!({ "answer": answer })), false)
    };
    let named = asked(json!({ "step": "confirm", "policy": "second" }));
    assert_eq!(details(&named)[0], "The user has declined.");
    assert_eq!(named.decision, Decision::Proceed);
    for others in [json!({ "step": "confirm" }), json!({ "step": "confirm", "policy": "first" })] {
        let report = asked(others);
        assert_eq!(details(&report)[0], "Linked by a plugin of 2026.", "the second was not answered");
        assert_eq!(report.decision, Decision::Linked { primary: OTHER.to_owned() });
    }
}

#[test]
fn an_answer_that_names_no_policy_goes_to_the_first() {
    let policies = [("first", &*PINNED, json!({})), ("second", &*PROBE, json!({}))];
    let report = decide(&policies, &login(&json!({ "answer": { "step": "confirm" } })), false);
    assert_eq!(report.decision, Decision::Proceed);
    assert_eq!(details(&report)[1], "The user has declined.");
}

/// The plugin returns a trace at every login.
#[test]
fn a_trace_is_kept_only_where_it_was_asked_for() {
    let case = login(&json!({ "policy": {} }));
    assert_eq!(run_case(&PINNED, &case, false).expect("the login arrives").trace, []);
    let trace = run_case(&PINNED, &case, true).expect("the login arrives").trace;
    assert_eq!(trace.iter().map(|it| it.rule.as_str()).collect::<Vec<_>>(), ["pinned"]);

    let policies = [("first", &*PROBE, json!({})), ("second", &*PINNED, json!({}))];
    let report = decide(&policies, &case, true);
    let rules: Vec<&str> = report.trace.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(rules, ["second: pinned"], "a rule is named with its policy");
}

/// Another login links the accounts while this one is decided: the policies are asked
/// again as of the owner, and an answer about the earlier accounts counts no more.
#[test]
fn a_login_that_another_one_overtakes_is_decided_again_as_the_owners() {
    let mut owner = account(OTHER);
    owner["identities"] = json!([
        { "provider": "auth0", "user_id": "1", "connection": "auth0" },
        { "provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2" },
    ]);
    let case = login(&json!({
        "answer": { "step": "confirm", "policy": "second" },
        "faults": [{
            "call": "users.find-by-email", "nth": 1, "meanwhile": [owner], "meanwhile_deleted": [OWN],
        }],
    }));
    let calls = json!({ "calls": [{ "find": ADDRESS }, { "get": OTHER }] });
    let policies = [("first", &*PROBE, calls), ("second", &*PINNED, json!({}))];
    let report = decide(&policies, &case, false);
    // Asked anew, the second policy finds no other account.
    assert_eq!(report.failure.as_deref(), Some("gave an invalid answer: it suggests no user"));
    assert_eq!(report.decision, Decision::Linked { primary: OTHER.to_owned() });
    assert!(report.reasons.iter().any(|reason| reason.code == "RACE_LOST"), "{report:#?}");
    assert!(details(&report).contains(&OTHER), "the owner may read its own user: {report:#?}");
}
