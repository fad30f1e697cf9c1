//! The content of a recording, besides the case.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exchange::{DirectoryAnswer, DirectoryCall};
use crate::decide::{FinalUser, LoginDecision, OnFailure, PolicyRun, UserKeeper};
use crate::guard::{Guard, Refusal};
use crate::limits::Limits;
use crate::model::{ApiError, Decision, Outcome, Reason};
use crate::sandbox::{Failure, Settings};

/// A recording, as read from a case file.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The version of the program that recorded.
    pub program: String,
    /// Whether addresses and names are masked.
    pub is_masked: bool,
    /// The fields of the login that the recording leaves out, such as `event.request.query`.
    pub left_out: Vec<String>,
    /// The policies that decided, in order.
    pub policies: Vec<RecordedPolicy>,
    /// The outcome of a login whose plugin fails.
    pub on_failure: OnFailure,
    /// Whether prompts were counted.
    pub can_prompt: bool,
    /// The party that kept the login's user.
    pub user_keeper: UserKeeper,
    /// Whether the directory's look-up by address ignores the case of ASCII letters.
    pub ignores_case: bool,
    /// The decision.
    pub decided: DecidedLogin,
    pub(super) identity: Option<[String; 2]>,
    pub(super) exchange: Vec<(DirectoryCall, DirectoryAnswer)>,
}

/// A policy of a recorded login.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordedPolicy {
    /// The policy's name.
    pub name: String,
    /// The plugin's name in messages.
    pub plugin: String,
    /// SHA-256 of the component, in hexadecimal.
    pub plugin_sha256: String,
    /// The version of the contract that the host offered.
    pub contract: String,
    /// SHA-256 of the policy document, in hexadecimal, as the journal has it.
    pub policy_sha256: String,
    /// SHA-256 of the document in the recording, without white space and with sorted keys.
    /// Addresses are masked in it, if they are masked.
    pub document_sha256: String,
    /// The limits of the login.
    pub limits: Limits,
}

/// The decision of a login, in the form in which two of them are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedLogin {
    /// The decision.
    pub decision: Decision,
    /// The reasons, the deciding one first.
    pub reasons: Vec<Reason>,
    /// The user that the login continues as.
    pub final_user: FinalState,
    /// The policies that ran, in order: those of earlier rounds first.
    pub policies: Vec<DecidedPolicy>,
}

/// The user that a login continues as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FinalState {
    /// This user.
    User(String),
    /// No user: the login is denied.
    Denied,
    /// No user: the account was removed during the decision.
    Gone,
    /// The directory could not be read.
    Unknown(ApiError),
}

/// One policy's part in a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedPolicy {
    /// The policy's name.
    pub policy: String,
    /// Whether the policy ran in an earlier round, on accounts that have changed since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_overtaken: bool,
    /// The decision: `proceed`, `linked`, `suggest` or `deny`.
    pub decision: String,
    /// The reason why the plugin gave no valid outcome, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Whether the plugin's time was up, which another machine does not repeat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_late: bool,
    /// The guard's refusals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

/// Returns the hash of a policy document that does not depend on its white space.
pub(super) fn hash_document(text: &str) -> String {
    let canonical = serde_json::from_str::<Value>(text).map(|document| document.to_string());
    Settings::new(canonical.unwrap_or_else(|_| text.to_owned())).sha256().to_string()
}

impl DecidedLogin {
    /// Describes a decision.
    pub(super) fn from_decision(decision: &LoginDecision<Guard>) -> Self {
        let overtaken = decision.overtaken.iter().map(|run| DecidedPolicy::from_run(run, true));
        let last = decision.steps.iter().map(|run| DecidedPolicy::from_run(run, false));
        let Outcome { decision: decided, reasons, .. } = &decision.outcome;
        Self {
            decision: decided.clone(),
            reasons: reasons.clone(),
            final_user: FinalState::from_user(&decision.final_user),
            policies: overtaken.chain(last).collect(),
        }
    }

    /// Returns whether the time of a plugin was up.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.policies.iter().any(|policy| policy.is_late)
    }
}

impl DecidedPolicy {
    fn from_run(run: &PolicyRun<Guard>, is_overtaken: bool) -> Self {
        Self {
            policy: run.policy.clone(),
            is_overtaken,
            decision: run.outcome.decision.kind().to_owned(),
            failure: run.failure.as_ref().map(ToString::to_string),
            is_late: matches!(run.failure, Some(Failure::Deadline { .. })),
            refusals: run.refusals.clone(),
        }
    }
}

impl FinalState {
    fn from_user(user: &FinalUser) -> Self {
        match user {
            FinalUser::User(user) => Self::User(user.user_id.clone()),
            FinalUser::Denied => Self::Denied,
            FinalUser::Gone => Self::Gone,
            FinalUser::Unknown(error) => Self::Unknown(error.clone()),
        }
    }
}

impl fmt::Display for FinalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user_id) => f.write_str(user_id),
            Self::Denied => f.write_str("nobody: it is denied"),
            Self::Gone => f.write_str("nobody: the account is gone"),
            Self::Unknown(error) => write!(f, "unknown: {error}"),
        }
    }
}
