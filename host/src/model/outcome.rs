//! The outcome of a login: the decision and its reasons.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The decision of a plugin about a login, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The decision about the login.
    pub decision: Decision,
    /// The reasons, the deciding one first.
    pub reasons: Vec<Reason>,
    /// Every rule that was weighed, if requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<RuleVerdict>,
    /// The smallest change that would change the decision, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<String>,
}

/// A decision about a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decision {
    /// The login continues unchanged.
    Proceed,
    /// Two accounts were linked. The login continues as the primary user.
    Linked {
        /// The id of the primary user, to which the tokens are issued.
        primary: String,
    },
    /// The login continues after the user has answered a step.
    Suggest {
        /// The step that the user is asked to take.
        step: Step,
        /// The accounts in question.
        candidates: Vec<String>,
    },
    /// The login is denied.
    Deny {
        /// The message for the user.
        message: String,
    },
}

impl Decision {
    /// The name of the decision's kind, as in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Linked { .. } => "linked",
            Self::Suggest { .. } => "suggest",
            Self::Deny { .. } => "deny",
        }
    }
}

/// A step that the user must take before two accounts may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Logging in to the other account too.
    ReauthenticateCandidate,
    /// Confirming the link.
    Confirm,
    /// Verifying the e-mail address.
    VerifyEmail,
    /// Passing a second factor.
    StepUpMfa,
    /// Choosing one of several accounts.
    ChooseCandidate,
}

impl Step {
    /// Returns the request to the user in words, after "asks the user" and before the candidates.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::ReauthenticateCandidate => "to log in to the other account too:",
            Self::Confirm => "to confirm the link with",
            Self::VerifyEmail => "to prove the address before a link with",
            Self::StepUpMfa => "to pass a second factor before a link with",
            Self::ChooseCandidate => "which account is meant:",
        }
    }
}

/// A reason for a plugin's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// A stable code in capitals, such as `LINKED_VERIFIED_BOTH`.
    pub code: String,
    /// The importance of the reason.
    pub level: Level,
    /// The ids of the users that the reason concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<String>,
    /// One sentence for people.
    pub detail: String,
}

/// The importance of a reason to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Normal operation.
    Info,
    /// A finding that a person should review at some point.
    Finding,
    /// A contradiction between accounts.
    Conflict,
    /// A failure.
    Error,
}

/// The verdict of one rule that a plugin weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleVerdict {
    /// The rule's name.
    pub rule: String,
    /// The rule's verdict.
    pub verdict: String,
    /// The evidence for the verdict.
    pub evidence: String,
}
