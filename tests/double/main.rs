//! The test double of `ligature-policy` against the real guard: one policy makes
//! the same calls in both, and is answered the same.

mod situation;

use ligature_decision_tests::types;
use ligature_host::model;
use ligature_policy::ApiError;
use ligature_policy::testing::{Call, Fault};
use serde_json::{Value, json};

use situation::{ADDRESS, OTHER, OWN, Situation, account, situation};

/// A look-up of the own address and a link into the account found, and what is
/// answered to the link.
fn link_after(change: impl FnOnce(Situation) -> Situation) -> String {
    let calls = json!([{ "find": ADDRESS }, { "link": [OTHER, OWN] }]);
    let answers = change(situation(&calls)).answers();
    answers.split_once("; ").expect("two answers").1.to_owned()
}

#[test]
fn a_link_of_the_login_with_an_account_looked_up() {
    let linked = situation(&json!([{ "find": ADDRESS }, { "link": [OTHER, OWN] }]))
        .with("/policy/decision", json!({ "linked": OTHER }))
        .with("/policy/about", json!([OTHER, OWN]));
    assert_eq!(linked.answers(), "found 1: auth0|1; linked");
    assert_eq!(linked.in_the_real_host().linked.as_deref(), Some(OTHER));
}

fn writing(user_metadata: &str, app_metadata: &str) -> Situation {
    let writing = json!({ "link_writing": [OTHER, OWN, [user_metadata, app_metadata]] });
    situation(&json!([{ "find": ADDRESS }, writing]))
}

#[test]
fn a_link_that_writes_metadata() {
    let linked = |user_metadata: &str, app_metadata: &str| {
        writing(user_metadata, app_metadata).with("/policy/decision", json!({ "linked": OTHER }))
    };
    let mut other = account(OTHER, ADDRESS);
    other["app_metadata"] = json!({ "plan": "free", "seats": 3 });
    for app_metadata in [r#"{"plan":"pro","seats":null}"#, "{}", r#"{"a":{"linking":1}}"#] {
        let situation = linked("{}", app_metadata);
        assert_eq!(situation.answers(), "found 1: auth0|1; linked");
        let situation = situation.with("/users", json!([other]));
        assert_eq!(situation.answers(), "found 1: auth0|1; linked");
    }
    assert_eq!(linked(r#"{"linking":"a hobby"}"#, "{}").answers(), "found 1: auth0|1; linked");
}

#[test]
fn a_link_that_writes_metadata_that_it_may_not() {
    let answer = |user_metadata: &str, app_metadata: &str| writing(user_metadata, app_metadata).answers();
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    for (answer, why) in [
        (answer("{}", "[1, 2"), "`app-metadata` is not a JSON object"),
        (answer(&"x".repeat((32 << 10) + 1), "{}"), "a link writes at most 32768"),
        (answer(&nested(65), "{}"), "`user-metadata` is nested more than 64 levels deep"),
        (answer(r#"{"a":[{"__proto__":1}]}"#, "{}"), "`user_metadata` holds the key `__proto__`"),
    ] {
        assert!(answer.contains(why), "{answer}");
    }
    for mark in ligature_linking_marks::PROTECTED {
        let answer = answer("{}", &format!(r#"{{"plan":1,"{mark}":null}}"#));
        assert!(answer.contains(&format!("`app_metadata.{mark}` is a mark")), "{answer}");
    }
}

#[test]
fn a_link_whose_reason_is_none() {
    let answer = |code: &str, about: &str| {
        let because = json!({ "link_because": [OTHER, OWN, [code, about]] });
        situation(&json!([{ "find": ADDRESS }, because])).answers()
    };
    assert!(answer("no capitals", OTHER).contains("`reasons`: the code `no capitals`"));
    let stranger = answer("LINKED", "auth0|\u{1b}");
    assert!(stranger.contains("is about `auth0|") && stranger.contains("no look-up"), "{stranger}");
}

#[test]
fn a_look_up_of_another_address() {
    let calls = json!([{ "find": "eve@example.com" }, { "find": ADDRESS }, { "get": OWN }, { "raw": OWN },
                       { "link": [OTHER, OWN] }, "ignores_case", "now", { "log": "after that" }]);
    let answers = situation(&calls).answers();
    assert!(answers.starts_with("ApiError::Refused(\"the address is not this login's\")"), "{answers}");
    assert!(answers.contains("an earlier call of this login was refused"), "{answers}");
}

/// Accounts without an address do not have it in common.
#[test]
fn a_look_up_of_a_text_that_is_no_address() {
    for text in ["", "@", "ada", "ada@"] {
        let answers = situation(&json!([{ "find": text }])).with("/event/user/email", json!(text)).answers();
        assert_eq!(answers, "ApiError::Refused(\"this login has no verified address\")", "{text:?}");
    }
}

#[test]
fn a_look_up_by_a_login_without_a_verified_address() {
    for unverified in [json!(false), json!(null), json!("true")] {
        let answers =
            situation(&json!([{ "find": ADDRESS }])).with("/event/user/email_verified", unverified).answers();
        assert_eq!(answers, "ApiError::Refused(\"this login has no verified address\")");
    }
}

#[test]
fn a_look_up_in_another_case() {
    let calls = |forms: &[&str]| json!(forms.iter().map(|form| json!({ "find": form })).collect::<Vec<_>>());
    let ada = |calls: &Value| situation(calls).with("/event/user/email", json!("Ada@Example.com"));
    let both = calls(&["Ada@Example.com", ADDRESS]);
    assert_eq!(ada(&both).answers(), "found 1: auth0|1; found 1: auth0|1");
    let exact = ada(&both).with("/exact_look_up", json!(true));
    assert_eq!(exact.answers(), "found 0: ; found 1: auth0|1");
    assert!(ada(&calls(&["ADA@EXAMPLE.COM"])).answers().contains("is not this login's"));
    let asked = situation(&json!(["ignores_case"])).with("/exact_look_up", json!(true)).answers();
    assert_eq!(asked, "false");
}

#[test]
fn users_that_were_and_were_not_looked_up() {
    let answers = |calls: Value| situation(&calls).answers();
    assert_eq!(answers(json!([{ "get": OWN }, { "raw": OWN }])), "google-oauth2|2; its JSON");
    let found = json!([{ "find": ADDRESS }, { "get": OTHER }, { "raw": OTHER }]);
    assert_eq!(answers(found), "found 1: auth0|1; auth0|1; its JSON");
    for call in ["get", "raw"] {
        let refused = answers(json!([{ call: OTHER }, { "find": ADDRESS }]));
        assert!(refused.contains("neither this login's nor one that it has looked up"), "{refused}");
    }
}

#[test]
fn a_link_of_two_that_may_not_be_linked() {
    let after_look_up = |primary: &str, secondary: &str| {
        situation(&json!([{ "find": ADDRESS }, { "link": [primary, secondary] }, { "find": ADDRESS }]))
            .answers()
    };
    assert!(after_look_up(OTHER, "auth0|stranger").contains("neither side is this login's user"));
    assert!(after_look_up(OWN, OWN).contains("both sides are the same user"));
    assert!(after_look_up("auth0|stranger", OWN).contains("one side was never looked up"));
    let unseen = situation(&json!([{ "link": [OTHER, OWN] }])).answers();
    assert!(unseen.contains("one side was never looked up"), "{unseen}");
}

#[test]
fn a_side_that_may_not_be_linked() {
    let blocked = link_after(|it| it.with("/users/0/blocked", json!(true)));
    assert!(blocked.contains("the primary is blocked"), "{blocked}");
    let own = link_after(|it| it.with("/event/user/blocked", json!(true)));
    assert!(own.contains("the secondary is blocked"), "{own}");
    for unverified in [json!(false), json!(null), json!("true")] {
        let answer = link_after(|it| it.with("/users/0/email_verified", unverified));
        assert!(answer.contains("the primary's address is not verified"), "{answer}");
    }
}

#[test]
fn a_side_that_nobody_vouches_for() {
    let linked = |profile: Value| {
        json!([{ "provider": "auth0", "user_id": "1", "connection": "db", "profileData": profile },
               { "provider": "oauth2", "user_id": "idp|1", "connection": "idp", "profileData": {
                     "email": ADDRESS, "email_verified": true } }])
    };
    let answer = |profile: Value| link_after(|it| it.with("/users/0/identities", linked(profile)));
    let other = answer(json!({ "email": "eve@example.com", "email_verified": true }));
    assert!(other.contains("its root identity supplied another address"), "{other}");
    for unverified in [json!(false), json!("true")] {
        let answer = answer(json!({ "email": ADDRESS, "email_verified": unverified }));
        assert!(answer.contains("its root identity did not verify it"), "{answer}");
    }
    for vouched in
        [json!({ "email": ADDRESS }), json!({ "email": "Ada@example.com", "email_verified": true })]
    {
        let situation = situation(&json!([{ "find": ADDRESS }, { "link": [OTHER, OWN] }]))
            .with("/users/0/identities", linked(vouched))
            .with("/policy/decision", json!({ "linked": OTHER }));
        assert_eq!(situation.answers(), "found 1: auth0|1; linked");
    }
}

#[test]
fn a_side_that_changes_before_the_link() {
    let mut changed = account(OTHER, ADDRESS);
    changed["app_metadata"] = json!({ "plan": "pro" });
    let answer = link_after(|it| it.changed_before_link(changed.clone()));
    assert!(answer.contains("StateChanged(\"auth0|1 was changed\")"), "{answer}");
    changed["blocked"] = json!(true);
    let answer = link_after(|it| it.changed_before_link(changed));
    assert!(answer.contains("the primary is blocked"), "{answer}");
    let moved = account(OTHER, "ada@example.org");
    let answer = link_after(|it| it.changed_before_link(moved));
    assert!(answer.contains("does not have this login's verified address"), "{answer}");
}

#[test]
fn a_side_that_is_gone_before_the_link() {
    let removed = |situation: Situation| {
        let fault = json!([{ "call": "users.get", "nth": 1, "meanwhile_deleted": [OTHER] }]);
        let mut removed = situation.with("/faults", fault);
        removed.faults.push(Fault::removed(Call::Link, OTHER));
        removed
    };
    assert_eq!(link_after(removed), "ApiError::StateChanged(\"auth0|1 is gone\")");
}

#[test]
fn a_side_that_another_login_links_first() {
    let mut grown = account("sms|3", "ada@example.org");
    grown["identities"] = json!([{ "provider": "sms", "user_id": "3", "connection": "sms" },
                                 { "provider": "auth0", "user_id": "1", "connection": "auth0" }]);
    let linked_elsewhere = |situation: Situation| {
        let mut linked =
            situation.changed_before_link(grown).with("/faults/0/meanwhile_deleted", json!([OTHER]));
        linked.faults.push(Fault::removed(Call::Link, OTHER));
        linked
    };
    let answer = link_after(linked_elsewhere);
    assert_eq!(answer, "ApiError::AlreadyLinked(\"auth0|1 is already an identity of sms|3\")");
}

#[test]
fn an_own_user_that_has_grown_since_the_login_began() {
    let mut grown = account(OWN, ADDRESS);
    grown["identities"] = json!([{ "provider": "google-oauth2", "user_id": "2", "connection": "google-oauth2" },
                                 { "provider": "sms", "user_id": "3", "connection": "sms" }]);
    let read: model::User = serde_json::from_value(grown.clone()).expect("a user");
    let fault = json!([{ "call": "users.find-by-email", "nth": 1, "meanwhile": [grown] }]);
    let mut situation = situation(&json!([{ "find": ADDRESS }])).with("/faults", fault);
    situation.faults.push(Fault::changed(Call::FindByEmail, types::user(&read)));
    let answers = situation.answers();
    assert!(answers.contains("has an identity that the event of this login does not show"), "{answers}");
}

#[test]
fn a_directory_that_fails() {
    let failing = |call: &str, double: Call, error: (Value, ApiError)| {
        let calls = json!([{ "find": ADDRESS }, { "get": OTHER }, { "link": [OTHER, OWN] }]);
        let fault = json!([{ "call": call, "nth": 1, "error": error.0 }]);
        let mut failing = situation(&calls).with("/faults", fault);
        failing.faults.push(Fault::answer(double, error.1));
        failing.answers()
    };
    let limited = || (json!({ "rate-limited": { "retry_after_s": 3 } }), ApiError::RateLimited(Some(3)));
    assert!(
        failing("users.find-by-email", Call::FindByEmail, limited()).starts_with("ApiError::RateLimited")
    );
    let state = || (json!({ "state-changed": "x" }), ApiError::StateChanged("x".to_owned()));
    assert!(failing("accounts.link", Call::Link, state()).ends_with("ApiError::StateChanged(\"x\")"));
}

#[test]
fn calls_beyond_the_budget() {
    let look_ups = situation(&json!(vec![json!({ "find": ADDRESS }); 10])).answers();
    assert!(
        look_ups.contains("ApiError::BudgetSpent(\"8 look-ups in a login (the limit is `look_ups`)\")"),
        "{look_ups}"
    );
    let gets = situation(&json!(vec![json!({ "get": OWN }); 9])).answers();
    assert!(gets.contains("8 look-ups"), "{gets}");
    let links =
        situation(&json!([{ "find": ADDRESS }, { "link": [OTHER, OWN] }, { "link": [OTHER, "auth0|3"] },
                                  { "link": [OTHER, "auth0|4"] }]))
        .with("/users/", account("auth0|3", ADDRESS))
        .with("/users/", account("auth0|4", ADDRESS))
        .with("/policy/decision", json!({ "linked": OTHER }));
    assert!(
        links.answers().contains("ApiError::BudgetSpent(\"2 links in a login (the limit is `links`)\")"),
        "{}",
        links.answers()
    );
}

#[test]
fn more_users_than_are_passed_on() {
    let users = |count: usize| {
        let users = (0..count).map(|n| account(&format!("auth0|{n}"), ADDRESS)).collect::<Vec<_>>();
        situation(&json!([{ "find": ADDRESS }])).with("/users", json!(users)).answers()
    };
    assert_eq!(users(1_000), "ApiError::TooMany(1000)");
    assert!(users(999).starts_with("found 999"));
}

#[test]
fn an_answer_that_does_not_say_what_was_done() {
    let answered =
        |calls: Value, decision: Value| situation(&calls).with("/policy/decision", decision).answers();
    let link = || json!([{ "find": ADDRESS }, { "link": [OTHER, OWN] }]);
    let failed = [
        answered(json!([]), json!({ "linked": OTHER })),
        answered(link(), json!("proceed")),
        answered(link(), json!({ "linked": OWN })),
        answered(link(), json!({ "suggest": [OTHER] })),
        answered(json!([]), json!({ "suggest": [OTHER] })),
        answered(json!([]), json!({ "suggest": [] })),
        answered(json!([]), json!({ "suggest": [OWN] })),
        answered(json!([]), json!({ "suggest": ["a\u{1b}|1"] })),
        answered(json!([{ "find": ADDRESS }]), json!({ "suggest": [OTHER, OTHER] })),
        answered(json!([]), json!("without_reason")),
        answered(json!([]), json!({ "with_code": "no capitals" })),
        answered(json!([]), json!({ "with_code": "X".repeat(65) })),
        answered(json!([]), json!({ "deny": "x".repeat(1025) })),
        answered(json!([]), json!({ "deny": "a\u{7}" })),
        answered(json!([]), json!({ "deny": "a\u{202e}" })),
        situation(&json!([])).with("/policy/about", json!(["auth0|stranger"])).answers(),
    ];
    for failure in &failed {
        assert!(failure.starts_with("gave an invalid answer: "), "{failure}");
    }
    assert_eq!(answered(link(), json!({ "deny": "no" })), "found 1: auth0|1; linked");
    let named = answered(json!([{ "find": ADDRESS }]), json!({ "suggest": [OTHER] }));
    assert_eq!(named, "found 1: auth0|1");
}

#[test]
fn a_policy_that_gives_up() {
    let gives_up = situation(&json!([{ "find": "eve@example.com" }])).with("/policy/gives_up", json!(true));
    assert_eq!(gives_up.answers(), "gave up: refused: the address is not this login's");
}
