//! The policy document of the plugin `link-users-by-email`.
//!
//! The types are the document: their field names are its keys, their doc
//! comments its JSON Schema's descriptions, their `Default` its defaults.

use serde::{Deserialize, Serialize};

/// When two accounts with one verified e-mail address are linked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What the policy does when two accounts may be linked.
    pub mode: Mode,
    /// Names of the connections whose word on a verified address is taken. Not
    /// weighed yet when empty.
    pub trusted_connections: Vec<String>,
}

/// What the policy does when two accounts may be linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing: every login goes on as it is.
    Off,
    /// Says what `auto` would do, and links nothing.
    #[default]
    Observe,
    /// Links.
    Auto,
}
