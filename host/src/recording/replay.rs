//! The replay of a recorded login: the same decision, or the differences.

use std::sync::Arc;

use serde::Serialize;

use super::describe::{describe_decision, describe_reasons};
use super::exchange::DirectoryCall;
use super::reconsider::{KnownDecision, decide_by_known};
use super::recording::{DecidedLogin, DecidedPolicy, Recording, hash_document};
use super::replay_directory::{Departure, ReplayDirectory};
use crate::decide::{DecisionContext, DecisionRequest, Policy, decide_login};
use crate::model::Outcome;

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// The differences; none if the login is decided as it was.
    pub differences: Vec<Difference>,
    /// Remarks that are no differences: another plugin, fields that are left out.
    pub notes: Vec<String>,
    /// Whether the time of a plugin was up in the recording. A replay cannot repeat that, so
    /// differences say nothing.
    pub is_unrepeatable: bool,
}

/// One difference between a recording and its replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The part that differs: `call 3`, `decision`, `reasons`, `final user`, `policies` or
    /// `policy NAME`.
    pub what: String,
    /// The recorded value.
    pub recorded: String,
    /// The value of the replay.
    pub now: String,
}

/// The text for a call that was not made.
const NO_CALL: &str = "no further call";

/// Decides a recorded login again. The recording answers every call, in order; no directory
/// and no network is needed.
#[must_use]
pub fn replay(policies: &[Policy], request: DecisionRequest, recording: &Recording) -> Replay {
    let directory = Arc::new(ReplayDirectory::new(recording.exchange.clone(), recording.ignores_case));
    let context = DecisionContext {
        directory: directory.clone(),
        on_failure: recording.on_failure,
        can_prompt: recording.can_prompt,
        user_keeper: recording.user_keeper,
    };
    let decision = decide_login(policies, request, |guard| guard, context);
    let decided = DecidedLogin::from_decision(&decision);
    let differences = match directory.departure() {
        // The call had no answer, so that the decision is not the policy's.
        Some(departure @ Departure { now: Some(_), .. }) => {
            let by_known = compare_known(&recording.decided, &decide_by_known(policies, request, recording));
            [describe_departure(departure)].into_iter().chain(by_known).collect()
        }
        departure => {
            let call = departure.map(describe_departure);
            call.into_iter().chain(compare(&recording.decided, &decided)).collect()
        }
    };
    Replay {
        differences,
        notes: recording.compare_policies(policies),
        is_unrepeatable: recording.decided.is_late() || decided.is_late(),
    }
}

fn describe_departure(Departure { number, recorded, now }: Departure) -> Difference {
    let describe =
        |call: &Option<DirectoryCall>| call.as_ref().map_or(NO_CALL.to_owned(), DirectoryCall::to_string);
    let (mut before, mut after) = (describe(&recorded), describe(&now));
    if before == after {
        // They differ in an argument that the line leaves out, such as a version or a reason.
        let whole = |call| serde_json::to_string(&call).unwrap_or_default();
        (before, after) = (whole(recorded), whole(now));
    }
    Difference { what: format!("call {number}"), recorded: before, now: after }
}

/// Compares a recorded decision with the one that the recording's users lead to.
fn compare_known(recorded: &DecidedLogin, now: &KnownDecision) -> Vec<Difference> {
    let new = |what: &str, recorded, now| Difference { what: what.to_owned(), recorded, now };
    let then = describe_decision(&recorded.decision);
    match now {
        KnownDecision::NotKnown(_) => vec![new("decision", then, "not known from the recording".to_owned())],
        KnownDecision::Known(Outcome { decision, reasons, .. }) => {
            let decision = new("decision", then, describe_decision(decision));
            let reasons = new("reasons", describe_reasons(&recorded.reasons), describe_reasons(reasons));
            [decision, reasons].into_iter().filter(|it| it.recorded != it.now).collect()
        }
    }
}

/// Compares two decisions.
fn compare(recorded: &DecidedLogin, now: &DecidedLogin) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut add = |what: &str, recorded: String, now: String| {
        if recorded != now {
            differences.push(Difference { what: what.to_owned(), recorded, now });
        }
    };
    add("decision", describe_decision(&recorded.decision), describe_decision(&now.decision));
    add("reasons", describe_reasons(&recorded.reasons), describe_reasons(&now.reasons));
    add("final user", recorded.final_user.to_string(), now.final_user.to_string());
    let names = |decided: &DecidedLogin| {
        let name = |it: &DecidedPolicy| {
            let round = if it.is_overtaken { " (overtaken)" } else { "" };
            format!("{}{round}: {}", it.policy, it.decision)
        };
        decided.policies.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    add("policies", names(recorded), names(now));
    for (before, after) in recorded.policies.iter().zip(&now.policies) {
        let failure = |failure: &Option<String>| failure.clone().unwrap_or_else(|| "no failure".to_owned());
        let what = format!("policy {}", before.policy);
        add(&what, failure(&before.failure), failure(&after.failure));
        let refusals = |refusals| serde_json::to_string(refusals).unwrap_or_default();
        add(&what, refusals(&before.refusals), refusals(&after.refusals));
    }
    differences
}

impl Recording {
    /// Compares the recorded policies with those at hand. Returns a sentence for each that is
    /// another one.
    #[must_use]
    pub fn compare_policies(&self, policies: &[Policy]) -> Vec<String> {
        let mut notes = Vec::new();
        if self.policies.len() != policies.len() {
            notes.push(format!(
                "recorded with {} policies, decided by {}",
                self.policies.len(),
                policies.len()
            ));
        }
        for (recorded, now) in self.policies.iter().zip(policies) {
            let short = |sha256: &str| sha256.get(..12).unwrap_or(sha256).to_owned();
            let name = &recorded.name;
            if recorded.plugin_sha256 != now.plugin.sha256() {
                notes.push(format!(
                    "{name}: recorded with the plugin {} ({}…), decided by {} ({}…)",
                    recorded.plugin,
                    short(&recorded.plugin_sha256),
                    now.plugin.name(),
                    short(now.plugin.sha256()),
                ));
            }
            let document = hash_document(now.settings.text());
            if recorded.document_sha256 != document {
                notes.push(format!(
                    "{name}: recorded with the policy document {}…, decided by {}…",
                    short(&recorded.document_sha256),
                    short(&document),
                ));
            }
            if recorded.limits != *now.plugin.limits() {
                notes.push(format!("{name}: the limits are not the recorded ones"));
            }
        }
        notes
    }
}
