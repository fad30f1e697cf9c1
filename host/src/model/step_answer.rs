//! The user's answer to a suggested step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Step, Timestamp};

/// The user's answer to a suggested step. The host has already checked the proof:
/// its signature, its age and its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepAnswer {
    /// The step that was suggested.
    pub step: Step,
    /// Evidence that one person controls both accounts; none if the user
    /// declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The name of the policy that suggested the step; the first one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// Evidence that one person controls both accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The user of the login that was interrupted.
    pub current: String,
    /// The other account.
    pub candidate: String,
    /// When the other account was authenticated.
    pub proved_at: Timestamp,
    /// The methods by which it was authenticated, as in
    /// `authentication.methods[].name`.
    #[serde(default)]
    pub methods: Vec<String>,
}
