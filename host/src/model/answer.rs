//! What came back after the user was asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Step, Timestamp};

/// What came back after `suggest`, checked by the host: the proof's signature,
/// age and session are already right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What the user had been asked to do.
    pub step: Step,
    /// Evidence that one person controls both accounts; none if the user has
    /// declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The name of the policy that had asked; the first one if left out.
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
    /// How, as in `authentication.methods[].name`.
    #[serde(default)]
    pub methods: Vec<String>,
}
