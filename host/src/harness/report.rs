//! The report on a case: the JSON that `ligature run --json` prints and that snapshots
//! hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::changes::Change;
use super::recorder::RecordedCall;
use crate::decide::PolicyRun;
use crate::guard::Refusal;
use crate::model::{Decision, Outcome, Reason, RuleVerdict, mask_addresses};
use crate::sandbox::{LogLine, PluginOutput};
use crate::terminal::Json;

/// The report on a case. Addresses are masked, except those of reserved domains such
/// as `example.com`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Outcome")]
pub struct Report {
    /// The decision on the login.
    pub decision: Decision,
    /// The user that the login continues as, if neither the event nor the decision names
    /// it: the identity had been linked before this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The reasons, the deciding one first.
    pub reasons: Vec<Reason>,
    /// The verdict of every rule, if requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<RuleVerdict>,
    /// The smallest changes of the state that would change the decision, if requested, in
    /// the plugin's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<String>,
    /// The smallest changes of the settings that change the decision, if requested. Each
    /// was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<Hint>,
    /// The reason why the plugin gave no valid outcome, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The guard's refusals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// The host calls, in order.
    pub calls: Vec<RecordedCall>,
    /// The policies in order, if there are several. The last one that ran has decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicySummary>,
    /// The plugin's log lines.
    pub log: Vec<LogLine>,
    /// The plugin's standard output and standard error.
    #[serde(default, skip_serializing_if = "PluginOutput::is_empty")]
    pub output: PluginOutput,
    /// The changes in the directory.
    pub changes: Vec<Change>,
    /// SHA-256 of the policy document. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<String>,
    /// The plugin that decided. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginInfo>,
    /// The cost of the decision. Not in snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// A change of the settings that was tried and that changes the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hint {
    /// The policy of the settings, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The keys to change, with their new values.
    pub settings: Map<String, Value>,
    /// The decision with the change: `proceed`, `linked`, `suggest` or `deny`.
    pub decision: String,
    /// The precondition of the change and the protection that it gives up, in the
    /// plugin's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One policy's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicySummary {
    /// The policy's name.
    pub name: String,
    /// The policy's decision: `proceed`, `linked`, `suggest` or `deny`; `failed` if it gave
    /// none; `not asked` if an earlier policy has decided.
    pub decision: String,
    /// The codes of the policy's reasons.
    pub codes: Vec<String>,
}

impl PolicySummary {
    /// The summary of a policy that did not run.
    pub(super) fn new_not_run(name: &str) -> Self {
        Self { name: name.to_owned(), decision: "not asked".to_owned(), codes: Vec::new() }
    }

    /// Summarises a policy that ran.
    pub(super) fn from_run<A>(step: &PolicyRun<A>) -> Self {
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

/// The plugin that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInfo {
    /// The plugin's name in messages.
    pub name: String,
    /// The version of the contract that the host offered.
    pub contract: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

/// The cost of one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Fuel: the same on every machine.
    pub fuel: u64,
    /// The largest size of the plugin's linear memory, in bytes.
    pub memory_bytes: usize,
    /// The host calls, log lines included.
    pub host_calls: u32,
    /// The time of the decision, its checks included, in microseconds.
    pub time_us: u64,
}

impl Report {
    /// Creates a report that holds an outcome only.
    pub(super) fn from_outcome(outcome: Outcome) -> Self {
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

    /// Returns the report as JSON that is safe to print on a terminal.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every map in a report has text keys, so it is always valid JSON.
        Json::pretty(self).map(String::from).unwrap_or_default()
    }

    /// Returns the part of the report that snapshots hold, as JSON: everything that is
    /// the same for the same input.
    #[must_use]
    pub fn to_snapshot(&self) -> String {
        Self { policy_sha256: None, plugin: None, cost: None, ..self.clone() }.to_json()
    }

    /// Masks the addresses in the report, except those of reserved domains.
    #[must_use]
    pub(super) fn with_masked_addresses(self) -> Self {
        let masked = serde_json::to_value(&self).map(mask_value);
        // Read from text, because a tagged enum cannot read a number of more than 64
        // bits from a value.
        let masked = masked.and_then(|masked| serde_json::from_str(&masked.to_string()));
        masked.unwrap_or_else(|_| Self {
            // Content that cannot be masked is dropped.
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

fn mask_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(mask_addresses(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(mask_value).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (mask_addresses(&key).into_owned(), mask_value(value)))
            .collect(),
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
        let report = Report { changes: vec![change], ..Report::from_outcome(outcome) };
        assert_eq!(report.clone().with_masked_addresses(), report);
    }
}
