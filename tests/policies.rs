//! Several policies decide one login in order, in one process: which of them is
//! called, which gets the user's answer, and which is called again after another
//! login has linked the accounts.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use ligature_host::ambient::Ambient;
use ligature_host::decide::{
    DecisionContext, DecisionRequest, FinalUser, OnFailure, Policy, UserKeeper, decide_login,
};
use ligature_host::harness::{Case, Report, record_case, run_case, run_case_by_policies};
use ligature_host::model::Decision;
use ligature_host::recording::{Redaction, Replay, replay};
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
    let settings = settings_of(policies);
    run_case_by_policies(&borrow(policies, &settings), case, trace).expect("the login arrives")
}

fn settings_of(policies: &[(&str, &Plugin, Value)]) -> Vec<Settings> {
    policies.iter().map(|(.., settings)| Settings::new(settings.to_string())).collect()
}

fn borrow<'a>(policies: &'a [(&str, &Plugin, Value)], settings: &'a [Settings]) -> Vec<Policy<'a>> {
    let policies = policies.iter().zip(settings);
    policies.map(|((name, plugin, _), settings)| Policy { name, plugin, settings }).collect()
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
    // Asked again, the second policy finds no other account.
    assert_eq!(report.failure.as_deref(), Some("gave an invalid answer: it suggests no user"));
    assert_eq!(report.decision, Decision::Linked { primary: OTHER.to_owned() });
    assert!(report.reasons.iter().any(|reason| reason.code == "RACE_LOST"), "{report:#?}");
    assert!(details(&report).contains(&OTHER), "the owner may read its own user: {report:#?}");
}

/// A tenant of Auth0 continues the login as the user that the event names: the directory is read
/// again only after another login has changed the accounts.
#[test]
fn a_tenant_that_keeps_the_user_is_read_again_only_after_a_race() {
    let decide = |keeper: UserKeeper, change: Value| {
        let mut fault = json!({ "call": "users.find-by-email", "nth": 1, "meanwhile_deleted": [OWN] });
        fault.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let settings = Settings::new(json!({ "calls": [{ "find": ADDRESS }] }).to_string());
        let policies = [Policy { name: "probe", plugin: &PROBE, settings: &settings }];
        let (memory, case) = login(&json!({ "faults": [fault] })).arrive().expect("the login arrives");
        let request = DecisionRequest { event: &case.event, now: case.now, trace: false, answer: None };
        let context = DecisionContext {
            directory: Arc::new(case.faulty_directory(Arc::new(memory))),
            on_failure: OnFailure::Proceed,
            can_prompt: true,
            user_keeper: keeper,
        };
        let decided = decide_login(&policies, request, |guard| guard, context);
        (decided.outcome.decision, decided.final_user)
    };
    let (decision, user) = decide(UserKeeper::Tenant, json!({}));
    assert_eq!(decision, Decision::Proceed);
    assert!(matches!(&user, FinalUser::User(user) if user.user_id == OWN), "{user:?}");
    let (decision, user) = decide(UserKeeper::Directory, json!({}));
    assert!(matches!(decision, Decision::Deny { .. }), "{decision:?}");
    assert_eq!(user, FinalUser::Gone);

    let mut owner = account(OTHER);
    owner["identities"] = json!([
        { "provider": "auth0", "user_id": "1", "connection": "auth0" },
        { "provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2" },
    ]);
    let (decision, user) = decide(UserKeeper::Tenant, json!({ "meanwhile": [owner] }));
    assert_eq!(decision, Decision::Linked { primary: OTHER.to_owned() });
    assert!(matches!(&user, FinalUser::User(user) if user.user_id == OTHER), "{user:?}");
}

/// Records a login by these policies, with masked addresses, and replays the recording with the
/// settings that it has, which `change` may change.
fn replay_recorded(
    policies: &[(&str, &Plugin, Value)],
    case: &Case,
    change: impl Fn(&mut Value),
) -> (Replay, Value) {
    let settings = settings_of(policies);
    let recorded = record_case(&borrow(policies, &settings), case).expect("the login arrives");
    let json = recorded.to_json(&Redaction::new(true, &Ambient::system())).expect("a recording");
    let mut value: Value = serde_json::from_str(json.as_str()).expect("JSON");
    change(&mut value);
    let recorded = Case::parse(Path::new("recording.json"), &value.to_string()).expect("a case");
    let recording = recorded.recording.clone().expect("a recording");
    let documents = match recorded.policies.as_slice() {
        [] => vec![recorded.policy.text.clone()],
        several => several.iter().map(|it| it.settings.clone().expect("settings").text).collect(),
    };
    let settings: Vec<Settings> = documents.into_iter().map(Settings::new).collect();
    let request = DecisionRequest {
        event: &recorded.event,
        now: recorded.now,
        trace: false,
        answer: recorded.answer.as_ref(),
    };
    (replay(&borrow(policies, &settings), request, &recording), value)
}

#[test]
fn a_login_of_several_policies_is_replayed_from_its_recording() {
    let policies = [
        ("first", &*PROBE, json!({ "calls": [{ "find": ADDRESS }, { "get": OTHER }] })),
        ("second", &*PINNED, json!({})),
        ("third", &*PROBE, json!({})),
    ];
    let (replayed, recording) = replay_recorded(&policies, &login(&json!({})), |_| {});
    assert_eq!((replayed.differences, replayed.notes), (vec![], vec![]));
    assert_eq!(recording["recording"]["decided"]["decision"]["kind"], "linked");
    let names: Vec<&str> = recording["policies"]
        .as_array()
        .expect("policies")
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert_eq!(names, ["first", "second", "third"]);
    assert!(!recording.to_string().contains(ADDRESS), "the address of the settings is masked, too");
}

#[test]
fn refusals_and_failures_of_a_plugin_are_replayed() {
    for (settings, expected) in [
        (
            json!({ "calls": [{ "find": "other@example.com" }, { "find": ADDRESS }] }),
            "the address is not this login's",
        ),
        (json!({ "calls": [{ "get": OTHER }], "gives_up": true }), "gave up"),
        (json!({ "decision": { "linked": OTHER } }), "invalid answer"),
        (json!({ "decision": "without_reason" }), "reason"),
    ] {
        let policies = [("probe", &*PROBE, settings)];
        let (replayed, recording) = replay_recorded(&policies, &login(&json!({})), |_| {});
        assert_eq!((replayed.differences, replayed.notes), (vec![], vec![]), "{recording}");
        let decided = recording["recording"]["decided"]["policies"].to_string();
        assert!(decided.contains(expected), "{expected}: {decided}");
    }
}

/// A replay that compares too little would miss each of these changes.
#[test]
fn a_replay_is_strict_about_calls_their_order_and_their_answers() {
    let calls = json!({ "calls": [{ "find": ADDRESS }, { "get": OTHER }, { "get": OWN }] });
    let policies = [("probe", &*PROBE, calls)];
    let differences = |change: &dyn Fn(&mut Value)| -> Vec<String> {
        let (replayed, _) = replay_recorded(&policies, &login(&json!({})), change);
        replayed.differences.iter().map(|it| format!("{}: {} → {}", it.what, it.recorded, it.now)).collect()
    };
    let exchange = |value: &mut Value| value["recording"]["exchange"].as_array_mut().expect("calls").clone();
    assert_eq!(differences(&|_| {}), [] as [&str; 0]);
    let swapped =
        differences(&|value| value["recording"]["exchange"].as_array_mut().expect("calls").swap(1, 2));
    assert_eq!(swapped, ["call 2: users.get google-oauth2|2 → users.get auth0|1"]);
    let shorter = differences(&|value| {
        value["recording"]["exchange"].as_array_mut().expect("calls").remove(2);
    });
    assert!(shorter[0].starts_with("call 3: users.owner google-oauth2|2"), "{shorter:?}");
    let longer = differences(&|value| {
        let again = exchange(value).pop().expect("a call");
        value["recording"]["exchange"].as_array_mut().expect("calls").push(again);
    });
    assert_eq!(longer, ["call 5: users.owner google-oauth2|2 of google-oauth2 → no further call"]);
    let other_error = differences(&|value| {
        value["recording"]["exchange"][1]["answer"] = json!({ "error": "timed-out" });
    });
    assert_eq!(other_error.len(), 1);
    assert!(
        other_error[0].starts_with("reasons: ") && other_error[0].contains("NOT_ANSWERED"),
        "{other_error:?}"
    );
    let other_limit = differences(&|value| {
        value["recording"]["exchange"][0]["call"]["users.find-by-email"]["limit"] = json!(7);
    });
    assert!(other_limit[0].contains("at most 7 users"), "{other_limit:?}");
}

#[test]
fn a_recording_that_contradicts_itself_is_refused() {
    let (_, recording) = replay_recorded(&[("probe", &*PROBE, json!({}))], &login(&json!({})), |_| {});
    let refusal = |change: &dyn Fn(&mut Value)| {
        let mut changed = recording.clone();
        change(&mut changed["recording"]);
        Case::parse(Path::new("r.json"), &changed.to_string()).expect_err("a refusal").to_string()
    };
    let told = [
        refusal(&|recording| recording["format"] = json!(2)),
        refusal(&|recording| recording["exchange"][0]["answer"]["user"]["user_id"] = json!("auth0|9")),
        refusal(&|recording| recording["exchange"][0]["answer"] = json!({ "users": [] })),
        refusal(&|recording| recording["exchange"][0]["call"] = json!({ "users.delete": {} })),
        refusal(&|recording| drop(recording.as_object_mut().expect("an object").remove("decided"))),
    ];
    insta::assert_snapshot!(told.join("\n"));
}
