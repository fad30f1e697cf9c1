//! What came of a case: the JSON that `ligature run --json` prints and
//! snapshots hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::Change;
use super::hints::Hint;
use super::recorder::Call;
use crate::decide::Decided;
use crate::guard::Refusal;
use crate::model::{Decision, Outcome, Reason, Verdict, mask_addresses};
use crate::sandbox::{LogLine, PluginOutput};
use crate::terminal::Json;

/// What came of a case. Addresses are masked unless they can belong to nobody
/// (`example.com` and the like).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Outcome")]
pub struct Report {
    /// What becomes of the login.
    pub decision: Decision,
    /// The user that the login goes on as, where it is another than the event
    /// says and the decision does not say it: the identity had been linked before
    /// this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Why, the deciding reason first.
    pub reasons: Vec<Reason>,
    /// Every rule weighed, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Verdict>,
    /// The smallest changes of the state that would change the decision, if
    /// asked for, in the plugin's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<String>,
    /// The smallest changes of the settings that change the decision, if asked
    /// for: each was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
    /// Why the plugin gave no valid answer, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What the guard refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// The host calls, in order.
    pub calls: Vec<Call>,
    /// The policies in order, where there are several; the last that was asked
    /// has decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyVerdict>,
    /// What the plugin wrote to its log.
    pub log: Vec<LogLine>,
    /// The plugin's standard output and standard error.
    #[serde(default, skip_serializing_if = "PluginOutput::is_empty")]
    pub output: PluginOutput,
    /// What differs in the directory afterwards.
    pub changes: Vec<Change>,
    /// SHA-256 of the policy document. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<String>,
    /// The plugin that decided. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginInfo>,
    /// What it took. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// One policy's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyVerdict {
    /// The policy's name.
    pub name: String,
    /// Its decision: `proceed`, `linked`, `suggest` or `deny`; `failed` where it
    /// gave none, `not asked` behind the one that has decided.
    pub decision: String,
    /// The codes of its reasons.
    pub codes: Vec<String>,
}

impl PolicyVerdict {
    pub(super) fn not_asked(name: &str) -> Self {
        Self { name: name.to_owned(), decision: "not asked".to_owned(), codes: Vec::new() }
    }

    pub(super) fn of<A>(step: &Decided<A>) -> Self {
        Self {
            name: step.policy.clone(),
            decision: match step.failure {
                Some(_) => "failed".to_owned(),
                None => step.outcome.decision.kind().to_owned(),
            },
            codes: step.outcome.reasons.iter().map(|reason| reason.code.clone()).collect(),
        }
    }
}

/// A plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInfo {
    /// What it is called.
    pub name: String,
    /// The contract that it was run against.
    pub contract: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

/// What one login took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Fuel: the same on every machine.
    pub fuel: u64,
    /// The plugin's linear memory at its largest, in bytes.
    pub memory_bytes: usize,
    /// Host calls, log lines included.
    pub host_calls: u32,
    /// From the question to the checked answer, in microseconds.
    pub time_us: u64,
}

impl Report {
    /// The outcome's part of a report.
    pub(super) fn of(outcome: Outcome) -> Self {
        Self {
            decision: outcome.decision,
            user_id: None,
            reasons: outcome.reasons,
            trace: outcome.trace,
            counterfactual: outcome.counterfactual,
            hints: Vec::new(),
            failure: None,
            refusals: Vec::new(),
            policies: Vec::new(),
            calls: Vec::new(),
            log: Vec::new(),
            output: PluginOutput::default(),
            changes: Vec::new(),
            policy_sha256: None,
            plugin: None,
            cost: None,
        }
    }

    /// The report as JSON, for people and programs, and harmless in a terminal.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every map in a report has text keys, so it is always JSON.
        Json::pretty(self).map(String::from).unwrap_or_default()
    }

    /// What a snapshot holds: everything that the same inputs give again.
    #[must_use]
    pub fn to_snapshot(&self) -> String {
        Self { policy_sha256: None, plugin: None, cost: None, ..self.clone() }.to_json()
    }

    /// The same with every address masked that can belong to somebody.
    #[must_use]
    pub(super) fn masked(self) -> Self {
        let masked = serde_json::to_value(&self).map(mask);
        // By way of the text: a tagged enum takes no number of more than 64 bits
        // out of a value.
        let masked = masked.and_then(|masked| serde_json::from_str(&masked.to_string()));
        masked.unwrap_or_else(|_| Self {
            // Nothing rather than something unmasked.
            reasons: Vec::new(),
            trace: Vec::new(),
            counterfactual: None,
            hints: Vec::new(),
            calls: Vec::new(),
            log: Vec::new(),
            output: PluginOutput::default(),
            changes: Vec::new(),
            ..self
        })
    }
}

fn mask(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_addresses(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (mask_addresses(&key).into_owned(), mask(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::changes::Change;
    use super::Report;
    use crate::model::{Decision, Outcome};

    #[test]
    fn numbers_stay_as_they_are() {
        let outcome = Outcome {
            decision: Decision::Proceed,
            reasons: Vec::new(),
            trace: Vec::new(),
            counterfactual: None,
        };
        let numbers = "[9007199254740993,123456789012345678901234567890,-12345678901234567890,1.50,0.10000000000000000555]";
        let after: Value = serde_json::from_str(numbers).unwrap();
        assert_eq!(after.to_string(), numbers);
        let change = Change::Changed {
            user_id: "auth0|1".to_owned(),
            field: "user_metadata.n".to_owned(),
            before: json!(null),
            after,
        };
        let report = Report { changes: vec![change], ..Report::of(outcome) };
        assert_eq!(report.clone().masked(), report);
    }
}
