//! The limits of prompts, candidates and identities.

use serde::Deserialize;

/// The limits of prompts. The host counts them in `app_metadata.linking`
/// (`prompts`, `last_prompted_at`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// The most prompts of one user. Mode `required` has no such limit.
    pub max: u32,
    /// Days between two prompts.
    pub ask_again_after_days: u32,
    /// In mode `required`, how often a user may decline before the login is
    /// denied.
    pub grace: u32,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { max: 3, ask_again_after_days: 30, grace: 0 }
    }
}

/// The limits of candidates and identities.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct PolicyLimits {
    /// Accounts with one address; more are not weighed.
    pub max_candidates: u32,
    /// Identities of one user.
    pub max_identities: u32,
}

impl Default for PolicyLimits {
    fn default() -> Self {
        Self { max_candidates: 10, max_identities: 20 }
    }
}
