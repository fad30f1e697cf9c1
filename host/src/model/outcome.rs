//! What was decided, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A plugin's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// What becomes of the login.
    pub decision: Decision,
    /// Why, the deciding reason first.
    pub reasons: Vec<Reason>,
    /// Every rule weighed, if asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Verdict>,
    /// The smallest change that would change the decision, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterfactual: Option<String>,
}

/// What becomes of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decision {
    /// It goes on as it is.
    Proceed,
    /// Two accounts were linked; it goes on as the primary.
    Linked {
        /// The user id that the tokens are for.
        primary: String,
    },
    /// It goes on once the user has been asked.
    Suggest {
        /// What the user is asked to do.
        step: Step,
        /// The accounts in question.
        candidates: Vec<String>,
    },
    /// It ends.
    Deny {
        /// What the user is told.
        message: String,
    },
}

impl Decision {
    /// Its kind, as in JSON.
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

/// What has to happen before two accounts may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Log in to the other account too.
    ReauthenticateCandidate,
    /// Say yes.
    Confirm,
    /// Prove the address.
    VerifyEmail,
    /// Pass a second factor.
    StepUpMfa,
    /// Choose one of several accounts.
    ChooseCandidate,
}

/// Why a plugin decided as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// A stable code in capitals, such as `LINKED_VERIFIED_BOTH`.
    pub code: String,
    /// How much it matters.
    pub level: Level,
    /// Ids of the users it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<String>,
    /// One sentence for people.
    pub detail: String,
}

/// How much a reason matters to the person who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What normally happens.
    Info,
    /// Something that a person should look at some day.
    Finding,
    /// Accounts that contradict each other.
    Conflict,
    /// Something did not work.
    Error,
}

/// One rule that a plugin weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The rule's name.
    pub rule: String,
    /// What it said.
    pub verdict: String,
    /// What it rests on.
    pub evidence: String,
}
