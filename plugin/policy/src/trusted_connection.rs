//! The connections that a policy trusts.

use serde::Deserialize;

/// A connection that is trusted when it calls an address verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", serde(untagged))]
pub enum TrustedConnection {
    /// By name, for every domain; `*` for all connections. An enterprise
    /// connection needs domains to be trusted, unless it is `*`.
    Name(String),
    /// By name or strategy, for its own domains.
    Detailed(TrustedDetail),
}

/// A connection, by name or strategy, and the e-mail domains it speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct TrustedDetail {
    /// The connection's name.
    pub name: Option<String>,
    /// Or the strategy of all such connections.
    pub strategy: Option<String>,
    /// The domains it speaks for; empty: all of them. Addresses at other
    /// domains are not linked.
    pub domains: Vec<String>,
}
