//! A situation that the sandbox and the test double decide, and the answers of both.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use ligature_decision_tests::types;
use ligature_host::decide::{OnFailure, decide_by_plugin};
use ligature_host::harness::Case;
use ligature_host::model;
use ligature_host::sandbox::{Plugin, PluginInput};
use ligature_policy::User;
use ligature_policy::testing::{self, Call, Fault};
use ligature_probe::Probe;
use ligature_tests::SANDBOX;
use serde_json::{Value, json};

static PROBE: LazyLock<Plugin> =
    LazyLock::new(|| SANDBOX.load("probe", ligature_test_guests::PROBE).expect("the probe loads"));

/// A login with a verified address, and its one candidate.
pub(crate) const OWN: &str = "google-oauth2|2";
pub(crate) const OTHER: &str = "auth0|1";
pub(crate) const ADDRESS: &str = "ada@example.com";

/// The answers to one login.
#[derive(Debug, PartialEq)]
pub(crate) struct Answers {
    pub(crate) outcome: Result<model::Outcome, String>,
    pub(crate) linked: Option<String>,
    /// Call, reason, times.
    pub(crate) refusals: Vec<(String, String, u32)>,
    pub(crate) log: Vec<String>,
    pub(crate) users: Vec<User>,
}

/// A situation: a case, and the same faults in the double's words.
pub(crate) struct Situation {
    pub(crate) case: Value,
    pub(crate) faults: Vec<Fault>,
}

pub(crate) fn account(id: &str, email: &str) -> Value {
    json!({ "user_id": id, "email": email, "email_verified": true, "created_at": "2024-01-01T00:00:00Z" })
}

/// The calls of a login of Ada's, who has one other account, and a stranger.
pub(crate) fn situation(calls: &Value) -> Situation {
    let case = json!({
        "title": "a login",
        "now": "2026-11-21T10:00:00Z",
        "policy": { "calls": calls },
        "users": [account(OTHER, ADDRESS), account("auth0|stranger", "eve@example.com")],
        "event": {
            "user": account(OWN, ADDRESS),
            "connection": { "name": "google-oauth2", "strategy": "google-oauth2" },
        },
    });
    Situation { case, faults: Vec::new() }
}

impl Situation {
    /// Returns the situation with this value at this place of its case.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = self.case.pointer_mut(parent).expect("the place is there");
        match parent {
            Value::Array(items) => items.push(value),
            parent => parent[key] = value,
        }
        self
    }

    /// Returns the situation in which another process writes this user before the guard reads both
    /// sides of the link.
    pub(crate) fn changed_before_link(self, user: Value) -> Self {
        let read: model::User = serde_json::from_value(user.clone()).expect("a user");
        let user = json!([{ "call": "users.get", "nth": 1, "meanwhile": [user] }]);
        let mut changed = self.with("/faults", user);
        changed.faults.push(Fault::changed(Call::Link, types::user(&read.with_own_identity(""))));
        changed
    }

    pub(crate) fn case(&self) -> Case {
        Case::parse(Path::new("situation.json"), &self.case.to_string()).expect("a well-formed case")
    }

    /// Runs the situation in the sandbox, behind the real guard.
    pub(crate) fn in_the_real_host(&self) -> Answers {
        let (memory, case) = self.case().arrive().expect("the login arrives");
        let memory = Arc::new(memory);
        let directory = Arc::new(case.faulty_directory(memory.clone()));
        let settings = case.policy.settings();
        let input = PluginInput {
            event: &case.event,
            settings: &settings,
            now: case.now,
            trace: false,
            answer: case.answer.as_ref(),
        };
        let decided = decide_by_plugin(&PROBE, &input, directory, OnFailure::Proceed);
        let outcome = match &decided.failure {
            Some(failure) => Err(failure.to_string()),
            None => Ok(decided.outcome),
        };
        let is_gone = outcome.is_err();
        let is_asked = matches!(&outcome, Ok(it) if matches!(it.decision, model::Decision::Suggest { .. }));
        let user = |user: &model::User| match types::user(user) {
            // The host writes down that the user is asked, the double does not.
            own if is_asked && own.user_id == OWN => User { app_metadata: None, ..own },
            other => other,
        };
        Answers {
            linked: decided.api.linked().filter(|_| !is_gone).map(str::to_owned),
            refusals: refusals(is_gone, decided.refusals.iter().map(|it| (&it.call, &it.why, it.times))),
            log: decided.log.into_iter().filter(|_| !is_gone).map(|line| line.message).collect(),
            users: memory.users().iter().filter(|_| !is_gone).map(|it| user(it)).collect(),
            outcome,
        }
    }

    /// Runs the situation in the double.
    pub(crate) fn in_the_double(&self) -> Answers {
        let (memory, case) = self.case().arrive().expect("the login arrives");
        let mut host = testing::Host::new().now(case.now.as_millis());
        for user in memory.users() {
            host = host.user(types::user(&user));
        }
        for fault in &self.faults {
            host = host.fault(fault.clone());
        }
        if case.exact_look_up {
            host = host.exact_look_up();
        }
        let decided = host.login::<Probe>(&types::event(&case.event, ""), case.policy.settings().text());
        match decided {
            Err(failure) => Answers {
                outcome: Err(failure.to_string()),
                linked: None,
                refusals: Vec::new(),
                log: Vec::new(),
                users: Vec::new(),
            },
            Ok(decided) => Answers {
                outcome: Ok(types::outcome(decided.outcome)),
                linked: decided.linked,
                refusals: refusals(false, decided.refusals.iter().map(|it| (&it.call, &it.why, it.times))),
                log: decided.log.into_iter().map(|(_, line)| line).collect(),
                users: decided.users,
            },
        }
    }

    /// Asserts that both are answered the same, and says how.
    pub(crate) fn answers(&self) -> String {
        let real = self.in_the_real_host();
        assert_eq!(self.in_the_double(), real, "the double (left) and the real host (right)");
        match real.outcome {
            Err(failure) => failure,
            Ok(outcome) => {
                outcome.reasons[1..].iter().map(|it| it.detail.as_str()).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

/// The double does not tell them where the policy fails.
fn refusals<'a>(
    is_gone: bool,
    refusals: impl Iterator<Item = (&'a String, &'a String, u32)>,
) -> Vec<(String, String, u32)> {
    refusals.filter(|_| !is_gone).map(|(call, why, times)| (call.clone(), why.clone(), times)).collect()
}
